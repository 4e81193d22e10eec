"""Between pictures, (h, w, 3) uint8 BGR, and tensors, (1, 3, h, w) float32 RGB in 0..1, one plane after the other."""

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nbst_live.stages import Picture


def to_tensor(picture: Picture, device: str = "cpu") -> Tensor:
    """The picture as a tensor."""
    planes = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1))).to(device)
    return planes[None].float().div(255)


def to_picture(tensor: Tensor) -> Picture:
    """The tensor as a picture, values outside 0..1 clipped."""
    rgb = tensor.detach()[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(rgb[..., ::-1])


def resize(picture: Picture, width: int, height: int) -> Picture:
    """The picture at another size, averaged when it shrinks."""
    way = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=way), np.uint8)


def resize_tensor(tensor: Tensor, width: int, height: int) -> Tensor:
    """The tensor at another size."""
    # Where it grows, antialiasing changes nothing and takes twice as long.
    shrinks = width < tensor.shape[3] or height < tensor.shape[2]
    return functional.interpolate(tensor, (height, width), mode="bilinear", antialias=shrinks)


def to_area_of(painting: Picture, width: int, height: int) -> Picture:
    """The painting, its shape kept, at the area of a `width` by `height` picture.

    The strokes are then as large in the picture as they are in the painting seen beside it; fitting one side
    instead would make them small or large as the shapes differ.
    """
    ratio = (width * height / (painting.shape[0] * painting.shape[1])) ** 0.5
    return resize(painting, max(1, round(painting.shape[1] * ratio)), max(1, round(painting.shape[0] * ratio)))
