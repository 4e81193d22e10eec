"""From the network's alpha to a matte at full resolution: steady over time, fitted to the frame's edges.

Over time, where the frame stands still the alpha is averaged, where it moves the new one is taken at once, so that
nothing lags. In space, the fast guided filter (He and Sun, "Fast Guided Filter", 2015; He et al., "Guided Image
Filtering", 2013, equations 5, 6 and 8): alpha is fitted to the frame's luma as a local linear model a*I + b at the
network's size, and only a and b are enlarged, so that edges are those of the full frame.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Alpha, Matte, Picture

RADIUS = 3
"""Radius in network pixels of the window in which alpha is a linear function of luma."""
EPSILON = 4e-4
"""Regularisation of that fit: the variance of luma (in [0, 1]) below which a window counts as flat."""
STILL = 0.02
"""Mean change of luma (in [0, 1]) in a neighbourhood at which it counts as moving."""
HOLD = 0.75
"""Share of the previous alpha kept where nothing moves."""
LOW, HIGH = 0.12, 0.9
"""Alpha below LOW becomes 0 and above HIGH becomes 1: no veil of the room, no ghost of the backdrop in the person."""

Plane = npt.NDArray[np.float32]


class _Buffers:
    """What the refiner writes into, for pictures of one size: no allocation for each frame."""

    def __init__(self, height: int, width: int) -> None:
        self.grey, self.matte = np.empty((2, height, width), np.uint8)
        self.slope, self.offset = np.empty((2, height, width), np.float32)
        self.floor, self.ceiling = np.empty((2, height, width), np.uint8)


class MatteRefiner:
    """Keeps the previous alpha and luma; for frames of one stream, in one thread."""

    def __init__(self, *, over_time: bool = True) -> None:
        self._over_time = over_time
        self._previous: tuple[Plane, Plane] | None = None
        self._buffers = _Buffers(0, 0)

    def refine(self, alpha: Alpha, picture: Picture) -> Matte:
        """The matte (H, W) uint8 of `picture` from its alpha at the network's size. Valid until the next call."""
        if self._buffers.matte.shape != picture.shape[:2]:
            self._buffers, self._previous = _Buffers(*picture.shape[:2]), None
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY, dst=self._buffers.grey)
        small = cv2.resize(grey, alpha.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) * np.float32(
            1 / 255
        )
        steady = self._steady(alpha, small) if self._over_time else alpha
        return self._enlarge(*_linear_model(small, steady), steady)

    def _steady(self, alpha: Alpha, luma: Plane) -> Alpha:
        """Averages over time where luma does not change, follows at once where it does."""
        if self._previous is None or self._previous[0].shape != alpha.shape:
            self._previous = (alpha.copy(), luma)
            return alpha
        old_alpha, old_luma = self._previous
        change = cv2.blur(cv2.absdiff(luma, old_luma), (7, 7))
        keep = np.clip(1 - change * np.float32(1 / STILL), 0, 1) * np.float32(HOLD)
        steady: Alpha = alpha + keep * (old_alpha - alpha)
        self._previous = (steady, luma)
        return steady

    def _enlarge(self, slope: Plane, offset: Plane, alpha: Alpha) -> Matte:
        """a*I + b at full size, stretched by LOW and HIGH, and never far from what the network said."""
        into, size = self._buffers, self._buffers.matte.shape[::-1]
        stretch = 1 / (HIGH - LOW)
        cv2.resize(slope * np.float32(stretch), size, dst=into.slope)
        cv2.resize((offset - np.float32(LOW)) * np.float32(255 * stretch), size, dst=into.offset)
        cv2.multiply(into.slope, into.grey, dst=into.slope, dtype=cv2.CV_32F)
        cv2.add(into.slope, into.offset, dst=into.matte, dtype=cv2.CV_8U)
        floor, ceiling = _bounds(alpha)
        cv2.max(into.matte, cv2.resize(floor, size, dst=into.floor), dst=into.matte)
        cv2.min(into.matte, cv2.resize(ceiling, size, dst=into.ceiling), dst=into.matte)
        return into.matte


def _linear_model(guide: Plane, alpha: Alpha) -> tuple[Plane, Plane]:
    """The guided filter's mean coefficients a and b (He et al. 2013, equations 5, 6 and 8) at the network's size."""
    window = (2 * RADIUS + 1, 2 * RADIUS + 1)
    mean_guide, mean_alpha = cv2.blur(guide, window), cv2.blur(alpha, window)
    covariance = cv2.blur(guide * alpha, window) - mean_guide * mean_alpha
    variance = cv2.blur(guide * guide, window) - mean_guide * mean_guide
    slope = covariance / (variance + np.float32(EPSILON))
    return cv2.blur(slope, window), cv2.blur(mean_alpha - slope * mean_guide, window)


def _bounds(alpha: Alpha) -> tuple[Matte, Matte]:
    """Floor and ceiling of the matte at the network's size: sure person stays 255, sure room stays 0.

    The linear model would carry the texture of the room's or the person's inside into alpha.
    """
    kernel = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
    person = np.where(alpha > HIGH, np.uint8(255), np.uint8(0))
    anybody = np.where(alpha > LOW, np.uint8(255), np.uint8(0))
    return cv2.erode(person, kernel), cv2.dilate(anybody, kernel)
