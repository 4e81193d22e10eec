"""The fully connected CRF of DeepLab (Chen et al., "Semantic Image Segmentation with Deep Convolutional Nets, Atrous
Convolution, and Fully Connected CRFs", 2015 and 2018), for two labels, at the network's size.

Its energy is E(x) = sum_i theta_i(x_i) + sum_ij theta_ij(x_i, x_j): theta_i = -log P(x_i) from the network's alpha, and
for unlike labels theta_ij = w1 exp(-|p_i - p_j|^2 / 2 sa^2 - |I_i - I_j|^2 / 2 sb^2) + w2 exp(-|p_i - p_j|^2 / 2 sg^2).
Minimised by mean field (Krähenbühl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge
Potentials", 2011), whose published code also normalises each kernel symmetrically, as here.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.closing import Closable
from nbst_live.mask.lattice import Lattice
from nbst_live.shrink import shrink
from nbst_live.stages import Alpha, Masker, Picture

BILATERAL, SMOOTH = 4.0, 3.0
"""w1 and w2."""
REACH, COLOUR, NEAR = 0.15, 8.0, 1.5
"""sa as a share of the mask's width, sb in grey levels, sg in network pixels."""
STEPS = 10
"""Of mean field, as in DeepLab."""
DOUBT = 0.02
"""Alpha is kept this far from 0 and 1: the network is never so sure that its picture could not say otherwise."""

Plane = npt.NDArray[np.float32]


def mean_field(alpha: Alpha, small: Picture) -> Alpha:
    """Each pixel's probability of being person after mean field, (h, w) in [0, 1]; `small` is the picture, as large."""
    kernel = _bilateral(small)
    known = np.clip(alpha, DOUBT, 1 - DOUBT)
    unary = np.log(known / (1 - known))
    belief = np.asarray(alpha, np.float32)
    for _ in range(STEPS):
        message = np.float32(BILATERAL) * kernel.apply(2 * belief - 1)
        message += np.float32(SMOOTH) * cv2.GaussianBlur(2 * belief - 1, (0, 0), NEAR)
        belief = 1 / (1 + np.exp(-unary - message))
    return belief


class CrfMasker(Closable):
    """A masker whose alpha goes through mean field: for stills and recordings, as it takes a good part of a second.
    Closes the masker too.
    """

    def __init__(self, masker: Masker) -> None:
        self.provider, self.size = masker.provider, masker.size
        self._masker = masker

    def mask(self, picture: Picture) -> Alpha:
        """Alpha at the network's size. Raises MaskError."""
        alpha = self._masker.mask(picture)
        return mean_field(alpha, shrink(picture, alpha.shape[1], alpha.shape[0]))

    def close(self) -> None:
        self._masker.close()


class _Kernel:
    """A Gaussian kernel between pixels, normalised symmetrically: N K N, where N makes the rows of K N about 1."""

    def __init__(self, points: Plane, shape: tuple[int, ...]) -> None:
        self._lattice, self._shape = Lattice(points), shape
        self._norm = 1 / np.sqrt(self._lattice.filter(np.ones(len(points), np.float32)) + np.float32(1e-6))

    def apply(self, plane: Plane) -> Plane:
        found = self._norm * self._lattice.filter(self._norm * plane.reshape(-1))
        return np.asarray(found.reshape(self._shape), np.float32)


def _bilateral(small: Picture) -> _Kernel:
    height, width = small.shape[:2]
    y, x = np.indices((height, width), np.float32) * np.float32(1 / (REACH * width))
    points = np.concatenate([np.stack([x, y], axis=2), small * np.float32(1 / COLOUR)], axis=2)
    return _Kernel(points.reshape(-1, 5).astype(np.float32), (height, width))
