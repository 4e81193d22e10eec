"""Alpha over time: averaged where nothing moves, taken at once where something does."""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Alpha

STILL = 0.02
"""Mean change of luma (in [0, 1]) in a neighbourhood at which it counts as moving."""
HOLD = 0.85
"""Share of the previous alpha kept where nothing moves."""
NEIGHBOURHOOD = (7, 7)

Plane = npt.NDArray[np.float32]


class Steadiness:
    """Keeps the previous alpha and luma; for frames of one stream."""

    def __init__(self) -> None:
        self._previous: tuple[Alpha, Plane] | None = None

    def update(self, alpha: Alpha, luma: Plane) -> tuple[Alpha, Plane]:
        """The steadied alpha, and the share of what was before that it keeps, both (h, w) float32 in [0, 1].

        `luma` is (h, w) float32 in [0, 1]. A change of the light in all of the picture is no movement.
        """
        if self._previous is None or self._previous[0].shape != alpha.shape:
            self._previous = alpha.copy(), luma
            return alpha, np.zeros_like(luma)
        old_alpha, old_luma = self._previous
        light = np.float32(luma.mean() / max(float(old_luma.mean()), 1e-3))
        change = cv2.blur(cv2.absdiff(luma, old_luma * light), NEIGHBOURHOOD)
        keep = np.clip(1 - change * np.float32(1 / STILL), 0, 1) * np.float32(HOLD)
        steady: Alpha = alpha + keep * (old_alpha - alpha)
        self._previous = steady, luma
        return steady, keep
