"""The three terms of the objective: content, style, total variation.

Naive Background Style Transfer minimises J = alpha J_content + beta J_style over the picture, J_style a sum over
layers with weights lambda; both terms are those of Gatys et al., "Image Style Transfer Using Convolutional Neural
Networks" (CVPR 2016).

Where we depart: every term is a share of its target's own power, so it is 1 when the picture has nothing of the
target and 0 when it agrees. The papers' constants, 1/2 and 1 / (4 N^2 M^2), would leave the weights at the mercy of
the network's scale and of how contrasty the painting is; with shares one set of weights fits every painting, layer
and size.

Each term may be given a guide (Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017,
section 4): a map, 1 where the term counts and 0 where it must neither read the picture nor move it. The papers'
loss has none, and the person leaks into the background.

Activations are (1, c, h, w) float32; a guide is (1, 1, H, W) float32 in 0..1 at any size; a metric is (c, c)
float32, see `Features.metric`; every loss is a scalar.
"""

import torch
from torch import Tensor
from torch.nn import functional


def gram(activations: Tensor, guide: Tensor | None = None) -> Tensor:
    """Gram matrix of the channels, (c, c): the mean over positions of f f^T (Gatys et al. 2016, eq. 3).

    The mean in place of the paper's sum makes pictures of different sizes comparable. A guide weighs the positions.
    """
    flat = activations.flatten(2)[0]
    if guide is None:
        return flat @ flat.T / flat.shape[1]
    weights = fit(guide, activations).flatten()
    return (flat * weights) @ flat.T / weights.sum().clamp(min=1e-6)


def fit(guide: Tensor, activations: Tensor) -> Tensor:
    """The guide averaged down to the activations' height and width."""
    return functional.adaptive_avg_pool2d(guide, (activations.shape[2], activations.shape[3]))


def carry(matrix: Tensor, metric: Tensor | None) -> Tensor:
    """The Gram matrix of the activations as the metric carries them: R G R^T."""
    return matrix if metric is None else metric @ matrix @ metric.T


class ContentLoss:
    """Squared distance of one layer's activations to the plate's (Gatys et al. 2016, eq. 1), as a share of theirs."""

    def __init__(self, target: Tensor, metric: Tensor | None = None, guide: Tensor | None = None) -> None:
        self._target, self._metric = target, metric
        self._guide = None if guide is None else fit(guide, target)
        self._power = self._square(target).clamp(min=1e-6)

    def __call__(self, activations: Tensor) -> Tensor:
        return self._square(activations - self._target) / self._power

    def _square(self, activations: Tensor) -> Tensor:
        if self._metric is not None:
            activations = functional.conv2d(activations, self._metric[:, :, None, None])
        square = activations.square()
        return square.sum() if self._guide is None else (square * self._guide).sum()


class StyleLoss:
    """Squared distance of one layer's Gram matrix to the painting's (Gatys et al. 2016, eq. 4), as a share of the
    latter's.
    """

    def __init__(self, target: Tensor, metric: Tensor | None = None, guide: Tensor | None = None) -> None:
        self._target, self._metric, self._guide = carry(target, metric), metric, guide
        self._power = self._target.square().sum().clamp(min=1e-12)

    def __call__(self, activations: Tensor) -> Tensor:
        difference = carry(gram(activations, self._guide), self._metric) - self._target
        return difference.square().sum() / self._power


class TotalVariationLoss:
    """Mean squared difference of neighbouring pixels; not in the papers, it keeps single-pixel noise down."""

    def __init__(self, guide: Tensor | None = None) -> None:
        self._guide = guide

    def __call__(self, picture: Tensor) -> Tensor:
        """Picture: (1, 3, h, w) float32."""
        across = (picture[..., :, 1:] - picture[..., :, :-1]).square()
        down = (picture[..., 1:, :] - picture[..., :-1, :]).square()
        if self._guide is not None:
            # Neighbours count only where both are within the guide.
            across = across * torch.minimum(self._guide[..., :, 1:], self._guide[..., :, :-1])
            down = down * torch.minimum(self._guide[..., 1:, :], self._guide[..., :-1, :])
        return across.mean() + down.mean()
