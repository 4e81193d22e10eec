"""The plate: the empty room, gathered over time from the pixels that the mask calls background.

Pure but for its own buffers. Pixels near the person are left out by a margin, so that no trace of them enters.
"""

import cv2
import numpy as np

from nbst_live.stages import Alpha, Matte, Picture

MARGIN = 0.03
"""Distance kept from the person, as a share of the mask's width."""
SURELY_ROOM = 0.04
"""Alpha up to which a pixel counts as room."""
RATE = 0.15
"""Weight of a new observation of a pixel seen before: averages the camera's noise, follows slow changes of light."""
CHANGED = 30
"""Grey levels beyond which a pixel is taken anew: an average over a camera that moved would be a blur."""
FILL_SIZE = 120
"""Long side in pixels at which unseen parts are filled."""
JOIN = 0.03
"""Width of the soft join of seen and filled parts, as a share of the plate's width."""


class Plate:
    """Running mean of the room at the frame's own size.

    `picture()` is (H, W, 3) uint8 BGR, `known` (H, W) uint8, 255 where the room has been seen.
    """

    def __init__(self, width: int, height: int) -> None:
        self.known = np.zeros((height, width), np.uint8)
        self._mean = np.zeros((height, width, 3), np.float32)

    @property
    def coverage(self) -> float:
        """Share of the picture in which the room has been seen, in [0, 1]."""
        return cv2.countNonZero(self.known) / self.known.size

    def add(self, picture: Picture, alpha: Alpha) -> None:
        """Takes what is room in `picture`, by its alpha at any size."""
        room = self._room(alpha)
        unchanged = cv2.inRange(cv2.absdiff(picture, self.picture()), (0, 0, 0), (CHANGED, CHANGED, CHANGED))
        again = cv2.bitwise_and(room, cv2.bitwise_and(self.known, unchanged))
        fresh = cv2.bitwise_xor(room, again)
        cv2.accumulateWeighted(picture, self._mean, RATE, mask=again)
        cv2.copyTo(picture.astype(np.float32), fresh, self._mean)
        cv2.bitwise_or(self.known, room, dst=self.known)

    def picture(self) -> Picture:
        """The plate now; black where the room was never seen."""
        return cv2.convertScaleAbs(self._mean)

    def _room(self, alpha: Alpha) -> Matte:
        """255 where this frame shows the room for sure, at the plate's size."""
        reach = 2 * max(1, round(MARGIN * alpha.shape[1])) + 1
        person = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        room = cv2.compare(person, SURELY_ROOM, cv2.CMP_LE)
        return cv2.resize(room, self.known.shape[::-1], interpolation=cv2.INTER_NEAREST)


def shrink(picture: Picture, known: Matte, size: tuple[int, int]) -> tuple[Picture, Matte]:
    """A plate and where it is known at a smaller (width, height).

    A pixel counts as known when its whole area was, so that no black of what was not enters.
    """
    small_known = cv2.compare(cv2.resize(known, size, interpolation=cv2.INTER_AREA), 255, cv2.CMP_EQ)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.asarray(small_known, np.uint8)


def fill(picture: Picture, known: Matte) -> Picture:
    """The plate with its unseen parts filled in from what surrounds them; mid grey where nothing is known at all.

    Fills on a small copy by Telea's inpainting ("An Image Inpainting Technique Based on the Fast Marching Method",
    2004), smoothed, and joins softly: the painting hides what is missing as long as no edge shows where it begins.
    """
    if not cv2.countNonZero(known):
        return np.full_like(picture, 128)
    height, width = known.shape
    scale = FILL_SIZE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small, small_known = shrink(picture, known, size)
    small = cv2.inpaint(small, cv2.bitwise_not(small_known), 3, cv2.INPAINT_TELEA)
    smooth = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3), (width, height), interpolation=cv2.INTER_CUBIC)
    away = cv2.distanceTransform(cv2.copyMakeBorder(known, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3)
    weight = np.minimum(away[1:-1, 1:-1, None] * np.float32(1 / (JOIN * width)), 1)
    return cv2.convertScaleAbs(smooth + weight * (picture - smooth.astype(np.float32)))
