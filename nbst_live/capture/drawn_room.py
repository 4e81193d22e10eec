"""A drawn living room, as a webcam sees it behind a person. Drawn by code, so it may be shown and shipped freely."""

import cv2
import numpy as np
import numpy.typing as npt

# The room is laid out in units: 16 wide and 9 high, (0, 0) at the upper left. Colours are BGR, 0..255.
UNITS_WIDE, UNITS_HIGH = 16.0, 9.0
SUBPIXEL_BITS = 4  # cv2 takes polygon corners in 1/16 pixel

Points = list[tuple[float, float]]
Colour = tuple[float, float, float]
Picture = npt.NDArray[np.float32]

WALL, WHITE, PAGE, LINEN = (156, 178, 180), (222, 228, 230), (206, 220, 226), (184, 205, 213)
OAK, WALNUT, BRASS, INK = (92, 134, 176), (46, 68, 98), (70, 128, 164), (44, 46, 58)
BOOK_COLOURS: list[Colour] = [
    (58, 50, 140), (118, 84, 50), (72, 102, 60), (88, 148, 190), (170, 184, 198), (54, 46, 68), (136, 124, 74),
    (64, 92, 176), (98, 60, 98), (188, 198, 206), (42, 62, 88), (142, 142, 94),
]  # fmt: skip


def draw_room(width: int, height: int, seed: int = 7) -> npt.NDArray[np.uint8]:
    """Draw the room: (height, width, 3) uint8 BGR, the same for the same arguments.

    Meant for 160x90 to 1920x1080; aspect ratios other than 16:9 see the middle of the room.
    """
    room = _Canvas(width, height, seed)
    _wall_and_floor(room)
    _window(room)
    _curtain(room, 0.0, 1.05)
    _curtain(room, 3.75, 4.8)
    _framed_picture(room)
    _bookshelf(room)
    _sideboard(room)
    _plant(room, 1.75, 6.5)
    _lamp(room, 5.4, 6.5)
    _daylight(room)
    return np.clip(np.rint(room.pixels), 0, 255).astype(np.uint8)


def _rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _ellipse(x: float, y: float, wide: float, high: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, 48)
    return [(x + wide * np.cos(t), y + high * np.sin(t)) for t in turn]


class _Canvas:
    """A (H, W, 3) float32 BGR picture, painted in room units."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.scale = max(width / UNITS_WIDE, height / UNITS_HIGH)
        self.offset = np.array((width - UNITS_WIDE * self.scale, height - UNITS_HIGH * self.scale)) / 2
        self.pixels = np.zeros((height, width, 3), np.float32)
        self.x = ((np.arange(width, dtype=np.float32) - self.offset[0]) / self.scale)[None, :, None]
        self.y = ((np.arange(height, dtype=np.float32) - self.offset[1]) / self.scale)[:, None, None]
        self.grain = 0.7 * self.noise(0.02, 0.02) + 0.7 * self.noise(0.09, 0.09)
        self.boards = 0.7 * self.noise(0.3, 0.02) + 0.7 * self.noise(0.9, 0.07)
        self.planks = 0.7 * self.noise(0.02, 0.3) + 0.7 * self.noise(0.07, 0.9)

    def noise(self, wide: float, high: float) -> Picture:
        """Smooth noise, (H, W, 1) float32, mean 0, deviation near 1, in blots `wide` by `high` units large."""
        height, width = self.pixels.shape[:2]
        columns, rows = (int(n / max(step * self.scale, 1)) + 2 for n, step in ((width, wide), (height, high)))
        blots = self.rng.standard_normal((rows, columns), np.float32)
        return np.asarray(cv2.resize(blots, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)[..., None]

    def fill(
        self,
        points: Points,
        paint: Colour | Picture,
        grain: Picture | None = None,
        depth: float = 0.014,
        *,
        soft: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Lay one colour, or a picture as large as the canvas, over a polygon.

        `grain`, (H, W, 1), varies the brightness by the share `depth`; without it the canvas's own fine grain does.
        `soft` blurs the polygon's edge by that many units.
        """
        part, cover, rows, columns = self._inside(points, soft)
        layer = paint[rows, columns] if isinstance(paint, np.ndarray) else np.array(paint, np.float32)
        grain = self.grain if grain is None else grain
        part += opacity * cover * (layer * (1 + depth * grain[rows, columns]) - part)

    def light(self, points: Points, gain: float | Colour, soft: float) -> None:
        """Multiply the colours inside a soft polygon: below 1 shades, above 1 lights, three gains tint (BGR)."""
        part, cover, _, _ = self._inside(points, soft)
        part *= 1 + cover * (np.array(gain, np.float32) - 1)

    def _inside(self, points: Points, soft: float) -> tuple[Picture, Picture, slice, slice]:
        """The part of the picture around a polygon, its cover (h, w, 1) in [0, 1], and the part's rows and columns."""
        corners = np.asarray(points) * self.scale + self.offset
        sigma = soft * self.scale
        margin = int(3 * sigma) + 2
        height, width = self.pixels.shape[:2]
        left, top = np.clip(np.floor(corners.min(0)).astype(int) - margin, 0, (width, height))
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + margin, (left, top), (width, height))
        # The mask reaches beyond the frame too, else the blur would mirror the polygon at the frame's edge.
        mask = np.zeros((bottom - top + 2 * margin, right - left + 2 * margin), np.uint8)
        fixed = np.rint((corners - (left, top) + margin) * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        if sigma > 0.3:
            # A triangle of this reach has deviation sigma; unlike a Gaussian's, its cost does not grow with sigma.
            reach = round(2.45 * sigma)
            mask = cv2.stackBlur(mask, (2 * reach + 1, 2 * reach + 1))
        cover = mask[margin:-margin, margin:-margin, None] * np.float32(1 / 255)
        rows, columns = slice(top, bottom), slice(left, right)
        return self.pixels[rows, columns], cover, rows, columns


def _wall_and_floor(room: _Canvas) -> None:
    plaster = room.grain + 0.8 * room.noise(0.5, 0.5) + 0.8 * room.noise(2.5, 2.0)
    room.fill(_rectangle(-9, -9, 25, 18), WALL, plaster, 0.016)
    room.fill(_rectangle(-9, 7.95, 25, 18), OAK, room.boards, 0.08)
    for foot in np.arange(-30, 46, 0.62):  # boards run towards a vanishing point on the wall
        near, far = (8 + 1.6 * (foot - 8), 10.0), (foot, 7.95)
        room.fill([far, near, (near[0] + 0.05, 10), (far[0] + 0.025, 7.95)], (46, 70, 98))
    room.fill(_rectangle(-9, 7.6, 25, 7.95), WHITE)
    room.light(_rectangle(-9, 7.54, 25, 7.6), 0.8, 0.02)
    room.light(_rectangle(-9, 7.95, 25, 8.1), 0.6, 0.06)


def _window(room: _Canvas) -> None:
    left, top, right, bottom, bar = 0.6, 0.75, 4.3, 5.5, 0.07
    room.light(_rectangle(left - 0.25, top - 0.2, right + 0.3, bottom + 0.35), 0.86, 0.12)
    room.fill(_rectangle(left - 0.22, top - 0.22, right + 0.22, bottom + 0.1), WHITE)
    _view(room, left, top, right, bottom)
    for x in (left, (left + right) / 2, right):
        room.light(_rectangle(x - bar, top, x + bar + 0.05, bottom), 0.8, 0.03)
        room.fill(_rectangle(x - bar, top, x + bar, bottom), WHITE)
    room.fill(_rectangle(left, 2.3, right, 2.4), WHITE)
    room.fill(_rectangle(left - 0.4, bottom + 0.02, right + 0.4, bottom + 0.2), WHITE)
    room.light(_rectangle(left - 0.4, bottom + 0.2, right + 0.4, bottom + 0.32), 0.7, 0.05)


def _view(room: _Canvas, left: float, top: float, right: float, bottom: float) -> None:
    """Sky, hills, trees and a lawn, brighter than the room as a camera sees the world outside."""
    depth = np.clip((room.y - top) / (bottom - top), 0, 1)
    clouds = room.noise(0.9, 0.35) + 0.6 * room.noise(0.35, 0.16)
    zenith, fade = np.array(((250, 226, 196), (-6, 14, 40)), np.float32)
    sky = zenith + fade * depth + 9 * np.clip(clouds, -0.4, 1.6)
    room.fill(_rectangle(left, top, right, bottom), sky)
    foliage = room.noise(0.13, 0.1) + 0.6 * room.noise(0.05, 0.05)
    hills = (3.75, 0.2, 0.02, (204, 204, 184)), (4.1, 0.4, 0.1, (128, 166, 140)), (4.6, 0.3, 0.14, (82, 134, 108))
    for base, lift, rough, colour in hills:
        xs = np.linspace(left, right, 60)
        crest = base - lift * np.sin(1.1 * xs + 3 * base) + rough * np.abs(room.rng.normal(0, 1, 60))
        room.fill([*zip(xs, crest, strict=True), (right, bottom), (left, bottom)], colour, foliage, 0.09, soft=0.025)
    room.fill(_rectangle(left, 5.05, right, bottom), (118, 180, 150), foliage, 0.06, soft=0.02)


def _curtain(room: _Canvas, left: float, right: float) -> None:
    """A linen curtain: its folds are sines whose phase wanders."""
    room.fill(_rectangle(-9, 0.33, 5.1, 0.42), BRASS)
    room.light(_rectangle(right - 0.1, 0.5, right + 0.15, 6.9), 0.8, 0.09)
    phase = 9.5 * room.x + 0.35 * np.sin(0.9 * room.y + 3 * room.x) + 0.4 * room.noise(1.2, 3.0)
    fold = 0.6 * np.sin(phase) + 0.3 * np.sin(2.3 * phase + 1) + 0.14 * (room.planks + room.boards)
    hem = [(left, 0.38), (right, 0.38), (right + 0.06, 3), (right - 0.05, 6.9), (left, 6.95)]
    room.fill(hem, LINEN, fold, 0.13)


def _framed_picture(room: _Canvas) -> None:
    left, top, right, bottom = 5.25, 1.2, 6.75, 3.2
    room.light(_rectangle(left + 0.05, top + 0.08, right + 0.14, bottom + 0.16), 0.6, 0.08)
    room.fill(_rectangle(left, top, right, bottom), WALNUT, room.boards + room.grain, 0.08)
    room.fill(_rectangle(left + 0.1, top + 0.1, right - 0.1, bottom - 0.1), PAGE)
    left, top, right, bottom = left + 0.28, top + 0.3, right - 0.28, bottom - 0.3
    wash = room.grain + room.noise(0.2, 0.1)
    room.fill(_rectangle(left, top, right, bottom), (150, 190, 222), wash, 0.04)
    room.fill(_ellipse(left + 0.62, top + 0.36, 0.14, 0.14), (90, 140, 226))
    for k, (level, colour) in enumerate(((0.46, (140, 140, 176)), (0.62, (124, 100, 96)), (0.8, (80, 66, 54)))):
        xs = np.linspace(left, right, 30)
        ridge = top + (bottom - top) * (level - 0.06 * np.sin(5 * xs + 2 * k) - 0.025 * np.sin(13 * xs + k))
        room.fill([*zip(xs, ridge, strict=True), (right, bottom), (left, bottom)], colour, wash, 0.05)


def _bookshelf(room: _Canvas) -> None:
    left, top, right, bottom, board, middle = 10.9, 0.5, 15.5, 8.3, 0.14, 13.15
    room.light(_rectangle(left - 0.15, top, right + 0.3, bottom + 0.1), 0.62, 0.16)
    room.fill(_rectangle(left, top, right, bottom), (34, 50, 70), room.planks, 0.1)
    shelves = np.linspace(top, bottom - 0.3, 6)
    for ceiling, floor in zip(shelves[:-1] + board, shelves[1:], strict=True):
        for start, end in ((left + board, middle), (middle + board, right - board)):
            _row_of_books(room, start, end, floor, floor - ceiling)
            room.light(_rectangle(start, ceiling, end, ceiling + 0.2), 0.5, 0.1)
    for x in (left, middle, right - board):
        room.fill(_rectangle(x, top, x + board, bottom), WALNUT, room.planks, 0.09)
    for y in shelves:
        room.fill(_rectangle(left, y, right, y + board), (58, 84, 118), room.boards, 0.09)
        room.light(_rectangle(left, y + board - 0.03, right, y + board), 0.7, 0.015)


def _row_of_books(room: _Canvas, left: float, right: float, floor: float, clear: float) -> None:
    """Fill a shelf `clear` units high with books of all sizes, some leaning, with a gap or a vase here and there."""
    rng, x = room.rng, left + 0.03
    while x < right - 0.25:
        thing = rng.random()
        if thing < 0.05 and x + 0.7 < right:
            _vase(room, x + 0.35, floor, clear * rng.uniform(0.5, 0.7), BOOK_COLOURS[rng.integers(len(BOOK_COLOURS))])
            x += 0.7
        elif thing < 0.085:
            x += rng.uniform(0.15, 0.45)
        else:
            thick, lean = rng.uniform(0.09, 0.23), 0.0
            if thing > 0.92 and x + 0.5 < right:
                lean = rng.uniform(0.1, 0.22)
            _book(room, x, floor, thick=thick, tall=clear * rng.uniform(0.62, 0.93), lean=lean)
            x += thick + lean + 0.01


def _book(room: _Canvas, x: float, floor: float, *, thick: float, tall: float, lean: float) -> None:
    """One spine: rounded, so lit along its middle, with two bands and perhaps a label."""

    def spine(low: float, high: float, inset: float = 0.0) -> Points:
        start, end = x + lean * low, x + lean * high
        a, b, low_y, high_y = inset, thick - inset, floor - tall * low, floor - tall * high
        return [(start + a, low_y), (end + a, high_y), (end + b, high_y), (start + b, low_y)]

    shade = room.rng.uniform(0.75, 1.1)
    blue, green, red = BOOK_COLOURS[room.rng.integers(len(BOOK_COLOURS))]
    trim = PAGE if green < 115 else INK
    room.light(spine(0, 1, -0.03), 0.55, 0.03)
    room.fill(spine(0, 1), (blue * shade, green * shade, red * shade), room.planks + room.grain, 0.045)
    room.light(spine(0, 1, thick * 0.36), 1.35, thick * 0.16)
    for low, high in ((0.1, 0.125), (0.86, 0.885)):
        room.fill(spine(low, high), trim, opacity=0.6)
    if thick > 0.13 and room.rng.random() < 0.6:
        room.fill(spine(0.45, 0.76, thick * 0.3), trim, opacity=0.5)


def _vase(room: _Canvas, x: float, floor: float, tall: float, paint: Colour = (172, 158, 120)) -> None:
    heights = np.linspace(0, 1, 24)
    radius = tall * (0.16 + 0.16 * np.sin(np.pi * heights**0.8) ** 1.5)
    right = [(x + r, floor - tall * h) for r, h in zip(radius, heights, strict=True)]
    left = [(x - r, floor - tall * h) for r, h in zip(radius, heights, strict=True)]
    room.light(_ellipse(x + 0.06, floor, tall * 0.32, 0.05), 0.55, 0.04)
    room.fill(right + left[::-1], paint, room.grain + room.boards, 0.03)
    room.light([(px - 0.02, py) for px, py in right] + [(x + 0.4 * (px - x), py) for px, py in right[::-1]], 0.7, 0.05)
    room.light(_ellipse(x - tall * 0.12, floor - tall * 0.5, tall * 0.04, tall * 0.25), 1.3, 0.03)


def _sideboard(room: _Canvas) -> None:
    """The table whose edge crosses the lower left: a lit top, three doors, knobs."""
    left, right, top, bottom = -9.0, 6.35, 6.5, 8.75
    room.light(_rectangle(left, top, right + 0.15, bottom + 0.15), 0.6, 0.14)
    room.fill(_rectangle(left, top + 0.12, right - 0.1, bottom), (70, 104, 144), room.boards, 0.1)
    room.light(_rectangle(left, top + 0.2, right, top + 0.42), 0.62, 0.1)
    for x in (0.2, 2.25, 4.3):
        door = _rectangle(x, top + 0.4, x + 1.9, bottom - 0.15)
        room.light(_rectangle(x - 0.04, top + 0.36, x + 1.94, bottom - 0.11), 0.6, 0.02)
        room.fill(door, (78, 116, 158), room.planks, 0.08)
        room.light(_ellipse(x + 1.7, top + 1.24, 0.08, 0.08), 0.6, 0.04)
        room.fill(_ellipse(x + 1.68, top + 1.2, 0.055, 0.055), BRASS)
    room.fill(_rectangle(left, top, right, top + 0.2), (104, 148, 190), room.boards, 0.08)
    room.light(_rectangle(left, top + 0.15, right, top + 0.2), 0.7, 0.02)


def _plant(room: _Canvas, x: float, floor: float) -> None:
    """A rubber plant in a clay pot: leaves from the back (dark) to the front (light)."""
    rim, foot, tall = 0.5, 0.36, 0.85
    room.light(_ellipse(x + 0.15, floor + 0.02, 0.6, 0.07), 0.5, 0.06)
    count = 26
    turns, reaches = room.rng.uniform(-1.25, 1.25, count), np.sort(room.rng.uniform(0.5, 1.9, count))[::-1]
    for k, (turn, reach) in enumerate(zip(turns, reaches, strict=True)):
        foot_of_leaf = (x + 0.25 * turn, floor - tall - 0.55 * reach * np.cos(turn))
        room.fill([(x - 0.02, floor - tall), (x + 0.02, floor - tall), foot_of_leaf], (50, 84, 70))
        _leaf(room, foot_of_leaf, turn, 0.62 + 0.15 * reach, 0.72 + 0.4 * k / count)
    room.fill([(x - rim, floor - tall), (x + rim, floor - tall), (x + foot, floor), (x - foot, floor)], (74, 104, 168))
    room.fill(_rectangle(x - rim - 0.05, floor - tall - 0.1, x + rim + 0.05, floor - tall + 0.1), (82, 114, 180))
    room.light(_rectangle(x - rim, floor - tall + 0.1, x + rim, floor - tall + 0.16), 0.65, 0.03)
    far_side = [(x + 0.1, floor - tall - 0.1), (x + 0.6, floor - tall - 0.1), (x + 0.4, floor), (x + 0.1, floor)]
    room.light(far_side, 0.66, 0.1)


def _leaf(room: _Canvas, foot: tuple[float, float], turn: float, length: float, shade: float) -> None:
    """A leaf from its foot, `turn` radians from upright; the half away from the window is darker."""
    along = np.linspace(0, 1, 16)
    half = 0.19 * length * np.sin(np.pi * along**0.8)
    droop = turn + 0.5 * np.sign(turn) * along
    spine = np.array(foot) + length * np.stack((along * np.sin(droop), -along * np.cos(droop)), 1)
    across = np.stack((np.cos(droop), np.sin(droop)), 1) * half[:, None]
    for side, colour in ((-1, (66, 128, 92)), (1, (48, 98, 70))):
        edge = spine + side * across
        blue, green, red = (shade * c for c in colour)
        room.fill([*map(tuple, spine), *map(tuple, edge[::-1])], (blue, green, red), room.grain + room.planks, 0.05)
    vein = spine + 0.03 * across
    room.fill([*map(tuple, spine - 0.05 * across), *map(tuple, vein[::-1])], (110, 170, 140), opacity=0.7)


def _lamp(room: _Canvas, x: float, floor: float) -> None:
    """A lit table lamp; its glow falls on the wall above and on the table below."""
    shade_top, shade_bottom = floor - 2.35, floor - 1.3
    room.light(_ellipse(x, shade_top - 0.2, 1.3, 1.1), (1.05, 1.12, 1.18), 0.7)
    room.light(_ellipse(x, floor - 0.5, 1.2, 0.6), (1.0, 1.1, 1.18), 0.4)
    room.light(_ellipse(x + 0.1, floor + 0.05, 0.5, 0.06), 0.6, 0.05)
    _vase(room, x, floor, 0.95, (150, 120, 84))
    room.fill(_rectangle(x - 0.03, shade_bottom - 0.1, x + 0.03, floor - 0.9), BRASS)
    cone = [(x - 0.42, shade_top), (x + 0.42, shade_top), (x + 0.72, shade_bottom), (x - 0.72, shade_bottom)]
    room.fill(cone, (176, 214, 236), room.planks + room.boards, 0.02)
    room.light(_ellipse(x, shade_bottom - 0.45, 0.3, 0.35), (1.06, 1.12, 1.1), 0.18)
    far_side = [(x + 0.25, shade_top), *cone[1:3], (x + 0.45, shade_bottom)]
    room.light(far_side, 0.84, 0.1)


def _daylight(room: _Canvas) -> None:
    """Light from the window over everything: slanting on the wall, fading to the right and into the corners."""
    room.light([(7.2, -0.5), (9.6, -0.5), (11.2, 5.5), (8.6, 5.5)], (1.06, 1.12, 1.14), 0.35)
    room.light([(6.5, 8.0), (8.6, 8.0), (11.5, 9.5), (8.5, 9.5)], (1.15, 1.25, 1.3), 0.2)
    room.pixels *= 1.08 - 0.014 * room.x - 0.0014 * (room.x - 8) ** 2 - 0.003 * (room.y - 4) ** 2
    # A webcam is focused on the person and its lens is soft.
    cv2.GaussianBlur(room.pixels, (0, 0), max(0.007 * room.scale, 0.1), dst=room.pixels)
