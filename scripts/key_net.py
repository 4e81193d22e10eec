"""The difference key: alpha corrected by what the empty room looks like, at the mask network's size.

A difference matte (Brinkmann, "The Art and Science of Digital Compositing", 2008) takes for somebody whatever
differs from the clean plate, and fails on shadows, moved things and clothes that look like the wall. This small U-Net
(Ronneberger et al. 2015) sees picture, plate and the mask network's alpha, and has learnt when to believe which;
as in "Background Matting" (Sengupta et al. 2020), but with a plate that was gathered by the same mask, and so may hold
what that missed.

It is fenced in by rules that no training could promise:

- a plate that differs from the picture also far from everybody is not believed: the camera was touched, or the light
  has changed; nor is it where nothing is known far from everybody (nbst_live/mask/light.py);
- nobody is found far from where the mask network found somebody (REACH), so nothing else need be looked at.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nbst_live.mask.key import REACH, STRIDE

FEATURES = 10
WIDTHS = 16, 32, 64
"""Channels at strides 2, 4 and 8."""
CERTAIN = 0.003
"""Alpha nearer to 0 or 1 than this counts as that near: its logit stays finite."""
SOMEBODY = 0.15
"""Alpha from which there is somebody."""
NEAR, FAR = 10.0, 30.0
"""Distances from the plate that the network is shown on a scale of their own, beside the differences themselves."""


def squared(difference: Tensor) -> Tensor:
    """The squared distance of colours whose difference is (N, 3, h, w): (N, 1, h, w)."""
    blue, green, red = (difference * difference).split(1, 1)
    return blue + green + red  # a sum over channels is slow in onnxruntime


def features(picture: Tensor, alpha: Tensor, difference: Tensor, apart: Tensor, known: Tensor) -> Tensor:
    """What the network sees, (N, FEATURES, h, w): alpha first. `difference` (N, 3, h, w) is the picture less the plate
    in its light, and `apart` (N, 1, h, w) its squared length.
    """
    scales = [known * apart / (apart + scale**2) for scale in (NEAR, FAR)]
    return torch.cat([alpha, picture / 255 - 0.5, known * difference / 64, *scales, known], 1)


class KeyNet(nn.Module):
    """Features to logits (N, 1, h, w) of alpha; h and w multiples of STRIDE. Untrained, it gives alpha's own."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.down = nn.ModuleList(
            [
                nn.Sequential(_conv(FEATURES, fine, 2), nn.ReLU(), _Residual(_conv(fine, fine))),
                nn.Sequential(_conv(fine, middle, 2), nn.ReLU(), *(_Residual(_separable(middle)) for _ in range(2))),
                nn.Sequential(
                    _conv(middle, coarse, 2), nn.ReLU(), *(_Residual(_separable(coarse, rate)) for rate in (1, 2, 3))
                ),
            ]
        )
        self.widen = nn.ModuleList([nn.Conv2d(middle, fine, 1), nn.Conv2d(coarse, middle, 1)])
        self.up = nn.ModuleList([_Residual(_conv(fine, fine)), _Residual(_separable(middle))])
        self.out = nn.Conv2d(fine, 4, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, seen: Tensor) -> Tensor:
        levels = [seen]
        for stage in self.down:
            levels.append(stage(levels[-1]))
        x = levels.pop()
        for widen, stage in zip(reversed(self.widen), reversed(self.up), strict=True):
            x = levels.pop() + functional.interpolate(widen(x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(x)
        alpha = seen[:, :1].clamp(CERTAIN, 1 - CERTAIN)
        return functional.pixel_shuffle(self.out(x), 2) + torch.log(alpha / (1 - alpha))


class DifferenceKey(nn.Module):
    """What the ONNX file holds: pictures in, alpha out, with all rules around the network."""

    def __init__(self, net: KeyNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor, alpha: Tensor, room: Tensor, light: Tensor, trust: Tensor) -> Tensor:
        """`picture` (1, h, w, 3) uint8 BGR, `alpha` (1, h, w) float32, `room` (1, h, w, 4) uint8: the plate, BGR, and
        255 where it is known; `light` (3,), how many times as light the picture is, BGR; `trust` (1,) in [0, 1], how
        far the plate is believed. Alpha (1, h, w) float32 in [0, 1].
        """
        picture, room = (side.permute(0, 3, 1, 2).float() for side in (picture, room))
        plate = (room[:, :3] * light[:, None, None]).clamp(0, 255)
        alpha, difference, known = alpha.unsqueeze(1), picture - plate, room[:, 3:] / 255
        found = torch.sigmoid(self.net(features(picture, alpha, difference, squared(difference), known)))
        found = torch.minimum(found, torch.maximum(alpha, _reached(alpha)))
        return (alpha + trust * (found - alpha)).squeeze(1)


def _reached(alpha: Tensor) -> Tensor:
    """1 where somebody is within REACH blocks of STRIDE pixels, else 0."""
    blocks = functional.max_pool2d(functional.max_pool2d(alpha, STRIDE), 2 * REACH + 1, 1, REACH)
    return functional.interpolate((blocks > SOMEBODY).float(), scale_factor=float(STRIDE), mode="nearest")


class _Residual(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return x + functional.relu(self.block(x))


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1)


def _separable(width: int, rate: int = 1) -> nn.Sequential:
    """Depthwise and pointwise (Howard et al., "MobileNets", 2017)."""
    return nn.Sequential(nn.Conv2d(width, width, 3, 1, rate, rate, width), nn.Conv2d(width, width, 1))
