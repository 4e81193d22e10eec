"""A file on the disk as FFmpeg's muxers write it, which keeps what it holds when the disk is full."""

import os
from io import FileIO
from pathlib import Path

from nbst_live.closing import Closable
from nbst_live.errors import SinkError


class DiskFile(Closable):
    """An empty file, locked against other programs of this kind, of which a second one would empty the first one's;
    its `name` tells FFmpeg what to write.

    Once a write has failed the file ends where it was `whole` last, and nothing is written any more: half a fragment at
    its end, or the head that goes with an index that found no space, would make an MP4 unreadable. Raises OSError, and
    SinkError where another program writes to it.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._failed: OSError | None = None
        self._file = _locked(path)
        self._file.truncate()
        self._whole = 0

    def whole(self) -> None:
        """Notes that what is written so far is whole."""
        self._whole = self._file.tell()

    def write(self, data: bytes) -> int:
        """Writes all of it. Raises OSError, and after that the same for ever."""
        if self._failed is not None:
            raise self._failed
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._failed = error
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
