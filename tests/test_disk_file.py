import errno
from pathlib import Path

import pytest

from nbst_live.errors import SinkError
from nbst_live.sinks.disk_file import DiskFile, check_free


class FullDisk:
    """Stands in for the file on the disk: takes `room` bytes, and three at most at a time."""

    def __init__(self, room: int) -> None:
        self.held, self._room = b"", room

    def write(self, data: memoryview) -> int:
        taken = bytes(data[: min(3, self._room - len(self.held))])
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.held += taken
        return len(taken)

    def tell(self) -> int:
        return len(self.held)

    def truncate(self, size: int = 0) -> None:
        self.held = self.held[:size]

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def file(tmp_path: Path):
    with DiskFile(tmp_path / "a.mp4") as opened:
        yield opened


def on_a_disk_of(room: int, file: DiskFile, monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    disk = FullDisk(room)
    file._file.close()
    monkeypatch.setattr(file, "_file", disk)
    return disk


def test_what_is_taken_in_parts_is_written_whole(file: DiskFile, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = on_a_disk_of(100, file, monkeypatch)
    assert file.write(b"fragment") == 8
    assert disk.held == b"fragment"


def test_a_write_that_fails_leaves_what_was_whole(file: DiskFile, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = on_a_disk_of(20, file, monkeypatch)
    file.write(b"fragment")
    file.whole()
    file.write(b"half of ")
    with pytest.raises(OSError, match="No space"):
        file.write(b"another")
    assert disk.held == b"fragment"


def test_of_a_file_that_is_never_whole_all_stays(file: DiskFile, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = on_a_disk_of(10, file, monkeypatch)
    with pytest.raises(OSError, match="No space"):
        file.write(b"a cluster of pictures")
    assert disk.held == b"a cluster "


def test_a_file_is_emptied_by_the_first_write_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"an older and longer recording")
    with DiskFile(path):
        pass
    assert path.read_bytes() == b"an older and longer recording"
    with DiskFile(path) as file:
        file.write(b"new")
        file.write(b"er")
    assert path.read_bytes() == b"newer"


def test_a_file_that_is_written_to_is_no_other_ones(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="locks files as POSIX systems do")
    path = tmp_path / "a.mp4"
    with DiskFile(path) as file:
        file.write(b"first")
        for other in (DiskFile, check_free):
            with pytest.raises(SinkError, match="another program"):
                other(path)
    assert path.read_bytes() == b"first"
    check_free(path)
    assert path.read_bytes() == b"first"
