"""Whether any program reads a virtual camera.

The kernel's own count of open files (the module's `refcnt`) cannot miss a program, whoever runs it, and cannot be left
standing: it is a level, looked at again and again. v4l2loopback's event V4L2_EVENT_PRI_CLIENT_USAGE is an edge, which
version 0.12 lacks, whose number differs between versions, and which does not see programs that use read(). inotify's
edges likewise drift apart when one is lost. The count is of all devices of the module together, so whenever others are
in use too, /proc tells which program has which one open.
"""

import time
from collections.abc import Callable
from pathlib import Path

from nbst_live.sinks import loopback
from nbst_live.v4l2 import PROC, open_nodes, own_nodes

RESCAN, RESCAN_READ = 0.3, 5.0
"""Seconds between two looks at all processes while the count stays the same: with nobody found, and with a reader. A
look takes some 20 ms where many programs run, so a live picture must not wait for one too often.
"""


class Readers:
    """Counts the readers of the v4l2loopback device at `path`."""

    def __init__(
        self,
        path: str,
        module: Path = loopback.MODULE,
        proc: Path = PROC,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._refcnt, self._proc, self._clock = path, module / "refcnt", proc, clock
        self._looked = (-1, 0.0)
        self._found = True

    def any(self) -> bool:
        """Whether any other program has the device open. What cannot be told counts as a reader."""
        total = self._total()
        if total is not None:
            others = total - len(self._devices_in(own_nodes(self._proc)))
            if others <= 0:
                return False
            now = self._clock()
            if total == self._looked[0] and now - self._looked[1] < (RESCAN_READ if self._found else RESCAN):
                return self._found
            self._looked = (total, now)
            self._found = self._scan(others)
            return self._found
        return self._scan(0)

    def _scan(self, others: int) -> bool:
        """Whether the device is open elsewhere, or the other devices do not account for so many open files."""
        seen = open_nodes(self._proc)
        elsewhere = [node for node, holders in seen.items() for _ in holders if node != self._path]
        return self._path in seen or others > len(self._devices_in(elsewhere))

    def _devices_in(self, nodes: list[str]) -> list[str]:
        known = {path for path, _ in loopback.devices()}
        return [node for node in nodes if node in known]

    def _total(self) -> int | None:
        """Open files of all devices of the module; None where the kernel does not say."""
        try:
            return int(self._refcnt.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
