"""The fast guided filter's model: He et al., "Guided Image Filtering", 2013; He and Sun, "Fast Guided Filter", 2015."""

import cv2
import numpy as np
import numpy.typing as npt

RADIUS = 1
"""Radius in network pixels of the window in which alpha is a linear function of luma."""
EPSILON = 4e-4
"""Regularisation of that fit: the variance of luma (in [0, 1]) below which a window counts as flat."""

Plane = npt.NDArray[np.float32]


def linear_model(guide: Plane, alpha: Plane) -> tuple[Plane, Plane]:
    """Mean coefficients a and b, (h, w) float32 each, with which a * guide + b fits alpha (equations 5, 6 and 8 of
    2013). Enlarged, they give alpha the edges of a guide of any size. All are in [0, 1] but the results.
    """
    window = (2 * RADIUS + 1, 2 * RADIUS + 1)
    # Each plane by itself: channels beside one another cost the arithmetic between them twice the time.
    mean_guide, offset = cv2.blur(guide, window), cv2.blur(alpha, window)
    slope, variance = cv2.blur(guide * alpha, window), cv2.blur(guide * guide, window)
    slope -= mean_guide * offset
    variance -= mean_guide * mean_guide
    variance += np.float32(EPSILON)
    slope /= variance
    mean_guide *= slope
    offset -= mean_guide
    return np.asarray(cv2.blur(slope, window), np.float32), np.asarray(cv2.blur(offset, window), np.float32)
