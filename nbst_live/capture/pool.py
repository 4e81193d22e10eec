"""Memory for pictures that is used again.

A picture of 1920x1080 is 1500 pages of memory. Asked for anew with each frame, every one of them is a fault and is
cleared first, which takes as long as decoding a JPEG.
"""

import weakref

import numpy as np

from nbst_live.stages import Picture

KEPT = 12
"""Pictures whose memory is kept: as many as are under way at a time, of a clip that is read ahead."""


class PicturePool:
    """For one thread; its pictures are for any, and stay what they are for as long as somebody holds them."""

    def __init__(self) -> None:
        self._memory: list[tuple[bytearray, weakref.ref[Picture]]] = []

    def take(self, height: int, width: int) -> Picture:
        """A picture (height, width, 3) uint8 that shows whatever it held last, in memory that nobody looks at."""
        size = height * width * 3
        self._memory = [(memory, shown) for memory, shown in self._memory if len(memory) == size]
        place = next((k for k, (_, shown) in enumerate(self._memory) if shown() is None), len(self._memory))
        memory = self._memory[place][0] if place < len(self._memory) else bytearray(size)
        # Every view of the picture holds the picture itself, so it is gone only when nobody has any of it. Were the
        # memory an array, views would hold that instead.
        picture = np.ndarray((height, width, 3), np.uint8, memory)
        self._memory[place : place + 1] = [(memory, weakref.ref(picture))]
        del self._memory[KEPT:]
        return picture
