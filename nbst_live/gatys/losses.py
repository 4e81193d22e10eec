"""The three terms of the objective: content, style, total variation.

Naive Background Style Transfer minimises J = alpha J_content + beta J_style over the picture, J_style a sum over
layers with weights lambda; both terms are those of Gatys et al., "Image Style Transfer Using Convolutional Neural
Networks" (CVPR 2016).

Where the default departs: every term is a share of its target's own power, so it is 1 when the picture has nothing of
the target and 0 when it agrees. The papers' constants would leave the weights at the mercy of the network's scale and
of how contrasty the painting is; with shares one set of weights fits every painting, layer and size. The papers' own
constants are there to be chosen, see `Norm`.

Each term may be given a guide (Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017,
section 4): a map, 1 where the term counts and 0 where it must neither read the picture nor move it. The papers'
loss has none, and the person leaks into the background.

Activations are (1, c, h, w) float32 or bfloat16; a guide is (1, 1, H, W) float32 in 0..1 at any size; a metric is
(c, c) float32, see `Features.metric`; every loss is a float32 scalar.
"""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Norm = Literal["share", "formula", "code"]
"""What the squared distances are divided by.

share: by the target's own square.
formula: the papers' constants: content 1 / (4 h w c), style 1 / (2 h w c)^2 for Gram matrices that are sums over
    positions, which is 1 / (4 c^2) for the means used here.
code: what the published program of Naive Background Style Transfer computes: mean squares, of Gram matrices that are
    means over positions.
"""


CHROMA = 4.0


class _Gram(torch.autograd.Function):
    """F^T diag(w) F for F (positions, c), in the precision of F, with a gradient of one product instead of two."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, weights: Tensor | None) -> Tensor:
        weighted = flat if weights is None else flat * weights[:, None]
        ctx.save_for_backward(weighted)
        return (weighted.T @ flat).float()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (weighted,) = ctx.saved_tensors
        return weighted @ (grad + grad.T).to(weighted.dtype), None


def gram(activations: Tensor, guide: Tensor | None = None) -> Tensor:
    """Gram matrix of the channels, (c, c) float32: the mean over positions of f f^T (Gatys et al. 2016, eq. 3).

    The mean in place of the paper's sum makes pictures of different sizes comparable. A guide weighs the positions.
    """
    flat = activations.permute(0, 2, 3, 1).flatten(0, 2)
    weights = None if guide is None else fit(guide, activations).flatten().to(flat.dtype)
    total = flat.shape[0] if weights is None else weights.float().sum().clamp(min=1e-6)
    found: Tensor = _Gram.apply(flat, weights)  # type: ignore[no-untyped-call]
    return found / total


def fit(guide: Tensor, activations: Tensor) -> Tensor:
    """The guide averaged down to the activations' height and width."""
    return functional.adaptive_avg_pool2d(guide, (activations.shape[2], activations.shape[3]))


def carry(matrix: Tensor, metric: Tensor | None) -> Tensor:
    """The Gram matrix of the activations as the metric carries them: R G R^T."""
    return matrix if metric is None else metric @ matrix @ metric.T


class ContentLoss:
    """Squared distance of one layer's activations to the plate's (Gatys et al. 2016, eq. 1)."""

    def __init__(
        self, target: Tensor, metric: Tensor | None = None, guide: Tensor | None = None, norm: Norm = "share"
    ) -> None:
        self._target, self._metric = target.float(), metric
        self._guide = None if guide is None else fit(guide, self._target)
        places = self._target[0, 0].numel() if self._guide is None else float(self._guide.sum())
        volume = max(self._target.shape[1] * places, 1e-6)
        power = float(self._square(self._target).clamp(min=1e-6))
        self._whole = {"share": power, "formula": 4 * volume, "code": volume}[norm]

    def __call__(self, activations: Tensor) -> Tensor:
        return self._square(activations.float() - self._target) / self._whole

    def _square(self, activations: Tensor) -> Tensor:
        if self._metric is not None:
            activations = functional.conv2d(activations, self._metric[:, :, None, None])
        square = activations.square()
        return square.sum() if self._guide is None else (square * self._guide).sum()


class StyleLoss:
    """Squared distance of one layer's Gram matrix to the painting's (Gatys et al. 2016, eq. 4)."""

    def __init__(
        self, target: Tensor, metric: Tensor | None = None, guide: Tensor | None = None, norm: Norm = "share"
    ) -> None:
        self._target, self._metric, self._guide = carry(target, metric), metric, guide
        entries = self._target.numel()
        power = float(self._target.square().sum().clamp(min=1e-12))
        self._whole = {"share": power, "formula": 4.0 * entries, "code": float(entries)}[norm]

    def __call__(self, activations: Tensor) -> Tensor:
        difference = carry(gram(activations, self._guide), self._metric) - self._target
        return difference.square().sum() / self._whole


class TotalVariationLoss:
    """Mean squared difference of neighbouring pixels; not in the papers, it keeps single-pixel noise down.

    Differences of colour count `CHROMA` times those of light: paintings have few of them, and the networks see them
    badly, so that without it pale strokes get more coloured seams.
    """

    def __init__(self, guide: Tensor | None = None) -> None:
        self._guide = guide

    def __call__(self, picture: Tensor) -> Tensor:
        """Picture: (1, 3, h, w) float32."""
        light = picture.mean(1, keepdim=True)
        parts = torch.cat([light, (picture - light) * CHROMA**0.5], 1)
        across = (parts[..., :, 1:] - parts[..., :, :-1]).square()
        down = (parts[..., 1:, :] - parts[..., :-1, :]).square()
        if self._guide is not None:
            # Neighbours count only where both are within the guide.
            across = across * torch.minimum(self._guide[..., :, 1:], self._guide[..., :, :-1])
            down = down * torch.minimum(self._guide[..., 1:, :], self._guide[..., :-1, :])
        return across.mean() + down.mean()
