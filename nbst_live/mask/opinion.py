"""A second opinion: where the fast network may be wrong, the fine one is asked, and its answer is kept for a while.

The fast network takes the back of a chair for somebody now and then, or half loses a hand before something dark. The
fine one seldom does, but takes more than twice as long: it is asked at every thirtieth frame, and at every fifth at
most. In between, what it said moves along with the picture, as far as that shows the same and the first network has not
become surer of somebody. What it adds to somebody shows the room once they are gone: that is asked about as often
as possible, and holds only where the first network, too, sees something, or round about, as long as all stays what it
was.
"""

import logging
import math
from dataclasses import dataclass

import cv2
import numpy as np

from nbst_live.closing import Closable
from nbst_live.errors import MaskError
from nbst_live.mask.certainty import FAINT, SOMEBODY
from nbst_live.mask.flow import places
from nbst_live.mask.window import around
from nbst_live.stages import Alpha, Masker, Matte, Picture, Seen

log = logging.getLogger(__name__)

DOUBT = 0.8
"""Alpha from FAINT to here is doubt, where it is more than an edge."""
OTHER = 0.4
"""Difference of the two networks' alphas from which they say different things."""
THICK = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
"""What does not hold this is an edge: of those each network has its own."""
SOFT = np.ones((11, 11), np.uint8)
"""How far the soft edge reaches of what one of them alone sees."""
GAP, NEXT = np.ones((11, 11), np.uint8), np.ones((3, 3), np.uint8)
"""What may be added: what closes a gap between what the first network sees, and what is next to that."""
AROUND = np.ones((41, 41), np.uint8)
"""What may be added as long as all has stayed what it was: a hand at the end of a sleeve. Where a hand that has gone
looked like what it hid, that shows until the next question; and a thing as long as the second takes it for somebody."""
CLOSING = len(AROUND) // 2 + 1
"""Pixels around a pixel that say whether it may be added."""
SMALLEST = 20
"""Pixels of doubt, or of somebody apart from the largest person, from which it is worth asking."""
PAUSE, HOLDS = 5, 30
"""Frames from one question to the next: at least, and when there is nothing new to ask about."""
SURER = 0.1
"""How much more of somebody the first network may see than when asked, for an answer to count: what it sees now has
come since, however alike the picture looks. With as much less it has not stayed what it was, either."""
NOISE, SAME = 3, 0.15
"""Mean difference, in a neighbourhood, of the moved frame and the present one up to which an answer holds: in grey
levels, and beyond that as a share of how light it is there."""
STILL, EVEN = 2, 0.02
"""Likewise, of the means in a neighbourhood, up to which all has stayed what it was since it was asked about; of the
frames themselves NOISE and that share."""
NEIGHBOURHOOD = (7, 7)
TOUCH = 3
"""Pixels around a pixel that have a part in it once it has moved: half of NEIGHBOURHOOD, and more than interpolation
takes.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the second network said, moved onto a frame since. All are (h, w) uint8.

    `grey` is that frame, `asked` the one that was asked about, and `light` the mean of that, `alpha` what was said, and
    `first` what the first network had said, in 0..255; it counts where `differs` is 255, and where `settled` is 255, as
    it is somewhere, there is no need to ask. Where `still` is 255 all has looked as when asked ever since.
    """

    grey: Matte
    light: float
    asked: Matte
    alpha: Matte
    first: Matte
    differs: Matte
    settled: Matte
    still: Matte

    @classmethod
    def given(cls, grey: Matte, first: Alpha, second: Alpha, asked: Matte) -> "Answer | None":
        """Of a frame, by both networks' alphas and what was `asked` about; None where that is nothing and they say the
        same.
        """
        apart = cv2.compare(cv2.absdiff(first, second), OTHER, cv2.CMP_GT)
        differs = cv2.dilate(cv2.morphologyEx(apart, cv2.MORPH_OPEN, THICK), SOFT)
        settled = cv2.bitwise_or(differs, cv2.dilate(asked, SOFT))
        if not cv2.countNonZero(settled):
            return None
        said, before = (cv2.convertScaleAbs(alpha, alpha=255) for alpha in (second, first))
        return cls(grey, max(cv2.mean(grey)[0], 1), grey, said, before, differs, settled, np.full_like(settled, 255))

    def moved(self, seen: Seen) -> "Answer | None":
        """Onto the next frame, as far as that shows the same; None where nothing is left."""
        grey, movement = seen.grey, seen.movement
        if movement is None or movement.since is not self.grey:
            return None
        # Nothing comes from farther off than anything has moved.
        window = around(self.settled, math.ceil(cv2.norm(movement.back, cv2.NORM_INF)) + TOUCH)
        x, y = places(movement.back, window)

        def carried(plane: Matte, how: int) -> Matte:
            return np.asarray(cv2.remap(plane, x, y, how, borderMode=cv2.BORDER_REPLICATE), np.uint8)

        then, settled = carried(self.grey, cv2.INTER_CUBIC), carried(self.settled, cv2.INTER_NEAREST)
        now = grey[window]
        change, light = (cv2.blur(side, NEIGHBOURHOOD) for side in (cv2.absdiff(now, then), then))
        same = cv2.compare(change, cv2.convertScaleAbs(light, alpha=SAME, beta=NOISE), cv2.CMP_LE)
        settled = cv2.bitwise_and(settled, same)
        if not cv2.countNonZero(settled):
            return None
        asked = alpha = first = differs = still = np.zeros_like(settled)
        if cv2.countNonZero(self.differs):
            # Bicubic: a bilinear copy of a copy, frame after frame, would be a blur. A mark is there or is not.
            planes = self.asked, self.alpha, self.first
            asked, alpha, first = (carried(plane, cv2.INTER_CUBIC) for plane in planes)
            differs = cv2.bitwise_and(carried(self.differs, cv2.INTER_NEAREST), same)
            still = carried(self.still, cv2.INTER_NEAREST) & _alike(now, asked, cv2.mean(grey)[0] / self.light)
        left = np.zeros((6, *grey.shape), np.uint8)
        left[:, *window] = asked, alpha, first, differs, settled, still
        return Answer(grey, self.light, *left)

    def put_into(self, alpha: Alpha) -> Alpha:
        """An alpha (h, w), but what was said where that is something else, and the alpha is no SURER of somebody; where
        there is nothing in it, no more than a FAINT trace is added, but AROUND somebody as long as all is `still` what
        it was: a hand that is gone, and looked otherwise than what it hid, is nobody at once.
        """
        if not cv2.countNonZero(self.differs):
            return alpha
        window = around(self.differs, CLOSING)
        now, said, then = alpha[window], *(plane[window] * np.float32(1 / 255) for plane in (self.alpha, self.first))
        somebody = cv2.compare(now, FAINT, cv2.CMP_GT)
        seen = cv2.dilate(cv2.morphologyEx(somebody, cv2.MORPH_CLOSE, GAP), NEXT)
        same = cv2.compare(cv2.absdiff(now, then), SURER, cv2.CMP_LE)
        seen |= cv2.dilate(somebody, AROUND) & self.still[window] & same
        added = cv2.subtract(cv2.compare(said, FAINT, cv2.CMP_GT), seen)
        corrected = alpha.copy()
        left = cv2.subtract(self.differs[window], added | _surer(now, said, then))
        np.copyto(corrected[window], said, where=left > 0)
        return corrected

    def disputed(self, alpha: Alpha) -> bool:
        """Whether it makes somebody of what is not in this alpha (h, w), or that has become SURER of somebody."""
        if not cv2.countNonZero(self.differs):
            return False
        said, then = (plane * np.float32(1 / 255) for plane in (self.alpha, self.first))
        more = cv2.compare(said - alpha, OTHER, cv2.CMP_GT)
        surer = cv2.morphologyEx(_surer(alpha, said, then) & self.differs, cv2.MORPH_OPEN, SOFT)
        return cv2.countNonZero(more & self.differs | surer) >= SMALLEST


def _surer(now: Alpha, said: Alpha, then: Alpha) -> Matte:
    """255 where an alpha is SURER of somebody than was said, and than the first network was when asked."""
    # Movement is not found to the pixel: what was nearby counts.
    limit = cv2.max(said, cv2.dilate(then, NEXT)) + np.float32(SURER)
    return np.asarray(cv2.compare(now, limit, cv2.CMP_GT), np.uint8)


def _alike(now: Matte, then: Matte, light: float) -> Matte:
    """255 where a frame shows what another did, which was so many times as dark."""
    lit = cv2.convertScaleAbs(then, alpha=light)
    mean, mean_then, change = (cv2.blur(side, NEIGHBOURHOOD) for side in (now, lit, cv2.absdiff(now, lit)))
    same = cv2.compare(cv2.absdiff(mean, mean_then), cv2.convertScaleAbs(mean_then, alpha=EVEN, beta=STILL), cv2.CMP_LE)
    return same & cv2.compare(change, cv2.convertScaleAbs(mean_then, alpha=EVEN, beta=NOISE), cv2.CMP_LE)


class SecondOpinion(Closable):
    """Corrects a masker's alphas by what a second one says; without a second they stay as they are. For frames of one
    stream, in one thread. Closes the second.
    """

    def __init__(self, second: Masker | None = None) -> None:
        self._second = self._asked = second
        self._answer: Answer | None = None
        self._age, self._failed = HOLDS, False

    def ask(self, second: Masker | None) -> None:
        """Has this one asked from now on, and closes the one before. May be called from any thread."""
        before, self._second = self._second, second
        if before is not None:
            before.close()

    def corrected(self, alpha: Alpha, seen: Seen, picture: Picture) -> Alpha:
        """The first masker's alpha (h, w) of a frame as far as the second does not know better; `alpha` itself is left
        as it is. `seen` is the frame at that size, `picture` the frame itself.
        """
        second = self._second
        self._age += 1
        if second is not self._asked:
            self._asked, self._answer, self._age, self._failed = second, None, HOLDS, False
        if second is None:
            return alpha
        if self._answer is not None:
            self._answer = self._answer.moved(seen)
        self._consult(second, seen, picture, alpha)
        return alpha if self._answer is None else self._answer.put_into(alpha)

    def close(self) -> None:
        self.ask(None)

    def _consult(self, second: Masker, seen: Seen, picture: Picture, alpha: Alpha) -> None:
        """Has an answer about this frame, if it is time; none where there is nobody."""
        if self._age < PAUSE:
            return
        doubt, answer = doubtful(alpha), self._answer
        new = doubt if answer is None else cv2.subtract(doubt, answer.settled)
        disputed = answer is not None and answer.disputed(alpha)
        if self._age < HOLDS and cv2.countNonZero(new) < SMALLEST and not disputed:
            return
        self._answer = None
        if not cv2.countNonZero(cv2.compare(alpha, FAINT, cv2.CMP_GT)):
            return
        self._age = 0
        try:
            other = cv2.resize(second.mask(picture), alpha.shape[::-1], interpolation=cv2.INTER_AREA)
        except MaskError as error:
            if not self._failed:
                log.warning("%s; the fast mask goes on alone", error)
            self._failed = True
        else:
            self._answer = Answer.given(seen.grey, alpha, other, doubt)


def doubtful(alpha: Alpha) -> Matte:
    """255 where an alpha (h, w) is neither the one nor the other, over more than an edge, or somebody apart from the
    largest person.
    """
    between = cv2.morphologyEx(cv2.inRange(alpha, FAINT, DOUBT), cv2.MORPH_OPEN, THICK)
    somebody = cv2.compare(alpha, SOMEBODY, cv2.CMP_GE)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(somebody, ltype=cv2.CV_16U)
    if count <= 2:
        return between
    sizes = stats[:, cv2.CC_STAT_AREA]
    apart = sizes >= SMALLEST
    apart[[0, 1 + np.argmax(sizes[1:])]] = False
    return cv2.bitwise_or(between, (apart * np.uint8(255)).take(labels))
