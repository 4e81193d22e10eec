"""A leaded window: the sun rises over hills and a river."""

import cv2
import numpy as np
import numpy.typing as npt

from paintings.brushes import (
    HEIGHT,
    WIDTH,
    Field,
    Image,
    axes,
    inks,
    noise,
    over,
    reduce,
    ridge,
    scatter,
    step,
)

SUN = (768, 470)
RINGS = inks(  # two colours for each ring, from the sun outwards
    "fff3b0 ffe680 ffd24a ffb52e ff9a2e f26a2a e84a3a f2803a b83a6a 7a3f9a 3a4fb4 5a3fa0 1f3a94 2f6ac4"
)
Cells = npt.NDArray[np.int64]


def stained_glass(rng: np.random.Generator) -> Image:
    """Cells of glowing, streaky glass held by lead."""
    colours, cells = _sky(*_from_sun())
    colours, cells = _hills(rng, colours, cells)
    colours, cells = _river(colours, cells)
    shade = rng.normal(1, 0.1, 10007)[(cells * 31) % 10007]  # no two panes are quite alike
    lead_line = np.zeros((HEIGHT, WIDTH), np.uint8)
    lead_line[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    lead_line[1:] |= cells[1:] != cells[:-1]
    far = cv2.GaussianBlur(cv2.distanceTransform(1 - lead_line, cv2.DIST_L2, 5), (0, 0), 1.2)

    glass = _lit(rng, np.clip(colours * shade[..., None], 0, 255), cells, np.asarray(far))
    width = 6.5 + 1.2 * noise(rng, 40, 2)
    bulge = np.sqrt(np.clip(1 - (far / width) ** 2, 0, 1))
    shine = np.clip(cv2.Sobel(bulge, cv2.CV_64F, 1, 0) + cv2.Sobel(bulge, cv2.CV_64F, 0, 1), -1, 2)
    lead = inks("24262c")[0] * (1 + 0.45 * shine + 0.1 * noise(rng, 6, 2))[..., None]
    return reduce(over(glass, lead, step(width + 1, width - 1, np.asarray(far))))


def _lit(rng: np.random.Generator, colours: Image, cells: Cells, far: Field) -> Image:
    """The glass with daylight behind it: streaked or clouded, with bubbles, and a bloom around bright panes."""
    streaks = noise(rng, 22, 4, 7), noise(rng, 150, 4, 0.14), noise(rng, 50, 4)
    texture = np.choose((cells * 7919) % 3, streaks)
    bubbles = np.zeros((HEIGHT, WIDTH), np.float32)
    for x, y in scatter(rng, 900).astype(int):
        cv2.circle(bubbles, (int(x), int(y)), int(rng.integers(1, 4)), 1.0, -1, cv2.LINE_AA)
    bubbles -= np.roll(bubbles, 2, (0, 1))
    daylight = 0.78 + 0.34 * np.exp(-_from_sun()[0] / 620) + 0.16 * step(0, 34, far)
    glass = colours * (daylight * (1 + 0.16 * texture + 0.25 * bubbles))[..., None]
    glass += 26 * np.clip(texture - 0.9, 0, 1)[..., None]
    return np.asarray(glass + 0.22 * cv2.GaussianBlur(np.clip(glass - 120, 0, 255), (0, 0), 22))


def _from_sun() -> tuple[Field, Field]:
    """Distance from the sun's middle, and direction in radians."""
    x, y = axes()
    return np.hypot(x - SUN[0], y - SUN[1]), np.arctan2(y - SUN[1], x - SUN[0])


def _sky(far: Field, turn: Field) -> tuple[Image, Cells]:
    """Rings around the sun, cut into panes of two colours in turn."""
    ring = np.digitize(far + 14 * np.sin(5 * turn), (95, 150, 250, 390, 560, 760))
    panes = np.array((1, 10, 20, 20, 20, 40, 40))[ring]
    pane = np.floor((turn / (2 * np.pi) + 0.5 + 0.013 * ring) * panes).astype(int) % panes
    return RINGS[2 * ring + pane % 2], ring * 100 + pane


def _hills(rng: np.random.Generator, colours: Image, cells: Cells) -> tuple[Image, Cells]:
    x, y = axes()
    slant = np.floor(x / 118 + 0.9 * np.sin(y / 150) + y / 330).astype(int)
    bands = (
        (640, 60, 900, "2f7f8a 4fa48a 246a7a"), (730, 50, 700, "2f8a4a 6ab43a 1f6a44"),
        (850, 50, 800, "c4a82a e8cc3a 8aa42e"), (975, 40, 600, "1f5a3a 3f8a34 164a3a"),
    )  # fmt: skip
    for number, (level, rise, cell, words) in enumerate(bands, 10):
        inside = y > ridge(rng, level, rise, cell, octaves=3)
        colours = np.where(inside[..., None], inks(words)[slant % 3], colours)
        cells = np.where(inside, number * 100 + slant + 30, cells)
    return colours, cells


def _river(colours: Image, cells: Cells) -> tuple[Image, Cells]:
    """A river that winds towards us, wider and wider, in panes along and across it."""
    x, y = axes()
    across = x - 760 - 150 * np.sin((y - 640) / 120) * step(600, 1000, y)
    inside = (np.abs(across) < 20 + 0.42 * (y - 650)) & (y > 668)
    column = np.floor(across / (26 + 0.16 * (y - 650)) + 8).astype(int)
    row = np.floor((y + 0.12 * np.abs(across)) / 92).astype(int)
    pane = 10 * column + row
    water = inks("2f8ad8 6ac4e8 1f5ab4 a8e0ec 3f6ad0")[(7 * pane) % 5]
    return np.where(inside[..., None], water, colours), np.where(inside, 3000 + pane, cells)
