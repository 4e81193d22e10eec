"""The painted picture drawn along its own strokes.

A small network is blind to some fine patterns, and what it does not see comes out as scales or pebbles over the
strokes. So each pixel becomes the mean of those along the stroke through it: line integral convolution (Cabral and
Leedom, "Imaging Vector Fields Using Line Integral Convolution", 1993) along the tangent of the smoothed structure
tensor, as in Kyprianidis and Kang, "Image and Video Abstraction by Coherence-Enhancing Filtering", 2011. Paintings of
dots or tiles have no strokes: their own coherence says so, and what is painted after them is left as it is.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.gatys.pictures import to_area_of
from nbst_live.stages import Picture

SMOOTH = 2.0
"""Standard deviation in pixels over which the structure tensor is averaged."""
REACH = 5
"""Pixels along the stroke to either side."""
JUDGED = 640, 360
"""Width and height of a picture in whose area it is judged whether a painting is one of strokes: enlarged, every dot
would be one.
"""
DOTS, STROKES = 0.35, 0.5
"""Coherence up to which a painting counts as one of dots, and from which as one of strokes."""

Plane = npt.NDArray[np.float32]


def stroke_share(painting: Picture) -> float:
    """How far a painting (h, w, 3) uint8 BGR of any size is one of strokes, in [0, 1]: by its structure tensor's
    coherence (Jähne 1993), each pixel weighed by its contrast.
    """
    across, mixed, down = _tensor(to_area_of(painting, *JUDGED))
    power = float((across + down).sum())
    coherence = float(np.hypot(across - down, 2 * mixed).sum()) / power if power > 0 else 1.0
    return float(np.clip((coherence - DOTS) / (STROKES - DOTS), 0, 1))


def along_strokes(picture: Picture, share: float | Plane) -> Picture:
    """The picture (h, w, 3) uint8 BGR so much of the way to its means along the strokes: `share` in [0, 1] for all of
    it, or (h, w) float32.
    """
    if not np.any(share):
        return picture
    height, width = picture.shape[:2]
    across, mixed, down = _tensor(picture)
    angle = (np.arctan2(2 * mixed, across - down) + np.float32(np.pi)) * np.float32(0.5)
    tangent = cv2.merge([np.cos(angle), np.sin(angle)])
    place = np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), axis=-1)
    total, whole = picture.astype(np.float32), 1.0
    for side in (1, -1):
        at, heading = place.copy(), side * tangent
        for step in range(1, REACH + 1):
            at += heading
            weight = float(np.exp(-2 * (step / REACH) ** 2))
            total += weight * _sampled(picture, at, cv2.INTER_LINEAR)
            whole += weight
            # A tangent has no sign: between two of opposite ones lies nothing, and the line goes on the way it went.
            found = _sampled(tangent, at, cv2.INTER_NEAREST)
            heading = np.where((found * heading).sum(-1, keepdims=True) < 0, -found, found)
    own = np.broadcast_to(np.float32(share), (height, width)).copy()
    return np.asarray(cv2.blendLinear(cv2.convertScaleAbs(total, alpha=1 / whole), picture, own, 1 - own), np.uint8)


def _tensor(picture: Picture) -> tuple[Plane, Plane, Plane]:
    """The structure tensor of luma: its entries xx, xy and yy, (h, w) float32 each, smoothed."""
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    x, y = cv2.Scharr(luma, cv2.CV_32F, 1, 0), cv2.Scharr(luma, cv2.CV_32F, 0, 1)
    xx, xy, yy = (np.asarray(cv2.GaussianBlur(p, (0, 0), SMOOTH), np.float32) for p in (x * x, x * y, y * y))
    return xx, xy, yy


def _sampled(plane: npt.NDArray[np.generic], at: Plane, way: int) -> Plane:
    """A plane (h, w, c) at places (h, w, 2), x and y in pixels, by one of OpenCV's interpolations; float32."""
    found = cv2.remap(plane, at, None, way, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
