"""A second opinion: what the fast network finds apart from the largest person is shown to the fine one.

The fast network takes the back of a chair for somebody now and then, and what it takes so stands apart from the person
most of the time. The fine one takes four times as long, but is asked three times a second at most, and not at
all where there is nothing apart.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.closing import Closable
from nbst_live.mask.certainty import SOMEBODY
from nbst_live.stages import Alpha, Masker, Matte, Picture

SMALLEST = 20
"""Pixels of the network's size from which something apart is asked about; smaller ones are dropped in any case."""
NOBODY = 0.2
"""The second network's mean alpha over what is apart, up to which it is nobody."""
HOLDS, PAUSE = 30, 10
"""Frames for which an opinion holds, and between two at least: what is new is shown until then."""
SAME = 0.5
"""Share of what is apart that must lie where there was an opinion, for it to be still the same thing."""
REACH = np.ones((15, 15), np.uint8)
"""How far a thing and its soft edge reach, and move while an opinion holds, in network pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Things:
    """Regions of somebody in the mask: `labels` (h, w) uint16, 0 where is nobody; by label, that one included, the
    `sizes` in pixels, and which are `apart` from the largest.
    """

    labels: npt.NDArray[np.uint16]
    sizes: npt.NDArray[np.int32]
    apart: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, alpha: Alpha) -> "Things":
        """Those of an alpha (h, w)."""
        somebody = cv2.compare(alpha, SOMEBODY, cv2.CMP_GE)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(somebody, ltype=cv2.CV_16U)
        sizes = stats[:, cv2.CC_STAT_AREA]
        apart = sizes >= SMALLEST
        apart[0] = False
        if len(sizes) > 1:
            apart[1 + np.argmax(sizes[1:])] = False
        return cls(np.asarray(labels, np.uint16), sizes, apart)

    def mean(self, plane: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
        """Of a plane (h, w), over each."""
        return np.bincount(self.labels.reshape(-1), plane.reshape(-1), len(self.sizes)) / np.maximum(self.sizes, 1)

    def where(self, which: npt.NDArray[np.bool_]) -> Matte:
        """255 where `which` of them are, (h, w)."""
        return (which * np.uint8(255)).take(self.labels)


class SecondOpinion(Closable):
    """Gives the first masker's alphas without what the second says is nobody. For frames of one stream, in one thread;
    closes both.
    """

    def __init__(self, first: Masker, second: Masker) -> None:
        self._first, self._second = first, second
        self._asked = self._nobody = np.zeros(first.size[::-1], np.uint8)
        self._age = HOLDS

    @property
    def provider(self) -> str:
        return self._first.provider

    @property
    def size(self) -> tuple[int, int]:
        return self._first.size

    def mask(self, picture: Picture) -> Alpha:
        """Alpha at the first network's size. Raises MaskError."""
        alpha = self._first.mask(picture)
        self._age += 1
        things = Things.of(alpha)
        if not things.apart.any():
            return alpha
        new = things.apart & (things.mean(self._asked > 0) <= SAME)
        if self._age >= (PAUSE if new.any() else HOLDS):
            self._ask(picture, things)
        gone = things.apart & (things.mean(self._nobody > 0) > SAME)
        return _without(alpha, things, gone) if gone.any() else alpha

    def close(self) -> None:
        self._first.close()
        self._second.close()

    def _ask(self, picture: Picture, things: Things) -> None:
        opinion = cv2.resize(self._second.mask(picture), self.size, interpolation=cv2.INTER_AREA)
        nobody = things.apart & (things.mean(opinion) <= NOBODY)
        self._asked, self._nobody = (cv2.dilate(things.where(which), REACH) for which in (things.apart, nobody))
        self._age = 0


def _without(alpha: Alpha, things: Things, gone: npt.NDArray[np.bool_]) -> Alpha:
    """Alpha without those that are `gone`, and their soft edges, but for the others' own."""
    rest = ~gone
    rest[0] = False
    edge = cv2.subtract(cv2.dilate(things.where(gone), REACH), cv2.dilate(things.where(rest), REACH))
    return cv2.copyTo(alpha, cv2.bitwise_not(cv2.bitwise_or(edge, things.where(gone))))
