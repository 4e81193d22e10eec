"""A mosaic: a bay at sunset in small stones and gold, set in rows along the contours."""

import cv2
import numpy as np
import numpy.typing as npt

from paintings.brushes import (
    HEIGHT,
    WIDTH,
    Array,
    Field,
    Image,
    Mask,
    axes,
    cover,
    inks,
    mix,
    noise,
    over,
    reduce,
    ridge,
    sample,
    stamp,
    step,
)

TILE = 19.0  # canvas pixels
SUN = (1010, 350)


def mosaic(rng: np.random.Generator) -> Image:
    """Sun, hills, cypresses, a boat and the sea, laid region by region and then filled up with chips."""
    design = _Design(rng)
    wall = _Wall(rng, design.colours)
    for region in np.unique(design.regions):
        _lay_rows(wall, design.regions == region)
    for size in (13.0, 9.0):
        bare = cv2.distanceTransform(wall.free, cv2.DIST_L2, 3)
        peaks = (bare == cv2.dilate(bare, np.ones((9, 9)))) & (bare > 0.36 * size)
        for y, x in np.argwhere(peaks):
            wall.lay(np.array((x, y), float), rng.uniform(0, np.pi), (size, size))
    return wall.finish()


class _Design:
    """What the mosaic shows: the colour and the number of the region at every pixel."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, (self.x, self.y) = rng, axes()
        sunset = inks("f4d58a e8b45f d98f4a b8673f 8a4a3a")
        self.colours = mix(sunset, np.hypot(self.x - SUN[0], self.y - SUN[1]) / 900 + 0.05 * noise(rng, 120, 3))
        self.regions: npt.NDArray[np.int32] = np.ones((HEIGHT, WIDTH), np.int32)
        self._sun()
        self._hills_and_sea()
        self._cypresses()
        self._boat()

    def add(self, inside: Mask, colours: str, tone: Field) -> None:
        """Add a region; `tone`, 0..1, picks each pixel's colour from the first to the last one."""
        self.colours = over(self.colours, mix(inks(colours), tone), inside)
        self.regions[inside] = self.regions.max() + 1

    def _sun(self) -> None:
        far = np.hypot(self.x - SUN[0], self.y - SUN[1])
        rays = np.sin(16 * np.arctan2(self.y - SUN[1], self.x - SUN[0])) > 0
        self.add((far < 330) & rays, "f8e08a e0a43a", far / 330)
        for radius, colours in ((190, "c8502a e07a34"), (158, "f8dc7a f0b83c"), (90, "fff2b4 f8d468")):
            self.add(far < radius, colours, 0.5 + 0.3 * noise(self.rng, 30, 2))

    def _hills_and_sea(self) -> None:
        rng, x = self.rng, self.x
        bands = (
            (ridge(rng, 560, 60, 800), "8f5a6a b87a74 d8a08a"),
            (ridge(rng, 640, 50, 700), "6a4a5a 94605a b88a5a"),
            (725 + 8 * np.sin(x / 60), "1f5f74 3f94a0 8fc4b4"),
            (800 + 10 * np.sin(x / 75 + 1), "174a66 2f7f94 6fb4ac"),
            (890 + 12 * np.sin(x / 90 + 2), "123a58 24688a 58a4a8"),
            (ridge(rng, 985, 40, 600), "5a5a24 8a8434 c4a848"),
            (ridge(rng, 1075, 30, 500), "3a3f1f 6a6a2a a0903a"),
        )
        for crest, colours in bands:
            below = self.y - crest
            self.add(below > 0, colours, 0.75 - 0.5 * step(0, 130, below) + 0.2 * noise(rng, 50, 2, 4))

    def _cypresses(self) -> None:
        for foot, top, wide, base in ((170, 330, 92, 1060), (330, 540, 64, 1040), (1370, 560, 70, 1080)):
            high = np.clip((self.y - top) / (base - top), 0, 1)
            across = (self.x - foot) / wide
            inside = np.abs(across) < high**0.75 * np.sqrt(1 - high**7)
            tone = 0.45 - 0.35 * across + 0.15 * noise(self.rng, 30, 2)
            self.add(inside, "14261c 24452a 4a6a30 8a8a3a", tone)

    def _boat(self) -> None:
        for corners, colours in (
            (((835, 545), (842, 795), (985, 775)), "f4e8c8 d8b48a"),
            (((820, 590), (824, 795), (715, 785)), "d86a3a a83f2a"),
            (((690, 815), (960, 800), (915, 868), (750, 872)), "6a2f24 a8583a"),
        ):
            inside = cover(np.array(corners, float)) > 0.5
            self.add(inside, colours, 0.4 + 0.25 * noise(self.rng, 40, 2))


class _Wall:
    """Mortar, and the tiles pressed into it."""

    def __init__(self, rng: np.random.Generator, colours: Image) -> None:
        self.rng, self.colours = rng, colours
        self.picture = inks("4a4038")[0] * (1 + 0.1 * noise(rng, 5, 2))[..., None]
        self.free = np.full((HEIGHT, WIDTH), 255, np.uint8)

    def lay(self, middle: Array, turn: float, size: tuple[float, float]) -> None:
        """Lay one tile with a lit and a shaded edge, unless much of its place is taken."""
        rng = self.rng
        half = 0.44 * np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * size
        spin = np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))
        part, inside = stamp((half + rng.normal(0, 0.04 * size[0], (4, 2))) @ spin + middle)
        solid = inside > 0.5
        if not solid.any() or self.free[part][solid].mean() < 185:
            return
        self.free[part][inside > 0.12] = 0
        colour = sample(self.colours, middle) * rng.normal(1, 0.13) + rng.normal(0, 9, 3)
        y, x = np.mgrid[part]
        tilt = rng.normal(0, 0.012, 2)
        face = 1 + (x - middle[0]) * tilt[0] + (y - middle[1]) * tilt[1] + rng.normal(0, 0.035, x.shape)
        depth = np.minimum(cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, 3), 3)
        bevel = np.clip(cv2.Sobel(depth, cv2.CV_32F, 1, 0) + cv2.Sobel(depth, cv2.CV_32F, 0, 1), -8, 8)
        self.picture[part] = over(self.picture[part], colour * (face + 0.035 * bevel)[..., None], inside)

    def finish(self) -> Image:
        light = 1 + 0.1 * step(-200, WIDTH, -axes()[0]) + 0.05 * noise(self.rng, 300, 2)
        return reduce(self.picture * light[..., None])


def _lay_rows(wall: _Wall, region: Mask) -> None:
    """Lay tiles along the lines of equal distance from the region's border, row by row inwards."""
    margin = 40  # rows run on beyond the canvas instead of turning at its edge
    padded = np.pad(region, margin, mode="edge").astype(np.uint8)
    inward = cv2.GaussianBlur(cv2.distanceTransform(padded, cv2.DIST_L2, 5), (0, 0), 3)
    for level in np.arange(0.62 * TILE, inward.max(), 1.06 * TILE):
        lines, _ = cv2.findContours((inward > level).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for line in lines:
            path = _smooth_loop(line[:, 0].astype(np.float32) - margin)
            travelled = np.cumsum(np.linalg.norm(np.diff(path, axis=0, prepend=path[:1]), axis=1))
            ahead = np.roll(path, -3, 0) - np.roll(path, 3, 0)
            places = np.arange(wall.rng.uniform(0, TILE), travelled[-1], TILE * 1.04)
            for k in np.searchsorted(travelled, places):
                turn = float(np.arctan2(ahead[k, 1], ahead[k, 0]))
                wall.lay(path[k], turn, (TILE * wall.rng.uniform(0.8, 1.08), TILE))


def _smooth_loop(path: Array, reach: int = 9) -> Array:
    wrapped = np.pad(path, ((reach, reach), (0, 0)), mode="wrap")
    return np.asarray(cv2.GaussianBlur(wrapped, (1, 2 * reach + 1), 1, sigmaY=3), np.float32)[reach:-reach]
