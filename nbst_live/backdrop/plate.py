"""The plate: the empty room, gathered over time from the pixels that the mask calls background.

Pure but for its own buffers. Pixels near the person are left out by a margin, so that no trace of them enters, unless
the mask falls short of them by more than that, with an edge of which it is sure.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from nbst_live.backdrop.standpoint import Standpoint, Step
from nbst_live.stages import Alpha, Matte, Picture, Room

MARGIN = 0.015
"""Distance kept from the person, as a share of the mask's width, where the mask has a plain edge."""
UNSURE, WIDE, WIDE_MARGIN = 0.8, 0.015, 0.05
"""Alpha up to which the mask is unsure, if it is so over more than an edge of that width; and the distance kept from
there, where a hand may be lost. Both are shares of the mask's width."""
SURELY_ROOM = 0.04
"""Alpha up to which a pixel counts as room."""
RATE, EARLY_RATE = 0.15, 0.4
"""Weight of a new observation of a pixel, and that of one seen fewer than SETTLED times: averages the camera's noise,
follows slow changes of light."""
CHANGED = 30
"""Grey levels beyond which an observation contradicts what is known: an average of the two would be a blur."""
SETTLED, SURE = 4, 8
"""Confidence, in observations that agreed: from which a pixel is settled, and the most it gets."""
DOUBT = 2
"""Confidence that a contradiction costs; with none left the pixel is taken anew. A person whom the mask misses for a
moment leaves no trace, a thing that was moved is soon taken over."""
ALONE = 8
"""Each so many-th look is by the mask network alone: who is found because the plate looks otherwise may be the plate's
own mistake, which it would keep for ever."""
STIRRED = 0.02
"""Share of the room that contradicts what is known from which a movement of the camera is an upset: a slow pan
contradicts along the room's edges alone."""
STRAY = 0.005
"""Distance, as a share of the width, by which what is hidden may be off once the room has moved far: small errors add
up, and a tree stands nearer than the wall behind it. So far it is forgotten beside what is not known."""
UPSET, PATCHY = 0.35, 0.1
"""That share from which, if the camera was not moved, the light has changed; and from which, as one light for all does
not explain it, nobody knows how what is hidden looks now."""
WITNESS = 1 / 3
"""Share of the picture that must show known room for that: what is hidden follows, and so is at most twice what is
seen. Beside somebody who leans in, all that is left to see may lie in their shadow."""
FILL_SIZE = 120
"""Long side in pixels at which unseen parts are filled."""
JOIN = 0.03
"""Width of the soft join of seen and filled parts, as a share of the plate's width."""
BAND = 1 << 16
"""Pixels that are learnt at a time: what is made of them on the way stays in the processor's cache, and is small enough
to lie in memory that was used before."""


class Plate:
    """Robust running mean of the room at the frame's own size.

    `known` is (H, W) uint8, 255 where the room has been seen; `upsets` counts how often the camera was moved or the
    light has changed at once.
    """

    def __init__(self, width: int, height: int) -> None:
        self.known = np.zeros((height, width), np.uint8)
        self.upsets = self._looks = 0
        self._mean = np.zeros((height, width, 3), np.float32)
        self._confidence = np.zeros((height, width), np.uint8)
        self._standpoint = Standpoint()
        self._shown = np.zeros_like(self.known)
        self._seen = Room(np.zeros((height, width, 3), np.uint8), self.known.copy())

    @property
    def coverage(self) -> float:
        """Share of the picture in which the room has been seen, in [0, 1]."""
        return cv2.countNonZero(self.known) / self.known.size

    def learn(self, picture: Picture, alpha: Alpha, corrected: Alpha) -> None:
        """Takes what is room by the mask network's alpha and, mostly, by what the key (mask/key.py) made of it: what
        that took from a person because it looks like the plate is somebody to it, and so is who was found because they
        do not.
        """
        self._looks += 1
        self.add(picture, np.maximum(alpha, corrected) if self._looks % ALONE else alpha)

    def add(self, picture: Picture, alpha: Alpha) -> None:
        """Takes what is room in `picture`, by its alpha at any size."""
        room = cv2.resize(surely_room(alpha), self.known.shape[::-1], interpolation=cv2.INTER_NEAREST)
        contradicts, share = self._contradictions(picture, room)
        step = self._standpoint.step(picture, room)
        if step is not None:
            self.upsets += share > STIRRED
            self._follow(step, room)
            contradicts, _ = self._contradictions(picture, room)
        elif share > UPSET and self._relight(picture, room):
            self.upsets += 1
            contradicts, left = self._contradictions(picture, room)
            if left > PATCHY:
                self.known &= room
        self._shown = room
        shown = np.empty_like(self.picture())
        for rows in self._bands():
            self._take(picture[rows], room[rows], contradicts[rows], rows)
            cv2.convertScaleAbs(self._mean[rows], dst=shown[rows])
        cv2.bitwise_or(self.known, room, dst=self.known)
        self._publish(shown)

    def picture(self) -> Picture:
        """The plate now, (H, W, 3) uint8 BGR; black where the room was never seen."""
        return self._seen.picture

    def room(self) -> Room:
        """The plate now, and where it is known; another object after every `add`."""
        return self._seen

    def _publish(self, picture: Picture) -> None:
        known = self._seen.known
        # Soon no more becomes known: what was made of the old one serves again.
        if not np.array_equal(known, self.known):
            known = self.known.copy()
        self._seen = Room(picture, known)

    def _bands(self) -> Iterator[slice]:
        """Rows that are learnt at a time, from top to bottom."""
        height, width = self.known.shape
        step = max(1, BAND // width)
        return (slice(first, first + step) for first in range(0, height, step))

    def _contradictions(self, picture: Picture, room: Matte) -> tuple[Matte, float]:
        """255 where this frame shows the room, and another one than is known; and what share that is of what it shows
        of the known room.
        """
        found, shown, known = np.empty_like(room), self.picture(), 0
        for rows in self._bands():
            both = room[rows] & self.known[rows]
            same = cv2.inRange(cv2.absdiff(picture[rows], shown[rows]), (0, 0, 0), (CHANGED,) * 3)
            cv2.subtract(both, same, dst=found[rows])
            known += cv2.countNonZero(both)
        return found, cv2.countNonZero(found) / max(1, known)

    def _take(self, picture: Picture, room: Matte, contradicts: Matte, rows: slice) -> None:
        """Learns these rows; all else that is given is of them alone."""
        mean, confidence = self._mean[rows], self._confidence[rows]
        agrees = room ^ contradicts
        cv2.subtract(confidence, contradicts & np.uint8(DOUBT), dst=confidence)
        counts = agrees | (contradicts & cv2.compare(confidence, 0, cv2.CMP_EQ))
        cv2.add(confidence, counts & np.uint8(1), dst=confidence)
        cv2.min(confidence, SURE, dst=confidence)
        taken = counts & cv2.compare(confidence, 1, cv2.CMP_EQ)
        settled = agrees & cv2.compare(confidence, SETTLED, cv2.CMP_GT)
        # With a mask it takes four times as long; a mean that is drawn to itself, rounded, stays what it is.
        seen = cv2.copyTo(picture, settled, self.picture()[rows].copy())
        cv2.accumulateWeighted(seen, mean, RATE)
        for rate, where in ((1.0, taken), (EARLY_RATE, agrees & ~(taken | settled))):  # mostly small, or empty
            x, y, width, height = cv2.boundingRect(where)
            box = slice(y, y + height), slice(x, x + width)
            cv2.accumulateWeighted(picture[box], mean[box], rate, mask=where[box])

    def _follow(self, step: Step, room: Matte) -> None:
        """Moves what is known along with the room. Where not all has moved alike, as the camera sees near and far from
        elsewhere, or something large has moved by itself, nobody knows how what is hidden has.
        """
        shift, size = np.array([[1, 0, step.x], [0, 1, step.y]], np.float32), self.known.shape[::-1]
        self._mean, self.known, self._confidence = (
            cv2.warpAffine(plane, shift, size, flags=cv2.INTER_NEAREST)
            for plane in (self._mean, self.known, self._confidence)
        )
        if not step.together:
            self.known &= room
        elif step.far:
            strayed = np.ones(_window(STRAY, self.known), np.uint8)
            self.known = cv2.erode(self.known, strayed) | (self.known & room)
        self._begin_anew(room)

    def _relight(self, picture: Picture, room: Matte) -> bool:
        """Puts what is known into the new light; False when too little of it is seen."""
        both = room & self.known
        if cv2.countNonZero(both) < WITNESS * both.size:
            return False
        now, then = (np.array(cv2.mean(p, both)[:3], np.float32) for p in (picture, self._mean))
        self._mean *= (now + 1) / (then + 1)
        self._begin_anew(room)
        return True

    def _begin_anew(self, room: Matte) -> None:
        """What is seen, and was before, is decided by one look; what is hidden soon after it is seen, but not by a
        person whom the mask misses once.
        """
        most = cv2.bitwise_or(cv2.bitwise_and(cv2.bitwise_not(room & self._shown), DOUBT), 1)
        self._confidence = np.asarray(cv2.bitwise_and(cv2.min(self._confidence, most), self.known), np.uint8)
        self._publish(cv2.convertScaleAbs(self._mean))


def surely_room(alpha: Alpha) -> Matte:
    """255 where a frame of this alpha shows the room for sure, at alpha's size."""
    near, wide = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, _window(share, alpha)) for share in (MARGIN, WIDE / 2))
    person = cv2.dilate(cv2.compare(alpha, SURELY_ROOM, cv2.CMP_GT), near)
    unsure = cv2.morphologyEx(cv2.inRange(alpha, SURELY_ROOM, UNSURE), cv2.MORPH_OPEN, wide)
    return cv2.bitwise_not(cv2.bitwise_or(person, cv2.dilate(unsure, np.ones(_window(WIDE_MARGIN, alpha), np.uint8))))


def _window(reach: float, plane: Alpha | Matte) -> tuple[int, int]:
    """The sides of what reaches so far, as a share of the plane's width, to all sides."""
    return (2 * max(1, round(reach * plane.shape[1])) + 1,) * 2


def shrink_plate(picture: Picture, known: Matte, size: tuple[int, int]) -> tuple[Picture, Matte]:
    """A plate and where it is known at a smaller (width, height).

    A pixel counts as known when its whole area was, so that no black of what was not enters.
    """
    small_known = cv2.compare(cv2.resize(known, size, interpolation=cv2.INTER_AREA), 255, cv2.CMP_EQ)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.asarray(small_known, np.uint8)


def _known_means(picture: Picture, known: Matte, size: tuple[int, int]) -> tuple[Picture, Matte]:
    """The means of what is known at a smaller (width, height), and 255 where anything is: a strip of the room that
    fills no cell is still all that there may be to fill from.
    """
    light, share = (
        cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for plane in (cv2.copyTo(picture, known), known)
    )
    some = cv2.compare(share, 0, cv2.CMP_GT)
    means = light * np.float32(255) / np.where(some, share, np.float32(1))[..., None]
    return cv2.convertScaleAbs(means), np.asarray(some, np.uint8)


def fill(picture: Picture, known: Matte) -> Picture:
    """The plate with its unseen parts filled in from what surrounds them; mid grey where nothing is known at all.

    Fills on a small copy by Telea's inpainting ("An Image Inpainting Technique Based on the Fast Marching Method",
    2004), smoothed, and joins softly: the painting hides what is missing as long as no edge shows where it begins.
    """
    if not cv2.countNonZero(known):
        return np.full_like(picture, 128)
    height, width = known.shape
    scale = FILL_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small, small_known = _known_means(picture, known, size)
    small = cv2.inpaint(small, cv2.bitwise_not(small_known), 3, cv2.INPAINT_TELEA)
    smooth = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3), (width, height), interpolation=cv2.INTER_CUBIC)
    away = cv2.distanceTransform(cv2.copyMakeBorder(known, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3)
    weight = np.minimum(away[1:-1, 1:-1, None] * np.float32(1 / (JOIN * width)), 1)
    return cv2.convertScaleAbs(smooth + weight * (picture - smooth.astype(np.float32)))
