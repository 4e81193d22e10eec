"""A woodcut: a breaking wave under a red sun, printed from blocks of indigo, blue, paper and red."""

import numpy as np

from paintings.brushes import (
    HEIGHT,
    WIDTH,
    Array,
    Field,
    Image,
    axes,
    bend,
    cover,
    disc,
    drop,
    inks,
    noise,
    normals,
    over,
    reduce,
    ribbon,
    stamp,
    step,
)

PAPER, FOAM, PALE, LINE, RED = inks("ead9b4 f2e6c6 9fbcc0 121a33 c9402a")
INDIGO, BLUE, LIGHT_BLUE, FAR_BLUE = inks("16264f 27477f 4f7fa8 55739a")

# A body of water lies between the curve of its back and the curve of its front.
FAR_BACK = ((-40, 800), (400, 765), (800, 795), (1200, 760), (1600, 790))
FAR_FRONT = ((-40, 960), (400, 900), (800, 930), (1200, 880), (1600, 930))
SWELL_BACK = ((600, 1000), (900, 900), (1150, 850), (1350, 760), (1600, 640))
SWELL_FRONT = ((500, 1200), (900, 1130), (1200, 1050), (1400, 990), (1600, 900))
WAVE_BACK = ((-60, 760), (60, 560), (230, 360), (430, 235), (640, 215), (790, 300), (840, 430))
WAVE_FRONT = ((900, 1180), (640, 1040), (520, 860), (500, 690), (560, 560), (680, 490), (800, 470))
NEAR_BACK = ((-60, 1010), (160, 890), (330, 870), (520, 960), (800, 1080), (1100, 1040), (1600, 960))
NEAR_FRONT = ((-60, 1260), (200, 1220), (400, 1200), (700, 1230), (900, 1240), (1200, 1220), (1600, 1230))
Corners = tuple[tuple[int, int], ...]


def woodcut(rng: np.random.Generator) -> Image:
    """A breaking sea: flat blocks of colour, cut lines that swell and thin, foam like claws."""
    block = _Block(rng)
    _sky_and_mountain(block)
    block.water(FAR_BACK, FAR_FRONT, 14)
    block.water(SWELL_BACK, SWELL_FRONT, 17)
    block.water(WAVE_BACK, WAVE_FRONT, 26)
    block.foam((*WAVE_BACK, (800, 480)), 62)
    block.water(NEAR_BACK, NEAR_FRONT, 15)
    block.foam(NEAR_BACK, 40)
    block.foam(SWELL_BACK, 30)
    for turn, far in zip(rng.uniform(-1.3, 1.2, 260), np.abs(rng.normal(0, 190, 260)) + 40, strict=True):
        block.print_small(drop(800 + far * np.cos(turn), 330 + far * np.sin(turn), rng.uniform(1.5, 6)), FOAM)
    return block.finish()


def _sky_and_mountain(block: "_Block") -> None:
    x, y = axes()
    block.print(0.85 * step(300, 0, y), BLUE)
    clouds = step(0.25, 0.3, noise(block.rng, 70, 3, 9)) * step(640, 420, y) * step(100, 220, y)
    block.print(clouds, inks("e3c797")[0])
    block.print(disc(1180, 330, 150, 1.2), RED)
    mountain = step(-1.5, 1.5, y - 545 - 1.15 * np.abs(x - 985) ** 0.86)
    snow_line = 606 + 16 * np.abs((x / 34) % 2 - 1) + 10 * np.abs((x / 13) % 2 - 1)
    block.print(mountain, FAR_BLUE)
    block.print(mountain * step(1.5, -1.5, y - snow_line), FOAM)
    block.print(step(-1.5, 1.5, y - 800), BLUE)


class _Block:
    """Paper, and the colours printed on it one over the other from wooden blocks."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.picture = np.full((HEIGHT, WIDTH, 3), PAPER)
        # The wood's grain shows in every printed area, wavy and along the board.
        rings = 34 * noise(rng, 420, 2, 3) + axes()[1] / 3.1
        self.grain = 0.6 * np.sin(rings + 1.5 * noise(rng, 60, 2, 6)) + 0.5 * noise(rng, 5, 2, 12)
        self.ink = np.clip(0.94 + 0.045 * self.grain + 0.045 * noise(rng, 7, 3), 0, 1)

    def print(self, where: Field, colour: Array) -> None:
        """Print one colour; the ink is a little uneven and lets the wood show."""
        self.picture = over(self.picture, colour, where * self.ink)

    def print_small(self, outline: Array, colour: Array) -> None:
        """Print one small shape, touching only its part of the picture."""
        part, inside = stamp(outline)
        self.picture[part] = over(self.picture[part], colour, inside * self.ink[part])

    def water(self, back_corners: Corners, front_corners: Corners, bands: int) -> None:
        """Water between two curves: bands of colour that follow them, with hairlines cut between."""
        rng = self.rng
        back, front = bend(*back_corners, count=200), bend(*front_corners, count=200)
        length = min(len(back), len(front))
        back, front = back[:length], front[:length]
        self.print(cover(np.concatenate((back, front[::-1]))), BLUE)
        gaps = np.linalg.norm(front - back, axis=1) / bands
        paints = (PALE, 0.62), (PAPER, 0.3), (INDIGO, 0.55), (LIGHT_BLUE, 0.6)
        for share in (np.arange(bands) + rng.uniform(-0.2, 0.2, bands)) / bands:
            part = slice(int(rng.uniform(0, 0.35) * length), int(rng.uniform(0.65, 1) * length))
            middle, gap = ((1 - share) * back + share * front)[part], gaps[part]
            swell = np.sin(np.pi * np.linspace(0, 1, len(middle))) ** 0.6 * gap
            colour, wide = paints[rng.choice(4, p=(0.25, 0.3, 0.25, 0.2))]
            self.print_small(ribbon(middle, swell * wide), colour)
            for shift in rng.uniform(-0.45, 0.45, 2):
                hair = middle + normals(middle) * (gap * shift)[:, None]
                self.print_small(ribbon(hair, np.minimum(0.12 * swell, 4.5)), LINE)
        for edge in (back, front):
            self.print_small(ribbon(edge, 5 + 2 * np.sin(np.arange(length) / 9)), LINE)

    def foam(self, crest_corners: Corners, size: float) -> None:
        """Foam along a crest: overlapping scallops in three rows, then claws."""
        rng, crest = self.rng, bend(*crest_corners, count=120)
        outward = -normals(crest)
        for deep in (1.0, 0.55, 0.15):
            for k in np.linspace(2, len(crest) - 3, int(2600 / size * (0.6 + 0.4 * deep))).astype(int):
                local = size * (0.5 + 0.5 * np.sin(np.pi * k / len(crest)))
                middle = crest[k] - outward[k] * deep * local * 0.9 + rng.normal(0, 0.15 * local, 2)
                self._scallop(middle, local * rng.uniform(0.35, 0.75))
        for k in range(3, len(crest) - 3, 3):
            self._claw(crest[k], outward[k], size * rng.uniform(0.6, 1.1))

    def _scallop(self, middle: Array, radius: float) -> None:
        turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        lobes = 0.82 + 0.18 * np.abs(np.sin(self.rng.integers(3, 6) * turn / 2 + self.rng.uniform(0, 6)))
        rim = radius * lobes[:, None] * np.stack((np.cos(turn), np.sin(turn)), 1)
        self.print_small(middle + rim, LINE)
        self.print_small(middle + 0.86 * rim, FOAM)
        self.print_small(middle + 0.5 * rim + radius * np.array((0.16, 0.2)), PALE)

    def _claw(self, foot: Array, outward: Array, size: float) -> None:
        """A finger of foam that curls over with the wave."""
        along = np.array((-outward[1], outward[0])) * self.rng.choice((1, 1, -1))
        reach = np.array(((0, 0), (0.5, 0.3), (0.6, 0.8), (0.2, 1.0)))
        path = bend(*(foot + size * reach @ np.stack((outward, along))), count=24)
        taper = size * 0.32 * (1 - np.linspace(0, 1, len(path))) ** 0.7
        self.print_small(ribbon(path, taper + 5), LINE)
        self.print_small(ribbon(path, taper), FOAM)

    def finish(self) -> Image:
        fibres = 1 + 0.012 * self.grain + 0.02 * noise(self.rng, 4, 2)
        return reduce(self.picture * fibres[..., None])
