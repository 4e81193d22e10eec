"""The known room beside a frame of it, at the network's size: in which light the frame shows it, and how far it is
still the same room.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.certainty import NOBODY
from nbst_live.stages import Alpha, Matte, Picture

LIGHT = 0.5, 2.0
"""Least and most that the light is believed to have changed, since the plate was gathered or the frame before."""
BLOCK = 8
"""Side in pixels of the blocks in which it is measured where nobody is near."""
OTHER = 30
"""Distance in grey levels from which a pixel is not the room's."""
DOUBT = 0.03, 0.1
"""Share of such pixels among those that are clear of everybody: up to which the room is wholly believed, and from
which not at all."""

Gains = npt.NDArray[np.float32]
"""How many times as light something is as it was, (3,) for BGR."""


def gains(now: Picture, then: Picture, where: Matte | None = None) -> Gains:
    """How many times as light a picture is as another, where `where` is not 0; within LIGHT."""
    one, other = (_mean(side, where) + 1 for side in (now, then))
    return np.clip(one / other, *LIGHT)


def clear(alpha: Alpha, known: Matte) -> Matte:
    """255 where the room is `known` (h, w) and nobody of `alpha` (h, w) is near; both sides are multiples of BLOCK."""
    height, width = alpha.shape
    anybody = cv2.compare(alpha, NOBODY, cv2.CMP_GT)
    # The mean of a block in which there is a single pixel is still above 0.
    blocks = cv2.resize(anybody, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA)
    near = cv2.dilate(cv2.compare(blocks, 0, cv2.CMP_GT), np.ones((3, 3), np.uint8))
    return cv2.subtract(known, cv2.resize(near, (width, height), interpolation=cv2.INTER_NEAREST))


def trust(picture: Picture, framed: Picture, light: Gains, where: Matte) -> float:
    """How far the room `framed` (h, w, 4) is to be believed, in [0, 1], by how it differs, so many times as light, from
    the `picture` (h, w, 3) where `where` (h, w) is 255; not at all where nothing is. A quarter of the pixels will do.
    """
    size = max(1, where.shape[1] // 2), max(1, where.shape[0] // 2)
    now, then, where = (cv2.resize(p, size, interpolation=cv2.INTER_NEAREST) for p in (picture, framed, where))
    count = cv2.countNonZero(where)
    if not count:
        return 0.0
    apart = (
        cv2.absdiff(one, cv2.convertScaleAbs(other, alpha=float(gain)))
        for one, other, gain in zip(cv2.split(now), cv2.split(then), light, strict=False)
    )
    blue, green, red = (cv2.multiply(side, side, dtype=cv2.CV_16U) for side in apart)
    other = cv2.compare(cv2.add(cv2.add(blue, green), red), OTHER**2, cv2.CMP_GT)
    share = cv2.countNonZero(cv2.bitwise_and(other, where)) / (count + 1)
    return min(1.0, max(0.0, (DOUBT[1] - share) / (DOUBT[1] - DOUBT[0])))


def _mean(picture: Picture, where: Matte | None) -> Gains:
    """Of BGR; 0 where there is nothing. OpenCV's own, where there is a mask, takes four times as long."""
    if where is None:
        return np.array(cv2.mean(picture)[:3], np.float32)
    total = cv2.sumElems(cv2.copyTo(picture, where))[:3]
    return np.array(total, np.float32) / max(1, cv2.countNonZero(where))
