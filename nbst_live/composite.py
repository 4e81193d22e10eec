"""Person over backdrop: the compositing equation C = alpha F + (1 - alpha) B (Porter and Duff 1984), in 8 bits."""

import cv2
import numpy as np

from nbst_live.stages import Matte, Picture


class Compositor:
    """Blends at one size, in buffers of its own; for one thread."""

    def __init__(self, width: int, height: int) -> None:
        self._out = np.empty((height, width, 3), np.uint8)
        self._person = np.empty_like(self._out)
        self._alpha = np.empty_like(self._out)

    def blend(self, frame: Picture, matte: Matte, backdrop: Picture) -> Picture:
        """The person of `frame` over `backdrop`: (H, W, 3) uint8 BGR, valid until the next call.

        `matte` is (H, W) uint8, 255 on the person. Where it is 255 the result is the frame and where it is 0 the
        backdrop, to the bit; between them it is off by one grey level at most. Only the matte's bounding box is
        blended.
        """
        np.copyto(self._out, backdrop)
        x, y, w, h = cv2.boundingRect(matte)
        if not w:
            return self._out
        box = np.s_[y : y + h, x : x + w]
        out, person, alpha = self._out[box], self._person[box], self._alpha[box]
        cv2.cvtColor(matte[box], cv2.COLOR_GRAY2BGR, dst=alpha)
        cv2.multiply(frame[box], alpha, dst=person, scale=1 / 255)
        cv2.bitwise_not(alpha, dst=alpha)
        cv2.multiply(out, alpha, dst=out, scale=1 / 255)
        cv2.add(out, person, dst=out)
        return self._out
