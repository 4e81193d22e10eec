"""From the network's alpha to the person cut out at full resolution: steady over time, fitted to the frame's edges.

The trimap (trimap.py) leaves an edge between person and room: only its pixels are looked at in full resolution
(pixels.py). Their alpha is found by all that is known of them, and the person's own colours with it (edge.py).
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.errors import MaskError
from nbst_live.mask.edge import EdgeSolver, Samples, solve_colours
from nbst_live.mask.pixels import Pixels, Plane
from nbst_live.mask.trimap import Trimaps
from nbst_live.stages import Alpha, Cutout, Matte, Picture, Room, Trimap

LEAST = 4
"""Levels that are no more than 0, or no less than 255: no veil of the room, no ghost of the backdrop in the person."""
SOFT = 0.008
"""Reach of the soft border of the known room, as a share of the width."""
LIGHT = 0.5, 2.0
"""Least and most that the light may have changed since the plate was gathered."""


class MatteRefiner:
    """Keeps the previous alpha, frame and matte; for frames of one stream, each half in one thread."""

    def __init__(self, edge: EdgeSolver, *, over_time: bool = True) -> None:
        self._edge = edge
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

        The cutout's matte is valid until the next call but one. Raises MaskError.
        """
        anew = self._mattes[0].shape != picture.shape[:2]
        if anew:
            self._mattes = [np.zeros(picture.shape[:2], np.uint8) for _ in range(2)]
        self._mattes.reverse()
        matte, before = self._mattes
        edge = Pixels.between(trimap, matte)
        samples = self._sampled(edge, trimap, picture, room, before)
        if anew:
            samples.fit[2] = 0  # there is no matte before this one
        try:
            levels = self._edge.solve(samples)
        except MaskError:
            self._mattes = [np.zeros((0, 0), np.uint8)] * 2  # half written
            raise
        levels *= np.float32(255)
        levels += np.float32(0.5)
        settled = levels.astype(np.uint8)
        settled[settled <= LEAST] = 0
        settled[settled >= 255 - LEAST] = 255
        matte.reshape(-1)[edge.where] = settled
        mixed = np.flatnonzero(settled - np.uint8(1) < np.uint8(254))
        alpha = settled[mixed] * np.float32(1 / 255)
        colours = (side[:3].take(mixed, axis=1) for side in (samples.picture, samples.near_person, samples.behind))
        seen, person, behind = colours
        return Cutout(matte, edge.where[mixed], alpha, solve_colours(seen, alpha, person, behind))

    def _sampled(self, edge: Pixels, trimap: Trimap, picture: Picture, room: Room | None, before: Matte) -> Samples:
        """All that is known of the edge's pixels; `before` is the matte of the frame before."""
        bounds, behind = edge.sample(trimap.bounds), edge.sample(trimap.near_room)
        known = self._put_room(behind, edge, room, trimap)
        return Samples(
            picture=edge.pick_around(picture),
            fit=edge.sample(trimap.fit),
            bounds=bounds,
            near_person=edge.sample(trimap.near_person),
            behind=behind,
            next_person=edge.sample(trimap.next_person),
            next_room=edge.sample(trimap.next_room),
            known=known[None],
            before=edge.fetch(before, bounds[2:])[None] * np.float32(1 / 255),
        )

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
