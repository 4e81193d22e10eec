"""All that is known of a frame's edge: the trimap, the room behind, the frame before."""

from dataclasses import dataclass

import cv2
import numpy as np

from nbst_live.mask.edge import Samples
from nbst_live.mask.light import Gains, gains
from nbst_live.mask.pixels import Framed, Pixels, Plane
from nbst_live.mask.small_room import SmallRooms
from nbst_live.stages import Matte, Picture, Room, Trimap

SOFT = 0.008
"""Reach of the soft border of the known room, as a share of the width."""
FOREIGN = 0.15, 0.4
"""Mean difference of what is surely room nearby and the known room, as a share of how light the room is: up to which
that is believed, and from which not at all. A door has opened, or somebody has come who stays behind."""
NEARBY = (11, 11)
"""Window, in network pixels, over which that is averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """The frame before and its matte, and how light this frame is beside it."""

    frame: Picture
    matte: Matte
    light: Gains


@dataclass(frozen=True, slots=True, eq=False)
class KnownRoom:
    """The room's picture, `framed` by how far it is known, 0 to 255, how light it is in this frame, and how far it is
    believed: (h, w) float32 in [0, 1], at the network's size.
    """

    framed: Framed
    light: Gains
    belief: Plane


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Of one frame, in its own size but for the trimap."""

    trimap: Trimap
    frame: Picture
    earlier: Earlier | None
    room: KnownRoom | None

    def of(self, pixels: Pixels) -> Samples:
        """What is known of these pixels of the frame."""
        trimap = self.trimap
        slope, offset, keep, alpha = pixels.sample(trimap.fit)[:, None]
        least, most, x, y = pixels.sample(trimap.bounds)[:, None]
        near_person, alpha_3 = _means(trimap.near_person, pixels)
        behind, alpha_7 = _means(trimap.near_room, pixels)
        next_person, alpha_15 = _means(trimap.next_person, pixels)
        next_room, unsteady = _means(trimap.next_room, pixels)
        known = self._put_room(behind, pixels)
        before, matte = self._before(keep, pixels, (x, y))
        return Samples(
            picture=pixels.pick(self.frame),
            slope=slope, offset=offset, keep=keep, alpha=alpha, least=least, most=most, x=x, y=y,
            near_person=near_person, alpha_3=alpha_3, behind=behind, alpha_7=alpha_7,
            next_person=next_person, alpha_15=alpha_15, next_room=next_room, unsteady=unsteady,
            known=known, before=before, matte=matte,
        )  # fmt: skip

    def _put_room(self, behind: Plane, pixels: Pixels) -> Plane:
        """Puts the known room, in this frame's light, into `behind`; in [0, 1] how far it is known and believed."""
        if self.room is None:
            return np.zeros((1, len(pixels.where)), np.float32)
        colours, known = _split(pixels.pick(self.room.framed))
        known *= np.float32(1 / 255)
        known *= pixels.sample(self.room.belief)
        for channel, (colour, gain) in enumerate(zip(colours, self.room.light, strict=True)):
            behind[channel] += known[0] * (np.minimum(colour * gain, 255) - behind[channel])
        return known

    def _before(self, keep: Plane, pixels: Pixels, flow: tuple[Plane, Plane]) -> tuple[Plane, Plane]:
        """The frame before, and its matte; where there is none nothing of it is to `keep`."""
        if self.earlier is None:
            keep[:] = 0
            return _split(np.zeros((4, len(pixels.where)), np.float32))
        colours, matte = pixels.fetch(flow, self.earlier.frame, self.earlier.matte)
        colours *= self.earlier.light[:, None]
        return colours, matte


def _means(plane: Framed, pixels: Pixels) -> tuple[Plane, Plane]:
    """Mean colours at these pixels, and a mean of alpha in [0, 1]."""
    colours, alpha = _split(pixels.sample(plane))
    alpha *= np.float32(1 / 255)
    return colours, alpha


def _split(framed: Plane) -> tuple[Plane, Plane]:
    """Views of the colours, (3, N), and of what lies beside them, (1, N), of pixels (4, N) of something `Framed`."""
    return framed[:3], framed[3:]


class Rooms:
    """Keeps the known room as it was prepared, until there is another."""

    def __init__(self) -> None:
        self._room: Room | None = None
        self._soft: Matte
        self._framed: Framed = np.zeros((0, 0, 4), np.uint8)
        self._small = SmallRooms()

    def known(self, room: Room | None, trimap: Trimap) -> KnownRoom | None:
        """The room in the light of the frame whose trimap is given."""
        if room is None:
            return None
        if room is not self._room:
            if self._room is None or room.known is not self._room.known:
                self._soft = _softened(room.known)
            if self._framed.shape[:2] != room.known.shape:
                self._framed = np.empty((*room.known.shape, 4), np.uint8)
            # Twice as fast as cv2.merge.
            cv2.cvtColor(room.picture, cv2.COLOR_BGR2BGRA, dst=self._framed)
            cv2.insertChannel(self._soft, self._framed, 3)
            self._room = room
        small = self._small.of(room, *trimap.small.shape[1::-1])
        both = cv2.bitwise_and(trimap.room, small.known)
        light = gains(trimap.small, small.framed, both)
        return KnownRoom(self._framed, light, _belief(trimap.small, small.framed, light, both))


def _belief(now: Picture, room: Framed, light: Gains, both: Matte) -> Plane:
    """How far the room is believed, by how it differs from the frame where `both` (h, w) is not 0."""
    planes = zip(cv2.split(now), cv2.split(room), light, strict=False)
    blue, green, red = (cv2.absdiff(n, cv2.convertScaleAbs(r, alpha=float(gain))) for n, r, gain in planes)
    apart = cv2.copyTo(cv2.max(cv2.max(blue, green), red), both)
    total, count = (cv2.boxFilter(plane, cv2.CV_32F, NEARBY) for plane in (apart, both))
    # Where nothing is surely room nearby, nothing speaks against what is known.
    _, lightness, *_ = cv2.mean(now, both)  # of BGR: green is most of it
    total *= np.float32(255 / max(1.0, lightness)) / (count + np.float32(1))
    return np.clip((FOREIGN[1] - total) * np.float32(1 / (FOREIGN[1] - FOREIGN[0])), 0, 1)


def _softened(known: Matte) -> Matte:
    """Falls to 0 towards the border of what is known: a step there would show in alpha as blocks."""
    width = 2 * round(SOFT * known.shape[1]) + 1
    return np.asarray(cv2.convertScaleAbs(cv2.subtract(cv2.blur(known, (width, width)), 128), alpha=255 / 127))
