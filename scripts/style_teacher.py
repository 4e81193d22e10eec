"""VGG19 as far as it is to be had: what scripts/distill_style.py teaches, and what results are judged by.

A hybrid of two public networks: `vgg19_block1to3.npz`, VGG19 up to relu3_1 (Simonyan and Zisserman 2015; Oxford VGG,
CC BY 4.0), and `vgg19_16x_encoder5.pth`, VGG19 compressed 16 times, for relu4_1 to relu5_1 (Wang et al., Collaborative
Distillation, CVPR 2020; MIT).
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nbst_live.gatys.features import fastest_precision

WIDTHS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 128, "relu4_2": 128, "relu5_1": 128}
SHALLOW = {"relu1_1", "relu2_1", "relu3_1"}  # of the first network; the second has the others
SMALL = tuple(f"conv{name}" for name in ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51"))
SCALES = {"relu1_1": 50.0, "relu2_1": 200.0, "relu3_1": 300.0, "relu4_1": 2.0, "relu4_2": 3.0, "relu5_1": 2.0}


Layer = tuple[Tensor, Tensor]
"""Kernel and bias of a convolution."""


class Teacher:
    """The two teachers seen as one. Pictures are (n, 3, h, w) float32, RGB, 0..1; activations come at about unit
    power. Also `Features` for the solver. With `half` they compute in bfloat16 where the processor does, more than
    twice as fast.
    """

    def __init__(self, folder: Path, *, half: bool = True) -> None:
        self._precision = torch.bfloat16 if half and fastest_precision("cpu") == torch.bfloat16 else torch.float32
        with np.load(folder / "vgg19_block1to3.npz") as arrays:
            vgg = {
                key: (
                    torch.from_numpy(arrays[f"{key}/kernel"].transpose(3, 2, 0, 1).copy()),
                    torch.from_numpy(arrays[f"{key}/bias"]),
                )
                for key in ("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1")
            }
        state = torch.load(folder / "vgg19_16x_encoder5.pth", map_location="cpu", weights_only=False)["model"]
        small = {
            key.removesuffix(".weight"): (value, state[key.replace("weight", "bias")])
            for key, value in state.items()
            if key.endswith(".weight")
        }
        # With ReLUs alone between them a layer's scale can be left to its weights.
        self.vgg = self._scaled(vgg, {"block1_conv1": "relu1_1", "block2_conv1": "relu2_1", "block3_conv1": "relu3_1"})
        self.small = self._scaled({key: small[key] for key in ("conv0", *SMALL)}, {"conv42": "relu4_2"})
        self.wide = self._scaled({"41": _within_range(*small["conv41_aux"])}, {"41": "relu4_1"})
        self.wide |= self._scaled({"51": _within_range(*small["conv51_aux"])}, {"51": "relu5_1"}, SCALES["relu4_2"])

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> dict[str, Tensor]:
        return {name: value.float() for name, value in self.extract(picture, WIDTHS).items()}

    def extract(self, picture: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """See `nbst_live.gatys.features.Features.extract`."""
        found = self._shallow(picture) if SHALLOW & set(layers) else {}
        if set(layers) - SHALLOW:
            found |= self._deep(picture)
        return {name: found[name] for name in layers}

    def metric(self, _: str) -> Tensor | None:
        """None: these activations are where distances count."""
        return None

    def scale(self, layer: str) -> float:
        """See `nbst_live.gatys.features.Features.scale`."""
        return SCALES[layer]

    def _shallow(self, picture: Tensor) -> dict[str, Tensor]:
        x = (picture.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)).to(self._precision)
        first = _convolve(x, self.vgg["block1_conv1"])
        x = functional.max_pool2d(_convolve(first, self.vgg["block1_conv2"]), 2)
        second = _convolve(x, self.vgg["block2_conv1"])
        x = functional.max_pool2d(_convolve(second, self.vgg["block2_conv2"]), 2)
        return {"relu1_1": first, "relu2_1": second, "relu3_1": _convolve(x, self.vgg["block3_conv1"])}

    def _deep(self, picture: Tensor) -> dict[str, Tensor]:
        x = functional.conv2d(picture.to(self._precision), *self.small["conv0"])
        found = {}
        for layer in SMALL:
            name, x = layer.removeprefix("conv"), _convolve(x, self.small[layer])
            if name == "42":
                found["relu4_2"] = x
            if name in self.wide:
                found[f"relu{name[0]}_1"] = functional.conv2d(x, *self.wide[name])
            if name in ("12", "22", "34", "44"):
                x = functional.max_pool2d(x, 2)
        return found

    def _scaled(self, layers: dict[str, Layer], named: dict[str, str], before: float = 1.0) -> dict[str, Layer]:
        """Layers, one after another, whose outputs are divided by SCALES from each of the `named` ones on; what goes
        into the first is divided by `before`.
        """
        found = {}
        for name, (kernel, bias) in layers.items():
            after = SCALES[named[name]] if name in named else before
            found[name] = self._laid_out(kernel * (before / after)), (bias / after).to(self._precision)
            before = after
        return found

    def _laid_out(self, kernel: Tensor) -> Tensor:
        return kernel.to(self._precision).contiguous(memory_format=torch.channels_last)


MIRRORED = ((0, 2), (-1, -3))
"""Rows and columns of a padded picture: one at its border, and the one that it shows."""


class _ReflectPad(torch.autograd.Function):
    """One pixel of reflection on every side; PyTorch's own takes an eighth of a step in bfloat16."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        padded = torch.empty((n, c, h + 2, w + 2), dtype=x.dtype, memory_format=torch.channels_last)
        padded[..., 1:-1, 1:-1] = x
        for edge, source in MIRRORED:
            padded[..., edge, 1:-1] = padded[..., source, 1:-1]
        for edge, source in MIRRORED:
            padded[..., edge] = padded[..., source]
        return padded

    @staticmethod
    def backward(_: Any, grad: Tensor) -> Tensor:
        # In place: a padded picture goes into one convolution, and nobody else has this gradient.
        for edge, source in MIRRORED:
            grad[..., source] += grad[..., edge]
        for edge, source in MIRRORED:
            grad[..., source, :] += grad[..., edge, :]
        return grad[..., 1:-1, 1:-1]


def _convolve(x: Tensor, layer: Layer) -> Tensor:
    return functional.relu_(functional.conv2d(_ReflectPad.apply(x), *layer))  # type: ignore[no-untyped-call]


def _within_range(kernel: Tensor, bias: Tensor) -> Layer:
    """The 1x1 map from 128 channels to VGG19's 512, in coordinates of its 128-dimensional range.

    Distances stay what they are among the 512, and Gram matrices are 16 times smaller.
    """
    basis, triangle = torch.linalg.qr(kernel[:, :, 0, 0])
    return triangle[:, :, None, None].contiguous(), basis.T @ bias
