"""Who stays live when there are several people: the mask's alpha without the others.

A person is a connected region of the mask. Two people who touch are one region, and stay or go together.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.certainty import SOMEBODY
from nbst_live.parsing import People as Choice
from nbst_live.stages import Alpha, Matte

EDGE = np.ones((15, 15), np.uint8)
"""How far around a region its soft edge and hair may reach, in mask pixels."""
CLEARANCE = np.ones((5, 5), np.uint8)
"""Likewise of the others: nothing of theirs is left beside one who stays."""
SAME = 0.5
"""Share of a region that must have been live in the frame before for it to be the same person."""
LOYALTY = 1.5
"""A person who was live counts so many times their size: another one takes the place only when clearly larger."""
REGIONS = 255
"""More than anybody will want: what is beyond are specks."""


class People:
    """Keeps the people who count: "central", the one of the largest size weighted by closeness to the middle, or a
    number, so many of the largest. Steady over the frames of one stream; for one thread at a
    time.

    What becomes of the others is for the caller: they are people to the plate, and nobody to the matte.
    """

    def __init__(self, choice: Choice) -> None:
        self._count = None if choice == "all" else 1 if choice == "central" else int(choice)
        self._central = choice == "central"
        self._live: Matte | None = None

    def keep(self, alpha: Alpha) -> Alpha:
        """Alpha (h, w) with 0 on everybody else and on what is too faint to be anybody; with "all" the same array."""
        if self._count is None:
            return alpha
        somebody = np.asarray(cv2.compare(alpha, SOMEBODY, cv2.CMP_GE), np.uint8)
        self._live = self._chosen(somebody, self._count)
        seen = cv2.dilate(self._live, EDGE)
        if self._live is not somebody:
            seen = cv2.subtract(seen, cv2.dilate(cv2.subtract(somebody, self._live), CLEARANCE))
        return np.asarray(cv2.copyTo(alpha, seen), np.float32)

    def _chosen(self, somebody: Matte, count: int) -> Matte:
        """255 on the regions of those who stay; `somebody` itself when that is everybody."""
        found, regions, stats, centres = cv2.connectedComponentsWithStats(somebody, ltype=cv2.CV_16U)
        if found - 1 <= count:
            return somebody
        labels = np.asarray(cv2.convertScaleAbs(regions), np.uint8)
        size = stats[1 : REGIONS + 1, cv2.CC_STAT_AREA].astype(np.float32)
        score = size * self._loyalty(labels, size)
        if self._central:
            score *= 1 - np.abs(2 * (centres[1 : REGIONS + 1, 0] + 0.5) / somebody.shape[1] - 1)
        chosen = np.zeros(256, np.uint8)
        chosen[np.argsort(-score, kind="stable")[:count] + 1] = 255
        return np.asarray(cv2.LUT(labels, chosen), np.uint8)

    def _loyalty(self, labels: Matte, size: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """LOYALTY for each region that was live in the frame before, 1 for the others."""
        if self._live is None or self._live.shape != labels.shape:
            return np.ones_like(size)
        still = cv2.calcHist([labels], [0], self._live, [256], [0, 256]).reshape(-1)[1 : len(size) + 1]
        return np.where(still > SAME * size, np.float32(LOYALTY), np.float32(1))
