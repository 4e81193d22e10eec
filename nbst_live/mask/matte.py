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
        slope, offset, hold, network = edge.sample(cv2.merge([*model, keep, alpha]))
        person, behind = (edge.sample(local_means(small, side)) for side in sure)
        seen = edge.pick(picture)
        known = self._put_room(behind, edge, room, small, sure[1])
        prior = np.clip((slope * (LUMA @ seen) + offset - np.float32(LOW)) * np.float32(1 / (HIGH - LOW)), 0, 1)
        solved = solve_alpha(seen, prior, network, person, behind, known)
        floor, ceiling = edge.sample(cv2.merge(_bounds(sure)))
        solved = np.minimum(np.maximum(solved, floor), ceiling)
        if self._over_time:
            solved += hold * (_before(before, edge, flow) - solved)
        levels = (solved * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        matte.reshape(-1)[edge.where] = levels
        solved = levels * np.float32(1 / 255)
        return Cutout(matte, edge.where, solved, solve_colours(seen, solved, person, behind))

    def _steadied(self, alpha: Alpha, grey: Matte) -> tuple[Alpha, Plane, Plane]:
        if self._over_time:
            return self._steady.update(alpha, grey)
        return alpha, np.zeros_like(alpha), np.zeros((*alpha.shape, 2), np.float32)

    def _put_room(self, behind: Plane, edge: "_Pixels", room: Room | None, small: Picture, sure: Matte) -> Plane:
        """Puts the known room, in this frame's light, into `behind`; 1 where it is known, else 0."""
        if room is None:
            return np.zeros(len(edge.where), np.float32)
        size = small.shape[1::-1]
        if room is not self._room or self._small_room[0].shape[1::-1] != size:
            self._room = room
            picture = cv2.resize(room.picture, size, interpolation=cv2.INTER_NEAREST)
            self._small_room = picture, cv2.resize(room.known, size, interpolation=cv2.INTER_NEAREST)
        picture, known = self._small_room
        both = cv2.bitwise_and(sure, known)
        now, then = (np.array(cv2.mean(p, both)[:3], np.float32) for p in (small, picture))
        light = np.clip((now + 1) / (then + 1), *LIGHT)
        seen = edge.pick(room.known[..., None])[0] * np.float32(1 / 255)
        behind += seen * (np.minimum(edge.pick(room.picture) * light[:, None], 255) - behind)
        return seen


@dataclass(frozen=True, slots=True)
class _Pixels:
    """Some pixels of the full picture: their flat indices (N,), and their centres as shares of width and height, (2,
    rows, ROW), the last one repeated up to the end of its row.
    """

    where: npt.NDArray[np.intp]
    centres: Plane

    @classmethod
    def between(cls, sure: Sure, matte: Matte) -> "_Pixels":
        """Those between person and room; writes 255 and 0 into the matte on these sides."""
        size = matte.shape[::-1]
        cv2.resize(sure[0], size, dst=matte, interpolation=cv2.INTER_NEAREST)
        open_ = cv2.resize(cv2.bitwise_not(cv2.bitwise_or(*sure)), size, interpolation=cv2.INTER_NEAREST)
        where = np.flatnonzero(open_ > 0)
        padded = np.zeros((-(-len(where) // ROW), ROW), np.int32)
        padded.reshape(-1)[: len(where)] = where
        y, x = np.divmod(padded, np.int32(size[0]))
        centres = np.stack([(x + np.float32(0.5)) / size[0], (y + np.float32(0.5)) / size[1]])
        return cls(where, centres.astype(np.float32))

    def pick(self, picture: npt.NDArray[np.uint8]) -> Plane:
        """A full picture (H, W, c) at these pixels, (c, N) float32."""
        rows = picture.reshape(-1, picture.shape[2]).take(self.where, axis=0)
        return np.ascontiguousarray(rows.T, np.float32)

    def sample(self, plane: npt.NDArray[np.generic], shift: Plane | None = None) -> Plane:
        """A picture (h, w, c) of any size at these pixels, (c, N) float32, bilinear.

        `shift` (2, N) moves the places, in shares of width and height.
        """
        channels, count = plane.shape[2], len(self.where)
        if not count:
            return np.empty((channels, 0), np.float32)
        x, y = (c * np.float32(n) - np.float32(0.5) for c, n in zip(self.centres, plane.shape[1::-1], strict=True))
        if shift is not None:
            x.reshape(-1)[:count] += shift[0] * np.float32(plane.shape[1])
            y.reshape(-1)[:count] += shift[1] * np.float32(plane.shape[0])
        found = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.ascontiguousarray(found.reshape(-1, channels)[:count].T, np.float32)


def _before(matte: Matte, edge: _Pixels, flow: Plane) -> Plane:
    """The previous matte's alpha at the edge's pixels, moved along by the flow."""
    shift = edge.sample(flow) / np.array(flow.shape[1::-1], np.float32)[:, None]
    return edge.sample(matte[..., None], shift)[0] * np.float32(1 / 255)


def _bounds(sure: Sure) -> list[Plane]:
    """Least and most alpha at the network's size: they lead over to what is sure without a step, in half of REACH's
    width.
    """
    person, room = (cv2.blur(side * np.float32(1 / 255), REACH.shape) for side in sure)
    return [np.clip(2 * person - 1, 0, 1), np.clip(1 - (2 * room - 1), 0, 1)]


def _sure(alpha: Alpha) -> Sure:
    """Where alpha is surely person, and surely room: REACH away from what the network leaves open."""
    person = np.asarray(cv2.compare(alpha, HIGH, cv2.CMP_GT), np.uint8)
    room = np.asarray(cv2.compare(alpha, LOW, cv2.CMP_LE), np.uint8)
    # Slivers of sure person would stand out of the edge as blocks.
    return cv2.morphologyEx(cv2.erode(person, REACH), cv2.MORPH_OPEN, REACH), cv2.erode(room, REACH)
