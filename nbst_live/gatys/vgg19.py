"""VGG19 itself (Simonyan and Zisserman 2015), with torchvision's ImageNet weights: the network that the papers read.

torchvision downloads the weights once, into torch's own cache, and checks their hash. Where we follow Gatys et al.
(CVPR 2016, section 2): average pooling in place of the maximum, and zero padding as in training. Where we do not: their
weights were scaled to a mean activation of 1, these are as they were trained; the loss's own shares make up for that.
"""

from collections.abc import Collection, Mapping
from http.client import HTTPException
from itertools import groupby
from pickle import UnpicklingError

import torch
from torch import Tensor
from torch.nn import functional

from nbst_live.errors import ModelError
from nbst_live.gatys.convolution import Convolution
from nbst_live.gatys.features import fastest_precision
from nbst_live.parsing import VGG19_LAYERS

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, RGB in 0..1: what torchvision's weights were trained with."""
BLOCKS = tuple(tuple(layers) for _, layers in groupby(VGG19_LAYERS, key=lambda name: name[:5]))
GREY_LEVELS = 255 * 0.225
"""How many grey levels one unit of the normalised picture is."""


class VGG19:
    """The convolutions of VGG19 as `nbst_live.gatys.features.Features`; their widths are those of the weights.

    `state` are torchvision's weights by its names: `features.0.weight` (out, in, 3, 3), `features.0.bias` (out,) and so
    on. Raises KeyError when one is missing.
    """

    def __init__(self, state: Mapping[str, Tensor], precision: torch.dtype = torch.float32) -> None:
        self._precision, self._convolutions = precision, dict[str, Convolution]()
        for name, index in zip(VGG19_LAYERS, torchvision_indices(), strict=True):
            kernel, bias = (state[f"features.{index}.{part}"].to(precision) for part in ("weight", "bias"))
            self._convolutions[name] = Convolution(kernel, bias, "zeros")
        self._mean, self._std = (torch.tensor(value, device=kernel.device).view(1, 3, 1, 1) for value in (MEAN, STD))

    def extract(self, picture: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """See `Features.extract`; no layer deeper than the deepest of `layers` is computed."""
        unknown = set(layers) - set(VGG19_LAYERS)
        if unknown:
            raise ModelError(f"VGG19 has no layer {', '.join(sorted(unknown))}; choose from {', '.join(VGG19_LAYERS)}")
        found: dict[str, Tensor] = {}
        x = ((picture - self._mean) / self._std).to(self._precision)
        for depth, block in enumerate(BLOCKS):
            if depth:
                x = functional.avg_pool2d(x, 2, ceil_mode=True)
            for name in block:
                x = self._convolutions[name](x)
                if name in layers:
                    found[name] = x
                if len(found) == len(set(layers)):
                    return found
        return found

    def metric(self, layer: str) -> Tensor | None:  # noqa: ARG002 - the protocol's
        """None: these activations are where distances count."""
        return None

    def scale(self, layer: str) -> float:  # noqa: ARG002 - the protocol's
        """See `Features.scale`. A network of convolutions and ReLUs answers to its input's scale about in proportion,
        so its activations are taken to be as much smaller as its pictures are: an estimate.
        """
        return GREY_LEVELS


def torchvision_indices() -> list[int]:
    """The place of each convolution in torchvision's `vgg19().features`, where ReLUs and poolings count too."""
    places, index = [], 0
    for block in BLOCKS:
        for _ in block:
            places.append(index)
            index += 2
        index += 1
    return places


def load_vgg19(device: str = "cpu", precision: torch.dtype | None = None) -> VGG19:
    """VGG19 with torchvision's weights, downloaded at the first time (550 MB); `precision` None takes the fastest.

    Raises ModelError.
    """
    try:
        from torchvision.models import VGG19_Weights
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that was built for another torch
        raise ModelError(
            f"--features vgg19 needs torchvision, which cannot be imported ({_line(error)}): "
            "pip install 'nbst-live[torchvision]', or leave --features at compact"
        ) from error
    weights = VGG19_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True, map_location=device, weights_only=True)
        return VGG19(state, fastest_precision(device) if precision is None else precision)
    except (OSError, HTTPException, RuntimeError, UnpicklingError, EOFError, KeyError) as error:
        raise ModelError(
            f"VGG19's weights could not be loaded from {weights.url} ({_line(error)}): check the network and that "
            f"{torch.hub.get_dir()} has room for 600 MB, remove a broken file there, or leave --features at compact"
        ) from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
