import io
import logging
import os
from pathlib import Path

import pytest

from nbst_live import logs
from nbst_live.logs import CLEAR_LINE, StatusLine, first_line, log_path, start_log


@pytest.fixture
def logger():
    """The package's, left as it was."""
    logger = logging.getLogger("nbst_live")
    before = logger.handlers[:], logger.propagate, logger.level
    yield logger
    for handler in set(logger.handlers) - set(before[0]):
        handler.close()
    logger.handlers[:], logger.propagate, logger.level = before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_log_file_that_cannot_be_written_any_more_is_left_without_a_word(logger, monkeypatch, capsys):
    monkeypatch.setattr(logs, "log_path", lambda name: Path("/dev/full"))
    start_log(to_terminal=False)
    assert logger.handlers
    logger.info("one")
    logger.info("two")
    assert (logger.handlers, capsys.readouterr().err) == ([], "")


def test_names_that_are_no_utf_8_are_logged_too(logger, capsys):
    start_log(to_terminal=False)
    logger.info("cannot read %s", b"caf\xe9.jpg".decode(errors="surrogateescape"))
    assert capsys.readouterr().err == ""
    assert "cannot read caf\\udce9.jpg" in log_path().read_text()


class Terminal(io.StringIO):
    def isatty(self):
        return True

    def fileno(self):
        return 2


@pytest.mark.parametrize(
    ("columns", "text", "shown"),
    [
        (20, "30.0 fps  solver: killed, trying again", "30.0 fps  solver: k"),
        (20, "30.0 fps", "30.0 fps"),
        (9, "\u98a8\u666f.jpg", "\u98a8\u666f.jpg"),  # two columns each
        (8, "\u98a8\u666f.jpg", "\u98a8\u666f.jp"),
        (5, "\u98a8\u666f\u753b", "\u98a8\u666f"),
        (5, "cafe\u0301s", "cafe\u0301"),
        (0, "x" * 100, "x" * 79),  # a terminal that does not say
    ],
)
def test_the_status_never_goes_on_in_a_second_row(monkeypatch, columns, text, shown):
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    stream = Terminal()
    StatusLine(stream).show(text)
    assert stream.getvalue() == CLEAR_LINE + shown


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  after a blank line\nmore"), "after a blank line"),
        (MemoryError(), "MemoryError"),
        (OSError(" \n"), "OSError"),
    ],
)
def test_an_error_is_told_in_one_line_even_when_it_says_nothing(error, line):
    assert first_line(error) == line
