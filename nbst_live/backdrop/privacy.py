"""The promise that the raw room is never shown, as measures on a backdrop and the plate of the room.

A frame shows the raw room when more than RAW_SHARE of its background pixels are within RAW_LEVELS grey levels of the
source. Two unrelated pictures agree by chance on more pixels than that, so a backdrop is not only measured: `repel`
moves the few pixels that came too near. And a room in other colours is a room still: what is `painted` has other
details than the room, too.
"""

from functools import reduce

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Matte, Picture

RAW_LEVELS = 8
RAW_SHARE = 0.01
DISTANCE = 16
"""Grey levels by which every pixel of a backdrop differs from the plate: RAW_LEVELS and room for the camera's noise."""
UNPAINTED_SHARE = 0.25
"""Share of pixels at RAW_LEVELS up to which a picture counts as painted: `repel` alone must not make a painting of a
room.
"""
REFUSED = "the painting is too much like the room to be shown; a higher --strength helps"
DETAIL_SIZE = 480
"""Long side in pixels at which details are compared: what is smaller is the camera's noise."""
DETAIL_WINDOW = 9
"""Side in pixels of the windows that are compared, a book's back or a face on a photo at that size."""
TEXTURE = 6.0
"""Standard deviation in grey levels from which there is a detail in a window."""
ALIKE = 0.9
"""Correlation from which two windows show the same."""
ALIKE_SHARE = 0.25
"""Share of the room's details up to which a picture may show the same. Of finished paintings of two rooms in thirteen
styles it is 0.16 at most, 0.21 in the room's own colours at strength 0, 0.13 where a few edges are all there is; of a
room blurred by 2 pixels 0.41 and more.
"""


def raw_share(picture: Picture, room: Picture, known: Matte | None = None, levels: int = RAW_LEVELS) -> float:
    """Share of pixels, in [0, 1], within `levels` grey levels of the room in every channel.

    `picture` and `room` are (H, W, 3) uint8 BGR; `known` (H, W) uint8 is 255 on the pixels that count, None for all.
    """
    near = cv2.inRange(cv2.absdiff(picture, room), (0, 0, 0), (levels, levels, levels))
    if known is None:
        return cv2.countNonZero(near) / near.size
    return cv2.countNonZero(cv2.bitwise_and(near, known)) / max(1, cv2.countNonZero(known))


def painted(picture: Picture, room: Picture, known: Matte | None = None) -> bool:
    """Whether a picture, before any `repel`, differs from the room enough to be shown; arguments as in `raw_share`."""
    return raw_share(picture, room, known) <= UNPAINTED_SHARE and alike_share(picture, room, known) <= ALIKE_SHARE


def alike_share(picture: Picture, room: Picture, known: Matte | None = None) -> float:
    """Share, in [0, 1], of the room's details that the picture shows too, in whatever colours, be it as a negative; 0
    where it has none.

    By the correlation of both pictures' luma in small windows (normalised cross-correlation; Lewis, "Fast normalized
    cross-correlation", 1995). Arguments as in `raw_share`.
    """
    scale = min(1.0, DETAIL_SIZE / max(room.shape[:2]))
    size = max(1, round(room.shape[1] * scale)), max(1, round(room.shape[0] * scale))
    ours, theirs = (_luma(p, size) for p in (picture, room))
    mean_ours, mean_theirs = _mean(ours), _mean(theirs)
    spread_ours = _mean(ours * ours) - mean_ours * mean_ours
    spread_theirs = _mean(theirs * theirs) - mean_theirs * mean_theirs
    common = _mean(ours * theirs) - mean_ours * mean_theirs
    details = spread_theirs > TEXTURE**2
    if known is not None:
        details &= cv2.resize(known, size, interpolation=cv2.INTER_AREA) == 255
    # The floor keeps a flat picture, whose spread is rounding, from agreeing by chance.
    alike = np.abs(common[details]) > ALIKE * np.sqrt(np.maximum(spread_ours[details], 1) * spread_theirs[details])
    return float(alike.mean()) if alike.size else 0.0


def _luma(picture: Picture, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)


def _mean(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.blur(plane, (DETAIL_WINDOW, DETAIL_WINDOW)), np.float32)


def repel(picture: Picture, room: Picture) -> Picture:
    """A copy of the picture in which every pixel is at least DISTANCE grey levels from the room in some channel.

    Near pixels become lighter or darker, away from the room. The direction is that of their neighbourhood, so that
    whole strokes move and no speckle appears, unless white or black is in the way.
    """
    difference = cv2.split(cv2.subtract(picture, room, dtype=cv2.CV_16S))
    most, least = reduce(cv2.max, difference), reduce(cv2.min, difference)
    up = cv2.compare(cv2.blur(cv2.add(most, least), (9, 9)), 0, cv2.CMP_GE)
    channels = cv2.split(room)
    bright = cv2.compare(reduce(cv2.max, channels), 255 - DISTANCE, cv2.CMP_GT)
    dark = cv2.compare(reduce(cv2.min, channels), DISTANCE, cv2.CMP_LT)
    up = (up & ~bright) | dark
    near = cv2.compare(cv2.max(most, -least), DISTANCE, cv2.CMP_LT)
    shift = np.zeros_like(most)
    cv2.copyTo(DISTANCE - most, near & up, shift)
    cv2.copyTo(-DISTANCE - least, near & ~up, shift)
    # A saturated colour has a channel that cannot rise: all the others must.
    cv2.copyTo(DISTANCE - least, near & bright & dark, shift)
    return cv2.add(picture, cv2.merge([shift, shift, shift]), dtype=cv2.CV_8U)
