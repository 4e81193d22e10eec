"""Who stays live when there are several people: the mask's alpha without the others.

A person is a connected region of the mask. Of two people who touch each keeps what is nearer to where they were, if
they have stood apart before; else they are one region, and stay or go together. Who comes out again from behind
somebody is taken for theirs until a gap shows between the two.
"""

from dataclasses import dataclass
from functools import cached_property

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
APART, LONGEST = 5, 255
"""Frames that another one must have stood apart to be told from whom they touch: what the mask cuts off from a person
for a moment is theirs again as soon as it is back. And how far they are counted."""
STRANGER = 0.15
"""Size of another one, as a share of the smallest who stays, from which they are somebody, and no hand of theirs."""

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of the mask: `labels` (h, w) int32, from 1 up to `count`, 0 where there is none."""

    labels: npt.NDArray[np.int32]
    count: int

    @cached_property
    def size(self) -> Shares:
        """In pixels, (count,)."""
        return self._sums(None)

    @property
    def column(self) -> Shares:
        """Each one's mean column, (count,)."""
        columns = np.broadcast_to(np.arange(self.labels.shape[1]), self.labels.shape)
        return self._sums(columns) / self.size

    def share(self, side: Matte) -> Shares:
        """How much of each one is where `side` (h, w) is not 0, (count,) in [0, 1]."""
        return self._sums(side > 0) / self.size

    def level(self, plane: Matte) -> Shares:
        """The mean in each one of what of `plane` (h, w) is not 0, (count,); 0 where all is."""
        return self._sums(plane) / np.maximum(self._sums(plane > 0), 1)

    def paint(self, values: npt.NDArray[np.generic]) -> Matte:
        """Each one's value, (count,), at its pixels, and 0 elsewhere; (h, w) uint8."""
        return np.concatenate([[0], values]).astype(np.uint8).take(self.labels)

    def _sums(self, weights: npt.NDArray[np.generic] | None) -> Shares:
        weights = None if weights is None else weights.reshape(-1)
        return np.bincount(self.labels.reshape(-1), weights, self.count + 1)[1:].astype(np.float64)


class People:
    """Keeps the people who count: "central", the one of the largest size weighted by closeness to the middle, or a
    number, so many of the largest. Steady over the frames of one stream; for one thread at a
    time.

    What becomes of the others is for the caller: they are people to the plate, and nobody to the matte.
    """

    def __init__(self, choice: Choice) -> None:
        self._count = None if choice == "all" else 1 if choice == "central" else int(choice)
        self._central = choice == "central"
        self._live = self._apart = np.zeros((0, 0), np.uint8)
        """255 on those who were live, and for how many frames each of the others has stood apart from them."""

    def keep(self, alpha: Alpha) -> Alpha:
        """Alpha (h, w) with 0 on everybody else and on what is too faint to be anybody; with "all" the same array."""
        if self._count is None:
            return alpha
        somebody = np.asarray(cv2.compare(alpha, SOMEBODY, cv2.CMP_GE), np.uint8)
        if self._live.shape != somebody.shape:
            self._live = self._apart = np.zeros_like(somebody)
        people = self._people(somebody)
        stay = self._staying(people, self._count)
        self._apart = self._standing_apart(people, stay)
        self._live = people.paint(stay * 255)
        others = cv2.subtract(somebody, self._live)
        seen = cv2.subtract(cv2.dilate(self._live, EDGE), cv2.dilate(others, CLEARANCE))
        return np.asarray(cv2.copyTo(alpha, seen), np.float32)

    def _people(self, somebody: Matte) -> Regions:
        """The regions of the mask; one in which somebody live and somebody else have met is as many as they are."""
        whole = _regions(somebody)
        others = cv2.bitwise_and(cv2.compare(self._apart, APART, cv2.CMP_GE), somebody)
        live = cv2.bitwise_and(self._live, somebody)
        met = (whole.share(live) > 0) & (whole.share(others) > 0)
        if not met.any():
            return whole
        to_others, to_live = (cv2.distanceTransform(cv2.bitwise_not(s), cv2.DIST_L2, 3) for s in (others, live))
        theirs = cv2.bitwise_and(whole.paint(met * 255), cv2.compare(to_others, to_live, cv2.CMP_LT))
        rest, parted = _regions(cv2.subtract(somebody, theirs)), _regions(theirs)
        labels = np.where(theirs > 0, parted.labels + rest.count, rest.labels)
        return Regions(labels, rest.count + parted.count)

    def _staying(self, people: Regions, count: int) -> npt.NDArray[np.bool_]:
        score = people.size * np.where(people.share(self._live) > SAME, LOYALTY, 1.0)
        if self._central:
            score *= 1 - np.abs(2 * (people.column + 0.5) / people.labels.shape[1] - 1)
        stay = np.zeros(people.count, np.bool_)
        stay[np.argsort(-score, kind="stable")[:count]] = True
        return stay

    def _standing_apart(self, people: Regions, stay: npt.NDArray[np.bool_]) -> Matte:
        """For how many frames each of those who do not stay has stood apart, where they are."""
        if stay.all():
            return np.zeros_like(self._live)
        others = ~stay & (people.size >= STRANGER * people.size[stay].min())
        return people.paint(np.where(others, np.minimum(people.level(self._apart) + 1, LONGEST), 0))


def _regions(side: Matte) -> Regions:
    count, labels = cv2.connectedComponents(side, ltype=cv2.CV_32S)
    return Regions(np.asarray(labels, np.int32), count - 1)
