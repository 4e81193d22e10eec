"""From the network's alpha to the person cut out at full resolution: steady over time, fitted to the frame's edges.

The trimap (trimap.py) leaves an edge between person and room: only its pixels are looked at in full resolution
(pixels.py). Their alpha is found by all that is known of them (evidence.py), and the person's own colours with it
(edge.py).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nbst_live.mask.edge import EdgeSolver, solve_colours
from nbst_live.mask.evidence import Earlier, Evidence, Rooms
from nbst_live.mask.light import gains
from nbst_live.mask.pixels import Pixels, Plane, Subdivision
from nbst_live.mask.seen import Sight
from nbst_live.mask.trimap import Trimaps
from nbst_live.stages import Alpha, Cutout, Matte, Picture, Room, Seen, Trimap

LEAST = 9
"""Levels that are no more than 0, or no less than 255: no veil of the room, no ghost of the backdrop in the person."""


class Cut(NamedTuple):
    """Pixels of the edge: the level of each, and of those that are mixed the index, alpha and colours."""

    levels: Matte
    mixed: npt.NDArray[np.intp]
    alpha: Plane
    colours: Plane


class Settled(NamedTuple):
    """What is kept of a frame until the next one: as it was, its matte, and the picture at the network's size."""

    frame: Picture
    matte: Matte
    small: Picture


class MatteRefiner:
    """Keeps the previous alpha, frame and matte; for frames of one stream, each step in one thread at a time.

    `over_time` is of `refine` alone: whether the pictures that it is given are such a stream.
    """

    def __init__(self, edge: EdgeSolver, *, over_time: bool = True) -> None:
        self._edge = edge
        self._sight = Sight(over_time=over_time)
        self._trimaps = Trimaps()
        self._rooms = Rooms()
        self._mattes = [np.zeros((0, 0), np.uint8)] * 2
        self._earlier: Settled | None = None

    def refine(self, alpha: Alpha, picture: Picture, room: Room | None = None) -> Cutout:
        """Both steps: the person of `picture` by its alpha at the network's size."""
        return self.settle(self.trimap(alpha, self._sight.of(picture, *alpha.shape[::-1])), picture, room)

    def trimap(self, alpha: Alpha, seen: Seen) -> Trimap:
        """The first step: at the network's size, of what is seen of a picture."""
        return self._trimaps.make(alpha, seen)

    def settle(self, trimap: Trimap, picture: Picture, room: Room | None = None) -> Cutout:
        """The second step: the person of `picture`, in its size, which is also the room's.

        The picture is kept until the next call, and must not change. The cutout's matte is valid until the next call
        but one, and not to be changed. Raises MaskError.
        """
        matte = self._buffer(picture)
        earlier, self._earlier = self._earlier, None
        before = None if earlier is None else Earlier(earlier.frame, earlier.matte, gains(trimap.small, earlier.small))
        evidence = Evidence(trimap, picture, before, self._rooms.known(room, trimap))
        parts = Subdivision(trimap, matte.shape)
        corners = self._cut(parts.corners, evidence)
        left = parts.fill(corners.levels, matte)
        inner = self._cut(left, evidence)
        matte.reshape(-1)[left.where] = inner.levels
        self._earlier = Settled(picture, matte, trimap.small)
        return Cutout(
            matte,
            np.concatenate([corners.mixed, inner.mixed]),
            np.concatenate([corners.alpha, inner.alpha]),
            np.concatenate([corners.colours, inner.colours], axis=1),
        )

    def _buffer(self, picture: Picture) -> Matte:
        """For this frame's matte; that of the frame before stays as it is."""
        if self._mattes[0].shape != picture.shape[:2]:
            self._mattes = [np.empty(picture.shape[:2], np.uint8) for _ in range(2)]
            self._earlier = None
        self._mattes.reverse()
        return self._mattes[0]

    def _cut(self, pixels: Pixels, evidence: Evidence) -> Cut:
        samples = evidence.of(pixels)
        levels = self._edge.solve(samples)
        levels *= np.float32(255)
        np.minimum(levels, pixels.sample(evidence.trimap.limit)[0], out=levels)
        np.maximum(levels, 0, out=levels)
        levels += np.float32(0.5)
        settled = levels.astype(np.uint8)
        settled[settled <= LEAST] = 0
        settled[settled >= 255 - LEAST] = 255
        mixed = np.flatnonzero(settled - np.uint8(1) < np.uint8(254))
        alpha = settled[mixed] * np.float32(1 / 255)
        sides = (samples.picture, samples.near_person, samples.behind)
        seen, person, behind = (side.take(mixed, axis=1) for side in sides)
        return Cut(settled, pixels.where[mixed], alpha, solve_colours(seen, alpha, person, behind))
