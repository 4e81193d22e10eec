"""What a training of the mask network can start from: another run's checkpoint, or a file of export_mask.py.

Exported files have their batch normalisation folded into the convolutions. To go on training, it is laid bare again: a
normalisation whose statistics are those of its own input, with the scale and shift that give back what the folded
convolution gave, changes nothing at first, and trains as it did before the export.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
from mask_net import MaskNet
from onnx import numpy_helper
from torch import Tensor, nn

Kernel = tuple[Tensor, Tensor | None]  # `(out, in, height, width)`, and the bias `(out,)`


def start_from(net: MaskNet, path: Path, images: list[Tensor]) -> None:
    """Fills `net`, in place, from a checkpoint's averaged weights or an exported `.onnx`, 8 bits or float.

    `images`: batches as the network takes them, by which the normalisation of an exported file is laid bare.
    Raises `ValueError` where a weight is missing or of another shape.
    """
    if path.suffix == ".onnx":
        _start_from_export(net, path, images)
        return
    average = torch.load(path, map_location="cpu", weights_only=True)["average"]
    named = {key.removeprefix("module."): v for key, v in average.items() if key.startswith("module.")}
    try:
        net.load_state_dict(named)
    except RuntimeError as error:
        raise ValueError(f"{path}: not a checkpoint of this network: {error}") from error


def _start_from_export(net: MaskNet, path: Path, images: list[Tensor]) -> None:
    kernels = read_export(path)
    norms = dict(_normalised(net))
    for name, module in net.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        kernel, bias = kernels.get(name, (torch.empty(0), None))
        if kernel.shape != module.weight.shape:
            raise ValueError(f"{path}: {name} is {tuple(kernel.shape)}, expected {tuple(module.weight.shape)}")
        module.weight.data.copy_(kernel)
        if module in norms:
            _make_shift(norms[module], bias)
        elif module.bias is not None and bias is not None:
            module.bias.data.copy_(bias)
    _lay_bare(net, list(norms.values()), images)


def _normalised(net: MaskNet) -> Iterator[tuple[nn.Module, nn.BatchNorm2d]]:
    """Every convolution that a normalisation follows, with it."""
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            for before, after in pairwise(module):
                if isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    yield before, after
    norm = net.aspp.norm[0]
    assert isinstance(norm, nn.BatchNorm2d)
    yield net.aspp.project, norm


def _make_shift(norm: nn.BatchNorm2d, bias: Tensor | None) -> None:
    """Makes `norm`, when not training, add `bias` and do nothing else."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)
    if bias is not None:
        norm.bias.data.copy_(bias)


@torch.no_grad()
def _lay_bare(net: MaskNet, norms: list[nn.BatchNorm2d], images: list[Tensor]) -> None:
    """Gives every normalisation the statistics of its input over `images`, and the scale and shift that undo them."""
    seen: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms}

    def look(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        x = inputs[0].float()
        seen[norm].append(torch.stack([x.mean((0, 2, 3)), (x * x).mean((0, 2, 3))]))

    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    net.eval()
    for batch in images:
        net(batch)
    for norm, hook in zip(norms, hooks, strict=True):
        hook.remove()
        mean, power = torch.stack(seen[norm]).mean(0)
        variance = (power - mean * mean).clamp_min(1e-6)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.add_(mean)
    net.train()


def read_export(path: Path) -> dict[str, Kernel]:
    """Kernel and bias of every convolution of an exported file in float32, by the name it has in `MaskNet`."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    maker = {name: node for node in graph.node for name in node.output}

    def values(name: str) -> Tensor:
        if name in stored:
            return torch.from_numpy(stored[name].astype(np.float32))
        quantised, scale, zero = (stored[k] for k in maker[name].input)
        steps = np.reshape(scale, (-1, *[1] * (quantised.ndim - 1)))
        zeros = np.reshape(zero, steps.shape).astype(np.float32)
        return torch.from_numpy((quantised.astype(np.float32) - zeros) * steps)

    found: dict[str, Kernel] = {}
    for node in graph.node:
        if node.op_type == "Conv":
            name = node.input[1].removeprefix("net.").split(".weight")[0]
            found[name] = values(node.input[1]), values(node.input[2]) if len(node.input) > 2 else None
    return found
