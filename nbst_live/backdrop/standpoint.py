"""Where the camera looks: by how much the room has moved in the picture."""

import math
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.shrink import shrink
from nbst_live.stages import Matte, Picture

WIDTH = 320
"""Width in pixels at which the movement is looked for."""
SOFTNESS = 1.0
"""Spread, in such pixels, of what both frames are softened by: a frame that was moved by parts of a pixel is softer by
itself, and less noise is more alike."""
NUDGE = 0.002
"""Least movement that counts as one, as a share of the width."""
ALIKE = 0.8
"""Share of the difference that may be left after moving, for a movement to be believed."""
WITNESS = 1 / 6
"""Share of the picture that must show the room in both frames. In less, a shadow or a curtain may be all that moves."""
OTHER, LOST = 20, 0.02
"""Grey levels by which a pixel differs that has not moved along; and the share of such pixels up to which all of the
room has, and from which it is time to compare with another frame."""
FARTHEST = 0.25
"""Most movement, as a share of the width, that is believed."""
FAR, LONG = 0.02, 100
"""Movement, as a share of the width, and number of looks from which another frame is compared with: near and far part,
and the light changes."""

Plane = npt.NDArray[np.float32]
Vector = tuple[float, float]
"""Pixels to the right, and down."""
Level = TypeVar("Level", np.uint8, np.float32)


class Look(NamedTuple):
    """A frame at WIDTH: its luma (h, w), and where it shows the room, (h, w) uint8, 255 there."""

    luma: Plane
    room: Matte


class Movement(NamedTuple):
    """How far the room has moved between two looks, in their pixels, what share of it has not moved along, and whether
    that is believed.
    """

    x: float
    y: float
    left: float
    believed: bool


class Step(NamedTuple):
    """How far the room has moved, in whole pixels of the full picture, whether all of it has moved along, and whether
    it has moved by FAR in all since the last step that said so.
    """

    x: int
    y: int
    together: bool
    far: bool


class Standpoint:
    """Compares frames with an earlier one, by phase correlation (Kuglin and Hines 1975): so a slow pan is a movement,
    too, in the end, but one by less than NUDGE in LONG looks is none. For frames of one size.
    """

    def __init__(self) -> None:
        self._since: Look | None = None
        self._age = 0
        self._stepped: Vector = 0.0, 0.0

    def step(self, picture: Picture, room: Matte) -> Step | None:
        """How far the room has moved since it last stepped, by a frame (H, W, 3) and where that shows the room (H, W)
        uint8, 255 there; None where it has not, or where too little of it is seen.
        """
        scale = min(1.0, WIDTH / room.shape[1])
        now, since = _look(picture, room, scale), self._since
        least = WITNESS * now.room.size
        if since is None or cv2.countNonZero(since.room & now.room) < least:
            # Somebody who leans in, or covers the camera, may have moved it: what is seen then says nothing.
            if since is None or cv2.countNonZero(now.room) >= min(least, cv2.countNonZero(since.room)):
                self._compare_with(now)
            return None
        self._age += 1
        width = room.shape[1]
        found = _movement(since, now, (self._stepped[0] * scale, self._stepped[1] * scale))
        if not found.believed:
            if found.left > LOST or self._age >= LONG:
                self._compare_with(now)
            return None
        due, step = (found.x / scale - self._stepped[0], found.y / scale - self._stepped[1]), None
        if math.hypot(*due) >= NUDGE * width or found.left > LOST:
            x, y = round(due[0]), round(due[1])
            self._stepped = self._stepped[0] + x, self._stepped[1] + y
            due = due[0] - x, due[1] - y
            step = Step(x, y, found.left <= LOST, max(map(abs, self._stepped)) >= FAR * width)
        if self._age >= LONG or found.left > LOST or (step is not None and step.far):
            self._compare_with(now, due)
        return step

    def _compare_with(self, now: Look, due: Vector = (0.0, 0.0)) -> None:
        """From now on; `due` is by how much the room has moved beyond whole pixels."""
        self._since, self._age, self._stepped = now, 0, (-due[0], -due[1])


def _look(picture: Picture, room: Matte, scale: float) -> Look:
    # A window has two rows at least.
    size = max(2, round(room.shape[1] * scale)), max(2, round(room.shape[0] * scale))
    luma = cv2.cvtColor(shrink(picture, *size), cv2.COLOR_BGR2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(luma, (0, 0), SOFTNESS)
    return Look(soft, np.asarray(cv2.resize(room, size, interpolation=cv2.INTER_NEAREST), np.uint8))


def _movement(since: Look, now: Look, assumed: Vector) -> Movement:
    """Between two looks; what was `assumed` of it, in pixels, is not believed where what is found fits no better."""
    both = since.room & now.room
    size = both.shape[::-1]
    # A hard border would be the same in both pictures, and so say that nothing moved.
    soft = cv2.GaussianBlur(both.astype(np.float32), (0, 0), 0.02 * size[0]) * np.float32(1 / 255)
    window = cv2.createHanningWindow(size, cv2.CV_32F) * soft
    old, new = (_contrast(look.luma, both) for look in (since, now))
    (x, y), _ = cv2.phaseCorrelate(old * window, new * window)
    apart, before = (cv2.absdiff(new, _moved(old, by)) for by in ((x, y), assumed))
    shown, shown_before = (_moved(since.room, by) & now.room for by in ((x, y), assumed))
    fits = cv2.mean(apart * window, shown)[0] < ALIKE * cv2.mean(before * window, shown_before)[0]
    if not fits or max(abs(x), abs(y)) > FARTHEST * size[0]:
        return Movement(*assumed, _share(before, now.luma, shown_before), believed=False)
    return Movement(x, y, _share(apart, now.luma, shown), believed=True)


def _share(apart: Plane, luma: Plane, shown: Matte) -> float:
    """What share of the pixels that are `shown` differ by OTHER, by how far their contrasts are apart."""
    spread = float(cv2.meanStdDev(luma, mask=shown)[1][0, 0])
    other = cv2.compare(apart, OTHER / max(spread, 1.0), cv2.CMP_GT)
    return cv2.countNonZero(cv2.bitwise_and(other, shown)) / max(1, cv2.countNonZero(shown))


def _moved(plane: npt.NDArray[Level], by: Vector) -> npt.NDArray[Level]:
    shift = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    how = cv2.INTER_NEAREST if plane.dtype == np.uint8 else cv2.INTER_LINEAR
    return cv2.warpAffine(plane, shift, plane.shape[::-1], flags=how)


def _contrast(luma: Plane, both: Matte) -> Plane:
    """About its mean, in units of its spread, so that the light plays no part."""
    mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(luma, mask=both))
    return (luma - np.float32(mean)) / np.float32(max(spread, 1.0))
