"""The plate in the painting's colours, to start from and to aim at."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nbst_live.stages import Picture


def repaint(picture: Picture, models: Sequence[tuple[Picture, float]]) -> Picture:
    """The picture with the models' mean colour and colour covariance, by the linear map that moves colours least.

    `models` are pictures and their weights: mean and covariance are the weighted means of theirs. Pitie and Kokaram,
    "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer" (CVMP 2007), eq. 11:
    T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 for covariances A and B.
    """
    source = picture.reshape(-1, 3).astype(np.float32)
    whole = sum(weight for _, weight in models)
    colours = [(model.reshape(-1, 3).astype(np.float32), weight / whole) for model, weight in models]
    mean = np.sum([pixels.mean(0) * share for pixels, share in colours], 0)
    covariance = np.sum([np.cov(pixels.T) * share for pixels, share in colours], 0)
    # One grey level of variance keeps a single-coloured picture from dividing by nothing.
    root, inverse = _roots(np.cov(source.T) + np.eye(3))
    middle, _ = _roots(root @ (covariance + np.eye(3)) @ root)
    change = (inverse @ middle @ inverse).astype(np.float32)
    moved = (source - source.mean(0)) @ change + mean
    return np.clip(moved, 0, 255).round().astype(np.uint8).reshape(picture.shape)


def _roots(matrix: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """The square root of a symmetric positive matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(values)
    return vectors * root @ vectors.T, vectors / root @ vectors.T
