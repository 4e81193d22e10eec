"""The mask network: DeepLabv3+ (Chen et al. 2018) on a MobileNetV2 (Sandler et al. 2018) encoder, cut down for webcams.

Input: `(N, 3, H, W)` float32 RGB in [-1, 1], H and W multiples of 16. Output of `MaskNet`: logits `(N, 1, H, W)`;
of `AlphaNet`: alpha in [0, 1]. What differs from the paper, and why:

- The last 320-channel bottleneck is left out: it is a quarter of the cost; the ASPP reads the 160 channels before it.
- The ASPP's rates are 2, 4, 6 for `fast`. The paper's 6, 12, 18 are meant for a 33x33 map at stride 16; a 256x144
  picture has one of 16x9, on which a 3x3 kernel at rate 12 mostly reads padding. Scaled by about a third, the ratio of
  the maps, the paper's rates are 2, 4, 6. `fine` sees pictures 1.75 times as large, and has rates 3, 7, 10: the same
  reach in the picture, so that it can start from the weights of `fast`.
- Image-level pooling is added to the projection rather than resized and concatenated: the same linear map, no resize.
- The decoder takes skips at strides 8, 4 and 2 and gives four logits per position at stride 2, which a pixel shuffle
  (Shi et al. 2016) lays out at full resolution: sharp edges for the price of a half-resolution map. Each stage narrows
  before it doubles, and all widths are multiples of 16, the width of the vector registers it runs on.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_weight

STRIDE = 16
# (expansion, output channels, stride, dilation) of each bottleneck up to the 160-channel ones.
BOTTLENECKS = [
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 24, 1, 1),
    (6, 32, 2, 1),
    (6, 32, 1, 1),
    (6, 32, 1, 1),
    (6, 64, 2, 1),
    (6, 64, 1, 1),
    (6, 64, 1, 1),
    (6, 64, 1, 1),
    (6, 96, 1, 1),
    (6, 96, 1, 1),
    (6, 96, 1, 1),
    (6, 160, 1, 1),
    (6, 160, 1, 2),
    (6, 160, 1, 2),
]
SKIPS = {0: 16, 2: 24, 5: 32}  # bottleneck -> channels, at strides 2, 4 and 8
RATES = {"fast": (2, 4, 6), "fine": (3, 7, 10)}


class SlowGradients(torch.autograd.Function):
    """A strided or dilated depthwise 3x3 convolution, with gradients from operations that are fast on a CPU.

    oneDNN's own gradients of these in bfloat16 take up to thirty times as long as the convolution. The gradient of the
    input is the gradient of the output, spread out by the stride, convolved with the kernel turned by 180 degrees; that
    of a dilated kernel is one product and sum per tap.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, stride: int, rate: int) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.stride, ctx.rate = stride, rate
        return functional.conv2d(x, kernel, None, stride, 0, rate, x.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, kernel = ctx.saved_tensors
        stride, rate, (height, width) = ctx.stride, ctx.rate, grad.shape[2:]
        if rate > 1:
            rows, columns = (slice(k, k + height) for k in (0, rate, 2 * rate)), [0, rate, 2 * rate]
            taps = [
                (x[..., row, k : k + width] * grad).sum((0, 2, 3), dtype=torch.float32) for row in rows for k in columns
            ]
            of_kernel = torch.stack(taps, 1).view(kernel.shape).to(kernel.dtype)
        else:
            of_kernel = conv2d_weight(x, kernel.shape, grad, stride, groups=x.shape[1])
        spread = torch.zeros_like(x)
        spread[..., rate : rate + height * stride : stride, rate : rate + width * stride : stride] = grad
        of_input = functional.conv2d(spread, kernel.flip(2, 3), None, 1, rate, rate, x.shape[1])
        return of_input, of_kernel, None, None


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: stride 2 on an even size pads the bottom and the right only."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        padding = 0 if stride == 2 else dilation * (size // 2)
        super().__init__(inputs, outputs, size, stride, padding, dilation, groups, bias)

    def forward(self, x: Tensor) -> Tensor:
        stride, rate = self.stride[0], self.dilation[0]
        if stride == 2:
            x = functional.pad(x, (0, 1, 0, 1))
        if x.is_cuda or not self.training or self.groups == 1 or stride * rate == 1:
            return super().forward(x)
        if stride == 1:
            x = functional.pad(x, (rate,) * 4)
        kernel = self.weight
        if torch.is_autocast_enabled(x.device.type):
            kind = torch.get_autocast_dtype(x.device.type)
            x, kernel = x.to(kind), kernel.to(kind)
        y: Tensor = SlowGradients.apply(x, kernel, stride, rate)  # type: ignore[no-untyped-call]
        return y if self.bias is None else y + self.bias.to(y.dtype)[:, None, None]


class Bottleneck(nn.Module):
    """MobileNetV2's inverted residual, batch normalisation already folded into the convolutions."""

    def __init__(self, inputs: int, expansion: int, outputs: int, stride: int, dilation: int):
        super().__init__()
        wide = inputs * expansion
        layers: list[nn.Module] = [SameConv(inputs, wide, 1), nn.ReLU6(inplace=True)] if expansion > 1 else []
        layers += [SameConv(wide, wide, 3, stride, dilation, groups=wide), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers, SameConv(wide, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class Encoder(nn.Module):
    """MobileNetV2 to stride 16; returns the features at strides 2, 4, 8 and 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv(3, 32, 3, stride=2), nn.ReLU6(inplace=True))
        widths = [32, *(outputs for _, outputs, _, _ in BOTTLENECKS)]
        self.blocks = nn.ModuleList(Bottleneck(inputs, *row) for inputs, row in zip(widths, BOTTLENECKS, strict=False))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        x = self.stem(x)
        for k, block in enumerate(self.blocks):
            x = block(x)
            if k in SKIPS:
                features.append(x)
        return [*features, x]


def separable(inputs: int, outputs: int, rate: int = 1) -> nn.Sequential:
    """Depthwise 3x3 at `rate`, then pointwise, each normalised (the export folds the normalisation away)."""
    return nn.Sequential(
        SameConv(inputs, inputs, 3, dilation=rate, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        *pointwise(inputs, outputs),
    )


def pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Aspp(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, three atrous rates, and the picture's mean."""

    def __init__(self, inputs: int, width: int, outputs: int, rates: tuple[int, ...]):
        super().__init__()
        self.branches = nn.ModuleList([pointwise(inputs, width), *(separable(inputs, width, r) for r in rates)])
        self.pooled = nn.Sequential(nn.Conv2d(inputs, width, 1), nn.ReLU(inplace=True), nn.Conv2d(width, outputs, 1))
        self.project = nn.Conv2d(width * len(self.branches), outputs, 1, bias=False)
        self.norm = nn.Sequential(nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        local = self.project(torch.cat([branch(x) for branch in self.branches], 1))
        y: Tensor = self.norm(local + self.pooled(x.mean((2, 3), keepdim=True)))
        return y


class MaskNet(nn.Module):
    """Encoder, ASPP and decoder; logits at the resolution of the input. `kind` is "fast" or "fine"."""

    def __init__(self, kind: str = "fast") -> None:
        super().__init__()
        self.encoder = Encoder()
        self.aspp = Aspp(160, 96, 128, RATES[kind])
        self.to8 = pointwise(128, 64)
        self.at8 = nn.Sequential(separable(64 + SKIPS[5], 64), pointwise(64, 32))
        self.skip4 = pointwise(SKIPS[2], 32)
        self.at4 = nn.Sequential(separable(32 + 32, 48), pointwise(48, 16))
        self.at2 = separable(16 + SKIPS[0], 32)
        self.logits = nn.Sequential(SameConv(32, 32, 3, groups=32, bias=False), nn.Conv2d(32, 4, 1))

    def forward(self, image: Tensor) -> Tensor:
        half, quarter, eighth, deep = self.encoder(image)
        x = self.at8(torch.cat([double(self.to8(self.aspp(deep))), eighth], 1))
        x = self.at4(torch.cat([double(x), self.skip4(quarter)], 1))
        x = self.at2(torch.cat([double(x), half], 1))
        return functional.pixel_shuffle(self.logits(x), 2)


def double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class AlphaNet(nn.Module):
    """`MaskNet` with the sigmoid inside: what is exported."""

    def __init__(self, net: MaskNet):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.net(image))


def load_encoder(encoder: Encoder, path: Path) -> None:
    """Fills `encoder` from `path`: a DeepLabv3-MobileNetV2 or MobileNetV2 `.tflite`, quantised or not, or an `.npz` of
    its convolutions `kernel_K`, `bias_K` (K from 0, in running order, kernels as `(out, in, h, w)`).

    Raises `ValueError` where a kernel's shape is not the one this encoder has in that place.
    """
    kernels = _read_npz(path) if path.suffix == ".npz" else _read_tflite(path)
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    for k, (module, (kernel, bias)) in enumerate(zip(convolutions, kernels, strict=False)):
        if kernel.shape != tuple(module.weight.shape):
            raise ValueError(f"{path}: convolution {k} is {kernel.shape}, expected {tuple(module.weight.shape)}")
        module.weight.data.copy_(torch.from_numpy(kernel))
        assert module.bias is not None
        module.bias.data.copy_(torch.from_numpy(bias))


Kernels = list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]


def _read_npz(path: Path) -> Kernels:
    with np.load(path) as file:
        return [(file[f"kernel_{k}"], file[f"bias_{k}"]) for k in range(len(file.files) // 2)]


def _read_tflite(path: Path) -> Kernels:
    import tflite

    model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    axes = {tflite.BuiltinOperator.CONV_2D: (0, 3, 1, 2), tflite.BuiltinOperator.DEPTHWISE_CONV_2D: (3, 0, 1, 2)}
    kernels: Kernels = []
    for k in range(graph.OperatorsLength()):
        operator = graph.Operators(k)
        code = model.OperatorCodes(operator.OpcodeIndex())
        order = axes.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
        if order:
            kernel, bias = (_dequantised(model, graph.Tensors(operator.Inputs(i))) for i in (1, 2))
            kernels.append((np.ascontiguousarray(kernel.transpose(order)), bias))
    return kernels


def _dequantised(model, tensor) -> npt.NDArray[np.float32]:  # type: ignore[no-untyped-def]  # tflite has no types
    import tflite

    kinds = {tflite.TensorType.FLOAT32: "<f4", tflite.TensorType.UINT8: "u1", tflite.TensorType.INT32: "<i4"}
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
    values = np.frombuffer(raw, kinds[tensor.Type()]).reshape(tensor.ShapeAsNumpy()).astype(np.float32)
    quantisation = tensor.Quantization()
    if quantisation is None or quantisation.ScaleLength() == 0:
        return values
    zero = quantisation.ZeroPoint(0) if quantisation.ZeroPointLength() else 0
    return (values - np.float32(zero)) * np.float32(quantisation.Scale(0))
