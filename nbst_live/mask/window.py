"""The part of a picture that holds a person's edge: only there it is worth looking closer."""

import cv2

from nbst_live.stages import Matte

MARGIN = 22
"""Pixels of the network's size kept around the edge: the windows of means reach as far, and an edge moves less."""

Window = tuple[slice, slice]
"""Rows and columns."""
WHOLE: Window = (slice(None), slice(None))


def around(edge: Matte, margin: int = MARGIN) -> Window:
    """The window of an edge, (h, w) uint8, anything but 0 where it is; a corner of the picture where there is none. It
    begins and ends at even places, or where the picture does: half of a part is part of a half.
    """
    x, y, width, height = cv2.boundingRect(edge)
    return _even(y - margin, y + height + margin), _even(x - margin, x + width + margin)


def _even(first: int, last: int) -> slice:
    return slice(max(0, first) // 2 * 2, (last + 1) // 2 * 2)
