"""The objective at one scale: J = alpha J_content + beta J_style (Naive Background Style Transfer; Gatys et al.
2016, eq. 7).
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from nbst_live.gatys.features import Features
from nbst_live.gatys.losses import ContentLoss, StyleLoss, TotalVariationLoss
from nbst_live.gatys.settings import SolverSettings


class Losses(NamedTuple):
    """Scalars: `total` is what is minimised, the others are shares, see `losses`."""

    total: Tensor
    content: Tensor
    style: Tensor


class Objective:
    """What a picture of one size is measured by.

    Args:
        features: the network.
        settings: weights and layers.
        plate: (1, 3, h, w) float32, RGB, 0..1: the content.
        grams: the painting's Gram matrix per style layer, at this scale.
        guide: (1, 1, h, w) float32, 1 where the picture is to be painted, or None for everywhere.
    """

    def __init__(
        self,
        features: Features,
        settings: SolverSettings,
        plate: Tensor,
        grams: Mapping[str, Tensor],
        guide: Tensor | None,
    ) -> None:
        self._features, self._settings = features, settings
        layer = settings.content_layer
        target = features.extract(plate, [layer])[layer].detach()
        self._content = ContentLoss(target, features.metric(layer), guide)
        self._styles = {
            layer: (weight / sum(settings.layer_weights), StyleLoss(grams[layer], features.metric(layer), guide))
            for layer, weight in zip(settings.style_layers, settings.layer_weights, strict=True)
        }
        self._total_variation = TotalVariationLoss(guide)

    def __call__(self, picture: Tensor) -> Losses:
        """Picture: (1, 3, h, w) float32, RGB, 0..1."""
        settings = self._settings
        found = self._features.extract(picture, (*settings.style_layers, settings.content_layer))
        content = self._content(found[settings.content_layer])
        style = sum(
            (share * loss(found[layer]) for layer, (share, loss) in self._styles.items()), content.new_zeros(())
        )
        total = settings.alpha * content + settings.style_weight * style
        if settings.tv_weight:
            total = total + settings.tv_weight * self._total_variation(picture)
        return Losses(total, content, style)
