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
Plane = npt.NDArray[np.float32]


class Samples(NamedTuple):
    """What is known of N pixels, by the names of the network's inputs: COLOURS are (3, N), all else is (1, N) float32.

    `picture` is the frame's colour there. `slope`, `offset`, `keep` and `alpha` are the trimap's `fit` there, `least`,
    `most`, `x` and `y` its `bounds`, `near_person`, `next_person` and `next_room` its mean colours, and so is `behind`,
    but that it is the known room in this frame's light where there is one; `known`, in [0, 1], says how far. The means
    of alpha that lie beside the colours, in [0, 1], are `alpha_3`, `alpha_7` and `alpha_15`, of so many pixels' width,
    and `unsteady`, alpha before it was steadied. `before` is the colour, in this frame's light, and `matte`, in 0..255,
    what was there the frame before, moved along.

    What was sampled together are views of one buffer: the network would have to copy what it takes apart itself.
    """

    picture: Plane
    slope: Plane
    offset: Plane
    keep: Plane
    alpha: Plane
    least: Plane
    most: Plane
    x: Plane
    y: Plane
    near_person: Plane
    alpha_3: Plane
    behind: Plane
    alpha_7: Plane
    next_person: Plane
    alpha_15: Plane
    next_room: Plane
    unsteady: Plane
    known: Plane
    before: Plane
    matte: Plane


COLOURS = "picture", "near_person", "behind", "next_person", "next_room", "before"
ROWS = {name: 3 if name in COLOURS else 1 for name in Samples._fields}
"""The network's inputs, in its order, and how many numbers each is for a pixel."""


class EdgeSolver:
    """Runs the network of the edge, on the CPU; for one thread. Raises ModelError."""

    def __init__(self, record: ModelRecord, *, threads: int = 2) -> None:
        self._session = open_own(record, threads, _warm_up)

    def solve(self, samples: Samples) -> Plane:
        """Alpha (N,) in [0, 1]. Raises MaskError."""
        if not samples.picture.shape[1]:
            return np.zeros(0, np.float32)
        try:
            (alpha,) = self._session.run(None, samples._asdict())
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
