"""Regions of the mask that no person makes: small holes are closed, small and faint islands dropped."""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.certainty import FAINT, SOMEBODY
from nbst_live.stages import Alpha

HOLE = 0.0015
"""Share of the mask's area up to which a gap within a person is a fault: an arm akimbo leaves a larger one."""
ISLAND = 0.06
"""Share of the largest region's area up to which another one is a fault: a hand that is cut off from its arm is not."""
PIECE = 0.01
"""That share within REACH of what stays: a hand whose wrist is lost."""
REACH = np.ones((9, 9), np.uint8)
"""How far the soft edge of an island reaches, in network pixels."""

Outline = npt.NDArray[np.int32]


def tidy(alpha: Alpha) -> Alpha:
    """Alpha (h, w) in [0, 1] without small holes, small and faint islands; the same array where there are none."""
    return _without_faint(_without_small(alpha))


def _without_small(alpha: Alpha) -> Alpha:
    somebody = (alpha >= SOMEBODY).view(np.uint8)
    outlines, tree = cv2.findContours(somebody, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if len(outlines) <= 1:
        return alpha
    inner = tree[0, :, 3] >= 0
    islands = _islands([o for o, hole in zip(outlines, inner, strict=True) if not hole], somebody.shape)
    holes = [o for o, hole in zip(outlines, inner, strict=True) if hole and _pixels(o, -1) <= HOLE * alpha.size]
    if not islands and not holes:
        return alpha
    tidied = alpha.copy()
    if islands:
        gone = cv2.drawContours(np.zeros_like(somebody), islands, -1, 1, cv2.FILLED)
        rest = cv2.dilate(cv2.subtract(somebody, gone), REACH)
        tidied[(cv2.dilate(gone, REACH) > 0) & (rest == 0)] = 0
        tidied[gone > 0] = 0
    if holes:
        # A hole's outline runs on the person's own pixels, which are its soft rim.
        tidied[cv2.drawContours(np.zeros_like(somebody), holes, -1, 1, cv2.FILLED) > 0] = 1
    return tidied


def _without_faint(alpha: Alpha) -> Alpha:
    """Without islands that are more than FAINT, but nowhere SOMEBODY: they would show the room through the painting."""
    count, labels = cv2.connectedComponents((alpha > FAINT).view(np.uint8), ltype=cv2.CV_16U)
    held = np.bincount(labels[alpha >= SOMEBODY], minlength=count) > 0
    held[0] = True
    return alpha if held.all() else np.where(held.take(labels), alpha, np.float32(0))


def _islands(regions: list[Outline], shape: tuple[int, ...]) -> list[Outline]:
    """Those much smaller than the largest that the frame does not cut off, and not pieces of what stays."""
    sizes = [_pixels(region, 1) for region in regions]
    largest = max(sizes, default=0)
    small = [size <= ISLAND * largest and not _cut_off(r, shape) for r, size in zip(regions, sizes, strict=True)]
    if not any(small):
        return []
    stay = [region for region, is_small in zip(regions, small, strict=True) if not is_small]
    near = cv2.dilate(cv2.drawContours(np.zeros(shape, np.uint8), stay, -1, 1, cv2.FILLED), REACH)
    return [
        region
        for region, size, is_small in zip(regions, sizes, small, strict=True)
        if is_small and (size <= PIECE * largest or not near[region[:, 0, 1], region[:, 0, 0]].any())
    ]


def _pixels(outline: Outline, own: int) -> float:
    """How many pixels an outline encloses, with its own (1) or without them (-1), by Pick's theorem."""
    return cv2.contourArea(outline) + own * len(outline) / 2 + 1


def _cut_off(region: Outline, shape: tuple[int, ...]) -> bool:
    x, y, width, height = cv2.boundingRect(region)
    return x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]
