"""Paths as users type them: whatever is wrong with one is an answer, never an exception."""

import os
from pathlib import Path


def typed(text: str) -> Path:
    """The path of a text, `~` expanded where that user exists."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's raises for a user that does not exist


def is_file(path: Path) -> bool:
    """Whether it is a file that can be seen; False too for a name too long or a folder that may not be entered."""
    return os.path.isfile(path)  # noqa: PTH113 - pathlib's raises where a folder may not be entered


def is_dir(path: Path) -> bool:
    """Whether it is a folder that can be seen; False in the same cases."""
    return os.path.isdir(path)  # noqa: PTH112 - pathlib's raises where a folder may not be entered


def exists(path: Path) -> bool:
    """Whether anything that can be seen is there; False in the same cases."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib's raises where a folder may not be entered


def why_unwritable(path: Path) -> str | None:
    """Why no file can be written there, and what to do; None where one can. Changes nothing."""
    if is_dir(path):
        return "it is a folder; give a file's name"
    if not exists(path.parent):
        return f"there is no folder {path.parent}; make it first"
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:  # a name too long, a folder that may not be entered
        return f"{error.strerror}; give another name"
    if not os.access(path if exists(path) else path.parent, os.W_OK):
        return "no permission to write there; choose another folder"
    return None


def for_ffmpeg(path: Path) -> str:
    """The path as FFmpeg is to be given it: never a bare name, of which it takes what stands before a colon for a
    protocol.
    """
    return os.path.join(os.curdir, path)  # noqa: PTH118 - pathlib's leaves the dot out
