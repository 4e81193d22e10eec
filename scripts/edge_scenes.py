"""People of known alpha who move before rooms, at a camera's size: what the network of the edge is trained on.

A figure is what mask_data.py draws of the `train` photos, with arms raised and things held, and loose hair besides. It
stands, goes and sways, at times faster than the shutter, and a camera with its faults looks on.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from mask_data import Painter, Sample
from mask_library import Image, Library, Size

Plane = npt.NDArray[np.float32]

FPS = 30.0
LEAST_SHARE = 0.03
"""Share of the picture that a figure covers at least."""
HAIRY, EMPTY_FIRST, SOFT_LENS = 0.6, 0.3, 0.25
"""Shares of figures with loose hair, of scenes whose room is seen before anybody comes, and of lenses out of focus."""
MOVES = {"still": 0.25, "dash": 0.3, "sway": 0.45}
SHUTTER, EXPOSURES = 0.5, 8
"""Share of a frame's time that the shutter is open, and places that are averaged into a frame."""
ROAM = 0.35
"""How far from the middle a figure goes at most, in widths of the picture."""
SUPER = 3


@dataclass(frozen=True)
class Shot:
    """One frame, (h, w, 3) uint8 BGR, and the true alpha (h, w) float32 in [0, 1]."""

    picture: Image
    alpha: Plane


@dataclass(frozen=True)
class _Move:
    kind: str
    begin: int
    frames: int
    speed: float
    swing: tuple[float, float, float]
    pace: float

    def at(self, time: float) -> tuple[float, float, float]:
        """How far the figure has gone by it: x and y in pixels, and its turn in radians."""
        t = min(max(0.0, time - self.begin), self.frames)
        if self.kind == "dash":
            return self.speed * t, 0.0, 0.0
        if self.kind == "sway":
            x, y, turn = self.swing
            return (
                x * math.sin(self.pace * t),
                y * (1 - math.cos(0.7 * self.pace * t)),
                turn * math.sin(0.8 * self.pace * t),
            )
        return 0.0, 0.0, 0.0


class EdgePainter(Painter):
    """Draws scenes; the same seed draws the same."""

    def __init__(self, library: Library, seed: int) -> None:
        super().__init__(library, seed)
        self._bare = False

    def figure(self, shape: Size) -> Image:
        """Somebody alone, (h, w, 4) uint8: colours times alpha, and alpha."""
        self._bare, alpha = True, np.zeros(shape, np.uint8)
        while (alpha > 127).mean() < LEAST_SHARE:
            image, alpha = self.webcam(shape)
        self._bare = False
        return np.dstack([image, alpha])

    def moving(self, shape: Size) -> "Scene":
        figure = self.figure(shape)
        return Scene(figure, self._background(shape), self.rng)

    def _background(self, shape: Size) -> Image:
        return np.zeros((*shape, 3), np.uint8) if self._bare else super()._background(shape)

    def _armed(self, image: Image, alpha: Image, body: Image, share: float) -> Sample:
        if self._bare and self.rng.random() < HAIRY:
            image, alpha = loosen_hair(self.rng, image, alpha)
        return super()._armed(image, alpha, body, share)


class Scene:
    """Somebody who moves before a room; `empty` is the room as the camera saw it before, or None. Read it once."""

    def __init__(self, figure: Image, room: Image, rng: random.Random) -> None:
        self._figure, self._room = figure, room
        self._chance = np.random.default_rng(rng.getrandbits(32))
        self._width = room.shape[1]
        self._frames, self._moves = rng.randint(44, 60), list[_Move]()
        begin = 0
        while begin < self._frames:
            self._moves.append(self._move(rng, begin))
            begin += self._moves[-1].frames
        self._grain = rng.choice((rng.uniform(0.5, 4), rng.uniform(1, 7)))
        self._flicker = rng.choice((0.004, 0.02, 0.04))
        self._quality = rng.choice((0, 0, rng.randint(60, 95)))
        self._softness = rng.uniform(0.5, 1.0) if rng.random() < SOFT_LENS else 0.0
        self.empty = self._taken(room.astype(np.float32), 0.3) if rng.random() < EMPTY_FIRST else None

    def shots(self) -> Iterator[Shot]:
        """Every frame, in order."""
        for index in range(self._frames):
            goes = any(move.kind == "dash" and 0 <= index - move.begin < move.frames for move in self._moves)
            open_for = SHUTTER * ((np.arange(EXPOSURES) + 0.5) / EXPOSURES - 0.5) if goes else [0.0]
            layers = [self._layer(index + float(offset)) for offset in open_for]
            layer = np.asarray(np.mean(layers, axis=0, dtype=np.float32))
            if self._softness:
                layer = cv2.GaussianBlur(layer, (0, 0), self._softness)
            alpha = layer[..., 3] / np.float32(255)
            light = 1 + self._flicker * math.sin(2.1 * index) + self._chance.normal(0, self._flicker / 8)
            seen = (layer[..., :3] + (1 - alpha[..., None]) * self._room) * np.float32(light)
            yield Shot(self._taken(seen, 1.0), alpha)

    def _move(self, rng: random.Random, begin: int) -> _Move:
        kind = rng.choices(list(MOVES), list(MOVES.values()))[0]
        scale = self._width / 640
        frames = rng.randint(6, 14) if kind == "dash" else rng.randint(8, 20)
        speed = rng.choice((-1, 1)) * rng.uniform(2, 26) * scale
        swing = rng.uniform(1, 7) * scale, rng.uniform(0, 2) * scale, rng.uniform(-0.012, 0.012)
        return _Move(kind, begin, frames, speed, swing, rng.uniform(0.15, 0.5))

    def _layer(self, time: float) -> Image:
        """The frame with nothing but the figure, at a time in frames."""
        x, y, turn = (sum(way) for way in zip(*(move.at(time) for move in self._moves), strict=True))
        reach, (height, width) = ROAM * self._width, self._figure.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height), math.degrees(turn), 1.0)
        matrix[:, 2] += reach * math.sin(x / reach), y
        return np.asarray(cv2.warpAffine(self._figure, matrix, (width, height)), np.uint8)

    def _taken(self, seen: Plane, grain: float) -> Image:
        """What the camera makes of it: `grain` is the share of its noise."""
        noise = self._chance.standard_normal(seen.shape, np.float32) * np.float32(grain * self._grain)
        picture = np.clip(seen + noise + np.float32(0.5), 0, 255).astype(np.uint8)
        if not self._quality:
            return picture
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def loosen_hair(rng: random.Random, image: Image, alpha: Image) -> Sample:
    """Loose strands behind the upper outline of somebody: colours times alpha (h, w, 3), and alpha (h, w)."""
    outlines, _ = cv2.findContours((alpha > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return image, alpha
    outline = max(outlines, key=len)[:, 0].astype(np.float64)
    top, tall = float(outline[:, 1].min()), float(np.ptp(outline[:, 1]))
    upper = outline[outline[:, 1] < top + rng.uniform(0.15, 0.45) * tall]
    if len(upper) < 30:
        return image, alpha
    own = _hair_colour(rng, image, alpha, (float(upper[:, 0].mean()), top + 0.05 * tall))
    middle, scale = upper.mean(axis=0) + np.array([0, 0.1 * tall]), tall / 300
    height, width = alpha.shape
    colour, cover = np.zeros((height * SUPER, width * SUPER, 3), np.uint8), np.zeros((height * SUPER, width * SUPER))
    length = rng.uniform(4, 14) * scale
    for _ in range(int(rng.uniform(30, 700))):
        path = np.rint(_strand(rng, upper, middle, length, scale) * SUPER).astype(np.int32)
        thick = max(1, round(rng.uniform(0.2, 0.9) * SUPER * max(scale, 0.5)))
        shade = [float(v) for v in np.clip(own * rng.uniform(0.5, 1.6), 0, 255)]
        cv2.polylines(colour, [path], False, shade, thick)
        cv2.polylines(cover, [path], False, (255,), thick)
    hair, share = (cv2.resize(side, (width, height), interpolation=cv2.INTER_AREA) for side in (colour, cover))
    free = 1 - alpha.astype(np.float32) / 255
    image = np.clip(image + free[..., None] * hair + 0.5, 0, 255).astype(np.uint8)
    return image, np.clip(alpha + free * share + 0.5, 0, 255).astype(np.uint8)


def _hair_colour(rng: random.Random, image: Image, alpha: Image, place: tuple[float, float]) -> npt.NDArray[np.float64]:
    """That of the top of the head, or some grey or brown."""
    if rng.random() < 0.3:
        return np.array([rng.uniform(0.6, 1), rng.uniform(0.8, 1), 1]) * rng.uniform(10, 200)
    column, row = (min(max(int(v), 0), side - 1) for v, side in zip(place, alpha.shape[::-1], strict=True))
    return image[row, column].astype(np.float64)


def _strand(
    rng: random.Random, outline: npt.NDArray[np.float64], middle: npt.NDArray[np.float64], length: float, scale: float
) -> npt.NDArray[np.float64]:
    """From inside the outline outward, bent, (4, 2) as x and y."""
    root = outline[rng.randrange(len(outline))]
    away = root - middle
    angle = math.atan2(away[1], away[0]) + rng.gauss(0, 0.35)
    ahead = np.array([math.cos(angle), math.sin(angle)])
    aside, reach = np.array([-ahead[1], ahead[0]]), rng.gammavariate(2, 1) * length
    bend = rng.gauss(0, 0.5) * reach
    return np.array(
        [
            root - 8 * scale * ahead,
            root,
            root + reach / 2 * ahead + 0.3 * bend * aside,
            root + reach * ahead + bend * aside,
        ]
    )
