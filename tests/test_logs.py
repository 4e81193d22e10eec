import pytest

from nbst_live.logs import first_line


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
