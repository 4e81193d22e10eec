"""Gaussian filtering of values at points of many dimensions: the permutohedral lattice of Adams, Baek and Davis, "Fast
High-Dimensional Filtering Using the Permutohedral Lattice", 2010.
"""

import numpy as np
import numpy.typing as npt

BITS = 12
"""Of one coordinate of a lattice point, of which up to five share one whole number."""

Plane = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


class Lattice:
    """Filters with a Gaussian of standard deviation 1 between points (n, d) float32, d at most 5.

    Of all points at once, in time that grows with their number alone. The result is not normalised.
    """

    def __init__(self, points: Plane) -> None:
        self._d = points.shape[1]
        elevated = _elevated(points)
        base, rank = _simplex(elevated)
        self._weights = _barycentric(elevated, base, rank)
        steps = 1 << (BITS * np.arange(self._d, dtype=np.int64))
        corners = np.stack([self._corner(base, rank, k) @ steps for k in range(self._d + 1)], axis=1)
        keys, where = np.unique(corners, return_inverse=True)
        self._where = where.reshape(-1)
        self._neighbours = [
            (_find(keys, keys + way), _find(keys, keys - way))
            for way in [*((self._d + 1) * steps - steps.sum()), -steps.sum()]
        ]
        self._count = len(keys)

    def filter(self, values: Plane) -> Plane:
        """The filtered values (n,), of values (n,) float32."""
        spread = (self._weights * values[:, None]).reshape(-1)
        # The last place stands for all lattice points that no point touches.
        total = np.bincount(self._where, spread, self._count + 1).astype(np.float32)
        for one, other in self._neighbours:
            total[:-1] = total[:-1] + np.float32(0.5) * (total[one] + total[other])
        found = (self._weights * total[self._where].reshape(self._weights.shape)).sum(axis=1)
        return np.asarray(found / np.float32(1 + 2.0**-self._d), np.float32)

    def _corner(self, base: Whole, rank: Whole, k: int) -> Whole:
        """Corner k of every point's simplex: the first d of its d + 1 coordinates, from 0 up."""
        steps = np.where(np.arange(self._d + 1) <= self._d - k, k, k - self._d - 1)
        return (base + steps[rank])[:, : self._d] + (1 << (BITS - 1))


def _elevated(points: Plane) -> npt.NDArray[np.float64]:
    """The points (n, d) in the plane of d + 1 coordinates that add up to 0 (section 3.1 there)."""
    d = points.shape[1]
    axes = np.arange(1, d + 1)
    scaled = points.astype(np.float64) * (np.sqrt(2 / 3) * (d + 1) / np.sqrt(axes * (axes + 1)))
    after = np.cumsum(scaled[:, ::-1], axis=1)[:, ::-1]
    return np.concatenate(
        [after[:, :1], np.append(after[:, 1:], np.zeros((len(points), 1)), axis=1) - axes * scaled], 1
    )


def _simplex(elevated: npt.NDArray[np.float64]) -> tuple[Whole, Whole]:
    """The corner of remainder 0 of the simplex round each point, and the rank of its coordinates' distances to it."""
    size = elevated.shape[1]
    nearest = np.rint(elevated / size).astype(np.int64)
    order = np.argsort(nearest * size - elevated, axis=1, kind="stable")
    rank = np.argsort(order, axis=1) + nearest.sum(axis=1, keepdims=True)
    turn = (rank < 0).astype(np.int64) - (rank >= size)
    return (nearest + turn) * size, rank + turn * size


def _barycentric(elevated: npt.NDArray[np.float64], base: Whole, rank: Whole) -> Plane:
    """The weight of each corner of its simplex for each point, (n, d + 1)."""
    n, size = elevated.shape
    share = (elevated - base) / size
    weights, rows = np.zeros((n, size + 1)), np.arange(n)[:, None]
    # The ranks of a point's coordinates are all different, so no two land in the same place.
    weights[rows, size - 1 - rank] += share
    weights[rows, size - rank] -= share
    weights[:, 0] += 1 + weights[:, size]
    return weights[:, :size].astype(np.float32)


def _find(keys: Whole, wanted: Whole) -> npt.NDArray[np.intp]:
    """Where each wanted key is among the sorted ones; their number where it is not."""
    place = np.searchsorted(keys, wanted)
    there = keys[np.minimum(place, len(keys) - 1)] == wanted
    return np.where(there, place, len(keys))
