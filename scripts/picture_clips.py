"""People of known alpha who move before known rooms, seen by a camera with its faults: what eval_picture.py looks at.

A `Figure` is cut from a held-out photo, its colours cleaned of the old room, or drawn with hair, fingers and glasses at
SUPER times its size, so that its alpha is exact. A `Clip` moves it: still, then SPEED pixels a frame to the right,
swaying there, back at the same speed, and swaying again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from mask_library import foreground, read_rooms, read_split

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Point = tuple[float, float]

SIZE = (640, 360)
FPS = 30.0
STILL, DASH, SWAY = 12, 11, 16
"""Frames of standing still, of going to the right or back, and of swaying after each of the two."""
SPEED = 20
"""Pixels per frame while going."""
SHUTTER = 0.5
"""Share of a frame's time that the shutter is open."""
EXPOSURES = 8
"""Places of the person that are averaged into one frame with motion blur."""
NOISE = 3.0
LIGHT = 0.02
"""Swing of the light's flicker: mains light beats against the frame rate."""
SUPER = 4
PHOTOS, DRAWN = 7, 3


@dataclass(frozen=True)
class Figure:
    """A person: premultiplied colours and alpha, (h, w, 4) uint8 BGRA, standing on the frame's lower edge."""

    name: str
    layer: Image


@dataclass(frozen=True)
class Shot:
    """One frame as the camera gives it, and the truth: the person's premultiplied colours in this frame's light and
    alpha in [0, 1], both float32, at how many pixels a frame the person goes to the right, and where the person is.
    """

    picture: Image
    person: Plane
    alpha: Plane
    speed: int
    place: Point


class Clip:
    """A figure before a room. Its frames are the same every time."""

    def __init__(self, figure: Figure, room: Image, seed: int) -> None:
        self.name, self.room, self._figure, self._seed = figure.name, room, figure, seed
        self._start = (SIZE[0] - figure.layer.shape[1] - SPEED * DASH) / 2

    def __len__(self) -> int:
        return STILL + 2 * (DASH + SWAY)

    def shots(self) -> Iterator[Shot]:
        """Every frame, in order."""
        rng = np.random.default_rng(self._seed)
        for index in range(len(self)):
            speed = self._speed(index)
            times = index + SHUTTER * (np.arange(EXPOSURES) / EXPOSURES - 0.5 + 0.5 / EXPOSURES)
            layers = [self._layer(float(time)) for time in (times if speed else [float(index)])]
            layer = np.asarray(np.mean(layers, axis=0, dtype=np.float32))
            light = np.float32(1 + LIGHT * math.sin(2.1 * index) + rng.normal(0, LIGHT / 8))
            person, alpha = layer[..., :3] * light, layer[..., 3] / np.float32(255)
            seen = person + (1 - alpha[..., None]) * light * self.room
            grain = rng.standard_normal(seen.shape, np.float32) * np.float32(NOISE)
            yield Shot(
                np.clip(seen + grain + 0.5, 0, 255).astype(np.uint8), person, alpha, speed, self._place(float(index))
            )

    def _speed(self, index: int) -> int:
        if STILL <= index < STILL + DASH:
            return SPEED
        return -SPEED if STILL + DASH + SWAY <= index < STILL + 2 * DASH + SWAY else 0

    def _layer(self, time: float) -> Image:
        """The frame with nothing but the figure, at a time in frames."""
        x, y = self._place(time)
        return np.asarray(
            cv2.warpAffine(self._figure.layer, np.array([[1, 0, x], [0, 1, y]], np.float32), SIZE), np.uint8
        )

    def _place(self, time: float) -> Point:
        """Where the figure's layer lies at a time in frames."""
        there, back = (min(max(0.0, time - begin), DASH) for begin in (STILL, STILL + DASH + SWAY))
        swaying = max(0.0, min(time - STILL - DASH, SWAY)) + max(0.0, time - STILL - 2 * DASH - SWAY)
        x = self._start + SPEED * (there - back) + 5 * math.sin(swaying / 4)
        y = SIZE[1] - self._figure.layer.shape[0] + 1.5 * (1 - math.cos(swaying / 6))
        return x, y


def read_clips(persons: Path, rooms: Path, *, other: bool = False) -> list[Clip]:
    """Held-out people and drawn ones, each before a held-out room of its own; or the same people and `other` drawn ones
    before other rooms.
    """
    first = DRAWN if other else 0
    figures = _photographed(persons) + [drawn(seed) for seed in range(first, first + DRAWN)]
    found = read_rooms(rooms, held_out=True)
    step = len(found) // len(figures)
    begin = step // 2 if other else 0
    return [Clip(f, _covering(found[begin + k * step]), seed=100 * other + k) for k, f in enumerate(figures)]


def _covering(room: Image) -> Image:
    """The middle of a room at the frame's size."""
    scale = max(SIZE[0] / room.shape[1], SIZE[1] / room.shape[0])
    large = cv2.resize(room, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    x, y = (large.shape[1] - SIZE[0]) // 2, (large.shape[0] - SIZE[1]) // 2
    return np.ascontiguousarray(large[y : y + SIZE[1], x : x + SIZE[0]])


def _photographed(persons: Path) -> list[Figure]:
    """Portraits of the `val` split, spread over it, that no side of their photo cuts off."""
    whole = []
    for name, photo, alpha in read_split(persons, "val"):
        inside = alpha > 127
        stands = inside[-8:].any() and not inside[:4].any() and not inside[:, :4].any() and not inside[:, -4:].any()
        if name.startswith("portrait") and stands:
            whole.append((name, photo, alpha))
    step = max(1, len(whole) // PHOTOS)
    return [_cut(*row) for row in whole[::step][:PHOTOS]]


def _cut(name: str, photo: Image, alpha: Image) -> Figure:
    colours = foreground(photo, alpha)
    layer = np.dstack([colours * (alpha[..., None] / np.float32(255)) + 0.5, alpha]).astype(np.uint8)
    top = int(np.flatnonzero((alpha > 127).any(1))[0])
    scale = 0.9 * SIZE[1] / (alpha.shape[0] - top)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return Figure(name, np.asarray(cv2.resize(layer, None, fx=scale, fy=scale, interpolation=method), np.uint8))


def drawn(seed: int) -> Figure:
    """A drawn person with loose hair, a raised hand with its fingers apart, and glasses wider than the face."""
    rng = np.random.default_rng(1000 + seed)
    pen = _Pen(330, 330)
    skin = (np.array([150, 180, 225]) * rng.uniform(0.6, 1.05)).clip(0, 255)
    hair = rng.uniform(0.3, 1.0) * np.array([40, 70, 110])
    cloth = rng.uniform(30, 220, 3)
    _back_hair(pen, rng, hair)
    _body(pen, skin, cloth)
    _face(pen, skin, hair)
    _loose_hair(pen, rng, hair)
    _glasses(pen)
    _hand(pen, skin, cloth)
    return Figure(f"drawn_{seed}", pen.layer())


class _Pen:
    """Draws colour and alpha alike at SUPER times the size; coordinates are pixels of the finished layer."""

    def __init__(self, width: int, height: int) -> None:
        self.colour = np.zeros((height * SUPER, width * SUPER, 3), np.uint8)
        self.alpha = np.zeros((height * SUPER, width * SUPER), np.uint8)

    def ellipse(self, centre: Point, axes: Point, colour: npt.ArrayLike, width: float = 0) -> None:
        thick = max(1, round(width * SUPER)) if width else -1
        where = (_scaled(centre), _scaled(axes), 0, 0, 360)
        cv2.ellipse(self.colour, *where, _triple(colour), thick)
        cv2.ellipse(self.alpha, *where, (255,), thick)

    def line(self, points: list[Point], colour: npt.ArrayLike, width: float) -> None:
        path, thick = np.array([_scaled(p) for p in points], np.int32), max(1, round(width * SUPER))
        cv2.polylines(self.colour, [path], False, _triple(colour), thick)
        cv2.polylines(self.alpha, [path], False, (255,), thick)

    def polygon(self, points: list[Point], colour: npt.ArrayLike) -> None:
        path = np.array([_scaled(p) for p in points], np.int32)
        cv2.fillPoly(self.colour, [path], _triple(colour))
        cv2.fillPoly(self.alpha, [path], (255,))

    def layer(self) -> Image:
        """Light from the left, and averaged down: the share of a pixel that is covered is its alpha."""
        width = self.colour.shape[1]
        light = np.linspace(1.15, 0.7, width, dtype=np.float32)[None, :, None]
        lit = np.minimum(self.colour * light, 255) * (self.alpha[..., None] > 0)
        whole = np.dstack([lit, self.alpha]).astype(np.uint8)
        return np.asarray(cv2.resize(whole, None, fx=1 / SUPER, fy=1 / SUPER, interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(point: Point) -> tuple[int, int]:
    return round(point[0] * SUPER), round(point[1] * SUPER)


def _triple(colour: npt.ArrayLike) -> tuple[float, float, float]:
    b, g, r = (float(v) for v in np.asarray(colour))
    return b, g, r


def _back_hair(pen: _Pen, rng: np.random.Generator, hair: npt.NDArray[np.float64]) -> None:
    pen.ellipse((165, 105), (62, 74), hair * 0.8)
    pen.polygon([(106, 110), (102, 190), (228, 190), (224, 110)], hair * 0.8)
    for x in rng.uniform(100, 230, 160):
        bend = rng.normal(0, 9)
        tip = rng.uniform(188, 222)
        pen.line([(x, 150), (x + bend / 2, 175), (x + bend, tip)], hair * rng.uniform(0.6, 1.5), rng.uniform(0.3, 1.0))


def _body(pen: _Pen, skin: npt.NDArray[np.float64], cloth: npt.NDArray[np.float64]) -> None:
    pen.ellipse((165, 345), (128, 120), cloth)
    for x in range(60, 290, 22):
        pen.line([(x, 260), (x + 6, 330)], cloth * 0.85, 2)
    pen.polygon([(142, 170), (140, 236), (165, 252), (190, 236), (188, 170)], skin * 0.85)


def _face(pen: _Pen, skin: npt.NDArray[np.float64], hair: npt.NDArray[np.float64]) -> None:
    pen.ellipse((165, 125), (47, 62), skin)
    pen.ellipse((165, 165), (20, 6), skin * 0.9)
    for x in (147, 183):
        pen.ellipse((x, 118), (8, 4.5), (235, 240, 240))
        pen.ellipse((x, 118), (4, 4), (60, 50, 40))
        pen.line([(x - 10, 104), (x, 101), (x + 10, 104)], hair * 0.7, 3)
    pen.line([(165, 118), (161, 142), (168, 144)], skin * 0.75, 2)
    pen.ellipse((165, 160), (15, 4), (90, 80, 190))


def _loose_hair(pen: _Pen, rng: np.random.Generator, hair: npt.NDArray[np.float64]) -> None:
    for angle in rng.uniform(math.pi * 0.98, math.pi * 2.02, 380):
        direction = np.array([math.cos(angle), math.sin(angle)])
        root = np.array([165, 112]) + direction * [52, 62]
        length, bend = rng.gamma(2.0, 6.0), rng.normal(0, 8)
        side = np.array([-direction[1], direction[0]]) * bend
        path = [tuple(root - 14 * direction), tuple(root), tuple(root + direction * length + side)]
        pen.line(path, hair * rng.uniform(0.5, 1.6), rng.uniform(0.3, 0.9))


def _glasses(pen: _Pen) -> None:
    for x in (142, 188):
        pen.ellipse((x, 119), (20, 15), (30, 30, 35), 2)
    pen.line([(161, 116), (169, 116)], (30, 30, 35), 2)
    for a, b in ((122, 104), (208, 226)):
        pen.line([(a, 115), (b, 112)], (30, 30, 35), 2)


def _hand(pen: _Pen, skin: npt.NDArray[np.float64], cloth: npt.NDArray[np.float64]) -> None:
    pen.line([(270, 300), (292, 235), (290, 190)], cloth, 34)
    pen.line([(291, 205), (290, 170)], skin * 0.9, 22)
    pen.ellipse((290, 152), (19, 22), skin)
    for x, y in ((268, 108), (281, 96), (295, 95), (308, 103)):
        pen.line([(290 + (x - 290) * 0.55, 148), (x, y)], skin * 0.97, 7.5)
    pen.line([(278, 162), (257, 140)], skin * 0.97, 8)
