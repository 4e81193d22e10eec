"""Raised arms for training pictures: drawn limbs with sleeves, shading and hands, joined to a person's shoulder.

The photos show few arms away from the body, and a network trained on them alone takes a raised hand for room. An arm is
drawn at SUPER times the size, so that its edge is as soft as a camera's.
"""

import math
import random

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Point = npt.NDArray[np.float64]

SUPER = 3
SHOULDERS = 1.1
"""How far below the top of the head the shoulders are looked for, in widths of the person."""
BEHIND = 0.3
"""Share of arms that are behind the body."""
SKIN = (0, 135, 80), (255, 175, 130)
"""Least and most Y, Cr and Cb of skin: Chai and Ngan 1999, "Face Segmentation Using Skin-Color Map", a little wider."""
PALETTE = np.array([[150, 180, 225], [120, 160, 215], [95, 135, 190], [70, 105, 160], [50, 75, 115], [35, 50, 80]])
"""BGR of skin, for a person of whom none is seen."""
FEW = 40
"""Pixels of skin or cloth that are too few to take a colour from."""
TRIES = 4
"""Poses tried for one whose hand is in the picture."""


def raise_arm(rng: random.Random, image: Image, alpha: Image, look: Image) -> tuple[Image, Image]:
    """The picture (h, w, 3) uint8 BGR and alpha (h, w) uint8 with an arm raised by the person.

    `look` (h, w, 3) is a piece of some photo for a patterned sleeve. Without a person of some size both come back as
    they are.
    """
    place = _shoulder(rng, alpha)
    if place is None:
        return image, alpha
    shoulder, side, width = place
    skin, cloth = _skin(rng, image, alpha), _cloth(rng, image, alpha, look)
    for _ in range(TRIES):
        elbow, wrist = _pose(rng, shoulder, side, width)
        if (wrist >= 0).all() and (wrist < alpha.shape[::-1]).all():
            break
    thick = width * rng.uniform(0.14, 0.24)
    sleeve, bare = _Layer(alpha.shape), _Layer(alpha.shape)
    bare.taper(elbow, wrist, thick * 0.85, thick * 0.55)
    _hand(rng, bare, elbow, wrist, width * rng.uniform(0.28, 0.42))
    bare.taper(shoulder, elbow, thick, thick * 0.8)
    length = rng.choice((0.0, rng.uniform(0.3, 1.0), 2.0, 2.0))  # of the sleeve, in parts of the arm: 1 is the elbow
    if length > 0:
        sleeve.taper(shoulder, shoulder + min(length, 1) * (elbow - shoulder), thick * 1.2, thick * 1.05)
    if length > 1:
        sleeve.taper(elbow, elbow + rng.uniform(0.6, 1.0) * (wrist - elbow), thick * 1.05, thick * 0.8)
    free = 255 - alpha if rng.random() < BEHIND else np.full_like(alpha, 255)
    for layer, colours in ((bare, skin), (sleeve, cloth)):
        cover = layer.cover()
        shaded = _shaded(rng, colours, cover)
        cover = cv2.multiply(cover, free, scale=1 / 255)
        image = _over(image, shaded, cover)
        alpha = cv2.add(alpha, cv2.multiply(cover, 255 - alpha, scale=1 / 255))
    return image, alpha


class _Layer:
    """What is drawn, SUPER times as large as the picture; coordinates are the picture's pixels."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._size = shape[1], shape[0]
        self._canvas = np.zeros((shape[0] * SUPER, shape[1] * SUPER), np.uint8)

    def taper(self, begin: Point, end: Point, first: float, last: float) -> None:
        """A limb from `begin` to `end`, round at both, of these widths there."""
        along = end - begin
        normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
        one, other = normal * first / 2, normal * last / 2
        corners = np.array([begin + one, end + other, end - other, begin - one])
        cv2.fillConvexPoly(self._canvas, np.rint(corners * SUPER).astype(np.int32), (255,))
        for centre, width in ((begin, first), (end, last)):
            x, y = (round(float(v) * SUPER) for v in centre)
            cv2.circle(self._canvas, (x, y), max(round(width * SUPER / 2), 1), (255,), -1)

    def cover(self) -> Image:
        """Its alpha at the picture's size."""
        return np.asarray(cv2.resize(self._canvas, self._size, interpolation=cv2.INTER_AREA), np.uint8)


def _shoulder(rng: random.Random, alpha: Image) -> tuple[Point, int, float] | None:
    """A shoulder, the side it is on (-1 left, 1 right in the picture) and the width from one to the other."""
    inside = alpha > 127
    rows = np.flatnonzero(inside.any(1))
    if inside.sum() < 400 or len(rows) < 16:
        return None
    top, tall = int(rows[0]), int(rows[-1] - rows[0]) + 1
    upper = inside[top : top + max(int(SHOULDERS * inside.sum(1).max()), 8)]
    widths = upper.sum(1)
    row = int(np.argmax(widths >= 0.8 * widths.max()))
    columns = np.flatnonzero(upper[row])
    width, side = float(min(np.ptp(columns) + 1, 1.2 * tall, alpha.shape[0])), rng.choice((-1, 1))
    edge = columns[0] if side < 0 else columns[-1]
    drop = rng.choice((rng.uniform(0.02, 0.15), rng.uniform(0.1, 0.6))) * width
    return np.array([edge - side * 0.12 * width, top + row + drop]), side, width


def _pose(rng: random.Random, shoulder: Point, side: int, width: float) -> tuple[Point, Point]:
    """Elbow and wrist. Angles from straight down, outward: 90 points away from the body, 180 up."""
    upper, lower = width * rng.uniform(0.35, 0.75), width * rng.uniform(0.4, 0.75)
    first = rng.uniform(10, 170)
    second = first + rng.uniform(-10, 150) if first < 100 else rng.uniform(100, 230)
    elbow = shoulder + upper * _direction(first, side)
    return elbow, elbow + lower * _direction(second, side)


def _direction(degrees: float, side: int) -> Point:
    angle = math.radians(degrees)
    return np.array([side * math.sin(angle), math.cos(angle)])


def _hand(rng: random.Random, layer: _Layer, elbow: Point, wrist: Point, size: float) -> None:
    """A palm with fingers spread, closed, pointing or folded to a fist, along the forearm but for a turn."""
    forearm = math.atan2(*(wrist - elbow)[::-1]) + rng.gauss(0, 0.35)
    ahead, across = (np.array([math.cos(a), math.sin(a)]) for a in (forearm, forearm + math.pi / 2))
    palm, half = 0.48 * size, size * rng.uniform(0.16, 0.24)  # a hand seen from its edge is narrow
    knuckles = wrist + palm * ahead
    layer.taper(wrist, knuckles, 1.5 * half, 2 * half)
    spread, thumb = rng.choice((0.0, rng.uniform(0.05, 0.2), rng.uniform(0.15, 0.4))), rng.choice((-1, 1))
    closed = rng.random() < 0.2
    for k in range(4):
        folded = closed or rng.random() < 0.1
        reach = 0.12 if folded else rng.uniform(0.38, 0.52) * (0.8 if k == 3 else 1)
        root = knuckles + across * half * thumb * (0.75 - 0.5 * k)
        angle = forearm + thumb * spread * (1.5 - k) + rng.gauss(0, 0.04)
        tip = root + reach * size * np.array([math.cos(angle), math.sin(angle)])
        layer.taper(root, tip, 0.52 * half, 0.4 * half)
    if rng.random() < 0.85:
        angle = forearm + thumb * rng.uniform(0.3, 1.2)
        root = wrist + 0.3 * palm * ahead + across * half * thumb * 0.7
        layer.taper(root, root + 0.42 * size * np.array([math.cos(angle), math.sin(angle)]), 0.6 * half, 0.45 * half)


def _skin(rng: random.Random, image: Image, alpha: Image) -> Plane:
    """One colour, (3,) float32 BGR: the skin's in the upper half of this person, or some skin's."""
    rows = np.flatnonzero((alpha > 127).any(1))
    middle = (rows[0] + rows[-1]) // 2
    levels = cv2.cvtColor(image[:middle], cv2.COLOR_BGR2YCrCb)
    found = (cv2.inRange(levels, *SKIN) > 0) & (alpha[:middle] > 250)
    if found.sum() >= FEW and rng.random() < 0.8:
        return np.median(image[:middle][found], axis=0).astype(np.float32)
    return (PALETTE[rng.randrange(len(PALETTE))] * rng.uniform(0.7, 1.15)).astype(np.float32)


def _cloth(rng: random.Random, image: Image, alpha: Image, look: Image) -> Image | Plane:
    """What a sleeve looks like: the person's own clothes or their colour, a pattern, or any colour."""
    kind = rng.random()
    inside = alpha > 250
    rows = np.flatnonzero(inside.any(1))
    if len(rows) and kind < 0.6:
        low = rows[0] + int(0.6 * (rows[-1] - rows[0]))
        worn = inside.copy()
        worn[:low] = False
        if worn.sum() >= FEW:
            if kind < 0.3:
                return np.median(image[worn], axis=0).astype(np.float32)
            ys, xs = np.nonzero(worn)
            y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
            patch = image[y0:y1, x0:x1].copy()
            patch[~worn[y0:y1, x0:x1]] = np.median(image[worn], axis=0)
            return np.asarray(cv2.resize(patch, image.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    if kind < 0.8:
        return look
    return np.array([rng.randrange(256) for _ in range(3)], np.float32)


def _shaded(rng: random.Random, colours: Image | Plane, cover: Image) -> Plane:
    """A limb is round: it is lit from some side, and has its shadow opposite; and no skin or cloth is quite even."""
    soft = cv2.GaussianBlur(cover, (0, 0), max(1.0, cover.shape[1] / 100)).astype(np.float32) / 255
    slope_x, slope_y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    angle, depth = rng.uniform(0, 2 * math.pi), rng.uniform(0.0, 0.5)
    shade = 1 + np.float32(depth) * (math.cos(angle) * slope_x + math.sin(angle) * slope_y)
    coarse = np.array([[rng.gauss(1, 0.08) for _ in range(10)] for _ in range(6)], np.float32)
    shade *= cv2.resize(coarse, cover.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(colours * shade[..., None].astype(np.float32), 0, 255)


def _over(image: Image, colours: Plane, cover: Image) -> Image:
    own = cover[..., None].astype(np.float32) * np.float32(1 / 255)
    return (colours * own + image * (1 - own) + np.float32(0.5)).astype(np.uint8)
