"""Movement between two frames, at the network's size: dense inverse search (Kroeger et al. 2016)."""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.mask.window import WHOLE, Window
from nbst_live.stages import Matte

Plane = npt.NDArray[np.float32]
FINEST = 1
"""Scale, in halvings of the picture, down to which movement is looked for."""
LEAST = 16
"""Least side in pixels of pictures whose movement can be found."""


class Flow:
    """Finds where everything was; for one thread at a time."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._search.setPatchStride(6)

    def back(self, now: Matte, before: Matte) -> Plane:
        """For each pixel of `now` how far off it was in `before`: (h, w, 2) float32, x and y in pixels. Both are grey,
        (h, w) uint8; too small ones have not moved.
        """
        if min(now.shape) < LEAST:
            return np.zeros((*now.shape, 2), np.float32)
        # Twice as fine as the preset: a person's edge and what is behind it move apart. It is told anew each time, as a
        # small picture makes the search forget it.
        self._search.setFinestScale(FINEST)
        return np.asarray(self._search.calc(now, before, None), np.float32)


def places(flow: Plane, window: Window = WHOLE) -> tuple[Plane, Plane]:
    """The places that a flow (h, w, 2) points to from within a window, x and y, as cv2.remap takes them."""
    lines, columns = (
        np.arange(side, dtype=np.float32)[part] for side, part in zip(flow.shape[:2], window, strict=True)
    )
    here = flow[window]
    return np.add(here[..., 0], columns), np.add(here[..., 1], lines[:, None])


def fetch(flow: Plane, *planes: Plane) -> list[Plane]:
    """What was at the places that a flow (h, w, 2) points to, in each of some planes (h, w) float32.

    Bicubic, which goes a little beyond the values that were there: a bilinear copy of a copy, frame after frame, would
    be a blur.
    """
    x, y = places(flow)
    found = (cv2.remap(plane, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for plane in planes)
    return [np.asarray(plane, np.float32) for plane in found]
