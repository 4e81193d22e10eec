"""Pictures as I420, the planar 4:2:0 layout that virtual cameras and video codecs take."""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Picture

Planes = npt.NDArray[np.uint8]


def planes_for(width: int, height: int) -> Planes:
    """An I420 buffer, (h * 3 / 2, w) uint8, for pictures of that size; w and h are the size cut to even numbers."""
    return np.empty((height // 2 * 3, width // 2 * 2), np.uint8)


def to_i420(picture: Picture, out: Planes) -> None:
    """Writes a BGR picture into `out` as I420: luma, then a quarter-size U and V, BT.601 in the range 16..235.

    `out` comes from `planes_for`. 4:2:0 has one colour for two by two pixels, so an odd picture loses its last column
    or row. Raises ValueError when the picture does not fit the buffer.
    """
    height, width = picture.shape[:2]
    if out.shape != (height // 2 * 3, width // 2 * 2):
        raise ValueError(f"got a picture of {width}x{height} for I420 planes of shape {out.shape}; expected one size")
    even = picture[: height // 2 * 2, : width // 2 * 2]
    cv2.cvtColor(even, cv2.COLOR_BGR2YUV_I420, dst=out)
