"""The keys that steer a running filter, from the terminal or the preview window."""

import os
import re
import sys
from collections import deque
from dataclasses import dataclass
from enum import Enum

from nbst_live.closing import Closable


class Command(Enum):
    """What the user can ask for while the filter runs; the value is the key."""

    QUIT = "q"
    NEXT_STYLE = "n"
    REFRESH = "b"
    SHOW_MASK = "m"
    RECORD = "r"
    PANIC = " "
    HELP = "h"


@dataclass(frozen=True, slots=True)
class Key:
    """A command's key: as it is called on a keyboard, and what it does in a few words."""

    command: Command
    label: str
    help: str


KEYS = (
    Key(Command.QUIT, "q", "quit"),
    Key(Command.NEXT_STYLE, "n", "next style"),
    Key(Command.REFRESH, "b", "look at the room and paint it anew"),
    Key(Command.SHOW_MASK, "m", "show the person mask, and back"),
    Key(Command.RECORD, "r", "start or stop recording"),
    Key(Command.PANIC, "space", "hide the camera at once, and back"),
    Key(Command.HELP, "h", "show these keys, and hide them"),
)


def command_of(key: str) -> Command | None:
    """The command of a key, of either case; None for any other key."""
    try:
        return Command(key.lower())
    except ValueError:
        return None


def help_lines() -> list[str]:
    """One line for each key, for the terminal, the help picture and the documentation."""
    width = max(len(key.label) for key in KEYS)
    return [f"{key.label:<{width}}  {key.help}" for key in KEYS]


class TerminalKeys(Closable):
    """Single keys from the terminal, without Enter and without echo; `close()` gives the terminal back as it was.

    Does nothing where stdin is no terminal, and takes no key while the program is in the background.
    """

    def __init__(self) -> None:
        self._terminal = _open_terminal()
        self._pending: deque[Command] = deque()

    def poll(self) -> Command | None:
        """The next command typed, None when there is none; never waits."""
        if not self._pending and self._terminal is not None:
            self._pending.extend(command for key in self._terminal.typed() if (command := command_of(key)))
        return self._pending.popleft() if self._pending else None

    def close(self) -> None:
        terminal, self._terminal = self._terminal, None
        if terminal is not None:
            terminal.restore()


if sys.platform == "win32":
    import msvcrt

    class _Terminal:
        """The Windows console, which gives single keys without changing its mode."""

        def typed(self) -> str:
            keys = ""
            while msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in "\0\xe0":  # a function key: its code follows
                    msvcrt.getwch()
                else:
                    keys += key
            return keys

        def restore(self) -> None:
            pass

else:
    import select
    import termios
    import tty

    ALL_TYPED = 4096
    """Bytes: as many as a terminal keeps, so that what was typed at once is read at once."""
    FUNCTION_KEY = re.compile(r"\x1b(?:\[\[?[0-?]*[ -/]*|O[0-?]*)[@-~]")
    """An arrow or function key as a terminal sends it: Escape and more, of which no letter is a key. Linux's console
    has two brackets before its own.
    """

    class _Terminal:
        """A terminal in cbreak mode: keys come at once, Ctrl+C still interrupts."""

        def __init__(self) -> None:
            self._descriptor = sys.stdin.fileno()
            self._saved = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSANOW)

        def typed(self) -> str:
            """The keys typed since the last call; none while another program has the terminal."""
            if not _in_foreground(self._descriptor):
                return ""
            try:
                # A shell that had the program stopped gives it the terminal back in the shell's own mode.
                if termios.tcgetattr(self._descriptor)[3] & termios.ICANON:
                    tty.setcbreak(self._descriptor, termios.TCSANOW)
                if not select.select([self._descriptor], [], [], 0)[0]:
                    return ""
                keys = os.read(self._descriptor, ALL_TYPED)
            except (OSError, termios.error):  # the terminal was closed
                return ""
            return FUNCTION_KEY.sub("", keys.decode(errors="ignore"))

        def restore(self) -> None:
            # In the background the terminal is another program's now, or it is gone.
            if _in_foreground(self._descriptor):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._saved)

    def _in_foreground(descriptor: int) -> bool:
        """Whether this process may use the terminal; the system stops a background one that tries."""
        try:
            return os.tcgetpgrp(descriptor) == os.getpgrp()
        except OSError:
            return False


def _open_terminal() -> _Terminal | None:
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        return None
    if sys.platform == "win32":
        return _Terminal()
    else:  # noqa: RET505 mypy judges each platform's branch apart
        return _Terminal() if _in_foreground(sys.stdin.fileno()) else None
