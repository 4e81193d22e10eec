"""Writes a network as an ONNX file that the program's onnxruntime reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

OPSET = 18


def write(
    net: nn.Module, examples: tuple[Tensor, ...], inputs: Sequence[str], output: str, free: Any, path: Path
) -> None:
    """Exports a network by examples of its inputs; `free` is torch.export's dynamic_shapes: which sides are free."""
    program = torch.onnx.export(
        net.eval(), examples, input_names=list(inputs), output_names=[output],
        dynamic_shapes=free, opset_version=OPSET, dynamo=True, verbose=False,
    )  # fmt: skip
    assert program is not None
    model = program.model_proto
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # where in the Python source it came from
    onnx.checker.check_model(model)
    onnx.save(model, path)
