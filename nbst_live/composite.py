"""Person over backdrop: the compositing equation C = alpha F + (1 - alpha) B (Porter and Duff 1984).

Where person and room mix, F are the person's own colours, on which the backdrop may throw its light: the light wrap of
film compositing (Brinkmann, "The Art and Science of Digital Compositing", 2008).
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Cutout, Picture

CELLS, SPREAD = 160, (13, 13)
"""Long side of the copy of the backdrop that gives its light, and the window over which that is spread there."""
HARMONY = 0.3
"""Share of the way from the edge's mean colour to that of the backdrop behind it that harmonising goes."""

Plane = npt.NDArray[np.float32]


class Compositor:
    """Blends at one size, in a buffer of its own; for one thread.

    `light_wrap` in [0, 1] is how much of the backdrop's light falls on the person's edge; `harmonize` draws the edge's
    colours slightly towards the backdrop's.
    """

    def __init__(self, width: int, height: int, *, light_wrap: float = 0.0, harmonize: bool = False) -> None:
        self._out = np.empty((height, width, 3), np.uint8)
        self._light_wrap, self._harmonize = np.float32(light_wrap), harmonize
        scale = CELLS / max(width, height)
        self._cells = max(1, round(width * scale)), max(1, round(height * scale))

    def blend(self, frame: Picture, cutout: Cutout, backdrop: Picture) -> Picture:
        """The person of `frame` over `backdrop`: (H, W, 3) uint8 BGR, valid until the next call.

        Where the cutout's matte is 255 the result is the frame and where it is 0 the backdrop, to the bit.
        """
        np.copyto(self._out, backdrop)
        cv2.copyTo(frame, cv2.inRange(cutout.matte, 255, 255), self._out)
        pixels, alpha = self._out.reshape(-1, 3), cutout.alpha
        behind = np.ascontiguousarray(pixels.take(cutout.mixed, axis=0).T, np.float32)
        person = self._lit(cutout.colours, alpha, backdrop, cutout.mixed)
        behind += alpha * (person - behind) + np.float32(0.5)
        levels = np.clip(behind, 0, 255, out=behind).astype(np.uint8)
        # A list of single bytes is written much faster than one of threes.
        for channel in range(3):
            pixels[:, channel][cutout.mixed] = levels[channel]
        return self._out

    def _lit(self, person: Plane, alpha: Plane, backdrop: Picture, where: npt.NDArray[np.intp]) -> Plane:
        """The person's colours (3, N) in the backdrop's light: the more, the more of the backdrop is in the pixel."""
        if not where.size or not (self._light_wrap or self._harmonize):
            return person
        light = self._light(backdrop, where)
        lit = person + self._light_wrap * (1 - alpha) * (light - person)
        if self._harmonize:
            lit += np.float32(HARMONY) * (1 - alpha) * (light - person).mean(axis=1, keepdims=True)
        return np.clip(lit, 0, 255)

    def _light(self, backdrop: Picture, where: npt.NDArray[np.intp]) -> Plane:
        """The backdrop's mean colour around these pixels, (3, N)."""
        cells = cv2.blur(cv2.resize(backdrop, self._cells), SPREAD)
        y, x = np.divmod(where, backdrop.shape[1])
        rows, columns = y * cells.shape[0] // backdrop.shape[0], x * cells.shape[1] // backdrop.shape[1]
        return np.ascontiguousarray(cells.reshape(-1, 3).take(rows * cells.shape[1] + columns, axis=0).T, np.float32)
