"""A file on the disk as FFmpeg's muxers write it, which keeps what it holds when the disk is full."""

import contextlib
import os
from io import FileIO
from pathlib import Path

from nbst_live.closing import Closable
from nbst_live.errors import SinkError


class DiskFile(Closable):
    """A file, locked against other programs of this kind, which would write over it; `name` tells FFmpeg what it is.

    It is emptied by the first write. A write that fails cuts it to where it was `whole` last: an MP4 that ends in half
    a fragment cannot be read. Raises OSError, and SinkError where another program writes to it.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._file = _locked(path)
        self._written = False
        self._whole: int | None = None

    def whole(self) -> None:
        """Notes that what is written so far is whole. Of a file of which that is never said all is kept."""
        self._whole = self._file.tell()

    def write(self, data: bytes) -> int:
        """Writes all of it. Raises OSError."""
        if not self._written:
            self._file.truncate()
            self._written = True
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            if self._whole is not None:
                with contextlib.suppress(OSError):
                    self._file.truncate(self._whole)
            raise
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


def check_free(path: Path) -> None:
    """Raises as `DiskFile` does of a file that is there; changes nothing."""
    _locked(path).close()


def _locked(path: Path) -> FileIO:
    """The file, made where there is none, and locked until it is closed where there are such locks."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    file = FileIO(os.open(path, flags, 0o666), "r+")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise SinkError(
            f"cannot record to {path}: another program is recording to it; end that one, or give another name"
        ) from error
    except (ImportError, OSError):  # Windows, and file systems without locks
        pass
    return file
