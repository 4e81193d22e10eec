"""The compositing equation C = alpha F + (1 - alpha) B (Porter and Duff 1984), solved along the person's edge.

B is the room behind, known from the plate or, where it was never seen, the mean of the room nearby. F is near the mean
of the person nearby. Alpha is the ridge solution of the equation along the line from B to F, the guided filter's alpha
its centre. With alpha settled, what the equation leaves over belongs to F, which so keeps the strands of hair and loses
the room. Everything here works on lists of pixels: colours are (3, N) float32 BGR in 0..255, the rest (N,) float32.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Matte, Picture

NEAR, FAR = (5, 5), (21, 21)
"""Windows, at half the network's size, for the mean colours of a side: the far one where the near one holds too little
of it."""
TRUST = 600.0
"""Weight of the guided filter's alpha, as a squared contrast of F and B at which the equation counts as much."""
UNSEEN = 16.0
"""How many times more that weight is where B is only a mean of the room nearby."""
CERTAIN = 3.0
"""How many times more again where the network itself is certain: like colours must not undo what it knows."""
OFF_LINE = 100.0
"""Squared distance from the line of F and B at which a colour counts as neither: then it is not explained by mixing."""
NOT_ROOM = 900.0
"""Squared distance from the known room from which such a colour is the person's."""
SOMEBODY = 4.0
"""Slope with which the network's alpha allows that: a shadow on the wall is nobody's."""
LOW, HIGH = 0.04, 0.96
"""The ridge never quite reaches 0 and 1: between these alpha is stretched to them."""
CLEAN = 0.05
"""Regularisation of F: the weight, beside alpha squared, of the mean of the person nearby; less where alpha is high."""

Plane = npt.NDArray[np.float32]


def local_means(small: Picture, sure: Matte) -> Plane:
    """The mean colour around each pixel, float32, of those where `sure` is 255; 0 far off. At half the size of `small`
    (h, w, 3) and `sure` (h, w).
    """
    half = max(1, sure.shape[1] // 2), max(1, sure.shape[0] // 2)
    weight = cv2.resize(sure, half, interpolation=cv2.INTER_NEAREST) * np.float32(1 / 255)
    total = np.dstack([cv2.resize(small, half, interpolation=cv2.INTER_NEAREST) * weight[..., None], weight])
    far, near = cv2.blur(total, FAR), cv2.blur(total, NEAR)
    few = np.float32(0.01)
    far *= few / (far[..., 3:] + np.float32(1e-4))
    near += far
    return np.asarray(near[..., :3] / (near[..., 3:] - far[..., 3:] + few), np.float32)


def solve_alpha(seen: Plane, prior: Plane, network: Plane, person: Plane, behind: Plane, known: Plane) -> Plane:
    """Alpha (N,) in [0, 1] of the colours `seen`.

    `prior` is the guided filter's alpha and `network` the network's; `person` and `behind` are F and B, `known` is 1
    where B is the plate's and 0 where it is not.
    """
    difference, axis = seen - behind, person - behind
    certainty = np.square(2 * network - 1)
    trust = np.float32(TRUST) * (UNSEEN - np.float32(UNSEEN - 1) * known) * (1 + np.float32(CERTAIN) * certainty)
    alpha = (_dot(difference, axis) + trust * prior) / (_dot(axis, axis) + trust)
    rest = difference - np.clip(alpha, 0, 1) * axis
    off = _dot(rest, rest)
    stray = known * off / (off + np.float32(OFF_LINE))
    apart = np.minimum(_dot(difference, difference) * np.float32(1 / NOT_ROOM), network * np.float32(SOMEBODY))
    alpha += stray * (np.maximum(prior, np.minimum(apart, 1)) - alpha)
    return np.clip((alpha - np.float32(LOW)) * np.float32(1 / (HIGH - LOW)), 0, 1)


def solve_colours(seen: Plane, alpha: Plane, person: Plane, behind: Plane) -> Plane:
    """F (3, N) in 0..255 of the colours `seen`, whose alpha is known; where that is 1 it is `seen`."""
    left_over = seen - alpha * person - (1 - alpha) * behind
    gain = alpha / (alpha * alpha + np.float32(CLEAN) * (1 - alpha))
    return np.clip(person + gain * left_over, 0, 255)


def _dot(one: Plane, other: Plane) -> Plane:
    return np.asarray((one * other).sum(axis=0), np.float32)
