"""Alpha over time: what was known is moved along with the picture, and kept as far as the picture confirms it."""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.flow import fetch
from nbst_live.mask.window import WHOLE, Window
from nbst_live.stages import Alpha, Matte, Seen

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
        self._previous: tuple[Alpha, Matte] | None = None

    def update(self, alpha: Alpha, seen: Seen, window: Window = WHOLE) -> tuple[Alpha, Plane, Plane]:
        """The steadied alpha, the share (h, w) in [0, 1] of what was before that is kept, and the movement since then,
        (h, w, 2), x and y in pixels; nothing is kept outside of the window.

        `seen` is the frame at alpha's size. Where it did not move from the frame of the previous alpha, but from one
        that had none, everything begins anew. A change of the light in all of the picture is no movement.
        """
        keep, grey, movement = np.zeros_like(alpha), seen.grey, seen.movement
        if self._previous is None or movement is None or movement.since is not self._previous[1]:
            self._previous = alpha.copy(), grey
            return alpha, keep, np.zeros((*alpha.shape, 2), np.float32)
        old_alpha, old_grey = self._previous
        light = max(cv2.mean(grey)[0], 1) / max(cv2.mean(old_grey)[0], 1)
        now, then = grey[window], old_grey[window]
        alpha_then, expected = fetch(movement.back[window], old_alpha[window], then.astype(np.float32))
        # No brighter than a camera can tell.
        expected = np.minimum(expected * np.float32(light), 255)
        difference = cv2.absdiff(now.astype(np.float32), expected)
        change = cv2.blur(difference, NEIGHBOURHOOD)
        keep[window] = np.clip((np.float32(OTHER) - change) * np.float32(HOLD / (OTHER - SAME)), 0, np.float32(HOLD))
        steady = alpha.copy()
        steady[window] += keep[window] * (np.clip(alpha_then, 0, 1) - alpha[window])
        self._previous = steady, grey
        return steady, keep, movement.back
