"""Regions of the mask that no person makes: small holes are closed, small islands dropped."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Alpha

SURE = 0.5
"""Alpha from which a pixel belongs to a region."""
HOLE = 0.0015
"""Share of the mask's area up to which a gap within a person is a fault: an arm akimbo leaves a larger one."""
ISLAND = 0.06
"""Share of the largest region's area up to which another one is a fault: a hand that is cut off from its arm is not."""
REACH = np.ones((9, 9), np.uint8)
"""How far the soft edge of an island reaches, in network pixels."""
RIM = np.ones((3, 3), np.uint8)

Plane = npt.NDArray[np.uint8]


def tidy(alpha: Alpha) -> Alpha:
    """Alpha (h, w) in [0, 1] without small holes and islands; the same array where there are none."""
    sure = (alpha >= SURE).astype(np.uint8) * np.uint8(255)
    islands = _small(sure, lambda sizes: ISLAND * sizes.max(initial=0))
    holes = _small(cv2.bitwise_not(sure), lambda _sizes: HOLE * alpha.size)
    if islands is None and holes is None:
        return alpha
    tidied = alpha.copy()
    if islands is not None:
        rest = cv2.dilate(cv2.subtract(sure, islands), REACH)
        tidied[(cv2.dilate(islands, REACH) > 0) & (rest == 0)] = 0
        tidied[islands > 0] = 0
    if holes is not None:
        tidied[cv2.dilate(holes, RIM) > 0] = 1
    return tidied


def _small(plane: Plane, limit: Callable[[npt.NDArray[np.int32]], float]) -> Plane | None:
    """255 on the connected regions of at most `limit(sizes)` pixels that no border cuts off; None without any."""
    found, labels, stats, _ = cv2.connectedComponentsWithStats(plane, connectivity=4, ltype=cv2.CV_16U)
    if found <= 2:
        return None
    sizes = stats[1:, cv2.CC_STAT_AREA]
    height, width = plane.shape
    inside = (stats[1:, :2] > 0).all(1) & (stats[1:, 0] + stats[1:, 2] < width) & (stats[1:, 1] + stats[1:, 3] < height)
    small = np.flatnonzero((sizes <= limit(sizes)) & inside) + 1
    return np.isin(labels, small).astype(np.uint8) * np.uint8(255) if small.size else None
