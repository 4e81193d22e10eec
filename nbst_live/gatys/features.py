"""Named feature layers of a picture, and the compact VGG-like encoder that ships with the program.

Gatys et al. (CVPR 2016, section 2) read VGG19. VGG19 is slow on a CPU and large to ship, so the program has an
encoder of its own, distilled from VGG19 by `scripts/distill_style.py`. Its layers bear VGG19's names and stand for
VGG19's layers.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from nbst_live.errors import ModelError, ProviderError
from nbst_live.gatys.convolution import pad
from nbst_live.gatys.settings import SolverSettings
from nbst_live.parsing import VGG19_LAYERS

log = logging.getLogger(__name__)

BLOCKS: tuple[tuple[tuple[str, int], ...], ...] = (
    (("1_1", 16), ("1_2", 16)),
    (("2_1", 32), ("2_2", 32)),
    (("3_1", 64), ("3_2", 64), ("3_3", 64), ("3_4", 64)),
    (("4_1", 128), ("4_2", 128), ("4_3", 128), ("4_4", 128)),
    (("5_1", 128),),
)
"""(name, width) of the 3x3 convolutions; between blocks the size halves. VGG19's own, a quarter as wide or less."""

LAYERS = tuple(f"relu{name}" for block in BLOCKS for name, _ in block)
"""The layers that the encoder has, of VGG19's."""

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
            For each name, (1, c, h / s, w / s), where s is the layer's stride, in the network's own precision.

        Raises:
            ModelError: a name that the network does not have.
        """
        ...

    def metric(self, layer: str) -> Tensor | None:
        """Return the (c, c) matrix that carries `layer`'s activations to a space where distances count, None for
        identity.
        """
        ...

    def scale(self, layer: str) -> float:
        """Return the factor that brings `layer`'s activations to the size of VGG19's for pictures in 0..255."""
        ...


VGG_SCALE = {"relu1": 50.0, "relu2": 200.0, "relu3": 300.0, "relu4": 300.0, "relu5": 30.0}
"""About how large VGG19's activations are, root mean square, for pictures in 0..255. Blocks 1 to 3 were measured, see
`scripts/style_teacher.py`; the weights of 4 and 5 were not to be had, theirs are estimates. Only the papers' own loss
constants, which depend on the scale, need it."""


class CompactEncoder(nn.Module):
    """VGG19 to relu5_1, but thin: 3x3 convolutions with ReLU, replicate padding (zeros would paint dark borders), and
    average pooling.

    Average pooling gives smoother pictures than max pooling (Gatys et al. 2016, section 2). `precision` is what the
    convolutions compute in; bfloat16 is twice as fast where the processor knows it, and paints the same picture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict()
        self.metrics: dict[str, Tensor] = {}
        self.precision = torch.float32
        width = 3
        for block in BLOCKS:
            for name, out in block:
                layer = nn.Conv2d(width, out, 3)
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
        x = ((picture - MEAN) / STD).to(self.precision)
        for depth, block in enumerate(BLOCKS):
            if depth:
                x = nn.functional.avg_pool2d(x, 2, ceil_mode=True)
            for name, _ in block:
                x = nn.functional.relu(self.convolutions[name](pad(x, "replicate")))
                if f"relu{name}" in layers:
                    found[f"relu{name}"] = x
                if len(found) == len(set(layers)):
                    return found
        return found

    def metric(self, layer: str) -> Tensor | None:
        """See `Features.metric`; the matrix turns a distance into what it would be between VGG19's activations."""
        return self.metrics.get(layer)

    def scale(self, layer: str) -> float:
        """See `Features.scale`; this encoder's activations, as its metrics carry them, have about unit power."""
        return VGG_SCALE[layer[:5]]


def check_device(device: str) -> None:
    """Raises ProviderError where this machine's torch cannot compute on `device`."""
    if device == "cpu":
        return  # asking for the others may load their drivers
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[device]:
        found = ", ".join(name for name, usable in there.items() if usable)
        raise ProviderError(
            f"--solver-device {device}: torch {torch.__version__} has only {found} here; go without "
            "--solver-device, or see https://pytorch.org/get-started for a torch that has it"
        )


def fastest_precision(device: str) -> torch.dtype:
    """bfloat16 where `device` computes with it directly, else float32: emulated it is the slower of the two."""
    if device == "cpu":
        direct = _cpu_knows_bfloat16()
    else:
        direct = device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if direct else torch.float32


def _cpu_knows_bfloat16() -> bool:
    # The public torch.cpu has no question for it yet; this one is what torch's own tests ask. On x86 it also says yes
    # where oneDNN emulates it, with AVX-512 alone.
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch have none
    return known.get("architecture") != "x86_64" or any(known.get(key) for key in ("avx512_bf16", "amx_bf16"))


def load_encoder(path: Path, device: str = "cpu", precision: torch.dtype | None = None) -> CompactEncoder:
    """Read the encoder from `path`, an .npz as `scripts/distill_style.py` writes it.

    `precision` None takes the fastest. Keys: `conv1_1/weight` (out, in, 3, 3), `conv1_1/bias` (out,), `relu1_1/metric`
    (c, c); float16.

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
    encoder.precision = fastest_precision(device) if precision is None else precision
    return encoder.requires_grad_(False).to(device, encoder.precision)


def nearest_layer(name: str, known: Sequence[str]) -> str:
    """The layer of `known` nearest in depth to VGG19's layer `name`; of two as near, the shallower."""
    depth = VGG19_LAYERS.index(name)
    return min(known, key=lambda layer: (abs(VGG19_LAYERS.index(layer) - depth), VGG19_LAYERS.index(layer)))


def with_nearest_layers(settings: SolverSettings, known: Sequence[str]) -> SolverSettings:
    """The settings with layers of `known` alone; logs which stands in for which."""
    wanted = (settings.content_layer, *settings.style_layers)
    stand_ins = {name: nearest_layer(name, known) for name in wanted}
    for name, stand_in in stand_ins.items():
        if name != stand_in:
            log.warning("these features have no layer %s; the nearest they have, %s, stands in", name, stand_in)
    weights: dict[str, float] = {}
    for name, weight in zip(settings.style_layers, settings.layer_weights, strict=True):
        weights[stand_ins[name]] = weights.get(stand_ins[name], 0.0) + weight
    return replace(
        settings,
        content_layer=stand_ins[settings.content_layer],
        style_layers=tuple(weights),
        layer_weights=tuple(weights.values()),
    )


def _state_name(key: str) -> str:
    layer, _, part = key.removeprefix("conv").partition("/")
    return f"convolutions.{layer}.{part}"
