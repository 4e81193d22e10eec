"""The person's edge, pixel by pixel: how much of each is the person, and in which colour.

Alpha is found by a small network (scripts/edge_net.py says how) that looks at each pixel alone, as the point head of
PointRend does (Kirillov et al. 2020), but knows what is known of the room. With alpha settled, the compositing equation
C = alpha F + (1 - alpha) B (Porter and Duff 1984) is solved for F: what it leaves over belongs to F, which so keeps the
strands of hair and loses the room. Everything here works on lists of pixels: colours are (3, N) float32 BGR in 0..255.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nbst_live.errors import MaskError
from nbst_live.logs import first_line
from nbst_live.mask.providers import open_own
from nbst_live.models import ModelRecord

CLEAN = 0.05
"""Regularisation of F: the weight, beside alpha squared, of the mean of the person nearby; less where alpha is high."""
ROWS = {
    "picture": 3, "slope": 1, "offset": 1, "keep": 1, "alpha": 1, "least": 1, "most": 1, "x": 1, "y": 1,
    "near_person": 3, "alpha_3": 1, "behind": 3, "alpha_7": 1, "next_person": 3, "alpha_15": 1,
    "next_room": 3, "unsteady": 1, "known": 1, "before": 3, "matte": 1,
}  # fmt: skip
"""What is known of a pixel, as the network takes it, and how many numbers each is: Samples, row by row."""

Plane = npt.NDArray[np.float32]


class Samples(NamedTuple):
    """What is known of N pixels, (3, N), (4, N) or, `known`, (1, N) float32.

    `picture` is the frame's colour there. `fit`, `bounds`, `near_person`, `next_person` and `next_room` are the
    trimap's planes there, and so is `behind`, but for its colours, which are the known room's in this frame's light
    where there is one; `known`, in [0, 1], says how far. `before` is the colour, in this frame's light, and the matte,
    in 0..255, that were there the frame before, moved along.
    """

    picture: Plane
    fit: Plane
    bounds: Plane
    near_person: Plane
    behind: Plane
    next_person: Plane
    next_room: Plane
    known: Plane
    before: Plane

    def named(self) -> dict[str, Plane]:
        """By the names of ROWS. Views: the network would have to copy what it takes apart itself."""
        found, names = {}, iter(ROWS.items())
        for plane in self:
            row = 0
            while row < len(plane):
                name, count = next(names)
                found[name] = plane[row : row + count]
                row += count
        return found


class EdgeSolver:
    """Runs the network of the edge, on the CPU; for one thread. Raises ModelError."""

    def __init__(self, record: ModelRecord, *, threads: int = 2) -> None:
        self._session = open_own(record, threads, _warm_up)

    def solve(self, samples: Samples) -> Plane:
        """Alpha (N,) in [0, 1]. Raises MaskError."""
        if not samples.picture.shape[1]:
            return np.zeros(0, np.float32)
        try:
            (alpha,) = self._session.run(None, samples.named())
        except Exception as error:
            raise MaskError(f"the edge could not be settled on a frame: {first_line(error)}") from error
        return np.asarray(alpha, np.float32)


def solve_colours(seen: Plane, alpha: Plane, person: Plane, behind: Plane) -> Plane:
    """F (3, N) of the colours `seen`, whose alpha (N,) in [0, 1] is known; where that is 1 it is `seen`.

    `person` is the mean of the person nearby and `behind` is B.
    """
    left_over = seen - behind
    left_over -= alpha * (person - behind)
    left_over *= alpha / (alpha * alpha + np.float32(CLEAN) * (1 - alpha))
    left_over += person
    return np.clip(left_over, 0, 255, out=left_over)


def _warm_up(session: Any) -> None:
    session.run(None, {name: np.zeros((rows, 8), np.float32) for name, rows in ROWS.items()})
