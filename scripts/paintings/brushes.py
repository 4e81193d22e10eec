"""Brushes for the paintings: noise, flow fields, oil strokes, transparent washes, tiles and leaded glass.

All work is done on a canvas of WIDTH x HEIGHT that is halved at the end, which smooths every edge. Colours are BGR,
0..255; points are (x, y) in canvas pixels; a field is (HEIGHT, WIDTH), an image (HEIGHT, WIDTH, 3), both of floats.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 1536, 1152
SUBPIXEL_BITS = 4  # cv2 takes corners in 1/16 pixel

Array = npt.NDArray[np.floating[Any]]
Field = Array
Image = Array
Mask = npt.NDArray[np.bool_]


def inks(words: str) -> Array:
    """Colours written as "1f3f8f d9a441" (RRGGBB): (n, 3) float32 BGR."""
    return np.array([[int(word[k : k + 2], 16) for k in (4, 2, 0)] for word in words.split()], np.float32)


def mix(palette: Array, value: Array) -> Array:
    """Colours at places `value`, 0..1, along a palette from its first to its last: value's shape + (3,)."""
    place = np.clip(value, 0, 1) * (len(palette) - 1)
    low = np.minimum(place.astype(int), len(palette) - 2)
    part = (place - low)[..., None]
    return np.asarray((1 - part) * palette[low] + part * palette[low + 1], np.float32)


def over(below: Image, colour: Array, cover: Field | Mask) -> Image:
    """Lay a colour or an image over another where `cover` (0..1) says."""
    part = cover[..., None].astype(np.float32)
    return below + part * (colour - below)


def axes() -> tuple[Field, Field]:
    """The x and y of every canvas pixel."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return x, y


def enlarge(small: Array) -> Array:
    """A small grid drawn out smoothly over the canvas."""
    return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)


def noise(rng: np.random.Generator, cell: float, octaves: int = 4, stretch: float = 1.0) -> Field:
    """Fractal noise, mean 0 and deviation 1; the largest blots are `cell` pixels high and `stretch` times as wide."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(octaves):
        step = max(cell / 2**octave, 1.0)
        shape = (int(HEIGHT / step) + 3, int(WIDTH / max(step * stretch, 1)) + 3)
        total += enlarge(rng.standard_normal(shape, np.float32)) * np.float32(0.55**octave)
    return (total - total.mean()) / total.std()


def ridge(rng: np.random.Generator, level: float, rise: float, cell: float, octaves: int = 9) -> Field:
    """A skyline: its y for every x, (1, WIDTH) float32, around `level`, in waves of up to `rise` and length `cell`."""
    x, order = np.arange(WIDTH)[:, None], np.arange(octaves)
    waves = np.sin(2 * np.pi * x * 1.9**order / cell + rng.uniform(0, 2 * np.pi, octaves))
    return np.asarray(level + waves @ (rise * 0.5**order), np.float32)[None]


def step(start: Array | float, end: Array | float, value: Array) -> Array:
    """Smooth step from 0 at `start` to 1 at `end`."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def sample(field: Array, points: Array) -> Array:
    """Values of a field or image at points (..., 2); beyond the canvas its border counts."""
    x = np.clip(points[..., 0], 0, WIDTH - 1).astype(int)
    y = np.clip(points[..., 1], 0, HEIGHT - 1).astype(int)
    return np.asarray(field[y, x])


def scatter(rng: np.random.Generator, count: int, where: Field | Mask | None = None) -> Array:
    """Random points, (n, 2) float32: `count` of them, each kept with the chance that `where` gives for its place."""
    points = rng.uniform((-30, -30), (WIDTH + 30, HEIGHT + 30), (count, 2)).astype(np.float32)
    return points if where is None else points[sample(where.astype(np.float32), points) > rng.random(count)]


def trace(angle: Field, starts: Array, lengths: Array | float, half: int = 7) -> Array:
    """Paths along a field of directions (radians), middles at `starts`: (n, 2 * half + 1, 2) float32."""
    pace = np.broadcast_to(np.asarray(lengths, np.float32) / (2 * half), len(starts))[:, None]
    arms: list[list[Array]] = []
    for sign in (-1, 1):
        point, arm = starts, []
        for _ in range(half):
            turn = sample(angle, point)
            point = np.asarray(point + sign * pace * np.stack((np.cos(turn), np.sin(turn)), 1), np.float32)
            arm.append(point)
        arms.append(arm)
    return np.stack([*arms[0][::-1], starts, *arms[1]], 1)


def smear(field: Field, angle: Field, length: float) -> Field:
    """A field averaged along the flow, deviation 1: streaks that show the way the paint goes."""
    x, y = (axis[::8, ::8] for axis in axes())
    paths = trace(angle, np.stack((x.ravel(), y.ravel()), 1), length, 14)
    streaks = enlarge(sample(field, paths).mean(1).reshape(x.shape))
    return (streaks - streaks.mean()) / streaks.std()


def normals(path: Array) -> Array:
    """Unit normals along a path, (n, 2)."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
    return np.stack((-along[:, 1], along[:, 0]), 1)


def bend(*corners: tuple[float, float], count: int = 60) -> Array:
    """A smooth curve through the corners (Catmull-Rom), (n, 2) float32."""
    knots = np.array([corners[0], *corners, corners[-1]], np.float32)
    t = np.linspace(0, 1, max(count // (len(corners) - 1), 2), endpoint=False, dtype=np.float32)[:, None]
    pieces = []
    for a, b, c, d in zip(knots[:-3], knots[1:-2], knots[2:-1], knots[3:], strict=True):
        pieces.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.concatenate([*pieces, knots[-1:]])


def ribbon(path: Array, widths: Array | float) -> Array:
    """The outline of a line of varying width along `path`, a closed polygon (2 n, 2)."""
    side = normals(path) * np.broadcast_to(np.asarray(widths, np.float32) / 2, len(path))[:, None]
    return np.concatenate([path + side, (path - side)[::-1]])


def fixed(points: Array) -> npt.NDArray[np.int32]:
    """Points as cv2's whole numbers of 1/16 pixel."""
    return np.asarray(np.rint(points * 2**SUBPIXEL_BITS), np.int32)


def cover(*polygons: Array) -> Field:
    """Share of each pixel inside the polygons, 0..1."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [fixed(polygon)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask.astype(np.float32) / 255


def stamp(outline: Array) -> tuple[tuple[slice, slice], Field]:
    """The canvas's rows and columns around an outline, and the share of each pixel there that lies inside it."""
    low = np.clip(np.floor(outline.min(0)).astype(int) - 3, 0, (WIDTH, HEIGHT))
    high = np.clip(np.ceil(outline.max(0)).astype(int) + 3, low, (WIDTH, HEIGHT))
    # A margin of one keeps the mask from being empty where the outline lies beyond the canvas.
    mask = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillPoly(mask, [fixed(outline - low)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return (slice(low[1], high[1]), slice(low[0], high[0])), mask[:-1, :-1].astype(np.float32) / 255


def disc(x: float, y: float, radius: float, soft: float = 1.0) -> Field:
    """A round spot, 1 inside and 0 outside, its edge `soft` pixels wide."""
    px, py = axes()
    return 1 - step(radius - soft, radius + soft, np.hypot(px - x, py - y))


def blob(rng: np.random.Generator, x: float, y: float, wide: float, high: float) -> Array:
    """The outline of a round spot with a leafy border."""
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    waves = 1 + sum(rng.normal(0, 0.5 / k) * np.sin(k * turn + rng.uniform(0, 6)) * 0.3 for k in (2, 3, 5, 8, 13))
    return np.stack((x + wide * waves * np.cos(turn), y + high * waves * np.sin(turn)), 1).astype(np.float32)


def drop(x: float, y: float, radius: float) -> Array:
    """The outline of a drop."""
    turn = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    return np.stack((x + radius * np.cos(turn), y + radius * np.sin(turn)), 1).astype(np.float32)


def reduce(picture: Image) -> Image:
    """The canvas halved to the finished picture's size."""
    small = cv2.resize(picture.astype(np.float32), (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small, 0, 255), np.float32)


class Oil:
    """Thick paint: colour and relief are laid down together, bristle by bristle, and lit at the end."""

    def __init__(self, rng: np.random.Generator, ground: Image) -> None:
        self.rng = rng
        relief = np.full((HEIGHT, WIDTH), 90, np.float32)
        self.canvas = np.dstack((np.clip(ground, 0, 255), relief)).astype(np.uint8)

    def stroke(self, path: Array, width: float, colour: Array, contrast: float = 14.0) -> None:
        """One stroke along `path`: bristles of slightly different shade, load and reach; `contrast` is their spread."""
        rng, count = self.rng, max(3, round(width / 2.6))
        across = normals(path)
        along = np.linspace(0, 1, len(path))
        body = np.minimum(1, np.minimum(4 * along + 0.45, 3 * (1 - along) + 0.25))[:, None]
        shade = np.convolve(rng.normal(0, contrast, count + 2), (0.3, 0.5, 0.3), "valid")
        load = 120 + rng.normal(0, 26, count)
        load[[0, -1]] += 45  # paint piles up along both sides of a stroke
        for j, place in enumerate(np.linspace(-0.5, 0.5, count)):
            first, last = rng.integers(0, 3), len(path) - rng.integers(0, len(path) // 4 + 1)
            line = path + across * (place * width * body)
            self.line(line[first:last], width / count * 1.5, colour + shade[j], load[j])

    def line(self, path: Array, width: float, colour: Array, load: float = 120.0) -> None:
        """One plain line of paint; `load`, 0..255, is how far it stands out."""
        paint = [float(value) for value in np.clip((*colour, load), 0, 255)]
        cv2.polylines(self.canvas, [fixed(path)], False, paint, max(1, round(width)), cv2.LINE_AA, SUBPIXEL_BITS)

    def strokes(self, angle: Field, colours: Image, starts: Array, width: float, length: float, **look: float) -> None:
        """Strokes along the field through `starts`, each of the colour the image has under its middle.

        `look` may hold `jitter`, how far the colours stray, and `contrast`, the spread within a stroke.
        """
        rng, count, jitter = self.rng, len(starts), look.get("jitter", 10.0)
        paths = trace(angle, starts, length * rng.uniform(0.6, 1.3, count).astype(np.float32))
        paint = sample(colours, starts) + rng.normal(0, jitter, (count, 1)) + rng.normal(0, jitter / 2, (count, 3))
        for path, size, colour in zip(paths, width * rng.uniform(0.7, 1.25, count), paint, strict=True):
            self.stroke(path, size, colour, look.get("contrast", 14.0))

    def dots(self, colours: Array, middles: Array, radius: float) -> None:
        """Dabs of the point of a brush, a little longer than wide, one colour each."""
        rng = self.rng
        for (x, y), colour in zip(middles, colours, strict=True):
            size = radius * rng.uniform(0.75, 1.25, 2)
            box = ((float(x), float(y)), (2 * size[0], 2 * size[1]), rng.uniform(0, 180))
            for shrink, load in ((1.0, 120), (0.55, 190)):
                paint = [float(value) for value in np.clip((*colour, load), 0, 255)]
                cv2.ellipse(
                    self.canvas, (box[0], (box[1][0] * shrink, box[1][1] * shrink), box[2]), paint, -1, cv2.LINE_AA
                )

    def finish(self, relief: float = 0.9) -> Image:
        """The paint lit from the upper left, at the finished picture's size."""
        height = cv2.GaussianBlur(self.canvas[..., 3].astype(np.float32) / 255, (0, 0), 0.9)
        slope = cv2.Sobel(height, cv2.CV_32F, 1, 0) + cv2.Sobel(height, cv2.CV_32F, 0, 1)
        x, y = axes()
        cloth = 0.02 * np.sin(x * 1.1) * np.sin(y * 1.1)
        light = 1 + relief * np.clip(slope * 0.16, -0.35, 0.45) + cloth
        shine = 40 * np.clip(slope * 0.2 - 0.12, 0, 1)
        return reduce(self.canvas[..., :3] * light[..., None] + shine[..., None])


class Paper:
    """Paper and transparent colour: every wash takes its share of the light (Beer-Lambert), so layers deepen."""

    def __init__(self, rng: np.random.Generator, tint: str, rough: float) -> None:
        self.rng, self.rough = rng, rough
        self.tooth = noise(rng, 5, 2) + 0.5 * noise(rng, 14, 2)
        fibres = 0.5 * noise(rng, 3, 1, 14) + 0.5 * noise(rng, 40, 1, 0.07) + noise(rng, 300, 3)
        self.sheet = inks(tint)[0] * (1 + rough * (0.03 * self.tooth + 0.012 * fibres))[..., None]
        self.absorbed = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        self.pools = [noise(rng, 170, 4) for _ in range(5)]

    def wash(self, where: Field, colour: Array, strength: float = 1.0, edge: float = 0.5) -> None:
        """Lay a wash of one colour or an image; pigment gathers at its rim (`edge`) and in the paper's hollows."""
        rows, columns = (np.flatnonzero((where > 0.004).any(axis)) for axis in (1, 0))
        if not rows.size:
            return
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        shape = where[part]
        rim = 2 * np.clip(shape - cv2.GaussianBlur(shape, (0, 0), 7), 0, 1)
        pool = self.pools[self.rng.integers(len(self.pools))][part]
        pigment = 1 + 0.12 * self.rough * self.tooth[part] + 0.22 * pool
        density = np.clip(strength * shape * pigment * (1 + edge * (4 * rim - 0.3)), 0, 4)
        tint = colour[part] if colour.ndim == 3 else colour
        self.absorbed[part] -= density[..., None] * np.log(np.clip(tint, 3, 252) / 255)

    def shape(self, outline: Array, colour: Array, strength: float = 1.0, dry: float = 0.0) -> None:
        """Fill an outline; `dry`, 0..1, is how much of the paper a half-dry brush leaves bare."""
        part, inside = stamp(outline)
        bare = step(0.6, 1.2, self.tooth[part] * 0.6 + 2 * dry) if dry else np.float32(0)
        self.absorbed[part] -= (strength * inside * (1 - bare))[..., None] * np.log(np.clip(colour, 3, 252) / 255)

    def stroke(
        self, path: Array, widths: Array | float, colour: Array, strength: float = 1.0, dry: float = 0.0
    ) -> None:
        """One stroke of a pointed brush, its width following the pressure."""
        self.shape(ribbon(path, widths), colour, strength, dry)

    def finish(self) -> Image:
        """The sheet seen through its washes, at the finished picture's size."""
        return reduce(self.sheet * np.exp(-self.absorbed))
