"""The compositing equation C = alpha F + (1 - alpha) B (Porter and Duff 1984), solved along the person's edge.

B is the room behind, known from the plate or, where it was never seen, the mean of the room nearby. F is near the mean
of the person nearby. Alpha is the ridge solution of the equation along the line from B to F, the guided filter's alpha
its centre. With alpha settled, what the equation leaves over belongs to F, which so keeps the strands of hair and loses
the room. Everything here works on lists of pixels: colours are (3, N) float32 BGR in 0..255, the rest (N,) float32.
"""

import numpy as np
import numpy.typing as npt

NOISE = 30.0
"""Weight of the guided filter's alpha, as a squared contrast of F and B at which the equation counts as much, where
only the camera's noise disturbs the equation: of a pixel that looks like the room."""
SPREAD = 300.0
"""What the person's own texture adds to it, for F is only a mean: by alpha squared, as it takes part in the colour."""
UNSEEN = 9600.0
"""That weight where B is only a mean of the room nearby."""
CERTAIN = 3.0, 10.0
"""How many times more SPREAD and NOISE are where the network itself is certain: like colours must not undo what it
knows."""
OFF_LINE = 100.0
"""Squared distance from the line of F and B at which a colour counts as neither: then it is not explained by mixing."""
NOT_ROOM = 900.0
"""Squared distance from the known room from which such a colour is the person's."""
SOMEBODY = 10.0
"""Slope with which the network's alpha allows that: a shadow on the wall is nobody's."""
LOW, HIGH = 0.04, 0.96
"""The ridge never quite reaches 0 and 1: between these alpha is stretched to them."""
CLEAN = 0.05
"""Regularisation of F: the weight, beside alpha squared, of the mean of the person nearby; less where alpha is high."""

Plane = npt.NDArray[np.float32]


def solve_alpha(seen: Plane, prior: Plane, network: Plane, person: Plane, behind: Plane, known: Plane) -> Plane:
    """Alpha (N,) in [0, 1] of the colours `seen`.

    `prior` is the guided filter's alpha and `network` the network's; `person` and `behind` are F and B, `known` is 1
    where B is the plate's and 0 where it is not.
    """
    difference, axis = seen - behind, person - behind
    along, length, apart = _dot(difference, axis), _dot(axis, axis), _dot(difference, difference)
    certainty = np.square(2 * network - 1)
    noise = np.float32(NOISE) * (1 + np.float32(CERTAIN[1]) * certainty)
    first = np.clip((along + noise * prior) / (length + noise), 0, 1)
    spread = np.float32(SPREAD) * (1 + np.float32(CERTAIN[0]) * certainty)
    unseen = spread * np.float32(UNSEEN / SPREAD)
    trust = unseen + known * (noise + spread * first * first - unseen)
    alpha = (along + trust * prior) / (length + trust)
    on_line = np.clip(alpha, 0, 1)
    off = np.maximum(apart + on_line * (on_line * length - 2 * along), 0)
    stray = known * off / (off + np.float32(OFF_LINE))
    somebody = np.minimum(np.minimum(apart * np.float32(1 / NOT_ROOM), network * np.float32(SOMEBODY)), 1)
    alpha += stray * (np.maximum(prior, somebody) - alpha)
    return np.clip((alpha - np.float32(LOW)) * np.float32(1 / (HIGH - LOW)), 0, 1)


def solve_colours(seen: Plane, alpha: Plane, person: Plane, behind: Plane) -> Plane:
    """F (3, N) in 0..255 of the colours `seen`, whose alpha is known; where that is 1 it is `seen`."""
    left_over = seen - behind
    left_over -= alpha * (person - behind)
    left_over *= alpha / (alpha * alpha + np.float32(CLEAN) * (1 - alpha))
    left_over += person
    return np.clip(left_over, 0, 255, out=left_over)


def _dot(one: Plane, other: Plane) -> Plane:
    total = one[0] * other[0]
    for a, b in zip(one[1:], other[1:], strict=True):
        total += a * b
    return total
