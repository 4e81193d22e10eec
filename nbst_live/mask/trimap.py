"""The trimap of a frame: surely person, surely room, and the edge between, by the network's alpha and at its size.

Small holes and islands go (regions.py) and alpha is steadied (steady.py). What is then neither surely the one nor the
other is settled in full resolution (matte.py), by what is gathered here.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.guided import linear_model
from nbst_live.mask.regions import tidy
from nbst_live.mask.steady import Steadiness
from nbst_live.mask.window import around
from nbst_live.stages import Alpha, Matte, Picture, Seen, Trimap

LOW, HIGH = 0.12, 0.9
"""Alpha below LOW becomes 0 and above HIGH becomes 1: no veil of the room, no ghost of the backdrop in the person."""
DOUBT = 0.8
"""Alpha below which the network is not sure of a person."""
REACH = np.ones((3, 3), np.uint8)
"""How far, in network pixels, the edge reaches into what the network is sure of."""
NEAR, FAR = (5, 5), (21, 21)
"""Windows, at half the network's size, for the mean colours of a side: the far one where the near one holds too little
of it."""
NEXT = (3, 3)
"""Window for the mean colours next to a pixel."""
SPANS = (3, 3), (7, 7), (15, 15)
"""Windows over which alpha is averaged, to see how far the edge is."""

Plane = npt.NDArray[np.float32]


class Sides(NamedTuple):
    """What is surely `person` and what is surely `room`: (h, w) uint8, 255 where it is."""

    person: Matte
    room: Matte

    def edge(self) -> Matte:
        """255 where it is neither."""
        return cv2.bitwise_not(cv2.bitwise_or(self.person, self.room))


class Trimaps:
    """Makes them, and keeps the previous alpha and frame. For frames of one stream, in one thread at a time."""

    def __init__(self) -> None:
        self._steady = Steadiness()
        self._before: Sides | None = None

    def make(self, alpha: Alpha, seen: Seen) -> Trimap:
        """Of a frame, by its alpha; both at the network's size. One without movement begins anew."""
        small, grey, found = seen.small, seen.grey, tidy(alpha)
        alpha, keep, flow = self._steadied(found, seen)
        sides = _sure(alpha)
        self._before, window = sides, around(sides.edge())
        # OpenCV takes four times as long to split a part of a picture into planes as a picture of its own.
        here, colours = alpha[window], small[window].copy()
        inside, outside = sides.person[window], sides.room[window]
        slope, offset = linear_model(grey[window] * np.float32(1 / 255), here)
        least, most = _bounds(inside, outside)
        limit = np.empty(alpha.shape, np.float32)
        limit[window] = _limit(outside)
        alpha_3, alpha_7, alpha_15 = (cv2.blur(here, size) for size in SPANS)
        next_person, next_room = (weighted_means(colours, weight) for weight in (here, 1 - here))

        def together(*planes: npt.NDArray[Any]) -> npt.NDArray[Any]:
            """Planes of one type, (h, w) or (h, w, c) in the window, as one picture of the whole."""
            whole = np.empty((*alpha.shape, 4), planes[0].dtype)
            cv2.merge(planes, dst=whole[window])
            return whole

        return Trimap(
            small, sides.person, sides.room, cv2.compare(alpha, DOUBT, cv2.CMP_LT), limit,
            fit=together(slope, offset, keep[window], here),
            bounds=together(least, most, flow[window]),
            near_person=together(local_means(colours, inside), _level(alpha_3)),
            near_room=together(local_means(colours, outside), _level(alpha_7)),
            next_person=together(next_person, _level(alpha_15)),
            next_room=together(next_room, _level(found[window])),
        )  # fmt: skip

    def _steadied(self, alpha: Alpha, seen: Seen) -> tuple[Alpha, Plane, Plane]:
        sides = _sure(alpha)
        edge = sides.edge()
        if self._before is not None and self._before.person.shape == edge.shape:
            # What was edge, or person or room, the frame before may come along.
            edge |= self._before.edge() | (sides.person ^ self._before.person)
        return self._steady.update(alpha, seen, around(edge))


def _bounds(person: Matte, room: Matte) -> tuple[Plane, Plane]:
    """Least and most alpha at the network's size, for the edge's network to see: they lead over within what is sure, in
    half of REACH's width.
    """
    inside, outside = (cv2.blur(side, REACH.shape).astype(np.float32) * np.float32(2 / 255) for side in (person, room))
    return np.maximum(inside - 1, 0), np.minimum(2 - outside, 1)


def _limit(room: Matte) -> Plane:
    """The most alpha, in levels, at the network's size: between pixels it is 0 at the border of what is surely room,
    and 255 a pixel and a half further. A thing that is taken for somebody up to there would else end in steps.
    """
    return 1.5 * 255 - 3 * cv2.blur(room, REACH.shape).astype(np.float32)


def _sure(alpha: Alpha) -> Sides:
    """Where alpha is surely person, and surely room: REACH away from what the network leaves open."""
    person = np.asarray(cv2.compare(alpha, HIGH, cv2.CMP_GT), np.uint8)
    room = np.asarray(cv2.compare(alpha, LOW, cv2.CMP_LE), np.uint8)
    # Slivers of sure person would stand out of the edge as blocks.
    return Sides(cv2.morphologyEx(cv2.erode(person, REACH), cv2.MORPH_OPEN, REACH), cv2.erode(room, REACH))


def local_means(small: Picture, sure: Matte) -> Picture:
    """The mean colour around each pixel of those where `sure` is 255; 0 far off. `small` is (h, w, 3) and `sure`
    (h, w).
    """
    size = sure.shape[::-1]
    half = max(1, size[0] // 2), max(1, size[1] // 2)
    weight = cv2.resize(sure, half, interpolation=cv2.INTER_NEAREST)
    colours = cv2.copyTo(cv2.resize(small, half, interpolation=cv2.INTER_NEAREST), weight)
    total = cv2.merge([colours, weight])
    far, near = (cv2.boxFilter(total, cv2.CV_32F, window) for window in (FAR, NEAR))
    few = np.float32(255 * 0.01)
    far *= few / (far[..., 3:] + np.float32(255 * 1e-4))
    scale = np.float32(255) / (near[..., 3:] + few)
    near += far
    near *= scale
    means = cv2.convertScaleAbs(near)
    return np.asarray(cv2.resize(cv2.cvtColor(means, cv2.COLOR_BGRA2BGR), size, interpolation=cv2.INTER_LINEAR))


def weighted_means(small: Picture, alpha: Plane) -> Picture:
    """The mean colour next to each pixel, weighted by alpha squared."""
    weight = alpha * alpha
    scale = cv2.blur(weight, NEXT)
    scale += np.float32(1e-3)
    np.divide(np.float32(1), scale, out=scale)
    # Each plane by itself: channels beside one another cost the arithmetic between them twice the time.
    weighted = (cv2.blur(cv2.multiply(plane, weight, dtype=cv2.CV_32F), NEXT) for plane in cv2.split(small))
    return cv2.merge([cv2.multiply(plane, scale, dtype=cv2.CV_8U) for plane in weighted])


def _level(alpha: Plane) -> Matte:
    return np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8)
