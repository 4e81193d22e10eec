"""What goes along with people: of new regions beside them, those that move as they do.

An arm that the mask network misses and a door that has opened beside somebody look alike to whoever knows the empty
room: both are new. But an arm goes where its person goes, and a door does not.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Alpha, Matte

SURE, NOBODY = 0.9, 0.04
"""Alpha from which there is surely a person, and up to which there is surely none."""
SOFT = 1.5
"""Spread, at half the size, of the soft border of what the movement is looked for in: a hard one would itself seem to
stay."""
LEAST = 1.0
"""Least movement, in pixels a frame, that tells who goes along."""
FITS, STANDS = 0.8, 0.6
"""Share of the difference to the frame before that may be left after moving: of people, for a movement to be theirs; of
a region, to have gone along."""
CHANGE = 5.0
"""Least difference of a region to the frame before, in grey levels, without which it may as well have stayed."""
HALF = 0.5
"""Share of a region that was known to go along, from which all of it does."""
RIM = np.ones((5, 5), np.uint8)

Plane = npt.NDArray[np.float32]


class Company:
    """Keeps the previous frame, and who went along; for frames of one stream, in one thread."""

    def __init__(self) -> None:
        self._before: Matte | None = None
        self._known: Matte | None = None

    def of(self, regions: Matte, alpha: Alpha, grey: Matte) -> Matte:
        """255 where the `regions` (h, w), 255 where they are, have gone along with the people of `alpha` (h, w), now or
        before, and have been seen ever since. `grey` is the frame at that size.
        """
        before, self._before = self._before, grey
        if before is None or before.shape != grey.shape or not cv2.countNonZero(regions):
            self._known = None
            return np.zeros_like(regions)
        known = np.zeros_like(regions) if self._known is None else self._known
        movement = _movement(alpha, grey, before)
        moved = None if movement is None else cv2.warpAffine(before, movement, grey.shape[::-1])
        if movement is not None:
            known = np.asarray(cv2.warpAffine(known, movement, grey.shape[::-1], flags=cv2.INTER_NEAREST), np.uint8)
        goes = movement is not None and float(np.hypot(*movement[:, 2])) >= LEAST
        self._known = np.zeros_like(regions)
        count, labels = cv2.connectedComponents(regions, connectivity=8, ltype=cv2.CV_16U)
        for label in range(1, count):
            region = cv2.compare(labels, label, cv2.CMP_EQ)
            theirs = known & region
            along = goes and moved is not None and _goes_along(region, alpha, grey, before, moved)
            if along or cv2.countNonZero(theirs) >= HALF * cv2.countNonZero(region):
                theirs = region
            self._known |= theirs
        return self._known


def _movement(alpha: Alpha, grey: Matte, before: Matte) -> Plane | None:
    """How the people have moved since the frame before, (2, 3), by phase correlation (Kuglin and Hines 1975); None
    where no movement fits them, or the room has moved too.
    """
    person, room = cv2.compare(alpha, SURE, cv2.CMP_GE), cv2.erode(cv2.compare(alpha, NOBODY, cv2.CMP_LE), RIM)
    size = max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)
    within, *sides = (cv2.resize(side, size, interpolation=cv2.INTER_AREA) for side in (person, before, grey))
    window = cv2.GaussianBlur(within, (0, 0), SOFT).astype(np.float32)
    (x, y), _ = cv2.phaseCorrelate(*((side - np.float32(cv2.mean(side, within)[0])) * window for side in sides))
    scale_x, scale_y = (whole / half for whole, half in zip(grey.shape[::-1], size, strict=True))
    movement = np.array([[1, 0, x * scale_x], [0, 1, y * scale_y]], np.float32)
    moved = cv2.warpAffine(before, movement, grey.shape[::-1])
    after, still = (_apart(grey, side, person) for side in (moved, before))
    if after > FITS * still or _apart(grey, moved, room) < _apart(grey, before, room):
        return None
    return movement


def _goes_along(region: Matte, alpha: Alpha, grey: Matte, before: Matte, moved: Matte) -> bool:
    around = cv2.bitwise_and(cv2.dilate(region, RIM), cv2.compare(alpha, 0.5, cv2.CMP_LT))
    still = _apart(grey, before, around)
    return still > CHANGE and _apart(grey, moved, around) < STANDS * still


def _apart(one: Matte, other: Matte, where: Matte) -> float:
    """Mean difference of two pictures where `where` is not 0."""
    return cv2.mean(cv2.absdiff(one, other), where)[0]
