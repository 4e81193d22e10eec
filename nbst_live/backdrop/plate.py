"""The plate: the empty room, gathered over time from the pixels that the mask calls background.

Pure but for its own buffers. Pixels near the person are left out by a margin, so that no trace of them enters.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Alpha, Picture

MARGIN = 0.03
"""Distance kept from the person, as a share of the mask's width."""
SURELY_ROOM = 0.04
"""Alpha up to which a pixel counts as room."""
RATE = 0.15
"""Weight of a new observation of a pixel seen before: averages the camera's noise, follows slow changes of light."""


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
        fresh = cv2.bitwise_and(room, cv2.bitwise_not(self.known))
        cv2.accumulateWeighted(picture, self._mean, RATE, mask=cv2.bitwise_and(room, self.known))
        if cv2.countNonZero(fresh):
            cv2.copyTo(picture.astype(np.float32), fresh, self._mean)
            cv2.bitwise_or(self.known, room, dst=self.known)

    def picture(self) -> Picture:
        """The plate now; black where the room was never seen."""
        return cv2.convertScaleAbs(self._mean)

    def _room(self, alpha: Alpha) -> npt.NDArray[np.uint8]:
        """255 where this frame shows the room for sure, at the plate's size."""
        reach = 2 * max(1, round(MARGIN * alpha.shape[1])) + 1
        person = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        room = cv2.compare(person, SURELY_ROOM, cv2.CMP_LE)
        return cv2.resize(room, self.known.shape[::-1], interpolation=cv2.INTER_NEAREST)


def fill(picture: Picture, known: npt.NDArray[np.uint8]) -> Picture:
    """The plate with its unseen parts filled in from what surrounds them; mid grey where nothing is known at all.

    Fills on a small copy by Telea's inpainting ("An Image Inpainting Technique Based on the Fast Marching Method",
    2004), smoothed, and joins softly: the painting hides what is missing as long as no edge shows where it begins.
    """
    if not cv2.countNonZero(known):
        return np.full_like(picture, 128)
    height, width = known.shape
    scale = 160 / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    unseen = cv2.compare(cv2.resize(known, size, interpolation=cv2.INTER_AREA), 255, cv2.CMP_LT)
    small = cv2.inpaint(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), unseen, 3, cv2.INPAINT_TELEA)
    smooth = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2), (width, height), interpolation=cv2.INTER_CUBIC)
    seen = cv2.GaussianBlur(cv2.erode(known, np.ones((5, 5), np.uint8)), (0, 0), max(1.0, width / 200))
    seen = cv2.bitwise_and(seen, known)
    weight = seen[..., None].astype(np.float32) * np.float32(1 / 255)
    return cv2.convertScaleAbs(weight * picture + (1 - weight) * smooth)
