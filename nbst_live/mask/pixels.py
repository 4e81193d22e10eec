"""The pixels of a frame that lie between person and room, as lists: the edge is a tenth of the frame or less.

Where the frame is much larger than the network's size, not all of them are looked at one by one. As PointRend does
(Kirillov et al. 2020, section 3.1) the edge is subdivided: first a lattice, about two of its pixels to one of the
network's, then all of the cells whose corners are not all person or all room.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Matte, Trimap

OPEN = 127
"""Level of what is neither surely person nor surely room."""
SPACING = 0.45
"""Distance of the lattice's pixels, in pixels of the network; in the frame's own it is a whole number, 1 at least."""
ROW = 1024
"""cv2.remap takes no map higher than 32767: a list of pixels is sampled as a picture of rows of this width."""

Plane = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
Framed = npt.NDArray[np.uint8]
"""A picture with a plane, mean colours with a mean of alpha for one, (h, w, 4) uint8: BGR, then that."""


class Raster:
    """Where the pixels of a full picture lie in one of the network's size: of each of its lines and columns, by index,
    the line and column there, (H,) and (W,) intp, and the place `y` and `x` of its middle, float32.
    """

    def __init__(self, full: tuple[int, int], small: tuple[int, int]) -> None:
        """Both are (height, width)."""
        self.width, self.scale = full[1], (full[1] / small[1], full[0] / small[0])
        # Of a pixel that spans several there, the middle one: there the trimap's planes are sampled, which hold nothing
        # away from the edge.
        self.line, self.column = (
            (2 * np.arange(side) * part + max(0, part - side)) // (2 * side)
            for side, part in zip(full, small, strict=True)
        )
        self.y, self.x = (
            _scaled(np.arange(side, dtype=np.float32), part / side) for side, part in zip(full, small, strict=True)
        )

    def at(self, line: Indices, column: Indices) -> "Pixels":
        """The pixels in these lines and columns of the full picture, (N,) each."""
        return Pixels(line * self.width + column, _rows(self.x[column]), _rows(self.y[line]), self.scale)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Some pixels of a full picture: their flat indices (N,), their places x and y in a picture of the network's size,
    (rows, ROW) each with the last row padded, and the full picture's `scale` over that, in x and y.
    """

    where: Indices
    x: Plane
    y: Plane
    scale: tuple[float, float]

    def pick(self, picture: npt.NDArray[np.uint8]) -> Plane:
        """A picture (H, W, c) or a plane (H, W) of the full size at these pixels, (c, N) or (1, N) float32."""
        channels = picture.shape[2] if picture.ndim == 3 else 1
        if channels == 4:  # as whole words: in half the time
            return _planar(picture.view(np.uint32).reshape(-1).take(self.where).view(np.uint8).reshape(-1, 4))
        return _planar(picture.reshape(-1, channels).take(self.where, axis=0))

    def sample(self, plane: npt.NDArray[np.generic]) -> Plane:
        """Planes (h, w, c) or one (h, w) of the network's size at these pixels, (c, N) or (1, N) float32, bilinear."""
        return self._listed(plane, self.x, self.y)

    def fetch(self, flow: tuple[Plane, Plane], *planes: npt.NDArray[np.generic]) -> list[Plane]:
        """Pictures (H, W, c) or planes (H, W) of the full size at the places that a flow, x and y (1, N) in pixels of
        the network's size, points to from these pixels; (c, N) or (1, N) float32, bilinear.
        """
        x, y = (
            _scaled(_rows(step) + place, ratio)
            for step, place, ratio in zip(flow, (self.x, self.y), self.scale, strict=True)
        )
        return [self._listed(plane, x, y) for plane in planes]

    def _listed(self, plane: npt.NDArray[np.generic], x: Plane, y: Plane) -> Plane:
        channels = plane.shape[2] if plane.ndim == 3 else 1
        if not x.size:
            return np.zeros((channels, 0), np.float32)
        found = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return _planar(found.reshape(-1, channels)[: len(self.where)])


class Subdivision:
    """Of a frame whose trimap is known: `corners` are the pixels of its lattice that the trimap leaves open."""

    def __init__(self, trimap: Trimap, shape: tuple[int, int]) -> None:
        """`shape` is the frame's (H, W)."""
        self._shape, self._raster = shape, Raster(shape, trimap.person.shape)
        self._step = max(1, round(SPACING * min(self._raster.scale)))
        self._trimap = (trimap.person & (255 - OPEN)) | (OPEN & ~trimap.room)
        down, across = self._raster.line[:: self._step], self._raster.column[:: self._step]
        self._levels = self._trimap.take(across, axis=1).take(down, axis=0)
        self._doubt = trimap.doubt.take(across, axis=1).take(down, axis=0)
        self._open = np.flatnonzero(self._levels == OPEN)
        self.corners = self._raster.at(*self._places(self._open))

    def fill(self, levels: Matte, matte: Matte) -> Pixels:
        """Fills each cell of the matte (H, W) with its first corner's level, and what the trimap is sure of with 255 or
        0; the open pixels that are left, of cells whose corners differ or are mixed, or are person where the network
        is in doubt: there may be a slit between them that shows the room. `levels` (N,) uint8 are those of the open
        corners.
        """
        self._levels.reshape(-1)[self._open] = levels
        # A cell's corners: its first pixel, and those of the next cells to the right and below.
        cell = np.ones((min(self._step, 2),) * 2, np.uint8)
        least, most = (f(self._levels, cell, anchor=(0, 0)) for f in (cv2.erode, cv2.dilate))
        doubt = cv2.dilate(self._doubt, cell, anchor=(0, 0))
        height, width = self._shape
        # Each level as often as a cell is wide, each row as often as it is high: four times as fast as cv2.resize.
        rows = cv2.merge([self._levels] * self._step).reshape(len(self._levels), -1)[:, :width]
        for k in range(self._step):
            lines = matte[k :: self._step]
            np.copyto(lines, rows[: len(lines)])
        mixed = (least != most) | (least - np.uint8(1) < np.uint8(254)) | (least & doubt == 255)
        line, column = self._places(np.flatnonzero(mixed))
        down, right = (side[:, None] for side in np.divmod(np.arange(1, self._step**2), self._step))
        line, column = (line + down).reshape(-1), (column + right).reshape(-1)
        if height % self._step or width % self._step:
            inside = np.flatnonzero((line < height) & (column < width))
            line, column = line[inside], column[inside]
        where = self._raster.line.take(line) * self._trimap.shape[1] + self._raster.column.take(column)
        sure = self._trimap.reshape(-1).take(where)
        matte.reshape(-1)[line * width + column] = sure
        left = np.flatnonzero(sure == OPEN)
        return self._raster.at(line.take(left), column.take(left))

    def _places(self, where: Indices) -> tuple[Indices, Indices]:
        """Lines and columns in the frame of pixels of the lattice, whose flat indices there are given."""
        line, column = np.divmod(where, self._levels.shape[1])
        return line * self._step, column * self._step


def _planar(pixels: npt.NDArray[np.generic]) -> Plane:
    """A list of pixels (N, c) as planes (c, N) float32; NumPy's own transposing takes twice the time."""
    count, channels = pixels.shape
    values = pixels.astype(np.float32, copy=False)
    return np.asarray(cv2.transpose(values), np.float32) if count and channels > 1 else values.reshape(channels, count)


def _rows(values: npt.NDArray[np.generic]) -> Plane:
    """A list, (N,) or (1, N), as a picture of rows of ROW."""
    rows = np.zeros((-(-values.size // ROW), ROW), np.float32)
    rows.reshape(-1)[: values.size] = values
    return rows


def _scaled(places: Plane, ratio: float) -> Plane:
    """Places of pixels' centres in a picture `ratio` times as large; changes and returns the array."""
    places *= np.float32(ratio)
    places += np.float32((ratio - 1) / 2)
    return places
