"""3x3 convolutions with a border, which VGG19 and its likes are made of.

Wide ones on a CPU are computed by Winograd's minimal filtering F(4, 3) along the rows (Winograd,
"Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR
2016, section 4): four rows of the outcome from six rows of the picture by six convolutions with kernels of one row,
instead of by twelve. Along the columns too it would be fewer still, but the sums before and after would then take more
than it saves. It rounds more often: in bfloat16 the outcome is off by half a percent (root mean square) in place of a
quarter, its gradient by one and a quarter in place of a third.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Border = Literal["zeros", "replicate", "reflect"]
SOURCES: dict[Border, tuple[tuple[int, int], ...]] = {
    "zeros": (),
    "replicate": ((0, 1), (-1, -2)),
    "reflect": ((0, 2), (-1, -3)),
}
"""Rows and columns of a padded picture: one at its border, and the one that it repeats."""
WIDE = 64
"""Channels from which Winograd's way is the faster."""
LARGE = 2 * 10**8
"""Places by channels by channels of the outcome, likewise: below, the sums take as long as is saved."""
TILE = 4
"""Rows of the outcome that are made of TILE + 2 rows of the picture."""


class Pad(torch.autograd.Function):
    """One pixel of border on every side; PyTorch's own gradients of it are, in bfloat16, as slow as a convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, border: Border) -> Tensor:
        ctx.border = border
        return _padded(x, border, x.shape[2])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _unpadded(grad, ctx.border), None


def pad(x: Tensor, border: Border) -> Tensor:
    """(n, c, h, w) with one pixel of border on every side, channels last. Its gradient is changed in place on the way
    back, so it is to go into one convolution alone.
    """
    padded: Tensor = Pad.apply(x, border)  # type: ignore[no-untyped-call]
    return padded


class Convolution:
    """A 3x3 convolution that keeps height and width; its weights are fixed.

    Args:
        kernel: (out, in, 3, 3); its precision and device are those of the pictures.
        bias: (out,), likewise.
        border: what is beyond the picture.
        winograd: whether it may be computed so; on a CPU alone, and where it is the faster way.
    """

    def __init__(self, kernel: Tensor, bias: Tensor, border: Border, *, winograd: bool = True) -> None:
        self._kernel = kernel.contiguous(memory_format=torch.channels_last)
        self._bias, self._border = bias, border
        self._fast = None
        if winograd and kernel.device.type == "cpu" and min(kernel.shape[:2]) >= WIDE:
            self._fast = _rows(kernel), _rows(kernel.transpose(0, 1).flip(2, 3))

    def __call__(self, x: Tensor, *, rectified: bool = True) -> Tensor:
        """(n, in, h, w) to (n, out, h, w), channels last; with `rectified`, 0 where it would be less."""
        if self._fast is not None and x[:, 0].numel() * self._kernel[..., 0, 0].numel() >= LARGE:
            found: Tensor = _Winograd.apply(x, self._fast, self._bias, self._border, rectified)  # type: ignore[no-untyped-call]
            return found
        found = functional.conv2d(pad(x, self._border), self._kernel, self._bias)
        return functional.relu_(found) if rectified else found


class _Winograd(torch.autograd.Function):
    """Border, convolution and, if asked for, ReLU in one, so that what each leaves is taken up in place."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        kernels: tuple[list[Tensor], list[Tensor]],
        bias: Tensor,
        border: Border,
        rectified: bool,
    ) -> Tensor:
        """The convolution (n, o, h, w) of `x` (n, c, h, w); `kernels` are transformed, forwards and backwards."""
        height = x.shape[2]
        ctx.back, ctx.border = kernels[1], border
        found = _convolved(_padded(x, border, _tiled(height)), kernels[0], bias)[:, :, :height]
        if rectified:
            ctx.save_for_backward(found.clamp_min_(0))
        return found

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of `x` alone, by that of the result."""
        n, c, height, width = grad.shape
        rows = _tiled(height + 2)
        around = torch.empty((n, c, rows + 2, width), dtype=grad.dtype, memory_format=torch.channels_last)
        inner = around[:, :, 2 : height + 2]
        around[:, :, :2] = 0
        around[:, :, height + 2 :] = 0
        if ctx.saved_tensors:
            torch.ops.aten.threshold_backward.grad_input(grad, *ctx.saved_tensors, 0, grad_input=inner)
        else:
            inner.copy_(grad)
        found = _convolved(around, ctx.back, None, columns=2)[:, :, : height + 2]
        return _unpadded(found, ctx.border), None, None, None, None


def _tiled(rows: int) -> int:
    return -(-rows // TILE) * TILE


def _rows(kernel: Tensor) -> list[Tensor]:
    """The six kernels (out, in, 1, 3) of a kernel (out, in, 3, 3): its rows as Winograd's points see them."""
    top, middle, bottom = kernel.float().unbind(2)
    ends, steep = top + bottom, top / 24 + bottom / 6
    found = top / 4, (ends + middle) / -6, (ends - middle) / -6, steep + middle / 12, steep - middle / 12, bottom
    return [k[:, :, None].to(kernel.dtype).contiguous(memory_format=torch.channels_last) for k in found]


def _convolved(x: Tensor, kernels: Sequence[Tensor], bias: Tensor | None, columns: int = 0) -> Tensor:
    """(n, in, h + 2, w) to (n, out, h, w + 2 * columns - 2), h a multiple of TILE; with `columns` of zeros on the left
    and on the right.
    """
    seen = _before(x)
    # The second one's bias goes into all four rows once, see `_after`.
    parts = [
        functional.conv2d(part, kernel, bias if place == 1 else None, padding=(0, columns))
        for place, (part, kernel) in enumerate(zip(seen, kernels, strict=True))
    ]
    n, out, _, width = parts[0].shape
    found = torch.empty((n, out, x.shape[2] - 2, width), dtype=x.dtype, memory_format=torch.channels_last)
    _after(parts, found)
    return found


def _before(x: Tensor) -> tuple[Tensor, ...]:
    """Six pictures of a TILE-th of the height: each row what one of Winograd's points sees of six rows of `x`."""
    height = x.shape[2] - 2
    d0, d1, d2, d3, d4, d5 = (x[:, :, k : k + height - TILE + 1 : TILE] for k in range(TILE + 2))
    even, odd = torch.sub(d4, d2, alpha=4), torch.sub(d3, d1, alpha=4)
    t1, t2 = even + odd, even.sub_(odd)
    even, odd = d4 - d2, torch.sub(d3, d1, out=odd)
    t3, t4 = torch.add(even, odd, alpha=2), torch.sub(even, odd, alpha=2)
    return even.add_(d0 - d2, alpha=4), t1, t2, t3, t4, (d5 - d3).sub_(odd, alpha=4)


def _after(parts: Sequence[Tensor], found: Tensor) -> None:
    """Writes the four rows of each tile; the parts are used up."""
    m0, m1, m2, m3, m4, m5 = parts
    near, near_difference = m1 + m2, m1.sub_(m2)
    far, far_difference = torch.add(m3, m4, out=m2), m3.sub_(m4)
    torch.add(m0.add_(near), far, out=found[:, :, 0::TILE])
    torch.add(near_difference, far_difference, alpha=2, out=found[:, :, 1::TILE])
    torch.add(near, far, alpha=4, out=found[:, :, 2::TILE])
    torch.add(m5.add_(near_difference), far_difference, alpha=8, out=found[:, :, 3::TILE])


def _padded(x: Tensor, border: Border, rows: int) -> Tensor:
    """`x` (n, c, h, w) with its border, and zeros below up to `rows` + 2 rows in all."""
    n, c, height, width = x.shape
    if border == "reflect" and min(height, width) < 2:
        raise ValueError(f"got a picture of {width}x{height}, expected 2x2 pixels or more to reflect at its border")
    whole = torch.empty((n, c, rows + 2, width + 2), dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    whole[:, :, height + 2 :] = 0
    padded = whole[:, :, : height + 2]
    padded[..., 1:-1, 1:-1] = x
    if border == "zeros":
        for edge in (0, -1):
            padded[..., edge, :] = 0
            padded[..., edge] = 0
    for edge, source in SOURCES[border]:
        padded[..., edge, 1:-1] = padded[..., source, 1:-1]
    for edge, source in SOURCES[border]:
        padded[..., edge] = padded[..., source]
    return whole


def _unpadded(grad: Tensor, border: Border) -> Tensor:
    """The gradient of what `_padded` was given; `grad` (n, c, h + 2, w + 2) is changed in place."""
    for edge, source in SOURCES[border]:
        grad[..., source] += grad[..., edge]
    for edge, source in SOURCES[border]:
        grad[..., source, :] += grad[..., edge, :]
    return grad[..., 1:-1, 1:-1]
