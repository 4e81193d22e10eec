"""The network that settles alpha at the person's edge, one pixel at a time and at full resolution.

A mask network's alpha is a few pixels wide where a person's edge is one, and enlarging does not know where. Here a
perceptron of two hidden layers sees, for each pixel of the edge, what a matting equation would: its colour, the means
of person and room nearby, the room behind it where that is known, the alphas of mask and guided filter, how far the
edge is, how the pixel moves and what it was before. It is the point head of PointRend (Kirillov et al., "PointRend:
Image Segmentation as Rendering", 2020), with colours in place of a network's features. Its neighbours' colours would
tell it nothing more: with them the error on pixels left out of the training was the same.

What the equation C = alpha F + (1 - alpha) B says by itself is given as such (`features`): no perceptron of this size
learns to divide.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from nbst_live.mask.edge import ROWS

HIDDEN = 32
LUMA = 0.114 / 255, 0.587 / 255, 0.299 / 255
"""Of BGR in 0..255."""
CONTRAST = 100.0
"""Squared distance of F and B at which the equation counts as much as the guided filter's alpha."""
APART, LENGTH, OFF, CHANGED = 300.0, 1000.0, 200.0, 100.0
"""Squared distances that count as half: of a colour from the room, of the person's from the room's, of a colour from
the line between the two, of a colour from the one that was there the frame before."""
GREY = 64.0
"""Grey levels that count as 1."""
SPEED = 4.0
"""Movement, in the network's pixels a frame, that counts as 1."""
LOW, HIGH = 0.04, 0.96
"""The guided filter never quite reaches 0 and 1: between these its alpha is stretched to them."""


def dot(one: Tensor, other: Tensor) -> Tensor:
    """(1, N) of two (3, N)."""
    return torch.ones(1, 3) @ (one * other)  # a sum over channels is slow in onnxruntime


def share(along: Tensor, length: Tensor, prior: Tensor) -> Tensor:
    """Alpha (1, N) by the equation alone: how far on the way from the room to the person, `length` squared, a colour is
    whose difference from the room has the product `along` with that way.
    """
    return ((along + CONTRAST * prior) / (length + CONTRAST)).clamp(-0.5, 1.5)


def features(rows: dict[str, Tensor]) -> Tensor:
    """What the perceptron sees, (FEATURES, N), of the rows that nbst_live.mask.edge.ROWS names: first what is in grey
    levels, then what is about 1.
    """
    seen, behind, then, keep = (rows[name] for name in ("picture", "behind", "before", "keep"))
    luma = torch.tensor([LUMA]) @ seen
    prior = ((rows["slope"] * luma + rows["offset"] - LOW) / (HIGH - LOW)).clamp(0, 1)
    axis, difference, step = rows["near_person"] - behind, seen - behind, seen - then
    length, apart, along, changed = dot(axis, axis), dot(difference, difference), dot(difference, axis), dot(step, step)
    beside, room = rows["next_person"], rows["next_room"]
    alone, way = share(along, length, prior), beside - room
    on_line = alone.clamp(0, 1)
    off = (apart + on_line * (on_line * length - 2 * along)).clamp(min=0)
    x, y = rows["x"], rows["y"]
    return torch.cat(
        [
            difference, axis, seen, beside - behind, room - behind,
            alone, share(dot(seen - room, way), dot(way, way), prior),
            apart / (apart + APART), length / (length + LENGTH), off / (off + OFF),
            rows["known"], prior, rows["alpha"], rows["unsteady"], rows["alpha_3"], rows["alpha_7"], rows["alpha_15"],
            rows["least"], rows["most"],
            torch.sqrt(x * x + y * y) / SPEED, keep, keep * (rows["matte"] / 255 - prior),
            keep * dot(step, axis) / (length + CONTRAST), keep * CHANGED / (changed + CHANGED),
        ]
    )  # fmt: skip


COLOURS, FEATURES = 5 * 3, 5 * 3 + 2 + 3 + 9 + 5
"""How many features are in grey levels, and how many there are."""
PRIOR, KEEP, CHANGE = COLOURS + 6, FEATURES - 4, FEATURES - 3
"""Places of the guided filter's alpha, of the share that is kept of what was before, and of that of the change."""


class EdgeNet(nn.Module):
    """Features (FEATURES, N) to alpha (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(FEATURES, HIDDEN, 1)
        self.rest = nn.Sequential(nn.ReLU(), nn.Conv1d(HIDDEN, HIDDEN, 1), nn.ReLU(), nn.Conv1d(HIDDEN, 2, 1))
        self.scale: Tensor
        scale = [1 / GREY] * COLOURS + [1.0] * (FEATURES - COLOURS)
        self.register_buffer("scale", torch.tensor(scale)[:, None], persistent=False)

    def forward(self, seen: Tensor) -> Tensor:
        # The weights are scaled, which an exported file does once, and not the pixels.
        first = functional.conv1d(seen[None], self.first.weight * self.scale, self.first.bias)
        found, gain = torch.sigmoid(self.rest(first)[0])
        prior, keep, change = seen[PRIOR], seen[KEEP], seen[CHANGE]
        # As in a Kalman filter: of what was before, as far as it is kept, a share that the pixel itself decides.
        return found + gain * (change + keep * (prior - found))


class EdgeSolver(nn.Module):
    """What the ONNX file holds: the rows of Samples in, alpha (N,) in [0, 1] out."""

    def __init__(self, net: EdgeNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, *planes: Tensor) -> Tensor:
        return self.net(features(dict(zip(ROWS, planes, strict=True))))
