"""Named feature layers of a picture, and the compact VGG-like encoder that ships with the program.

Gatys et al. (CVPR 2016, section 2) read VGG19. VGG19 is slow on a CPU and large to ship, so the program has an
encoder of its own, distilled from VGG19 by `scripts/distill_style.py`. Its layers bear VGG19's names and stand for
VGG19's layers.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from nbst_live.errors import ModelError

BLOCKS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("1_1", 16), ("1_2", 16)),
    (("2_1", 32), ("2_2", 32)),
    (("3_1", 64), ("3_2", 64), ("3_3", 64), ("3_4", 64)),
    (("4_1", 128), ("4_2", 128), ("4_3", 128), ("4_4", 128)),
    (("5_1", 128),),
)
"""(name, width) of the 3x3 convolutions; between blocks the size halves. VGG19's own, a quarter as wide or less."""

MEAN, STD = 0.45, 0.225
"""Of the pictures that the encoder was trained on, about: it takes them to zero mean and unit variance."""


class Features(Protocol):
    """A network seen as named layers; the solver and its losses know nothing else about it."""

    def extract(self, picture: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Return the activations of `layers`.

        Args:
            picture: (1, 3, h, w) float32, RGB, 0..1.
            layers: names such as `"relu3_1"`.

        Returns:
            For each name, (1, c, h / s, w / s) float32, where s is the layer's stride.

        Raises:
            ModelError: a name that the network does not have.
        """
        ...

    def metric(self, layer: str) -> Tensor | None:
        """Return the (c, c) matrix that carries `layer`'s activations to a space where distances count, None for
        identity.
        """
        ...


class CompactEncoder(nn.Module):
    """VGG19 to relu5_1, but thin: 3x3 convolutions with ReLU, replicate padding (zeros would paint dark borders), and
    average pooling.

    Average pooling gives smoother pictures than max pooling (Gatys et al. 2016, section 2).
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict()
        self.metrics: dict[str, Tensor] = {}
        width = 3
        for block in BLOCKS:
            for name, out in block:
                layer = nn.Conv2d(width, out, 3, padding=1, padding_mode="replicate")
                # With so few channels, convolutions are half as slow again in the usual layout.
                layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
                self.convolutions[name] = layer
                width = out

    def named(self) -> dict[str, nn.Conv2d]:
        """The convolutions by VGG19's numbers, such as "3_1"."""
        return {name: layer for name, layer in self.convolutions.items() if isinstance(layer, nn.Conv2d)}

    def extract(self, picture: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """See `Features.extract`; no layer deeper than the deepest of `layers` is computed."""
        unknown = set(layers) - {f"relu{name}" for name in self.convolutions}
        if unknown:
            known = ", ".join(f"relu{name}" for name in self.convolutions)
            raise ModelError(f"the encoder has no layer {', '.join(sorted(unknown))}; choose from {known}")
        found: dict[str, Tensor] = {}
        x = (picture - MEAN) / STD
        for depth, block in enumerate(BLOCKS):
            if depth:
                x = nn.functional.avg_pool2d(x, 2, ceil_mode=True)
            for name, _ in block:
                x = nn.functional.relu(self.convolutions[name](x))
                if f"relu{name}" in layers:
                    found[f"relu{name}"] = x
                if len(found) == len(set(layers)):
                    return found
        return found

    def metric(self, layer: str) -> Tensor | None:
        """See `Features.metric`; the matrix turns a distance into what it would be between VGG19's activations."""
        return self.metrics.get(layer)


def load_encoder(path: Path, device: str = "cpu") -> CompactEncoder:
    """Read the encoder from `path`, an .npz as `scripts/distill_style.py` writes it.

    Keys: `conv1_1/weight` (out, in, 3, 3), `conv1_1/bias` (out,), `relu1_1/metric` (c, c); float16.

    Raises:
        ModelError: the file is missing, unreadable, or holds other arrays than expected.
    """
    encoder = CompactEncoder()
    try:
        with np.load(path) as arrays:
            tensors = {key: torch.from_numpy(arrays[key].astype(np.float32)) for key in arrays}
        encoder.metrics = {
            key.removesuffix("/metric"): tensors.pop(key).to(device) for key in list(tensors) if key.endswith("/metric")
        }
        encoder.load_state_dict({_state_name(key): tensor for key, tensor in tensors.items()})
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"cannot read a style encoder from {path} ({error}): install nbst-live again") from error
    return encoder.requires_grad_(False).to(device)


def _state_name(key: str) -> str:
    layer, _, part = key.removeprefix("conv").partition("/")
    return f"convolutions.{layer}.{part}"
