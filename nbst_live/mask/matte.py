"""From the network's alpha to the person cut out at full resolution: steady over time, fitted to the frame's edges.

The trimap (trimap.py) leaves an edge between person and room: only its pixels are looked at in full resolution. There
alpha begins as the guided filter's (guided.py) and is settled, with the person's own colours, by the compositing
equation (edge.py).
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.edge import solve_alpha, solve_colours
from nbst_live.mask.pixels import Pixels, Plane
from nbst_live.mask.trimap import HIGH, LOW, Trimaps
from nbst_live.stages import Alpha, Cutout, Matte, Picture, Room, Trimap

HELD = 0.65
"""How much less than the network's alpha the settled one is held over time: it flickers less by itself."""
LUMA = np.array([0.114, 0.587, 0.299], np.float32) / np.float32(255)
SOFT = 0.008
"""Reach of the soft border of the known room, as a share of the width."""
LIGHT = 0.5, 2.0
"""Least and most that the light may have changed since the plate was gathered."""


class MatteRefiner:
    """Keeps the previous alpha, frame and matte; for frames of one stream, each half in one thread."""

    def __init__(self, *, over_time: bool = True) -> None:
        self._over_time = over_time
        self._trimaps = Trimaps(over_time=over_time)
        self._mattes = [np.zeros((0, 0), np.uint8)] * 2
        self._room: Room | None = None
        self._room_known: npt.NDArray[np.uint8]
        self._small_room: npt.NDArray[np.uint8]

    def refine(self, alpha: Alpha, picture: Picture, room: Room | None = None) -> Cutout:
        """Both halves: the person of `picture` by its alpha at the network's size."""
        return self.settle(self.trimap(alpha, picture), picture, room)

    def trimap(self, alpha: Alpha, picture: Picture) -> Trimap:
        """The first half: at the network's size, of a picture of any size."""
        return self._trimaps.make(alpha, picture)

    def settle(self, trimap: Trimap, picture: Picture, room: Room | None = None) -> Cutout:
        """The second half: the person of `picture`, in its size, which is also the room's.

        The cutout's matte is valid until the next call but one.
        """
        anew = self._mattes[0].shape != picture.shape[:2]
        if anew:
            self._mattes = [np.zeros(picture.shape[:2], np.uint8) for _ in range(2)]
        self._mattes.reverse()
        edge = Pixels.between(trimap, self._mattes[0])
        slope, offset, hold, network = edge.sample(trimap.fit)
        if anew:
            hold.fill(0)
        person, behind = edge.sample(trimap.near_person, 3), edge.sample(trimap.near_room, 3)
        seen = edge.pick(picture)
        known = self._put_room(behind, edge, room, trimap)
        prior = np.clip((slope * (LUMA @ seen) + offset - np.float32(LOW)) * np.float32(1 / (HIGH - LOW)), 0, 1)
        solved = solve_alpha(seen, prior, network, person, behind, known)
        mixed, levels = self._bounded(solved, edge, trimap, hold)
        seen, person, behind = (colours.take(mixed, axis=1) for colours in (seen, person, behind))
        return Cutout(self._mattes[0], edge.where[mixed], levels, solve_colours(seen, levels, person, behind))

    def _bounded(self, solved: Plane, edge: Pixels, trimap: Trimap, hold: Plane) -> tuple[npt.NDArray[np.intp], Plane]:
        """Puts alpha (N,) into the matte, within the bounds of what is sure and steadied. Which of the pixels are then
        neither 0 nor 255, and their alpha.
        """
        floor, ceiling, *moved = edge.sample(trimap.bounds)
        np.minimum(np.maximum(solved, floor, out=solved), ceiling, out=solved)
        solved *= np.float32(255)
        matte, before = self._mattes
        if self._over_time:
            solved += np.float32(HELD) * hold * (edge.fetch(before, np.stack(moved)) - solved)
        levels = (solved + np.float32(0.5)).astype(np.uint8)
        matte.reshape(-1)[edge.where] = levels
        mixed = np.flatnonzero(levels - np.uint8(1) < np.uint8(254))
        return mixed, levels[mixed] * np.float32(1 / 255)

    def _put_room(self, behind: Plane, edge: Pixels, room: Room | None, trimap: Trimap) -> Plane:
        """Puts the known room, in this frame's light, into `behind`; 1 where it is known, else 0."""
        if room is None:
            return np.zeros(len(edge.where), np.float32)
        size = trimap.small.shape[1::-1]
        if room is not self._room or self._small_room.shape[1::-1] != size:
            self._room = room
            self._room_known = cv2.merge([room.picture, _softened(room.known)])
            small_known = cv2.merge([room.picture, room.known])
            self._small_room = cv2.resize(small_known, size, interpolation=cv2.INTER_NEAREST)
        both = cv2.bitwise_and(trimap.room, self._small_room[..., 3])
        now, then = (np.array(cv2.mean(p, both)[:3], np.float32) for p in (trimap.small, self._small_room))
        light = np.clip((now + 1) / (then + 1), *LIGHT)
        *colours, known = edge.pick(self._room_known)
        known *= np.float32(1 / 255)
        for channel, (colour, gain) in enumerate(zip(colours, light, strict=True)):
            behind[channel] += known * (np.minimum(colour * gain, 255) - behind[channel])
        return known


def _softened(known: Matte) -> Matte:
    """Falls to 0 towards the border of what is known: a step there would show in alpha as blocks."""
    width = 2 * round(SOFT * known.shape[1]) + 1
    return np.asarray(cv2.convertScaleAbs(cv2.subtract(cv2.blur(known, (width, width)), 128), alpha=255 / 127))
