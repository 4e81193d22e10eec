"""A moving clip whose true alpha is known, for the demo, the benchmark and the tests.

The person is scikit-image's public-domain portrait of the astronaut Eileen Collins (NASA), cut out without any network,
so that the alpha owes nothing to the mask network it is used to judge.
"""

import math
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.capture.drawn_room import draw_room

# The person's outline in the 512x512 portrait as (x, y), traced by hand to about a pixel; it passes the lower and the
# right border so that nothing is cut off inside the picture. The held helmet belongs to the person.
OUTLINE = np.array([
    # hair and ear at the left, down to the collar ring
    (153, 65), (152, 78), (154, 90), (157, 101), (163, 110), (170, 118), (172, 125), (176, 131), (181, 133), (183, 141),
    (185, 148), (176, 148), (163, 149), (150, 153), (138, 161), (128, 173), (124, 181), (120, 187), (114, 187),
    # shoulder and arm at the left
    (114, 196), (113, 203), (112, 207), (101, 217), (90, 228), (75, 239), (62, 254), (53, 270), (45, 280), (40, 294),
    (39, 304), (34, 316), (30, 330), (26, 340), (25, 360), (24, 378), (21, 385), (19, 397), (20, 415), (24, 430),
    (24, 460), (26, 480), (31, 500), (37, 515),
    # helmet
    (515, 515), (515, 484), (509, 480), (507, 470), (500, 462), (501, 454), (495, 452), (494, 440), (490, 420),
    (483, 400), (475, 385), (462, 368), (448, 357), (430, 349), (410, 344), (395, 343), (380, 345), (366, 349),
    # shoulder at the right, up to the collar ring
    (362, 345), (360, 336), (363, 331), (360, 325), (358, 316), (356, 306), (354, 296), (351, 287), (348, 281),
    (345, 272), (340, 262), (332, 253), (320, 244), (310, 237), (304, 233), (303, 225), (300, 217), (297, 210),
    (290, 201), (282, 192), (272, 184), (262, 177), (255, 173),
    # jaw, ear and hair at the right
    (258, 160), (262, 151), (266, 141), (267, 136), (272, 137), (278, 131), (281, 125), (287, 118), (293, 110),
    (298, 100), (301, 90), (301, 81), (299, 70), (296, 59), (290, 45), (283, 35), (272, 27), (258, 21), (245, 17),
    (233, 15), (220, 17), (205, 22), (195, 28), (188, 36), (176, 41), (166, 48), (158, 56),
], dtype=np.int32)  # fmt: skip

HAIR_BOTTOM = 118  # portrait row; above it colours decide the matte, below it the smooth contour of cloth and metal
WAIST = (265.0, 454.0)  # portrait (x, y) that rests on the middle of the frame's lower edge; below it is the cut
NOISE_MARGIN = 64  # pixels; each frame reads the noise field at its own offset in 0..64, both ways
HEIGHT_SHARE = 0.98  # portrait height over frame height: the head (174 rows of 512) fills a third of the frame


@cache
def astronaut_cutout() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Cut the person out of scikit-image's astronaut portrait.

    Returns foreground colours, (512, 512, 3) uint8 BGR, free of the old background wherever alpha is above 0, and
    alpha, (512, 512) float32 in [0, 1]. Both are read-only and shared by all callers. The same on every call.
    """
    from skimage.data import astronaut  # slow import, needed only here

    portrait = np.ascontiguousarray(astronaut()[..., ::-1])  # type: ignore[no-untyped-call]  # scikit-image has no types
    foreground, alpha = _soft_matte(portrait, _hard_mask(portrait))
    foreground.flags.writeable = alpha.flags.writeable = False
    return foreground, alpha


def _disc(radius: int) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _hard_mask(portrait: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Person mask, (H, W) uint8 0 or 255: the outline, corrected by GrabCut (Rother et al. 2004) near its border."""
    traced = cv2.fillPoly(np.zeros(portrait.shape[:2], np.uint8), [OUTLINE], 255)
    labels = np.full(traced.shape, cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(traced, _disc(4)) > 0] = cv2.GC_PR_BGD
    labels[traced > 0] = cv2.GC_PR_FGD
    labels[cv2.erode(traced, _disc(4)) > 0] = cv2.GC_FGD
    cv2.setRNGSeed(7)  # GrabCut starts with k-means
    cv2.grabCut(portrait, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    return np.asarray(cv2.medianBlur(person.astype(np.uint8) * 255, 7), np.uint8)


def _soft_matte(
    portrait: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8], radius: int = 3
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Solve colour = alpha * F + (1 - alpha) * B in a band of `radius` pixels on both sides of the mask's border.

    F and B start as the mean colours of the sure sides nearby. Alpha is the ridge solution of that equation around the
    blurred mask, so it follows the colours where F and B differ and the contour where they do not. What the equation
    leaves over goes to F, which keeps the strands of hair in F and the old background out of it.
    """
    colour = portrait.astype(np.float32)
    sure_fg = cv2.erode(mask, _disc(radius)) > 0
    sure_bg = cv2.dilate(mask, _disc(radius)) == 0
    fg, bg = _mean_nearby(colour, sure_fg, radius), _mean_nearby(colour, sure_bg, radius)

    prior = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.0)
    ridge = np.where(np.arange(len(mask)) < HAIR_BOTTOM, 1.2e3, 6e4).astype(np.float32)[:, None]
    axis = fg - bg
    alpha = (((colour - bg) * axis).sum(2) + ridge * prior) / ((axis * axis).sum(2) + ridge)
    alpha = np.clip((alpha - 0.04) / 0.9, 0, 1)  # the ridge never quite reaches 0 and 1
    alpha[sure_fg], alpha[sure_bg] = 1, 0

    a = alpha[..., None]
    left_over = colour - a * fg - (1 - a) * bg
    fg += left_over * a / (a * a + 4 * (1 - a) ** 2)
    fg[sure_fg] = colour[sure_fg]
    return np.clip(np.rint(fg), 0, 255).astype(np.uint8), alpha.astype(np.float32)


def _mean_nearby(
    colour: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], sigma: float
) -> npt.NDArray[np.float32]:
    """Gaussian mean of the known colours around each pixel, (H, W, 3) float32; 0 far from any known one."""
    weight = known.astype(np.float32)
    total = cv2.GaussianBlur(colour * weight[..., None], (0, 0), sigma)
    count = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
    return np.asarray(total / np.maximum(count, 1e-6), np.float32)


class SyntheticClip:
    """The astronaut swaying before a drawn living room, seen by a slightly noisy camera.

    Every frame depends on its index alone, so frames may be asked for in any order and come out the same each time.

    Args:
        width, height: frame size in pixels.
        frames: number of frames.
        fps: frames per second; sets how fast the person moves from frame to frame.
        seed: chooses the room, the movement's phases and the noise.
        noise: standard deviation of the camera noise in grey levels of 255.
        nobody: leave the person out; alpha is 0 everywhere.
    """

    def __init__(
        self,
        width: int,
        height: int,
        frames: int,
        fps: float = 30.0,
        seed: int = 7,
        *,
        noise: float = 2.0,
        nobody: bool = False,
    ) -> None:
        self.width, self.height, self.fps, self.nobody = width, height, fps, nobody
        self.room = draw_room(width, height, seed)
        self._frames, self._seed = frames, seed
        self._person, self._scale = _premultiplied_person(height)
        rng = np.random.default_rng(seed)
        self._phases = rng.uniform(0, 2 * math.pi, 4)
        self._noise = _noise_field(rng, width, height, noise)

    def __len__(self) -> int:
        return self._frames

    def frame(self, index: int) -> npt.NDArray[np.uint8]:
        """Picture number `index`, (H, W, 3) uint8 BGR. Raises IndexError outside 0..len-1."""
        rng = np.random.default_rng((self._seed, self._checked(index)))
        picture = self.room if self.nobody else self._over_room(self._warp(index))
        y, x = rng.integers(0, NOISE_MARGIN, 2, endpoint=True)
        noise = self._noise[y : y + self.height, x : x + self.width]
        return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)

    def alpha(self, index: int) -> npt.NDArray[np.float32]:
        """True alpha of frame `index`, (H, W) float32 in [0, 1], 1 = person. Raises IndexError outside 0..len-1."""
        if self.nobody:
            self._checked(index)
            return np.zeros((self.height, self.width), np.float32)
        return self._warp(index)[..., 3].astype(np.float32) * np.float32(1 / 255)

    def pose(self, index: int) -> npt.NDArray[np.float64]:
        """Affine map, (2, 3) float64, from portrait pixels (512x512) to frame pixels. Raises IndexError as `frame`."""
        seconds = self._checked(index) / self.fps
        sway, lean, nod, breath = np.sin(2 * math.pi * seconds / np.array((5.3, 4.1, 3.1, 3.7)) + self._phases)
        size = self.height * HEIGHT_SHARE / 512 * (1 + 0.015 * breath)
        matrix = np.asarray(cv2.getRotationMatrix2D(WAIST, -2.5 * lean, size), np.float64)
        # The lean moves the head; the sway moves the whole body.
        target = np.array((self.width * (0.5 + 0.06 * sway), self.height * (1 + 0.006 * nod)))
        matrix[:, 2] += target - WAIST
        return matrix

    def _warp(self, index: int) -> npt.NDArray[np.uint8]:
        """The person at their place in frame `index`: (H, W, 4) uint8, premultiplied BGR and alpha 0..255."""
        matrix = self.pose(index)
        # `_person` is the portrait at `_scale`; pixel centres lie at half pixels, hence the shift.
        shift = 0.5 / self._scale - 0.5
        matrix[:, 2] += matrix[:, :2] @ (shift, shift)
        matrix[:, :2] /= self._scale
        return np.asarray(cv2.warpAffine(self._person, matrix, (self.width, self.height)), np.uint8)

    def _over_room(self, person: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        see_through = cv2.merge([cv2.bitwise_not(person[..., 3])] * 3)
        behind = cv2.multiply(self.room, see_through, scale=1 / 255)
        return np.asarray(cv2.add(behind, cv2.cvtColor(person, cv2.COLOR_BGRA2BGR)), np.uint8)

    def _checked(self, index: int) -> int:
        if not 0 <= index < self._frames:
            raise IndexError(f"frame index {index} is outside the clip; it has frames 0 to {self._frames - 1}")
        return index


def _noise_field(rng: np.random.Generator, width: int, height: int, sigma: float) -> npt.NDArray[np.int8]:
    shape = (height + NOISE_MARGIN, width + NOISE_MARGIN, 3)
    field = rng.standard_normal(shape, np.float32) * sigma
    return np.asarray(np.clip(np.rint(field), -127, 127), np.int8)


def _premultiplied_person(height: int) -> tuple[npt.NDArray[np.uint8], float]:
    """The cut-out near its size in a frame of that height, premultiplied, (h, h, 4) uint8 BGRA, and its scale.

    Resized once with a good filter, so that the warp of each frame is cheap and neither blurs nor aliases.
    """
    foreground, alpha = astronaut_cutout()
    size = round(height * HEIGHT_SHARE)
    a = alpha[..., None]
    layered = np.dstack((foreground * a, 255 * a))
    method = cv2.INTER_AREA if size < 512 else cv2.INTER_CUBIC
    layered = np.clip(cv2.resize(layered, (size, size), interpolation=method), 0, 255)
    # Cubic overshoot must not leave a colour brighter than its alpha allows: it would shine as a halo.
    layered[..., :3] = np.minimum(layered[..., :3], layered[..., 3:])
    return np.rint(layered).astype(np.uint8), size / 512
