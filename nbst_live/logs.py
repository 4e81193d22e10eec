"""Where messages go: everything into a log file, warnings to the terminal in one line each."""

import contextlib
import logging
import logging.handlers
import os
import sys
from pathlib import Path
from typing import TextIO
from unicodedata import combining, east_asian_width

FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
MAX_BYTES = 1 << 20
CLEAR_LINE = "\r\x1b[K"
USUAL_COLUMNS = 80
"""Of a terminal that does not say how wide it is."""


def log_path(name: str = "nbst-live") -> Path:
    """A log file in the platform's log folder; the solver's process has one of its own, "solver"."""
    from platformdirs import user_log_path

    return user_log_path("nbst-live", appauthor=False) / f"{name}.log"


def start_log(*, verbose: bool = False, to_terminal: bool = True, name: str = "nbst-live") -> None:
    """Sends this package's messages to the log file and, from warnings up (`verbose`: all), to stderr.

    A log file that cannot be written, now or later, is left out: the program works without it.
    """
    logger = logging.getLogger("nbst_live")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if to_terminal:
        terminal = _TerminalHandler(sys.stderr)
        terminal.setLevel(logging.INFO if verbose else logging.WARNING)
        logger.addHandler(terminal)
    path = log_path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _FileHandler(path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        logger.info("no log file: %s", error)
        return
    file.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(file)


class StatusLine:
    """One line at the bottom of a terminal, written over again and again, and cut where the terminal ends: a second row
    would stay. Nothing where stderr is no terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()

    def show(self, text: str) -> None:
        """Puts the text in place of the one before."""
        if self._shown:
            self._stream.write(f"{CLEAR_LINE}{_cut(text, self._columns() - 1)}")
            self._stream.flush()

    def say(self, text: str) -> None:
        """Puts a line that stays above the status, also where stderr is no terminal."""
        self._stream.write(f"{CLEAR_LINE if self._shown else ''}{text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Leaves an empty line."""
        self.show("")

    def _columns(self) -> int:
        """As of now, for the window may have been resized."""
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return columns or USUAL_COLUMNS


class _TerminalHandler(logging.StreamHandler[TextIO]):
    """`nbst-live: warning: ...`, on a line of its own even while a status line is shown."""

    def format(self, record: logging.LogRecord) -> str:
        clear = CLEAR_LINE if self.stream.isatty() else ""
        return f"{clear}nbst-live: {record.levelname.lower()}: {record.getMessage()}"


class _FileHandler(logging.handlers.RotatingFileHandler):
    """Leaves the logger once its file cannot be written any more, as on a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)
            return
        logging.getLogger("nbst_live").removeHandler(self)
        with contextlib.suppress(OSError):  # it may try to write what is left
            self.close()


def _cut(text: str, columns: int) -> str:
    """As much of the text as so many columns hold."""
    for place, character in enumerate(text):
        columns -= 0 if combining(character) else 1 + (east_asian_width(character) in ("W", "F"))
        if columns < 0:
            return text[:place]
    return text


def first_line(error: BaseException) -> str:
    """The first line of what an error says; its type's name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
