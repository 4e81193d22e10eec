"""What goes along with people: of new regions beside them, those that move as they do.

An arm that the mask network misses and a door that has opened beside somebody look alike to whoever knows the empty
room: both are new. But an arm goes where its person goes, and a door does not.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.certainty import FAINT, NOBODY, SURE
from nbst_live.stages import Alpha, Matte

SOFT = 1.5
"""Spread, at half the size, of the soft border of what the movement is looked for in: a hard one would itself seem to
stay."""
FARTHEST = 0.25
"""Most movement, as a share of the picture, that is believed."""
LEAST = 1.5
"""Least movement, in pixels, that tells who goes along."""
PATIENCE = 15
"""Frames after which a movement is looked for anew: by then light and poses have changed."""
FITS, STANDS = 0.8, 0.6
"""Share of the difference to the earlier frame that may be left after moving: of people, for a movement to be theirs;
of what has gone along with them."""
CHANGE = 5.0
"""Least difference to the earlier frame, in grey levels, without which something may as well have stayed."""
HALF = 0.5
"""Share of a region that was known to go along, from which all of it does."""
RIM = np.ones((5, 5), np.uint8)
AROUND = (11, 11)
"""Window in which a movement is seen."""

Plane = npt.NDArray[np.float32]


class Company:
    """Keeps a frame to compare with, until the people have moved since then, and who went along by then; for frames of
    one stream, in one thread.
    """

    def __init__(self) -> None:
        self._since: Matte | None = None
        self._people: Matte
        self._known: Matte
        self._age = 0

    def of(self, regions: Matte, alpha: Alpha, grey: Matte) -> Matte:
        """255 where the `regions` (h, w), 255 where they are, have gone along with the people of `alpha` (h, w), now or
        before, and have been seen since, but for PATIENCE frames at most. `grey` is the frame at that size.
        """
        since, people = self._since, cv2.dilate(cv2.compare(alpha, FAINT, cv2.CMP_GT), RIM)
        if since is None or since.shape != grey.shape or not cv2.countNonZero(regions):
            return self._begin(grey, people, np.zeros_like(regions))
        self._age += 1
        known, movement = self._known, _movement(alpha, grey, since)
        moved: Matte | None = None
        if movement is not None:
            moved = np.asarray(cv2.warpAffine(since, movement, grey.shape[::-1]), np.uint8)
            known = np.asarray(cv2.warpAffine(known, movement, grey.shape[::-1], flags=cv2.INTER_NEAREST), np.uint8)
            if float(np.hypot(*movement[:, 2])) < LEAST:
                moved = None
        if moved is not None:
            known = known | _gone_along(cv2.bitwise_not(people | self._people), grey, since, moved)
        sure = known & regions
        found = _completed(sure, regions) if cv2.countNonZero(sure) else sure
        if moved is not None or self._age >= PATIENCE:
            # What touches an arm is not to become an arm, and then what touches that.
            self._begin(grey, people, sure)
        elif movement is None:
            self._known = sure
        return found

    def _begin(self, grey: Matte, people: Matte, known: Matte) -> Matte:
        self._since, self._people, self._known, self._age = grey, people, known, 0
        return known


def _movement(alpha: Alpha, grey: Matte, before: Matte) -> Plane | None:
    """How the people have moved since an earlier frame, (2, 3), by phase correlation (Kuglin and Hines 1975) at half
    the size; None where no movement fits them, or the room has moved too.
    """
    size = max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)
    alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    then, now = (cv2.resize(side, size, interpolation=cv2.INTER_AREA) for side in (before, grey))
    person, room = cv2.compare(alpha, SURE, cv2.CMP_GE), cv2.erode(cv2.compare(alpha, NOBODY, cv2.CMP_LE), RIM)
    if not cv2.countNonZero(person):
        return None
    window = cv2.GaussianBlur(person, (0, 0), SOFT).astype(np.float32)
    (x, y), _ = cv2.phaseCorrelate(*((side - np.float32(cv2.mean(side, person)[0])) * window for side in (then, now)))
    moved = cv2.warpAffine(then, np.array([[1, 0, x], [0, 1, y]], np.float32), size)
    after, still = (_apart(now, side, person) for side in (moved, then))
    far = abs(x) > FARTHEST * size[0] or abs(y) > FARTHEST * size[1]
    if far or after >= FITS * still or _apart(now, moved, room) < _apart(now, then, room):
        return None
    scale_x, scale_y = (whole / half for whole, half in zip(grey.shape[::-1], size, strict=True))
    return np.array([[1, 0, x * scale_x], [0, 1, y * scale_y]], np.float32)


def _completed(sure: Matte, regions: Matte) -> Matte:
    """255 where it is `sure`, and in all of each of the `regions` of which HALF is."""
    count, labels = cv2.connectedComponents(regions, connectivity=8, ltype=cv2.CV_16U)
    whole, theirs = (np.bincount(labels[side > 0], minlength=count) for side in (regions, sure))
    most = theirs >= HALF * whole
    most[0] = False
    return np.where(most.take(labels), np.uint8(255), sure)


def _gone_along(elsewhere: Matte, grey: Matte, since: Matte, moved: Matte) -> Matte:
    """255 where what is seen has moved as `moved` has; only where neither now nor then the mask network saw anybody,
    for what their edge covers and uncovers changes, whatever it is.
    """
    share = cv2.blur(elsewhere, AROUND, borderType=cv2.BORDER_CONSTANT).astype(np.float32) * np.float32(1 / 255)
    still, after = (
        cv2.blur(cv2.copyTo(cv2.absdiff(grey, side), elsewhere), AROUND, borderType=cv2.BORDER_CONSTANT)
        for side in (since, moved)
    )
    along = (still > CHANGE * share) & (after < STANDS * still)
    return np.asarray(np.where(along, elsewhere, 0), np.uint8)


def _apart(one: Matte, other: Matte, where: Matte) -> float:
    """Mean difference of two pictures where `where` is not 0."""
    return cv2.mean(cv2.absdiff(one, other), where)[0]
