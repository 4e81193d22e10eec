"""The program as the user starts it, in a process of its own, and what it says."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from faults import check
from nbst_live.closing import Closable

SMALL_PAINTING = ("--style", "swirl", "--steps", "8", "--threads", "2", "--provider", "cpu")
"""Options that leave two cores enough for frames at full rate."""


class Program(Closable):
    """`nbst-live` with these arguments, `--verbose` added; `close` kills it. Its stderr is read as it comes.

    `started` is the `time.monotonic()` of its start.
    """

    def __init__(self, *arguments: str | Path, verbose: bool = True) -> None:
        command = [sys.executable, "-m", "nbst_live", *map(str, arguments), *(["--verbose"] if verbose else [])]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []
        self._family: set[psutil.Process] = set()
        self._reader = threading.Thread(target=self._read, name="stderr", daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        """All that it wrote to stderr so far."""
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = 120.0, *, after: int = 0) -> float:
        """Waits until a line from number `after` on matches; the `time.monotonic()` of then. Raises Missed."""
        wait_until(
            lambda: any(re.search(pattern, line) for line in self.lines[after:]) or self.process.poll() is not None,
            f"it to say {pattern!r}", seconds,
        )  # fmt: skip
        check(re.search(pattern, "\n".join(self.lines[after:])), f"it to say {pattern!r}, got {self.said!r}")
        return time.monotonic()

    def wait(self, seconds: float = 60.0) -> int:
        """Its exit status, once it has ended by itself. Raises Missed."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            check(False, f"it to end within {seconds:g} s, got {self.said!r}")
        self._reader.join()
        return status

    def solver(self) -> psutil.Process:
        """The solver's process, once there is one. Raises Missed."""
        wait_until(self._solvers, "a solver's process", 10)
        return self._solvers()[0]

    def family(self) -> list[psutil.Process]:
        """Every process that it started, and those these started; kept for `left_behind`."""
        self._family |= set(psutil.Process(self.process.pid).children(recursive=True))
        return list(self._family)

    def left_behind(self, seconds: float = 5.0) -> list[psutil.Process]:
        """Those of the family, as last looked at, that still run so long after it has ended."""
        return psutil.wait_procs(self._family, seconds)[1]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()

    def _solvers(self) -> list[psutil.Process]:
        return [child for child in self.family() if child.is_running() and "spawn_main" in " ".join(child.cmdline())]

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            print(f"{time.monotonic() - self.started:7.2f}  {line}", end="", flush=True)  # to the fault's log.txt
            self.lines.append(line.rstrip("\n"))
        self.process.stderr.close()


def wait_until(holds: Callable[[], object], expected: str, seconds: float = 60.0) -> float:
    """Waits until it holds; the `time.monotonic()` of then. Raises Missed when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        check(time.monotonic() < deadline, f"{expected} within {seconds:g} s")
        time.sleep(0.02)
    return time.monotonic()


def shared_memory() -> set[str]:
    """Names of the shared memory that outlives processes."""
    return {path.name for path in Path("/dev/shm").iterdir()}
