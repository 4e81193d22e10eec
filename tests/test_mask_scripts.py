"""The scripts that quantise and measure the person mask."""

import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from eval_refine import WAYS, judge
from mask_cases import Case  # the scripts are not a package
from mask_scores import boundary_f, clip_flicker, iou, still_scores, walk_flicker
from quantise_mask import _level_joins, extremes, kernel_scales, quantised


def disc(x: float, size: int = 96) -> np.ndarray:
    """A disc of alpha around (x, size / 2), soft at its edge, uint8."""
    rows, columns = np.indices((size, size))
    return np.clip(128 + 64 * (20 - np.hypot(columns - x, rows - size / 2)), 0, 255).astype(np.uint8)


def case(x: float) -> Case:
    truth = disc(x)
    return Case(f"disc {x}", np.dstack([truth] * 3), truth)


def perfect(photo: np.ndarray) -> np.ndarray:
    return photo[..., 0] / np.float32(255)


def test_scores_of_a_perfect_mask_of_everything_and_of_nothing():
    cases = [case(40), case(50)]
    share = float((cases[0].truth > 127).mean())
    best = still_scores(perfect, cases).figures
    assert best["iou_mean"] == best["boundary_f"] == 1
    assert best["alpha_mae"] == best["false_area"] == 0
    everything = still_scores(lambda photo: np.ones(photo.shape[:2], np.float32), cases).figures
    assert everything["iou_mean"] == pytest.approx(share, abs=1e-3)
    assert everything["false_area"] == pytest.approx(1 - share, abs=1e-3)
    assert still_scores(lambda photo: np.zeros(photo.shape[:2], np.float32), cases).ious == [0, 0]


def test_nobody_has_false_area_but_no_iou():
    nobody = Case("room", np.full((96, 96, 3), 255, np.uint8), np.zeros((96, 96), np.uint8))
    scores = still_scores(perfect, [nobody])
    assert scores.ious == []
    assert scores.figures == {"alpha_mae": 1, "false_area": 1}


def test_a_boundary_may_be_off_by_a_pixel_but_not_by_many():
    truth = disc(40) > 127
    assert boundary_f(disc(41) > 127, truth) > 0.99
    assert boundary_f(disc(52) > 127, truth) < 0.5
    assert iou(disc(52) > 127, truth) > 0.3


def test_holding_still_flickers_when_the_person_moves():
    walk = [case(40 + k) for k in range(6)]
    assert walk_flicker(perfect, [walk]) == 0
    assert walk_flicker(lambda photo: perfect(walk[0].photo), [walk]) > 5e-3
    assert walk_flicker(lambda photo: np.zeros(photo.shape[:2], np.float32), [walk]) > 5e-3


def test_a_mask_that_moves_with_the_clip_flickers_less_than_one_that_does_not(tmp_path, rng):
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (240, 400, 1)).astype(np.float32), (0, 0), 4)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for k in range(6):
        writer.write(cv2.cvtColor(np.ascontiguousarray(texture[:, 3 * k : 3 * k + 320]), cv2.COLOR_GRAY2BGR))
    writer.release()
    columns = np.arange(640, dtype=np.float32)[None]

    def stripes(photo: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.sin(columns / 10) / 2 + 0.5, photo.shape[:2]).astype(np.float32)

    flicker = clip_flicker({"moves": perfect, "stands": stripes}, tmp_path / "clip.avi")
    assert flicker["moves"] < 0.02 < flicker["stands"]


@pytest.mark.parametrize("shape", [(8, 32, 1, 1), (8, 5, 3, 3), (8, 1, 3, 3)])
def test_no_pair_of_kernel_values_can_overflow_16_bits(shape, rng):
    kernel = rng.standard_normal(shape).astype(np.float32)
    kernel[0] = kernel.max()  # the worst: all neighbours at the limit
    integers = np.round(kernel / kernel_scales(kernel)[:, None, None, None])
    assert np.abs(integers).max() <= 127
    if shape[1] > 1:
        rows = integers.transpose(0, 2, 3, 1).reshape(8, -1)
        rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(8, -1, 2)
        assert np.abs(np.clip(rows, 0, None).sum(2)).max() * 255 <= 32767
        assert np.abs(np.clip(rows, None, 0).sum(2)).max() * 255 <= 32768


def network(rng: np.random.Generator) -> onnx.ModelProto:
    """A small network with what matters in the real one: a skip far larger than the features it is joined with."""
    nodes, stored = [], []

    def conv(
        name: str, source: str, outputs: int, inputs: int, size: int = 1, gain: float = 1, **options: object
    ) -> str:
        kernel = gain * rng.standard_normal((outputs, inputs, size, size)) / np.sqrt(inputs * size**2)
        for what, values in (("kernel", kernel), ("bias", rng.uniform(0, 0.2, outputs))):
            stored.append(numpy_helper.from_array(values.astype(np.float32), f"{name} {what}"))
        inside = [source, f"{name} kernel", f"{name} bias"]
        nodes.append(helper.make_node("Conv", inside, [name], name, pads=[size // 2] * 4, **options))
        return name

    def then(kind: str, *sources: str, **options) -> str:
        nodes.append(helper.make_node(kind, list(sources), [f"{sources[0]} {kind}"], f"{sources[0]} {kind}", **options))
        return f"{sources[0]} {kind}"

    stored += [numpy_helper.from_array(np.array(values, np.float32), name)
               for name, values in (("0", 0), ("6", 6), ("doubled", [1, 1, 2, 2]))]  # fmt: skip
    stem = then("Clip", conv("stem", "image", 8, 3, 3, gain=3, strides=[2, 2]), "0", "6")
    wide = then("Clip", conv("first", stem, 8, 1, 3, group=8), "0", "6")
    skip = conv("skip", wide, 8, 8, gain=60)
    deep = then("Relu", conv("deep", wide, 8, 8, 3, strides=[2, 2]))
    joined = then("Concat", then("Resize", deep, "", "doubled", mode="linear"), skip, axis=1)
    mixed = conv("mixed", joined, 16, 1, 3, gain=0.3, group=16)
    alpha = then("Sigmoid", then("DepthToSpace", conv("logits", mixed, 4, 16, gain=0.3), blocksize=2))
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, channels, "height", "width"])
            for name, channels in (("image", 3), (alpha, 1))]  # fmt: skip
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model: onnx.ModelProto, image: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_free_dimension_override_by_name("height", image.shape[2])
    options.add_free_dimension_override_by_name("width", image.shape[3])
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]


def pictures(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    sizes = [(32, 64), (48, 48)]
    return [rng.uniform(-1, 1, (1, 3, *sizes[k % 2])).astype(np.float32) for k in range(count)]


def test_levelling_what_is_joined_changes_nothing(rng):
    model, image = network(rng), pictures(rng, 1)[0]
    expected = run(model, image)
    kernels = [tensor.SerializeToString() for tensor in model.graph.initializer]
    _level_joins(model, extremes(model, pictures(rng, 8)))
    assert [tensor.SerializeToString() for tensor in model.graph.initializer] != kernels
    np.testing.assert_allclose(run(model, image), expected, atol=1e-4)


def test_a_quantised_network_gives_nearly_the_same_alpha_at_any_size(rng):
    model = network(rng)
    small = quantised(model, pictures(rng, 16))
    assert {node.op_type for node in small.graph.node} >= {"QuantizeLinear", "DequantizeLinear"}
    for image in (*pictures(rng, 2), rng.uniform(-1, 1, (1, 3, 64, 32)).astype(np.float32)):
        alpha = run(small, image)
        assert alpha.dtype == np.float32
        assert alpha.std() > 0.05
        assert np.abs(alpha - run(model, image)).mean() < 0.02


def test_refinements_are_compared_on_the_edge_alone():
    truth = (disc(48) / 255).astype(np.float32)
    error, boundary, overlap = judge(truth, truth)
    assert (error, boundary, overlap) == (0, 1, 1)
    far = truth.copy()
    far[:5, :5] = 1
    assert judge(far, truth)[0] == 0
    assert judge(np.roll(truth, 2, axis=1), truth)[0] > 0.1


def test_every_way_of_refining_gives_an_alpha_of_the_photos_size():
    photo, alpha = np.dstack([disc(48)] * 3), cv2.resize(disc(46), (40, 40)).astype(np.float32) / 255
    for way in WAYS.values():
        found = way(alpha, photo)
        assert found.shape == (96, 96)
        assert 0 <= found.min() <= found.max() <= 1
        assert found[48, 48] > 0.9
