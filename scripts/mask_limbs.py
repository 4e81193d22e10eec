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
"""Least and most Y, Cr and Cb of skin, near those of Chai and Ngan 1999, "Face Segmentation Using Skin-Color Map"."""
PALETTE = np.array([[150, 180, 225], [120, 160, 215], [95, 135, 190], [70, 105, 160], [50, 75, 115], [35, 50, 80]])
"""BGR of skin, for a person of whom none is seen."""
FEW = 40
"""Pixels of skin or cloth that are too few to take a colour from."""
TRIES = 4
"""Poses tried for one whose hand is in the picture."""


def raise_arms(
    rng: random.Random, image: Image, alpha: Image, body: Image, look: Image, count: int
) -> tuple[Image, Image]:
    """The picture (h, w, 3) uint8 BGR and alpha (h, w) uint8 of everybody, with one arm or two raised by the person
    whose alpha is `body` (h, w), each on a side of its own.

    `look` (h, w, 3) is a piece of some photo for a patterned sleeve. Without a person of some size both come back as
    they are. What chance is asked does not depend on the picture, so that one moved by a pixel gets the same arm.
    """
    first = rng.choice((-1, 1))
    skin, cloth = _skin(rng, image, body), _cloth(rng, image, body, look)
    for side in (first, -first)[:count]:
        image, alpha = _raise_arm(rng, image, alpha, body, side, skin, cloth)
    return image, alpha


def _raise_arm(
    rng: random.Random, image: Image, alpha: Image, body: Image, side: int, skin: Plane, cloth: Image | Plane
) -> tuple[Image, Image]:
    drop = rng.choice((rng.uniform(0.02, 0.15), rng.uniform(0.1, 0.6)))
    poses = [_Pose(rng) for _ in range(TRIES)]
    thick, behind = rng.uniform(0.14, 0.24), rng.random() < BEHIND
    length = rng.choice((0.0, rng.uniform(0.3, 1.0), 2.0, 2.0))  # of the sleeve, in parts of the arm: 1 is the elbow
    cuff, hand = rng.uniform(0.6, 1.0), _Hand(rng)
    shades = [_Shade(rng) for _ in range(2)]
    place = _shoulder(body, side, drop)
    if place is None:
        return image, alpha
    shoulder, width = place
    thick *= width
    for pose in poses:
        elbow, wrist = pose.joints(shoulder, side, width)
        if (wrist >= 0).all() and (wrist < alpha.shape[::-1]).all():
            break
    sleeve, bare = _Layer(alpha.shape), _Layer(alpha.shape)
    bare.taper(elbow, wrist, thick * 0.85, thick * 0.55)
    hand.draw(bare, elbow, wrist, width)
    bare.taper(shoulder, elbow, thick, thick * 0.8)
    if length > 0:
        sleeve.taper(shoulder, shoulder + min(length, 1) * (elbow - shoulder), thick * 1.2, thick * 1.05)
    if length > 1:
        sleeve.taper(elbow, elbow + cuff * (wrist - elbow), thick * 1.05, thick * 0.8)
    free = 255 - alpha if behind else np.full_like(alpha, 255)
    for layer, colours, shade in ((bare, skin, shades[0]), (sleeve, cloth, shades[1])):
        cover = layer.cover()
        shaded = shade.over(colours, cover)
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


def _shoulder(body: Image, side: int, drop: float) -> tuple[Point, float] | None:
    """The shoulder of a side (-1 left, 1 right in the picture), `drop` widths lower, and the width from one to the
    other.
    """
    inside = body > 127
    rows = np.flatnonzero(inside.any(1))
    if inside.sum() < 400 or len(rows) < 16:
        return None
    top, tall = int(rows[0]), int(rows[-1] - rows[0]) + 1
    upper = inside[top : top + max(int(SHOULDERS * inside.sum(1).max()), 8)]
    widths = upper.sum(1)
    row = int(np.argmax(widths >= 0.8 * widths.max()))
    columns = np.flatnonzero(upper[row])
    width = float(min(np.ptp(columns) + 1, 1.2 * tall, body.shape[0]))
    edge = columns[0] if side < 0 else columns[-1]
    return np.array([edge - side * 0.12 * width, top + row + drop * width]), width


class _Pose:
    """How an arm is held. Angles from straight down, outward: 90 points away from the body, 180 up; lengths in widths
    of the person.
    """

    def __init__(self, rng: random.Random) -> None:
        self._upper, self._lower = rng.uniform(0.35, 0.75), rng.uniform(0.4, 0.75)
        self._first = rng.uniform(10, 170)
        self._second = self._first + rng.uniform(-10, 150) if self._first < 100 else rng.uniform(100, 230)

    def joints(self, shoulder: Point, side: int, width: float) -> tuple[Point, Point]:
        """Elbow and wrist."""
        elbow = shoulder + self._upper * width * _direction(self._first, side)
        return elbow, elbow + self._lower * width * _direction(self._second, side)


def _direction(degrees: float, side: int) -> Point:
    angle = math.radians(degrees)
    return np.array([side * math.sin(angle), math.cos(angle)])


class _Hand:
    """A palm with fingers spread, closed, pointing or folded to a fist, along the forearm but for a turn."""

    def __init__(self, rng: random.Random) -> None:
        self._size, self._turn = rng.uniform(0.28, 0.42), rng.gauss(0, 0.35)
        self._half = rng.uniform(0.16, 0.24)  # a hand seen from its edge is narrow
        self._spread = rng.choice((0.0, rng.uniform(0.05, 0.2), rng.uniform(0.15, 0.4)))
        self._thumb = rng.choice((-1, 1))
        closed = rng.random() < 0.2
        folds, reaches = ([rng.random() < 0.1 for _ in range(4)], [rng.uniform(0.38, 0.52) for _ in range(4)])
        self._reaches = [0.12 if closed or fold else reach for fold, reach in zip(folds, reaches, strict=True)]
        self._bends = [rng.gauss(0, 0.04) for _ in range(4)]
        self._thumb_angle = rng.uniform(0.3, 1.2)
        self._has_thumb = rng.random() < 0.85

    def draw(self, layer: "_Layer", elbow: Point, wrist: Point, width: float) -> None:
        """At the end of the forearm of somebody of this width."""
        size, thumb = self._size * width, self._thumb
        half = size * self._half
        forearm = math.atan2(*(wrist - elbow)[::-1]) + self._turn
        ahead, across = (np.array([math.cos(a), math.sin(a)]) for a in (forearm, forearm + math.pi / 2))
        palm = 0.48 * size
        knuckles = wrist + palm * ahead
        layer.taper(wrist, knuckles, 1.5 * half, 2 * half)
        for k, (reach, bend) in enumerate(zip(self._reaches, self._bends, strict=True)):
            root = knuckles + across * half * thumb * (0.75 - 0.5 * k)
            angle = forearm + thumb * self._spread * (1.5 - k) + bend
            tip = root + reach * (0.8 if k == 3 else 1) * size * np.array([math.cos(angle), math.sin(angle)])
            layer.taper(root, tip, 0.52 * half, 0.4 * half)
        if self._has_thumb:
            angle = forearm + thumb * self._thumb_angle
            root = wrist + 0.3 * palm * ahead + across * half * thumb * 0.7
            layer.taper(
                root, root + 0.42 * size * np.array([math.cos(angle), math.sin(angle)]), 0.6 * half, 0.45 * half
            )


def _skin(rng: random.Random, image: Image, body: Image) -> Plane:
    """One colour, (3,) float32 BGR: the skin's in the upper half of this person, or some skin's."""
    own = rng.random() < 0.8
    other = (PALETTE[rng.randrange(len(PALETTE))] * rng.uniform(0.7, 1.15)).astype(np.float32)
    rows = np.flatnonzero((body > 127).any(1))
    middle = (rows[0] + rows[-1]) // 2 if len(rows) else 0
    if not own or not middle:
        return other
    levels = cv2.cvtColor(image[:middle], cv2.COLOR_BGR2YCrCb)
    found = (cv2.inRange(levels, *SKIN) > 0) & (body[:middle] > 250)
    return np.median(image[:middle][found], axis=0).astype(np.float32) if found.sum() >= FEW else other


def _cloth(rng: random.Random, image: Image, body: Image, look: Image) -> Image | Plane:
    """What a sleeve looks like: the person's own clothes or their colour, a pattern, or any colour."""
    kind, colour = rng.random(), np.array([rng.randrange(256) for _ in range(3)], np.float32)
    inside = body > 250
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
    return look if kind < 0.8 else colour


class _Shade:
    """A limb is round: it is lit from some side, and has its shadow opposite; and no skin or cloth is quite even."""

    def __init__(self, rng: random.Random) -> None:
        self._angle, self._depth = rng.uniform(0, 2 * math.pi), rng.uniform(0.0, 0.5)
        self._coarse = np.array([[rng.gauss(1, 0.08) for _ in range(10)] for _ in range(6)], np.float32)

    def over(self, colours: Image | Plane, cover: Image) -> Plane:
        """The colours of a limb that covers so much, (h, w, 3) in 0..255."""
        soft = cv2.GaussianBlur(cover, (0, 0), max(1.0, cover.shape[1] / 100)).astype(np.float32) / 255
        slope_x, slope_y = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        shade = 1 + np.float32(self._depth) * (math.cos(self._angle) * slope_x + math.sin(self._angle) * slope_y)
        shade *= cv2.resize(self._coarse, cover.shape[::-1], interpolation=cv2.INTER_CUBIC)
        return np.clip(colours * shade[..., None].astype(np.float32), 0, 255)


def _over(image: Image, colours: Plane, cover: Image) -> Image:
    own = cover[..., None].astype(np.float32) * np.float32(1 / 255)
    return (colours * own + image * (1 - own) + np.float32(0.5)).astype(np.uint8)
