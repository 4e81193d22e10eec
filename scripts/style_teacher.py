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

from nbst_live.gatys.convolution import Convolution
from nbst_live.gatys.features import fastest_precision

WIDTHS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 128, "relu4_2": 128, "relu5_1": 128}
SHALLOW = {"relu1_1", "relu2_1", "relu3_1"}  # of the first network; the second has the others
SMALL = tuple(f"conv{name}" for name in ("11", "12", "21", "22", "31", "32", "33", "34", "41", "42", "43", "44", "51"))
BEFORE_POOLING = {"conv12", "conv22", "conv34", "conv44"}
SCALES = {"relu1_1": 50.0, "relu2_1": 200.0, "relu3_1": 300.0, "relu4_1": 2.0, "relu4_2": 3.0, "relu5_1": 2.0}


MEAN = torch.tensor([123.68, 116.779, 103.939]) / 255
"""Of ImageNet's pictures, RGB in 0..1: what VGG19 was trained without."""

Layer = tuple[Tensor, Tensor]
"""Kernel and bias of a convolution."""


class Teacher:
    """The two teachers seen as one. Pictures are (n, 3, h, w) float32, RGB, 0..1; activations come at about unit
    power. Also `Features` for the solver. With `half` they compute in bfloat16 where the processor does, and wide
    convolutions by Winograd's way, three times as fast.

    Attributes:
        small: the second network's own layers, of RGB less MEAN.
    """

    def __init__(self, folder: Path, *, half: bool = True) -> None:
        self._half = half
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
        # Both see RGB less MEAN; one would have it as BGR in 0..255, the other has a first layer of its own for that.
        vgg["block1_conv1"] = after(torch.eye(3).flip(0) * 255, torch.zeros(3), vgg["block1_conv1"])
        mix, shift = small["conv0"][0][:, :, 0, 0], small["conv0"][1]
        small["conv11"] = after(mix, shift + mix @ MEAN, small["conv11"])
        # With ReLUs alone between them a layer's scale can be left to its weights.
        named = {"block1_conv1": "relu1_1", "block2_conv1": "relu2_1", "block3_conv1": "relu3_1"}
        self._vgg = self._reflecting(_scaled(vgg, named))
        self.small = _scaled({key: small[key] for key in SMALL}, {"conv42": "relu4_2"})
        self._small = self._reflecting(self.small)
        wide = _scaled({"41": _within_range(*small["conv41_aux"])}, {"41": "relu4_1"})
        wide |= _scaled({"51": _within_range(*small["conv51_aux"])}, {"51": "relu5_1"}, SCALES["relu4_2"])
        self._wide = {name: self._in_precision(*layer) for name, layer in wide.items()}

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> dict[str, Tensor]:
        return {name: value.float() for name, value in self.extract(picture, WIDTHS).items()}

    def extract(self, picture: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """See `nbst_live.gatys.features.Features.extract`."""
        x = (picture - MEAN.view(1, 3, 1, 1)).to(self._precision)
        found = self._shallow(x) if SHALLOW & set(layers) else {}
        if set(layers) - SHALLOW:
            found |= self._deep(x)
        return {name: found[name] for name in layers}

    def metric(self, _: str) -> Tensor | None:
        """None: these activations are where distances count."""
        return None

    def scale(self, layer: str) -> float:
        """See `nbst_live.gatys.features.Features.scale`."""
        return SCALES[layer]

    def _shallow(self, x: Tensor) -> dict[str, Tensor]:
        first = self._vgg["block1_conv1"](x)
        second = self._vgg["block2_conv1"](pooled(self._vgg["block1_conv2"](first, rectified=False)))
        third = self._vgg["block3_conv1"](pooled(self._vgg["block2_conv2"](second, rectified=False)))
        return {"relu1_1": first, "relu2_1": second, "relu3_1": third}

    def _deep(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        for layer in SMALL:
            name, last = layer.removeprefix("conv"), layer in BEFORE_POOLING
            x = self._small[layer](x, rectified=not last)
            if name == "42":
                found["relu4_2"] = x
            if name in self._wide:
                found[f"relu{name[0]}_1"] = functional.conv2d(x, *self._wide[name])
            if last:
                x = pooled(x)
        return found

    def _reflecting(self, layers: dict[str, Layer]) -> dict[str, Convolution]:
        return {
            name: Convolution(*self._in_precision(*layer), "reflect", winograd=self._half)
            for name, layer in layers.items()
        }

    def _in_precision(self, kernel: Tensor, bias: Tensor) -> Layer:
        return kernel.to(self._precision), bias.to(self._precision)


def _scaled(layers: dict[str, Layer], named: dict[str, str], before: float = 1.0) -> dict[str, Layer]:
    """Layers, one after another, whose outputs are divided by SCALES from each of the `named` ones on; what goes into
    the first is divided by `before`.
    """
    found = {}
    for name, (kernel, bias) in layers.items():
        after = SCALES[named[name]] if name in named else before
        found[name] = kernel * (before / after), bias / after
        before = after
    return found


def after(matrix: Tensor, offset: Tensor, layer: Layer) -> Layer:
    """What `layer` makes of `matrix` @ colours + `offset`, as one layer; the same also at borders that repeat the
    picture.
    """
    kernel, bias = layer
    return torch.einsum("ocyx,ci->oiyx", kernel, matrix), bias + torch.einsum("ocyx,c->o", kernel, offset)


class _MaxPool(torch.autograd.Function):
    """The largest of each 2x2 places, of equals the last; PyTorch's own notes its place in eight bytes, and takes twice
    as long there and back.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[2:]
        upper, lower = _pairs(x, 2)
        rows = torch.maximum(upper, lower)
        left, right = _pairs(rows, 3)
        ctx.save_for_backward(upper - lower, left - right)
        return torch.maximum(left, right)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        down, across = ctx.saved_tensors
        return _shared(_shared(grad, across, 3, ctx.size[1]), down, 2, ctx.size[0])


def _pairs(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The even and the odd rows (axis 2) or columns (3); one without a partner is left out."""
    even = x.narrow(axis, 0, x.shape[axis] // 2 * 2)
    return (even[:, :, 0::2], even[:, :, 1::2]) if axis == 2 else (even[..., 0::2], even[..., 1::2])


def _shared(grad: Tensor, difference: Tensor, axis: int, size: int) -> Tensor:
    """The gradient of each pair's larger one given to it, the other's 0."""
    shape = [*grad.shape]
    shape[axis] = size
    whole = torch.empty(shape, dtype=grad.dtype, memory_format=torch.channels_last)
    whole.narrow(axis, size // 2 * 2, size % 2).zero_()
    first, second = _pairs(whole, axis)
    torch.ops.aten.threshold_backward.grad_input(grad, difference, 0, grad_input=first)
    torch.sub(grad, first, out=second)
    return whole


def pooled(x: Tensor) -> Tensor:
    """Pooled, then rectified: the same as the other way about, and a quarter of the work."""
    return functional.relu_(_MaxPool.apply(x))  # type: ignore[no-untyped-call]


def _within_range(kernel: Tensor, bias: Tensor) -> Layer:
    """The 1x1 map from 128 channels to VGG19's 512, in coordinates of its 128-dimensional range.

    Distances stay what they are among the 512, and Gram matrices are 16 times smaller.
    """
    basis, triangle = torch.linalg.qr(kernel[:, :, 0, 0])
    return triangle[:, :, None, None].contiguous(), basis.T @ bias
