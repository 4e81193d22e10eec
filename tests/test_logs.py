import io
import os

import pytest

from nbst_live.logs import CLEAR_LINE, StatusLine, first_line


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
