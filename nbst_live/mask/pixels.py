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

    def pick(self, picture: Picture) -> Plane:
        """A full picture (H, W, c) at these pixels, (c, N) float32."""
        rows = picture.reshape(-1, picture.shape[2]).take(self.where, axis=0)
        return np.ascontiguousarray(rows.T, np.float32)

    def sample(self, plane: Plane, first: int = 4) -> Plane:
        """The `first` so many of the channels of a plane (h, w, 4) of the network's size at these pixels, (c, N)
        float32, bilinear.
        """
        found = _remap(plane, self.x, self.y).reshape(-1, 4)[: len(self.where), :first]
        return np.ascontiguousarray(found.T, np.float32)

    def fetch(self, matte: Matte, flow: Plane) -> Plane:
        """A matte of the full size at the places that a flow (2, N), x and y in pixels of the network's size, points to
        from these pixels; (N,) float32 in 0..255, bilinear.
        """
        x, y = (
            _scaled(_rows(step) + place, ratio)
            for step, place, ratio in zip(flow, (self.x, self.y), self.scale, strict=True)
        )
        return _remap(matte, x, y).reshape(-1)[: len(self.where)].astype(np.float32)


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
