"""The plate in the painting's colours, to start from and to aim at."""

import numpy as np
import numpy.typing as npt

from nbst_live.stages import Picture


def repaint(plate: Picture, painting: Picture) -> Picture:
    """The plate with the painting's mean colour and colour covariance, by the linear map that moves colours least.

    Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer" (CVMP
    2007), eq. 11: T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 for covariances A and B.
    """
    source = plate.reshape(-1, 3).astype(np.float32)
    target = painting.reshape(-1, 3).astype(np.float32)
    # One grey level of variance keeps a single-coloured plate from dividing by nothing.
    root, inverse = _roots(np.cov(source.T) + np.eye(3))
    middle, _ = _roots(root @ np.cov(target.T) @ root + np.eye(3))
    change = (inverse @ middle @ inverse).astype(np.float32)
    moved = (source - source.mean(0)) @ change + target.mean(0)
    return np.clip(moved, 0, 255).round().astype(np.uint8).reshape(plate.shape)


def _roots(matrix: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """The square root of a symmetric positive matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(values)
    return vectors * root @ vectors.T, vectors / root @ vectors.T
