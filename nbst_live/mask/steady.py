"""Alpha over time: what was known is moved along with the picture, and kept as far as the picture confirms it."""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.flow import Flow, fetch
from nbst_live.mask.window import WHOLE, Window
from nbst_live.stages import Alpha, Matte

SAME, OTHER = 3.0, 12.0
"""Mean difference in grey levels, in a neighbourhood, of a moved frame and the next: up to which it is the camera's
noise, and from which nothing is kept."""
HOLD = 0.88
"""Share of the previous alpha kept where the moved frame is the next one."""
NEIGHBOURHOOD = (7, 7)

Plane = npt.NDArray[np.float32]


class Steadiness:
    """Keeps the previous alpha and frame; for frames of one stream."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._previous: tuple[Alpha, Matte] | None = None

    def update(self, alpha: Alpha, grey: Matte, window: Window = WHOLE) -> tuple[Alpha, Plane, Plane]:
        """The steadied alpha, the share (h, w) in [0, 1] of what was before that is kept, and the movement since then,
        (h, w, 2), as `Flow.back` gives it; nothing is kept outside of the window.

        `grey` is the frame, (h, w) uint8. A change of the light in all of the picture is no movement.
        """
        keep = np.zeros_like(alpha)
        if self._previous is None or self._previous[0].shape != alpha.shape:
            self._previous = alpha.copy(), grey
            return alpha, keep, np.zeros((*alpha.shape, 2), np.float32)
        old_alpha, old_grey = self._previous
        light = max(cv2.mean(grey)[0], 1) / max(cv2.mean(old_grey)[0], 1)
        # Of the whole picture: what is seen of the window alone moves otherwise at its borders, and from afar.
        flow = self._flow.back(grey, old_grey)
        now, then = grey[window], old_grey[window]
        alpha_then, expected = fetch(flow[window], old_alpha[window], then.astype(np.float32))
        # No brighter than a camera can tell.
        expected = np.minimum(expected * np.float32(light), 255)
        difference = cv2.absdiff(now.astype(np.float32), expected)
        change = cv2.blur(difference, NEIGHBOURHOOD)
        keep[window] = np.clip((np.float32(OTHER) - change) * np.float32(HOLD / (OTHER - SAME)), 0, np.float32(HOLD))
        steady = alpha.copy()
        steady[window] += keep[window] * (np.clip(alpha_then, 0, 1) - alpha[window])
        self._previous = steady, grey
        return steady, keep, flow
