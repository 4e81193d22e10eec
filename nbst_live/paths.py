"""Paths as users type them: whatever is wrong with one is an answer, never an exception."""

import os
from pathlib import Path


def typed(text: str) -> Path:
    """The path of a text, `~` expanded where that user exists."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's raises for a user that does not exist


def is_file(path: Path) -> bool:
    """Whether it is a file that can be seen; False too for a name too long or a folder that may not be entered."""
    return os.path.isfile(path)  # noqa: PTH113 - pathlib's raises where a folder may not be entered


def exists(path: Path) -> bool:
    """Whether anything that can be seen is there; False in the same cases."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib's raises where a folder may not be entered
