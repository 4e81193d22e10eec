"""The pixels of a frame that lie between person and room, as lists: the edge is a tenth of the frame or less."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Matte, Picture, Trimap

OPEN = 127
"""Level of what is neither surely person nor surely room."""
ROW = 1024
"""cv2.remap takes no map higher than 32767: a list of pixels is sampled as a picture of rows of this width."""

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pixels:
    """Some pixels of a full picture: their flat indices (N,), their places x and y in a picture of the network's size,
    (rows, ROW) each with the last row padded, and the full picture's `scale` over that, in x and y.
    """

    where: npt.NDArray[np.intp]
    x: Plane
    y: Plane
    scale: tuple[float, float]

    @classmethod
    def between(cls, trimap: Trimap, matte: Matte) -> Self:
        """Those that are neither person nor room; writes 255 and 0 into the matte where they are."""
        person, room = trimap.person, trimap.room
        (height, width), (rows, columns) = matte.shape, person.shape
        scale = width / columns, height / rows
        levels = (person & (255 - OPEN)) | (OPEN & ~room)
        wide = cv2.resize(levels, (width, rows), interpolation=cv2.INTER_NEAREST)
        lines = np.arange(height) * rows // height
        np.take(wide, lines, axis=0, out=matte, mode="clip")
        where = np.flatnonzero(matte == OPEN)
        line = where.astype(np.int32) // np.int32(width)
        x, y = _scaled(_rows(where - line * width), 1 / scale[0]), _scaled(_rows(line), 1 / scale[1])
        return cls(where, x, y, scale)

    def pick(self, picture: npt.NDArray[np.uint8]) -> Plane:
        """A full picture (H, W, 4) uint8 at these pixels, (4, N) float32."""
        return _taken(picture, self.where)

    def pick_around(self, picture: Picture) -> Plane:
        """A full picture (H, W, 3) at these pixels, then a pixel of the network's size further up, down, left and
        right, at the picture's border itself; (15, N) float32.
        """
        fours = cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)
        width, last = picture.shape[1], picture.shape[0] * picture.shape[1] - 1
        across, down = (max(1, round(ratio)) for ratio in self.scale)
        where, column = self.where, self.where % width
        places = (
            where,
            np.maximum(where - down * width, column),
            np.minimum(where + down * width, last - (width - 1 - column)),
            where - np.minimum(column, across),
            where + np.minimum(width - 1 - column, across),
        )
        return np.concatenate([_taken(fours, place)[:3] for place in places])

    def sample(self, plane: Plane) -> Plane:
        """A plane (h, w, 4) of the network's size at these pixels, (4, N) float32, bilinear."""
        found = _remap(plane, self.x, self.y).reshape(-1, 4)[: len(self.where)]
        return np.ascontiguousarray(found.T, np.float32)

    def fetch(self, matte: Matte | Plane, flow: Plane) -> Plane:
        """A matte of the full size at the places that a flow (2, N), x and y in pixels of the network's size, points to
        from these pixels; (N,) float32, bilinear.
        """
        x, y = (
            _scaled(_rows(step) + place, ratio)
            for step, place, ratio in zip(flow, (self.x, self.y), self.scale, strict=True)
        )
        return _remap(matte, x, y).reshape(-1)[: len(self.where)].astype(np.float32)


def _taken(picture: npt.NDArray[np.uint8], where: npt.NDArray[np.intp]) -> Plane:
    """A picture (H, W, 4) uint8 at flat indices, (4, N) float32; four bytes are taken much faster than thrice one."""
    pixels = picture.reshape(-1, 4).view(np.uint32).reshape(-1).take(where)
    return np.ascontiguousarray(pixels.view(np.uint8).reshape(-1, 4).T, np.float32)


def _rows(values: npt.NDArray[np.generic]) -> Plane:
    """A list as a picture of rows of ROW."""
    rows = np.zeros((-(-len(values) // ROW), ROW), np.float32)
    rows.reshape(-1)[: len(values)] = values
    return rows


def _scaled(places: Plane, ratio: float) -> Plane:
    """Places of pixels' centres in a picture `ratio` times as large; changes and returns the array."""
    places *= np.float32(ratio)
    places += np.float32((ratio - 1) / 2)
    return places


def _remap(plane: npt.NDArray[np.generic], x: Plane, y: Plane) -> npt.NDArray[np.generic]:
    if not x.size:
        return np.zeros((0, ROW, *plane.shape[2:]), plane.dtype)
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
