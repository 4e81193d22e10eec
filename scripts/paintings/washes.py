"""Paintings in transparent colour on paper: mountains in ink, an autumn lake."""

import numpy as np

from paintings.brushes import (
    HEIGHT,
    WIDTH,
    Array,
    Field,
    Image,
    Paper,
    axes,
    bend,
    blob,
    cover,
    disc,
    drop,
    inks,
    mix,
    noise,
    normals,
    ribbon,
    ridge,
    scatter,
    step,
)


def ink(rng: np.random.Generator) -> Image:
    """Mountains in mist above a lake, with a pine: wet washes and dry strokes of black ink, one red sun and seal."""
    _, y = axes()
    paper = Paper(rng, "efe4cc", 1.0)
    black, red = inks("1c1b20")[0], inks("c23a24")[0]
    paper.wash(disc(985, 165, 72, 2), inks("d8553a")[0], 0.95, 0.25)
    paper.wash(step(0.4, -0.2, y / HEIGHT + 0.12 * noise(rng, 260, 4, 2)), inks("8f8a84")[0], 0.35, 0)
    ranges = (330, 90, 0.16, 110), (460, 120, 0.34, 150), (600, 120, 0.6, 170), (800, 70, 1.0, 85)
    for level, rise, strength, mist in ranges:
        crest = ridge(rng, level, rise, 620)
        below = y - crest
        fade = np.exp(-below / mist * (1 + 0.25 * noise(rng, 150, 3)))
        paper.wash(step(-1.5, 1.5, below) * np.clip(fade, 0, 1), black, strength, 0.35)
        _cliffs(paper, crest[0], strength, 0.4 * mist + 60)
        _far_trees(paper, crest[0], strength)
    _lake_and_boat(paper)
    _pine(paper)
    seal = cover(np.array(((1376, 998), (1446, 1000), (1444, 1076), (1375, 1074)), np.float32))
    cuts = (1388, 1012, 1432, 1014), (1410, 1008, 1410, 1064), (1390, 1036, 1432, 1038), (1392, 1062, 1430, 1060)
    mark = cover(*(ribbon(bend(cut[:2], cut[2:]), 6) for cut in cuts))
    paper.wash(seal * (1 - mark), red, 0.9, 0.2)
    return paper.finish()


def _cliffs(paper: Paper, crest: Array, strength: float, mist: float) -> None:
    """The dry "axe-cut" strokes that run down from a crest and give the rock its folds."""
    rng = paper.rng
    for start in rng.uniform(-20, WIDTH + 20, int(90 + 190 * strength)):
        top = crest[int(np.clip(start, 0, WIDTH - 1))] + abs(rng.normal(0, 0.25 * mist))
        fall, lean = rng.uniform(0.25, 0.8) * mist, rng.normal(0, 0.25) * mist
        path = bend((start, top), (start + 0.3 * lean + rng.normal(0, 5), top + 0.5 * fall), (start + lean, top + fall))
        swell = np.sin(np.pi * np.linspace(0.05, 1, len(path)) ** 0.6) * rng.uniform(3, 11)
        paper.stroke(path, swell, inks("1c1b20")[0], 0.5 * strength, rng.uniform(0.15, 0.5))


def _far_trees(paper: Paper, crest: Array, strength: float) -> None:
    """Groves on the ridges: dabs side by side, smaller the further away."""
    rng, size = paper.rng, 6 + 10 * strength
    for middle in rng.uniform(0, WIDTH, 9):
        for _ in range(rng.integers(5, 16)):
            x = middle + rng.normal(0, 4.5 * size)
            y = crest[int(np.clip(x, 0, WIDTH - 1))] + rng.uniform(-0.2, 1.2) * size
            for lift in np.linspace(0, 2.2 * size, 6):
                half = 0.55 * size * (1.15 - lift / (2.4 * size))
                left, right = (x - half, y - lift + rng.normal(0, 1)), (x + half, y - lift + 2)
                dab = bend(left, (x, y - lift - 2), right, count=12)
                paper.stroke(dab, 0.34 * size, inks("1c1b20")[0], 0.75 * strength, 0.2)


def _lake_and_boat(paper: Paper) -> None:
    rng, black = paper.rng, inks("1c1b20")[0]
    for y in np.sort(rng.uniform(930, HEIGHT, 46)):
        x, length = rng.uniform(-100, WIDTH), rng.uniform(80, 420) * (y / HEIGHT) ** 2
        path = bend(*((x + part * length, y + rng.normal(0, 3)) for part in (0, 0.3, 0.7, 1)))
        swell = np.sin(np.pi * np.linspace(0, 1, len(path))) * rng.uniform(2, 8)
        paper.stroke(path, swell, black, rng.uniform(0.12, 0.4), rng.uniform(0.2, 0.5))
    hull = bend((880, 985), (930, 1004), (1000, 1004), (1060, 978))
    paper.stroke(hull, 13 * np.sin(np.pi * np.linspace(0.12, 0.95, len(hull))), black, 1.8, 0.1)
    for corners, wide in (
        (((925, 990), (950, 958), (1000, 958), (1015, 988)), 6), (((1040, 978), (1036, 940)), 7),
        (((1037, 945), (1056, 958), (1060, 966)), 4), (((1028, 932), (1036, 924), (1048, 934)), 8),
        (((1060, 930), (1048, 1030)), 3), (((930, 1022), (1000, 1030), (1070, 1024)), 5),
    ):  # fmt: skip
        paper.stroke(bend(*corners), wide, black, 1.4, 0.12)
    for x, y, size in ((640, 190, 15), (690, 215, 12), (590, 230, 11), (745, 180, 9)):
        wings = bend(
            *((x + dx * size, y - dy * size) for dx, dy in ((-2, 0.6), (-0.7, 0.9), (0, 0), (0.8, 1), (2, 0.5)))
        )
        paper.stroke(wings, 4.5 * np.sin(np.pi * np.linspace(0.1, 0.95, len(wings))), black, 1.4)


def _pine(paper: Paper) -> None:
    """An old pine leaning in from the left: a dry trunk, crooked boughs and fans of needles."""
    rng, black = paper.rng, inks("151419")[0]
    trunk = bend((-20, 1130), (120, 980), (150, 800), (255, 640), (250, 480), (330, 330), (420, 250))
    paper.wash(cover(ribbon(trunk, np.linspace(96, 14, len(trunk)))), inks("3a3634")[0], 0.9, 0.5)
    for _ in range(26):
        first = rng.integers(0, len(trunk) - 14)
        shift = normals(trunk)[first] * rng.normal(0, 0.28) * (96 - 1.35 * first)
        bark = trunk[first : first + rng.integers(10, 26)] + shift
        paper.stroke(bark, rng.uniform(5, 17), black, rng.uniform(0.5, 1.2), rng.uniform(0.3, 0.6))
    boughs = (
        ((160, 800), (300, 770), (400, 800), (520, 760)), ((252, 600), (380, 560), (470, 580), (620, 520)),
        ((240, 650), (120, 590), (20, 610)), ((255, 470), (160, 400), (60, 400)), ((300, 390), (430, 400), (560, 360)),
        ((400, 270), (500, 230), (600, 240)), ((340, 330), (260, 250), (180, 240)),
    )  # fmt: skip
    for bough in boughs:
        path = bend(*bough)
        paper.stroke(path, np.linspace(20, 4, len(path)) * (1 + 0.2 * np.sin(np.arange(len(path)))), black, 1.5, 0.3)
        for place in np.linspace(0.35, 1, 9):
            x, y = path[int(place * (len(path) - 1))] + rng.normal(0, 14, 2)
            _needles(paper, float(x), float(y) - 12, rng.uniform(34, 58))


def _needles(paper: Paper, x: float, y: float, size: float) -> None:
    rng = paper.rng
    paper.wash(0.6 * disc(x, y - 0.3 * size, 0.55 * size, 0.4 * size), inks("4a4c4a")[0], 0.35, 0)
    for turn in rng.uniform(-np.pi - 0.35, 0.35, 30):
        reach = size * rng.uniform(0.6, 1.1)
        tip = (x + reach * np.cos(turn), y + 0.75 * reach * np.sin(turn))
        needle = bend((x, y), ((x + tip[0]) / 2, (y + tip[1]) / 2 - 3), tip, count=8)
        paper.stroke(needle, np.linspace(2.8, 1.0, len(needle)), inks("151419")[0], rng.uniform(0.35, 1.1))


def watercolor(rng: np.random.Generator) -> Image:
    """An autumn lake below blue mountains: wet washes one over the other, blooms, spatter and rough paper."""
    x, y = axes()
    paper = Paper(rng, "fbf6ea", 0.9)
    wander = noise(rng, 60, 4)

    def wash(where: Field, colours: str, strength: float, edge: float = 0.6) -> None:
        """Three layers whose borders do not quite meet, in colours that run into each other."""
        palette = inks(colours)
        for k in range(3):
            border = where + 2.5 * wander + 5 * noise(rng, 90, 3)
            blend = mix(palette, 0.5 + 0.35 * noise(rng, 240, 3))
            paper.wash(step(-1.5, 1.5, border), blend, strength * (0.45, 0.33, 0.22)[k], edge)

    clouds = noise(rng, 260, 4, 2.2)
    paper.wash(step(0.0, 1.1, 0.9 - y / 520 + 0.5 * clouds), inks("4f8fc4")[0], 0.75, 0.1)
    paper.wash(step(0.2, 1.2, 0.4 - np.abs(y - 400) / 200 + 0.4 * clouds), inks("f0b48c")[0], 0.7, 0.1)
    paper.wash(step(0.3, 1.3, 0.3 - np.abs(y - 250) / 240 - 0.6 * clouds), inks("8f7fb0")[0], 0.5, 0.1)
    shore = 690 + 10 * np.sin(x / 170)
    land = step(4, -4, y - shore)
    for level, rise, colours, strength in (
        (380, 80, "7f9fc8 9f98c4", 0.5),
        (480, 70, "4f74a8 6f6fa8 5f94a0", 0.55),
        (590, 40, "5f8a7a 7f9a5f a89a4f", 0.65),
    ):
        crest = ridge(rng, level, rise, 700)
        mist = np.clip(1.15 - (y - crest) / 420, 0.25, 1)
        wash(np.where(y < shore, (y - crest) * mist, -20), colours, strength)
        mirrored = 0.6 * (2 * shore - y - crest) - 6 + 10 * noise(rng, 10, 2, 9)
        wash(np.where(y > shore, mirrored, -20), colours, 0.55 * strength, 0.3)
    paper.wash(1 - land, mix(inks("9fc4d8 6f9fc4 3f74a8"), (y - 690) / 460 + 0.12 * noise(rng, 30, 3, 6)), 0.55, 0.2)
    _autumn_trees(paper, 690)
    meadow = y - (1010 - 0.12 * x + 40 * np.sin(x / 210))
    wash(meadow, "e0c45a b8b04a 8fa04a d09a4a", 0.75)
    _reeds(paper, meadow)
    for x0, y0 in rng.uniform((0, 0), (WIDTH, HEIGHT), (90, 2)):
        spatter = drop(x0, y0, abs(rng.normal(0, 2.6)) + 0.8)
        paper.shape(spatter, inks("5f6f90 a8682c 3f6a6a b04a2c")[rng.integers(4)], 0.5)
    return paper.finish()


def _autumn_trees(paper: Paper, shore: float) -> None:
    """Birches and maples on the shore, crowns dropped in wet, with their reflections."""
    rng = paper.rng
    crowns = inks("d98a2c c8502a e0b03a 9a3a2c 7f8a34 b8742c")
    for middle in np.sort(rng.uniform(-20, WIDTH + 20, 17)):
        near = abs(middle - 0.58 * WIDTH) / WIDTH
        high, colour = rng.uniform(120, 210) * (0.55 + 1.2 * near), crowns[rng.integers(len(crowns))]
        for _ in range(26):
            up = rng.uniform(0.22, 1)
            cx, cy = middle + rng.normal(0, 0.24 * high * np.sin(np.pi * up**0.8 * 0.9)), shore - high * up
            size, tint = high * rng.uniform(0.04, 0.14), colour * rng.uniform(0.85, 1.15) + rng.normal(0, 12, 3)
            paper.wash(cover(blob(rng, cx, cy, size, 0.8 * size)), tint, rng.uniform(0.16, 0.38), 0.6)
            paper.wash(cover(blob(rng, cx, 2 * shore - cy + 10, 1.3 * size, 0.7 * size)), tint, 0.14, 0.2)
        for lean in rng.normal(0, 0.12, 3):
            shift = lean * high
            stem = bend(
                (middle, shore + 4), (middle + 0.4 * shift, shore - 0.5 * high), (middle + shift, shore - 0.9 * high)
            )
            taper = np.linspace(0.05 * high, 1.5, len(stem))
            paper.stroke(stem, taper, inks("4a342c")[0], 0.9, 0.15)
            paper.stroke(np.array((0, 2 * shore)) + stem * (1, -1), taper, inks("5f4a44")[0], 0.35, 0.3)


def _reeds(paper: Paper, meadow: Field) -> None:
    rng = paper.rng
    greens = inks("4f5f24 7f6a24 2f4a34 a8742c 3a3a2c")
    for x, y in scatter(rng, 2600, meadow > -8):
        high, lean = rng.uniform(20, 90) * (0.4 + y / HEIGHT), rng.normal(0, 14)
        blade = bend((x, y), (x + 0.3 * lean, y - 0.6 * high), (x + lean, y - high), count=10)
        taper = np.linspace(rng.uniform(3, 7), 0.8, len(blade))
        paper.stroke(blade, taper, greens[rng.integers(5)], rng.uniform(0.2, 0.7), 0.15)
