"""How this process deals with memory that it has freed."""

import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""glibc's numbers for what `mallopt` sets (malloc.h)."""
KEPT, SPARE = 1 << 30, 64 << 20
"""Bytes: blocks up to KEPT are kept when freed, and that much in all; the heap grows by SPARE at a time."""


def keep_freed_memory() -> None:
    """Has glibc keep what is freed rather than give it back to the system at once.

    Arrays of some hundred kilobytes come and go many times a frame, and of some megabytes at every step of the solver:
    given back each time, every page of them is a fault when it is next written, which took a tenth of the time. The
    most that was ever in use stays taken. Does nothing on systems whose C library is another.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for setting, value in ((MMAP_THRESHOLD, KEPT), (TRIM_THRESHOLD, KEPT), (TOP_PAD, SPARE)):
            mallopt(setting, value)
