"""The mask's session, with small networks written here."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from nbst_live import models
from nbst_live.errors import ModelError, ProviderError
from nbst_live.mask.masker import OnnxMasker

SIDE = 8


def write_network(path: Path, nodes: list[onnx.NodeProto], out: list[int]) -> models.ModelRecord:
    """A network from `image` (1, 3, SIDE, SIDE) to `alpha` of a shape."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    alpha = helper.make_tensor_value_info("alpha", TensorProto.FLOAT, out)
    graph = helper.make_graph(nodes, "net", [image], [alpha])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return models.custom(path)


def test_alpha_comes_at_the_networks_size(tmp_path: Path):
    mean = helper.make_node("ReduceMean", ["image", "axes"], ["alpha"], keepdims=1)
    axes = helper.make_node("Constant", [], ["axes"], value_ints=[1])
    masker = OnnxMasker(write_network(tmp_path / "mean.onnx", [axes, mean], [1, 1, SIDE, SIDE]), (64, 64))
    grey = np.full((40, 40, 3), 51, np.uint8)
    assert masker.size == (SIDE, SIDE)
    np.testing.assert_allclose(masker.mask(grey), np.full((SIDE, SIDE), 0.2), atol=1e-6)


@pytest.mark.parametrize(("provider", "error"), [("auto", ModelError), ("cpu", ProviderError)])
def test_a_network_that_gives_no_numbers_is_refused_when_it_is_opened(tmp_path: Path, provider: str, error: type):
    zero = helper.make_node("Sub", ["image", "image"], ["zero"])
    nan = helper.make_node("Div", ["zero", "zero"], ["nan"])
    mean = helper.make_node("ReduceMean", ["nan", "axes"], ["alpha"], keepdims=1)
    axes = helper.make_node("Constant", [], ["axes"], value_ints=[1])
    record = write_network(tmp_path / "nan.onnx", [axes, zero, nan, mean], [1, 1, SIDE, SIDE])
    with pytest.raises(error, match="values that are not numbers"):
        OnnxMasker(record, (64, 64), provider=provider)


def test_a_network_whose_output_is_no_alpha_is_refused_when_it_is_opened(tmp_path: Path):
    copy = helper.make_node("Identity", ["image"], ["alpha"])
    with pytest.raises(ModelError, match="cannot reshape"):
        OnnxMasker(write_network(tmp_path / "three.onnx", [copy], [1, 3, SIDE, SIDE]), (64, 64))
