"""How this process deals with memory that it has freed."""

import ctypes
import sys
from collections.abc import Callable

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, ARENA_MAX = -1, -2, -3, -8
"""glibc's numbers for what `mallopt` sets (malloc.h)."""
KEPT, SPARE = 1 << 30, 16 << 20
"""Bytes: as much is kept at the heap's end, and the heap grows by SPARE at a time."""
MOST = 32 << 20
"""Bytes: the largest threshold that an older glibc takes."""


def keep_freed_memory(largest: int = KEPT) -> None:
    """Has glibc keep freed blocks of up to `largest` bytes rather than give them back to the system at once.

    Arrays of some hundred kilobytes come and go many times a frame, and of many megabytes at every step of the solver:
    given back each time, every page of them is a fault when it is next written. Larger blocks are asked of the system
    where the heap has no room for them, and go back to it: a recording's encoder, opened anew for every file, would
    leave its pictures as holes that nothing else fits in. From now on all threads share one heap, so that none keeps
    its own. Does nothing on systems whose C library is another.
    """
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        # A threshold that is refused would leave the least one for good, once the others are set.
        if not mallopt(MMAP_THRESHOLD, largest):
            mallopt(MMAP_THRESHOLD, min(largest, MOST))
        for setting, value in ((TRIM_THRESHOLD, KEPT), (TOP_PAD, SPARE), (ARENA_MAX, 1)):
            mallopt(setting, value)


def release_freed_memory() -> None:
    """Gives what was freed back to the system, kept blocks too. Does nothing where the C library is another."""
    malloc_trim = _glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))


def _glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
