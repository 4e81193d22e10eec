"""From the network's alpha to the person cut out at full resolution: steady over time, fitted to the frame's edges.

At the network's size small holes and islands go (regions.py) and alpha is steadied (steady.py). Between what is then
surely person and surely room lies the edge: only its pixels are looked at in full resolution. There alpha begins as the
guided filter's (guided.py) and is settled, with the person's own colours, by the compositing equation (edge.py).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.edge import local_means, solve_alpha, solve_colours
from nbst_live.mask.guided import linear_model
from nbst_live.mask.regions import tidy
from nbst_live.mask.shrink import shrink
from nbst_live.mask.steady import Steadiness
from nbst_live.stages import Alpha, Cutout, Matte, Picture, Room

LOW, HIGH = 0.12, 0.9
"""Alpha below LOW becomes 0 and above HIGH becomes 1: no veil of the room, no ghost of the backdrop in the person."""
REACH = np.ones((5, 5), np.uint8)
"""How far, in network pixels, the edge reaches into what the network is sure of."""
LUMA = np.array([0.114, 0.587, 0.299], np.float32) / np.float32(255)
LIGHT = 0.5, 2.0
"""Least and most that the light may have changed since the plate was gathered."""
ROW = 1024
"""cv2.remap takes no map higher than 32767: a list of pixels is sampled as a picture of rows of this width."""

Plane = npt.NDArray[np.float32]
Sure = tuple[Matte, Matte]
"""255 where there is surely person, and where surely room, both at the network's size."""


class MatteRefiner:
    """Keeps the previous alpha, luma and matte; for frames of one stream, in one thread."""

    def __init__(self, *, over_time: bool = True) -> None:
        self._over_time = over_time
        self._steady = Steadiness()
        self._mattes = [np.zeros((0, 0), np.uint8)] * 2
        self._room: Room | None = None
        self._small_room: tuple[Picture, Matte]

    def refine(self, alpha: Alpha, picture: Picture, room: Room | None = None) -> Cutout:
        """The person of `picture` by its alpha at the network's size; `room` has the picture's size.

        The cutout's matte is valid until the next call but one.
        """
        if self._mattes[0].shape != picture.shape[:2]:
            self._mattes = [np.zeros(picture.shape[:2], np.uint8) for _ in range(2)]
            self._steady = Steadiness()
        small = shrink(picture, alpha.shape[1], alpha.shape[0])
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        alpha, keep, flow = self._steadied(tidy(alpha), grey)
        sure = _sure(alpha)
        self._mattes.reverse()
        matte, before = self._mattes
        edge = _Pixels.between(sure, matte)
        model = linear_model(grey * np.float32(1 / 255), alpha)
        slope, offset, hold, network = edge.sample(cv2.merge([*model, keep, alpha])).T
        person, behind = (edge.sample(local_means(small, side)) for side in sure)
        seen = picture.reshape(-1, 3)[edge.where].astype(np.float32)
        known = self._put_room(behind, edge.where, room, small, sure[1])
        prior = np.clip((slope * (seen @ LUMA) + offset - np.float32(LOW)) * np.float32(1 / (HIGH - LOW)), 0, 1)
        solved = solve_alpha(seen, prior, network, person, behind, known)
        if self._over_time:
            solved += hold * (_before(before, edge, flow) - solved)
        return _cut(matte, edge.where, solved, seen, person, behind)

    def _steadied(self, alpha: Alpha, grey: Matte) -> tuple[Alpha, Plane, Plane]:
        if self._over_time:
            return self._steady.update(alpha, grey)
        return alpha, np.zeros_like(alpha), np.zeros((*alpha.shape, 2), np.float32)

    def _put_room(
        self, behind: Plane, where: npt.NDArray[np.intp], room: Room | None, small: Picture, sure: Matte
    ) -> Plane:
        """Writes the known room, in this frame's light, into `behind`; 1 where it is known, else 0."""
        if room is None:
            return np.zeros(len(where), np.float32)
        if room is not self._room:
            self._room, size = room, small.shape[1::-1]
            picture = cv2.resize(room.picture, size, interpolation=cv2.INTER_NEAREST)
            self._small_room = picture, cv2.resize(room.known, size, interpolation=cv2.INTER_NEAREST)
        picture, known = self._small_room
        both = cv2.bitwise_and(sure, known)
        now, then = (np.array(cv2.mean(p, both)[:3], np.float32) for p in (small, picture))
        light = np.clip((now + 1) / (then + 1), *LIGHT)
        seen = room.known.reshape(-1)[where] == 255
        behind[seen] = np.minimum(room.picture.reshape(-1, 3)[where[seen]] * light, 255)
        return seen.astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Some pixels of the full picture: their flat indices, and their centres (N, 2) as shares of width and height."""

    where: npt.NDArray[np.intp]
    centres: Plane

    @classmethod
    def between(cls, sure: Sure, matte: Matte) -> "_Pixels":
        """Those between person and room; writes 255 and 0 into the matte on these sides."""
        person, room = (cv2.resize(s, matte.shape[::-1], interpolation=cv2.INTER_NEAREST) for s in sure)
        np.copyto(matte, person)
        found = cv2.findNonZero(cv2.bitwise_not(cv2.bitwise_or(person, room)))
        points = np.empty((0, 2), np.int32) if found is None else found.reshape(-1, 2)
        size = np.array(matte.shape[::-1], np.float32)
        where = points[:, 1].astype(np.intp) * matte.shape[1] + points[:, 0]
        return cls(where, (points.astype(np.float32) + np.float32(0.5)) / size)

    def sample(self, plane: npt.NDArray[np.generic], shift: Plane | None = None) -> Plane:
        """A picture (h, w) or (h, w, c) of any size at these pixels, (N, c) float32, bilinear.

        `shift` (N, 2) moves the places, in shares of width and height.
        """
        channels = plane.shape[2] if plane.ndim == 3 else 1
        count = len(self.where)
        if not count:
            return np.empty((0, channels), np.float32)
        centres = self.centres if shift is None else self.centres + shift
        places = centres * np.array(plane.shape[1::-1], np.float32) - np.float32(0.5)
        x, y = (np.resize(axis, (-(-count // ROW), ROW)) for axis in places.T)
        found = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found.reshape(-1, channels)[:count], np.float32)


def _before(matte: Matte, edge: _Pixels, flow: Plane) -> Plane:
    """The previous matte's alpha at the edge's pixels, moved along by the flow."""
    shift = edge.sample(flow) / np.array(flow.shape[1::-1], np.float32)
    return edge.sample(matte, shift.astype(np.float32))[:, 0] * np.float32(1 / 255)


def _sure(alpha: Alpha) -> Sure:
    """Where alpha is surely person, and surely room: REACH away from what the network leaves open."""
    person = np.asarray(cv2.compare(alpha, HIGH, cv2.CMP_GT), np.uint8)
    room = np.asarray(cv2.compare(alpha, LOW, cv2.CMP_LE), np.uint8)
    return cv2.erode(person, REACH), cv2.erode(room, REACH)


def _cut(matte: Matte, where: npt.NDArray[np.intp], alpha: Plane, seen: Plane, person: Plane, behind: Plane) -> Cutout:
    """Writes the edge's alpha into the matte; the cutout of it."""
    levels = (alpha * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    matte.reshape(-1)[where] = levels
    mixed = (levels > 0) & (levels < 255)
    alpha = levels[mixed] * np.float32(1 / 255)
    colours = solve_colours(seen[mixed], alpha, person[mixed], behind[mixed])
    return Cutout(matte, where[mixed], alpha, colours)
