"""The objective at one scale: J = alpha J_content + beta J_style (Naive Background Style Transfer; Gatys et al.
2016, eq. 7).
"""

from collections.abc import Collection, Mapping
from itertools import cycle
from typing import NamedTuple

import torch
from torch import Tensor

from nbst_live.gatys.features import Features
from nbst_live.gatys.losses import ContentLoss, StyleLoss, TotalVariationLoss
from nbst_live.gatys.settings import SolverSettings


class Losses(NamedTuple):
    """Scalars: `total` is what is minimised, the others are shares, see `losses`."""

    total: Tensor
    content: Tensor
    style: Tensor


OFFSETS = ((0, 0), (3, 6), (6, 11), (9, 1), (12, 7), (15, 12), (2, 13), (5, 10))
"""(down, right) in pixels, one step after the other; modulo 8, no two agree in either direction."""


EASE_HALF = 14.0
"""Steps; by then the content's weight has come half of the way down, see `Objective`."""


class Terms(NamedTuple):
    """Content and style at one offset; the factors carry weights and scales."""

    content: ContentLoss
    styles: dict[str, StyleLoss]


class Tangent(NamedTuple):
    """A function of the picture near one picture, to first order."""

    value: Tensor
    slope: Tensor
    at: Tensor

    def __call__(self, picture: Tensor) -> Tensor:
        return self.value + (self.slope * (picture - self.at)).sum()


class Objective:
    """What a picture of one size is measured by.

    Pooling leaves the network nearly blind to patterns that repeat with its strides, and the optimiser fills the blind
    spots with a lattice. So the picture is moved a few pixels from step to step, and plate and guide with it, which
    leaves fewer patterns unseen (the jitter of Mordvintsev et al., "Inceptionism", 2015); not with `jitter` off.

    Shallow layers agree with the painting soon, deep ones late. Where the network computes the shallow ones apart and
    at a price, `held_layers` are measured on every `hold`-th step alone, and stand in by their tangent in between (as
    molecular dynamics does with its costly forces: Tuckerman et al., "Reversible multiple time scale molecular
    dynamics", 1992). In the first `hold` steps nothing is held, for then they change fast.

    A picture that begins as the plate itself soon loses more of it than it would have to, and takes long to find that
    again. With `content_first` the content counts so many times as much at first, and falls to its weight by a half in
    every EASE_HALF steps.

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
        self._plate, self._grams, self._guide = plate, grams, guide
        self._total_variation = TotalVariationLoss(guide)
        offsets = OFFSETS if settings.jitter else OFFSETS[:1]
        self._offsets = cycle(offsets)
        self._steps = 0
        self._held: Tangent | None = None
        self._terms: dict[tuple[int, int], Terms] = {}
        whole = sum(settings.layer_weights)
        self._shares = {
            layer: self._scale(layer) ** 4 * weight / whole
            for layer, weight in zip(settings.style_layers, settings.layer_weights, strict=True)
        }

    def __call__(self, picture: Tensor) -> Losses:
        """Picture: (1, 3, h, w) float32, RGB, 0..1."""
        settings, offset = self._settings, next(self._offsets)
        held = settings.held_layers if settings.hold > 1 else ()
        live = [layer for layer in self._shares if layer not in held]
        found = self._features.extract(moved(picture, offset), (*live, settings.content_layer))
        terms = self._at(offset)
        content = self._scale(settings.content_layer) ** 2 * terms.content(found[settings.content_layer])
        style = self._style(found, terms, live)
        if held:
            style = style + self._tangent(picture, offset, held)(picture)
        ease = 1 + (settings.content_first - 1) * 0.5 ** (self._steps / EASE_HALF)
        total = settings.alpha * ease * content + settings.style_weight * style
        if settings.tv_weight:
            total = total + settings.tv_weight * self._total_variation(picture)
        self._steps += 1
        return Losses(total, content, style)

    def _tangent(self, picture: Tensor, offset: tuple[int, int], held: Collection[str]) -> Tangent:
        """Of the style of `held`: new when it is due, else the last one."""
        if self._held is None or self._steps < self._settings.hold or self._steps % self._settings.hold == 0:
            at = picture.detach().clone().requires_grad_()
            value = self._style(self._features.extract(moved(at, offset), held), self._at(offset), held)
            self._held = Tangent(value.detach(), torch.autograd.grad(value, at)[0], at.detach())
        return self._held

    def _style(self, found: Mapping[str, Tensor], terms: Terms, layers: Collection[str]) -> Tensor:
        return torch.stack([self._shares[layer] * terms.styles[layer](found[layer]) for layer in layers]).sum()

    def _at(self, offset: tuple[int, int]) -> Terms:
        if offset not in self._terms:
            self._terms[offset] = self._terms_at(offset)
        return self._terms[offset]

    @torch.no_grad()
    def _terms_at(self, offset: tuple[int, int]) -> Terms:
        features, settings = self._features, self._settings
        guide = None if self._guide is None else moved(self._guide, offset)
        layer = settings.content_layer
        target = features.extract(moved(self._plate, offset), [layer])[layer]
        content = ContentLoss(target, features.metric(layer), guide, settings.loss)
        styles = {k: StyleLoss(g, features.metric(k), guide, settings.loss) for k, g in self._grams.items()}
        return Terms(content, styles)

    def _scale(self, layer: str) -> float:
        """Only the papers' own constants depend on how large the activations are."""
        return 1.0 if self._settings.loss == "share" else self._features.scale(layer)


def moved(tensor: Tensor, offset: tuple[int, int]) -> Tensor:
    """The (1, c, h, w) tensor moved (down, right); what leaves it on one side comes in on the other.

    Repeating the edge instead would count its pixels many times over, and the optimiser makes use of that.
    """
    return tensor if offset == (0, 0) else torch.roll(tensor, offset, (2, 3))
