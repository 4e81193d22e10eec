"""What the kernel says of a V4L2 device node, and which programs have one open. Linux only.

Plain facts of linux/videodev2.h and /proc for the two rooms that speak to such nodes: cameras and virtual cameras.
"""

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CAPTURE, OUTPUT = 1, 2
"""Capabilities of a node: it gives video, it takes video."""

# The numbers of the requests hold the sizes of the structures they fill.
QUERYCAP, CAPABILITY_SIZE = 0x80685600, 104
_CAP_DEVICE_CAPS = 0x80000000


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that has a device node open."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


@contextlib.contextmanager
def opened(node: str | Path) -> Iterator[int]:
    """A file descriptor of the node, which waits for nothing. Raises OSError."""
    descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def capabilities(descriptor: int) -> int:
    """CAPTURE and OUTPUT as the node itself has them now, whatever else its driver can do; 0 for no V4L2 node."""
    import fcntl

    answer = bytearray(CAPABILITY_SIZE)
    try:
        fcntl.ioctl(descriptor, QUERYCAP, answer)
    except OSError:
        return 0
    whole, own = struct.unpack_from("=2I", answer, 84)
    return (own if whole & _CAP_DEVICE_CAPS else whole) & (CAPTURE | OUTPUT)


def permit(node: Path) -> str:
    """What to do for the permission to use a node: a command stands between backticks."""
    import grp

    again = "then log out and in again"
    try:
        status = node.stat()
    except OSError:
        return "it has just gone: plug it in again"
    if status.st_gid == 0 or status.st_mode & 0o060 != 0o060:
        # No rule of udev has given the node to a group, as is usual.
        return f"run `sudo chgrp video {node} && sudo chmod 660 {node} && sudo usermod -aG video $USER`, {again}"
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = "video"
    return f"run `sudo usermod -aG {group} $USER`, {again}"


def holders(node: str | Path, proc: Path = PROC) -> list[Holder]:
    """The other programs that have the node open, as far as this user may see: their own, root's everybody's."""
    return [Holder(pid, program(pid, proc)) for pid in open_nodes(proc).get(str(node), [])]


def open_nodes(proc: Path = PROC) -> dict[str, list[int]]:
    """The video nodes that other programs have open, each with one process id for every time it is open."""
    found: dict[str, list[int]] = {}
    for process in proc.iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            for node in _nodes_of(process):
                found.setdefault(node, []).append(int(process.name))
    return found


def own_nodes(proc: Path = PROC) -> list[str]:
    """The video nodes that this program has open, one entry for every time."""
    return list(_nodes_of(proc / "self"))


def program(pid: int, proc: Path = PROC) -> str:
    """A process's name."""
    try:
        return (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"


def _nodes_of(process: Path) -> Iterator[str]:
    try:
        descriptors = os.listdir(process / "fd")  # noqa: PTH208 - a Path each would double the time of a scan
    except OSError:  # another user's, or it has just ended
        return
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            node = os.readlink(f"{process}/fd/{descriptor}")  # noqa: PTH115 - the same
            if node.startswith("/dev/video"):
                yield node
