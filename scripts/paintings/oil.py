"""Paintings in thick paint: a windy night, a river bank in dots, a town in planes."""

import numpy as np

from paintings.brushes import (
    HEIGHT,
    WIDTH,
    Array,
    Field,
    Image,
    Oil,
    axes,
    bend,
    blob,
    cover,
    inks,
    mix,
    noise,
    over,
    ribbon,
    ridge,
    sample,
    scatter,
    smear,
    stamp,
    step,
)

# The night sky: (x, y, radius, spin) of each vortex, (x, y, radius) of each star, the moon first.
VORTICES = (600, 420, 190, 7.0), (920, 290, 130, -6.0), (1140, 570, 120, 5.0), (330, 660, 120, -4.0)
STARS = (
    (1300, 190, 120), (190, 150, 62), (430, 120, 44), (720, 95, 50), (1060, 120, 38),
    (960, 520, 40), (360, 400, 40), (1430, 480, 52), (740, 630, 34), (90, 430, 36),
)  # fmt: skip


def swirl(rng: np.random.Generator) -> Image:
    """A night of wind and stars above hills, in thick oil."""
    x, y = axes()
    horizon = 860 - 90 * np.sin(x / 330 + 0.6) - 40 * np.sin(x / 120)
    wind, glow = _wind_and_stars()
    slope = np.arctan2(np.gradient(horizon, axis=1), 1) + 0.25 * noise(rng, 160, 2)
    sky = y < horizon
    angle = np.where(sky, wind, slope).astype(np.float32)

    tone = 0.3 + 0.15 * smear(noise(rng, 120, 3), angle, 420) + 0.22 * y / HEIGHT
    night = mix(inks("0a1436 10245c 1b3f8c 2c63ae 5b93c4 a3c6cf dfe3c0"), tone)
    night = over(night, mix(inks("5b93c4 a9bf8a e4c64f f6dd6a fff6c4"), glow), step(0.05, 0.6, glow))
    depth = (y - horizon) / 300
    hills = mix(inks("08131f 12322f 1f4f5c 3c7468 8f9a5c"), 0.62 + 0.2 * noise(rng, 90, 3) - 0.5 * depth)
    scene = over(hills, night, sky)

    oil = Oil(rng, scene * 0.55)
    for count, width, length, jitter in ((5200, 26, 130, 8), (9000, 15, 95, 14), (14000, 8, 62, 18)):
        oil.strokes(angle, scene, scatter(rng, count), width, length, jitter=jitter)
    sparks = mix(inks("e9c552 f4e7a0 7fb6d6 d7e4d8"), noise(rng, 60) * 0.3 + 0.5)
    oil.strokes(angle, sparks, scatter(rng, 750, sky * 0.9), 5, 44)
    _village(oil, horizon[0])
    _cypresses(oil)
    return oil.finish()


def _wind_and_stars() -> tuple[Field, Field]:
    """Direction of the night wind, which curls around vortices and stars, and the stars' glow (0..1)."""
    x, y = axes()
    along: Field = np.ones_like(x)
    down: Field = 0.35 * np.sin(x / 190 + y / 260)
    for cx, cy, radius, spin in VORTICES:
        dx, dy = (x - cx) / radius, (y - cy) / radius
        pull = spin * np.exp(-(dx * dx + dy * dy) / 1.6)
        along += pull * (-dy - 0.25 * dx)
        down += pull * (dx - 0.25 * dy)
    glow: Field = np.zeros_like(x)
    for cx, cy, radius in STARS:
        right, below = x - cx, y - cy
        far = np.hypot(right, below)
        grip = 9 * np.exp(-((far / (1.7 * radius)) ** 2)) / (far + 1)
        along, down = along - grip * below, down + grip * right
        halo = 0.28 * np.exp(-(((far - 1.6 * radius) / (0.28 * radius)) ** 2))
        glow = np.maximum(glow, np.exp(-((far / radius) ** 2) * 1.1) + halo)
    return np.arctan2(down, along).astype(np.float32), glow


def _village(oil: Oil, horizon: Array) -> None:
    """Small houses in the fold of the hills, some windows lit."""
    rng = oil.rng
    walls, roofs, lamp = inks("27406e 3f5f86 8d8f7a 5a4f63"), inks("1c2340 5f2f2c 2b2a45"), inks("ffd75e")[0]
    for middle in np.sort(rng.uniform(430, 1500, 30)):
        base, wide, high = horizon[int(middle)] + rng.uniform(60, 130), rng.uniform(24, 46), rng.uniform(20, 40)
        wall, roof = walls[rng.integers(len(walls))], roofs[rng.integers(len(roofs))]
        for x in np.arange(middle - wide / 2, middle + wide / 2, 6):
            oil.stroke(bend((x, base - high), (x, base)), 9, wall + rng.normal(0, 9))
        for side in (-0.62, 0.62):
            oil.stroke(bend((middle, base - high - 0.5 * wide), (middle + side * wide, base - high + 3)), 11, roof)
        if rng.random() < 0.7:
            oil.stroke(bend((middle - 5, base - high / 2), (middle + 6, base - high / 2)), 9, lamp)


def _cypresses(oil: Oil) -> None:
    """Dark trees like flames at the left, taller than the hills."""
    x, y = axes()
    shades = inks("040810 0b191b 163024 33481f 7a6a2a")
    leaves = mix(shades, 0.36 + 0.26 * noise(oil.rng, 40, 2))
    for middle, top, wide in ((265, 590, 55), (150, 300, 95), (60, 700, 60)):
        height = np.clip((y - top) / (HEIGHT - top), 0, 1)
        axis = x - middle - 18 * np.sin(y / 80) * height
        tongues = 1 + 0.25 * np.sin(y / 38 + np.sign(axis) * 1.3)
        inside = (np.abs(axis) < wide * height**0.75 * tongues) & (y > top)
        lean = np.pi / 2 - 0.9 * axis / wide * (1 - 0.5 * height) + 0.25 * np.sin(y / 45)
        oil.strokes(lean.astype(np.float32), leaves, scatter(oil.rng, 22000, inside), 10, 80, jitter=7)


def pointillist(rng: np.random.Generator) -> Image:
    """A river bank on a summer afternoon, in dots of pure colour beside their complements."""
    scene = _river_bank(rng)
    oil = Oil(rng, over(scene, inks("e8dcc0")[0], np.full((HEIGHT, WIDTH), 0.45)))
    pure = inks("f2d14b f09a3e e0584a c0558e 7a5ca8 3d5fb0 3f9cc4 4fae8c 5fa845 b5c840 f6ead2 2a3f78 234f3c 7a3f2c")
    for radius, pitch, stray in ((7.5, 8.5, 12), (5.4, 7.2, 20), (3.8, 6.6, 28)):
        grid = np.stack(np.meshgrid(np.arange(0, WIDTH, pitch), np.arange(0, HEIGHT, pitch)), -1).reshape(-1, 2)
        middles = (grid + rng.uniform(-0.6, 0.6, grid.shape) * pitch).astype(np.float32)
        rng.shuffle(middles)
        seen = sample(scene, middles) + rng.normal(0, stray, (len(middles), 3))
        nearest = pure[((seen[:, None] - pure) ** 2 @ np.array((0.7, 1.2, 1.0))).argmin(1)]
        colours = 0.42 * nearest + 0.58 * np.clip(seen, 0, 255)
        opposite = rng.random(len(middles)) < 0.08
        colours[opposite] = 0.45 * (270 - colours[opposite]) + 0.55 * colours[opposite]
        oil.dots(colours, middles, radius)
    return oil.finish(0.7)


def _river_bank(rng: np.random.Generator) -> Image:
    """Sky, far shore, sails, water with their reflections, a meadow in light and shade, and trees."""
    x, y = axes()
    horizon = 430
    scene = mix(inks("5f8fcf 8fb4da c9d2cf f2d9a6 f3b98a"), y / horizon + 0.06 * noise(rng, 160, 3, 4))
    shore = ridge(rng, 370, 16, 700)
    scene = over(scene, mix(inks("46508f 4f7f86 6f9f6a b0b060"), 0.45 + 0.25 * noise(rng, 40, 3)), y > shore)
    for left, high, wide in ((600, 250, 70), (770, 120, 36), (880, 170, 48), (460, 110, 32)):
        mast = np.array(((left, 425 - high), (left + wide, 415), (left + 4, 415)), np.float32)
        jib = np.array(((left - 4, 435 - high), (left - 4, 415), (left - 0.5 * wide, 415)), np.float32)
        scene = over(scene, inks("fff2d6")[0], cover(mast))
        scene = over(scene, inks("f0b48a")[0], cover(jib))
        hull = bend((left - 0.6 * wide, 421), (left + 1.1 * wide, 421))
        scene = over(scene, inks("5a2f4a")[0], cover(ribbon(hull, 13)))
    ripple = noise(rng, 16, 2, 8)
    mirror = sample(scene, np.stack((x + 14 * ripple, np.clip(2 * horizon - y + 8 * ripple, 0, horizon - 1)), -1))
    blue = mix(inks("1f4fa0 3f7fc0 7fb4d6 e6e0c8"), 0.42 + 0.22 * ripple - 0.2 * (y - horizon) / 300)
    scene = over(scene, 0.5 * mirror + 0.5 * blue, y > horizon)

    bank = 680 - 0.30 * x + 70 * np.sin(x / 260) + 0.00022 * x * x
    light = 0.6 + 0.14 * noise(rng, 60, 3, 3) - 0.45 * step(0.2, 0.9, noise(rng, 230, 3, 2.5)) + 0.1 * (y - bank) / 400
    scene = over(scene, mix(inks("1f2f6a 2f6a5a 5f9a3c b4c43c f6e470"), light), y > bank)
    return _trees(rng, scene)


def _trees(rng: np.random.Generator, scene: Image) -> Image:
    """Trees with crowns of many lobes, lit from the upper left, and their blue shadows on the meadow."""
    leaves = noise(rng, 34, 3)
    for foot, base, high, wide in ((1060, 640, 330, 130), (1330, 900, 780, 300), (150, 1000, 860, 250)):
        shade = cover(blob(rng, foot + 0.4 * wide, base + 30, 1.2 * wide, 45))
        scene = over(scene, 0.4 * scene + inks("2a3f9a")[0] * 0.5, 0.8 * shade)
        trunk = bend((foot, base + 30), (foot + 14, base - 0.35 * high), (foot - 10, base - 0.7 * high))
        scene = over(scene, inks("46305f")[0], cover(ribbon(trunk, np.linspace(0.17, 0.05, len(trunk)) * wide)))
        lobes = rng.uniform((0, 0), (2 * np.pi, 1), (26, 2))
        for turn, far in lobes[np.argsort(np.sin(lobes[:, 0]) * lobes[:, 1])[::-1]]:  # the lit top comes last
            reach = 0.75 * np.sqrt(far)
            cx, cy = foot + reach * wide * np.cos(turn), base - 0.68 * high + reach * 0.36 * high * np.sin(turn)
            tone = 0.5 - 0.42 * reach * np.sin(turn + 0.6) + 0.13 * leaves
            crown = mix(inks("15205a 1f4f5a 2f8046 86b43c ecdc56"), tone)
            scene = over(scene, crown, cover(blob(rng, cx, cy, 0.28 * wide, 0.11 * high)))
    return scene


def cubist(rng: np.random.Generator) -> Image:
    """A hill town broken into planes, each shaded from light to dark, in earth colours."""
    town = _Planes(rng)
    for _ in range(26):
        _facet(town, rng.uniform((0, -60), (WIDTH, 480)), rng.uniform(120, 300), "5f6f74 8f948a b0a888 d2c498 6f8088")
    for row in np.linspace(330, HEIGHT + 170, 8):
        for place in np.arange(-60, WIDTH + 60, 80 + 0.16 * row):
            foot = np.array((place, row - 130 * np.sin(np.pi * place / WIDTH))) + rng.normal(0, 36, 2)
            size = (62 + 0.16 * row) * rng.uniform(0.75, 1.3)
            if rng.random() < 0.22:
                for _ in range(4):
                    _facet(town, foot + rng.normal(0, 0.4 * size, 2), 0.8 * size, "22301f 3a4a2a 5f6a38 8a8a4c 2a3a34")
            else:
                _house(town, foot, size)

    oil = Oil(rng, town.scene * 0.7)
    for count, width, length, jitter in ((6000, 24, 60, 6), (11000, 14, 42, 9), (18000, 7, 28, 13)):
        oil.strokes(town.angle, town.scene, scatter(rng, count), width, length, jitter=jitter, contrast=9)
    blacks = inks("1d1712 2c2118 3f3024")
    for seam in town.seams():
        oil.stroke(seam + rng.normal(0, 1, 2).astype(np.float32), rng.uniform(3, 6.5), blacks[rng.integers(3)], 8)
    return oil.finish(0.8)


class _Planes:
    """Planes laid one over the other: their colours, the direction to brush each in, and which one is on top."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.count = rng, 0
        self.x, self.y = axes()
        self.speckle = noise(rng, 60, 3)
        self.scene = mix(inks("7a858a a8a48c c4b48c 9a9a90"), 0.5 + 0.2 * noise(rng, 260, 3))
        self.angle = 0.6 + 0.5 * noise(rng, 400, 1)
        self.owner = np.zeros((HEIGHT, WIDTH), np.float32)
        self._outlines: list[tuple[int, Array, Array]] = []

    def lay(self, corners: Array, dark: Array, light: Array) -> None:
        """Add a plane, shaded from `dark` to `light` across a direction of its own."""
        rng = self.rng
        part, share = stamp(corners)
        inside = share > 0.5
        first = corners[1] - corners[0]
        turn = np.arctan2(first[1], first[0]) + rng.choice((0.0, np.pi / 2)) + rng.normal(0, 0.15)
        way, middle, size = turn + rng.choice((-1, 1)) * np.pi / 2, corners.mean(0), np.ptp(corners, axis=0).max() + 1
        fall = (self.x[part] - middle[0]) * np.cos(way) + (self.y[part] - middle[1]) * np.sin(way)
        shaded = mix(np.stack((dark, light)), 0.5 + fall / size + 0.06 * self.speckle[part])
        self.count += 1
        np.copyto(self.scene[part], shaded, where=inside[..., None])
        np.copyto(self.angle[part], np.float32(turn), where=inside)
        np.copyto(self.owner[part], np.float32(self.count), where=inside)
        for a, b in zip(corners, np.roll(corners, -1, 0), strict=True):
            edge = np.linspace(a, b, max(int(np.linalg.norm(b - a) / 8), 4)).astype(np.float32)
            self._outlines.append((self.count, edge, middle))

    def seams(self) -> list[Array]:
        """The stretches of the planes' outlines that no later plane hides."""
        seen = []
        for number, edge, middle in self._outlines:
            inward = edge + 5 * (middle - edge) / np.linalg.norm(middle - edge, axis=1, keepdims=True)
            hidden = np.flatnonzero(sample(self.owner, inward) != number)
            seen += [run for run in np.split(edge, hidden) if len(run) > 4]
        return seen


def _facet(town: _Planes, middle: Array, size: float, colours: str) -> None:
    """A loose triangle or quadrangle in two of the colours."""
    rng, count = town.rng, int(town.rng.integers(3, 5))
    turn = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(0, 0.25, count)
    points = middle + size * np.stack((np.cos(turn), np.sin(turn)), 1) * rng.uniform(0.5, 1, (count, 1))
    dark, light = inks(colours)[rng.choice(5, 2, replace=False)]
    town.lay(points.astype(np.float32), dark * 0.8, light * 1.05)


def _house(town: _Planes, foot: Array, size: float) -> None:
    """A block seen from two sides at once: a light and a dark wall, two roof planes, a dark door or window."""
    rng = town.rng
    walls = inks("c8a468 d8bc84 b98a52 e2cfa0 a87a4c cdb79a 8f7a62")
    roofs = inks("8a4a2c a35c34 6b3a28 7a5a3c b87444")
    wall, roof = walls[rng.integers(len(walls))], roofs[rng.integers(len(roofs))]
    lean, deep, high = rng.normal(0, 0.12), rng.uniform(0.35, 0.7), rng.uniform(0.7, 1.2)
    right, back, up = (np.array(v) * size for v in ((1, 0.12 + lean), (-deep, -0.22 + lean), (lean, -high)))
    top = foot + up
    gable = top + 0.5 * right + np.array((0.0, -0.45)) * size

    def face(*corners: Array) -> Array:
        return np.array(corners, np.float32) + rng.normal(0, 0.03 * size, (len(corners), 2)).astype(np.float32)

    town.lay(face(foot, foot + back, top + back, top), wall * 0.28, wall * 0.62)
    town.lay(face(foot, foot + right, top + right, gable, top), wall * 0.68, wall * 1.15)
    town.lay(face(top, gable, gable + back, top + back), roof * 0.6, roof * 1.15)
    if rng.random() < 0.6:
        town.lay(face(gable, top + right, top + right + 0.7 * back, gable + back), roof * 0.4, roof * 0.8)
    for _ in range(rng.integers(0, 3)):
        sill = foot + right * rng.uniform(0.15, 0.7) + up * rng.uniform(0.2, 0.6)
        wide, tall = 0.16 * right, 0.28 * up
        town.lay(face(sill, sill + wide, sill + wide + tall, sill + tall), *inks("15130f 4a3a2c"))
