"""JPEG pictures, as webcams give them, decoded into memory that is used again.

A picture of 1920x1080 is 1500 pages of memory. Asked for anew with each frame, as OpenCV does, every one of them is a
fault and is cleared first, which takes as long as decoding. libjpeg-turbo is OpenCV's decoder too: the pixels are the
same.
"""

import weakref

import numpy as np
import simplejpeg

from nbst_live.stages import Picture

KEPT = 8
"""Pictures whose memory is kept: more than are under way at a time."""
END = b"\xff\xd9"
"""What ends a JPEG, and occurs nowhere else in its pixels (ITU-T T.81, section B.1.1.3)."""


class JpegDecoder:
    """For one thread; its pictures are for any, and stay what they are for as long as somebody holds them."""

    def __init__(self) -> None:
        self._memory: list[tuple[bytearray, weakref.ref[Picture]]] = []

    def decode(self, jpeg: bytes) -> Picture | None:
        """The picture (H, W, 3) uint8 BGR; None where it is broken off, or none at all.

        What some webcams do wrong in every picture, a few bytes too many between two parts, is let pass.
        """
        if jpeg.rfind(END) < 0:
            return None
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
            return simplejpeg.decode_jpeg(jpeg, "BGR", buffer=self._blank(height, width), strict=False)
        except ValueError:
            return None

    def _blank(self, height: int, width: int) -> Picture:
        """A picture that shows whatever it held last, in memory that nobody looks at any more."""
        size = height * width * 3
        self._memory = [(memory, shown) for memory, shown in self._memory if len(memory) == size]
        place = next((k for k, (_, shown) in enumerate(self._memory) if shown() is None), len(self._memory))
        memory = self._memory[place][0] if place < len(self._memory) else bytearray(size)
        # Every view of the picture holds the picture itself, so it is gone only when nobody has any of it.
        picture = np.ndarray((height, width, 3), np.uint8, memory)
        self._memory[place : place + 1] = [(memory, weakref.ref(picture))]
        del self._memory[KEPT:]
        return picture
