"""Quantises an exported mask network (export_mask.py) to 8 bits, which onnxruntime runs about twice as fast on a CPU.

Activations become uint8 with one scale a tensor, kernels int8 with one scale an output channel; ranges are the extremes
over the samples. What is done beyond onnxruntime's own quantiser, each for a measured loss:

- The stem and the first depthwise convolution stay float. Their 8-bit products cost half of all the error there was,
  and with three input channels they are no faster than float.
- What is concatenated has one scale, so joining is copying. The upsampled features, a tenth of the skips in size, would
  be left with 15 levels of 256: their channels are first scaled up to the skips' range, and the kernels that read them
  down (cross-layer equalisation, Nagel et al. 2019), which leaves the function as it is.
- Kernels are scaled so that no product can overflow: x86 CPUs without VNNI add pairs of neighbouring products in 16
  bits, and `255 * (a + b)` fits only up to `a + b = 128`. Quantising to 7 bits (`reduce_range`) ensures the same, at
  nearly twice the step. Depthwise kernels are not added in pairs and keep the whole range.
- Logits are cut off at +-8, an alpha of 0.0003: the steps of alpha at the edge are 0.016 instead of twice that.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType, TensorsData

Floats = npt.NDArray[np.float32]
Extremes = dict[str, tuple[Floats, Floats]]  # tensor -> lowest and highest value of each channel

LOGIT_LIMIT = 8.0
FLOAT_NODES = 4  # stem, its activation, first depthwise convolution, its activation


class Graph:
    """A model with its links: who makes a tensor, who reads it, and the kernels by name."""

    def __init__(self, model: onnx.ModelProto):
        self.nodes = list(model.graph.node)
        self.maker = {name: node for node in self.nodes for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}

    def of(self, kind: str) -> list[onnx.NodeProto]:
        return [node for node in self.nodes if node.op_type == kind]

    def kernel(self, name: str) -> Floats:
        return numpy_helper.to_array(self._stored[name]).copy()

    def store(self, name: str, values: npt.NDArray[np.floating]) -> None:
        self._stored[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))


def quantised(model: onnx.ModelProto, samples: Iterable[Floats]) -> onnx.ModelProto:
    """An 8-bit copy of `model`, its ranges taken from `samples`, pictures as the model takes them, of any sizes."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    samples = list(samples)
    _pool_whole(model)
    _level_joins(model, extremes(model, samples))
    ranges = _ranges(model, extremes(model, samples))
    graph = Graph(model)
    left_float = [node.name for node in graph.nodes if node.op_type in ("Conv", "Clip")][:FLOAT_NODES]
    kernels = {node.input[1]: graph.kernel(node.input[1]) for node in graph.of("Conv") if node.name not in left_float}
    scales = {name: _overrides(kernel_scales(kernel)) for name, kernel in kernels.items()}
    # Resize stays float: onnxruntime's own for uint8 takes three times as long.
    kinds = sorted({node.op_type for node in graph.nodes} - {"Resize"})
    quantiser = QDQQuantizer(
        onnx.shape_inference.infer_shapes(model),
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=[],
        nodes_to_exclude=left_float,
        op_types_to_quantize=kinds,
        extra_options={"TensorQuantOverrides": scales},
    )
    quantiser.quantize_model()
    result: onnx.ModelProto = quantiser.model.model
    del result.graph.value_info[:]
    return result


def extremes(model: onnx.ModelProto, samples: list[Floats]) -> Extremes:
    """The lowest and highest value of every channel of every tensor of four dimensions, over all samples."""
    opened = onnx.ModelProto.FromString(model.SerializeToString())
    known = {value.name for value in opened.graph.output}
    made = [name for node in opened.graph.node for name in node.output]
    opened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made if name not in known)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(opened.SerializeToString(), options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0].name
    found: Extremes = {}
    for sample in samples:
        for name, values in zip([image, *made], [sample, *session.run(made, {image: sample})], strict=True):
            low, high = values.min((0, 2, 3)), values.max((0, 2, 3))
            old = found.get(name, (low, high))
            found[name] = np.minimum(old[0], low), np.maximum(old[1], high)
    return found


def kernel_scales(kernel: Floats) -> Floats:
    """The step of each output channel of a kernel `(out, in, height, width)`: the smallest that cannot overflow."""
    steps: Floats = np.abs(kernel).max((1, 2, 3)) / 127
    if kernel.shape[1] > 1:
        rows = kernel.transpose(0, 2, 3, 1).reshape(len(kernel), -1)  # as the kernels run: channels last
        rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))
        for sign in (1, -1):
            positive = np.maximum(sign * rows, 0)
            # Rounding may add one half to both of a pair: 127.5 and one are not yet 129.
            steps = np.maximum(steps, (positive[:, 0::2] + positive[:, 1::2]).max(1) / np.float32(127.5))
    return np.maximum(steps, np.float32(1e-6))  # of an empty kernel, and yet the bias fits 32 bits


def _overrides(steps: Floats) -> list[dict[str, object]]:
    """What the quantiser wants to know of a kernel with these steps."""
    zero = np.array(0, np.int8)
    overrides: list[dict[str, object]] = [{"scale": np.array(step), "zero_point": zero} for step in steps]
    overrides[0]["axis"] = 0
    return overrides


def _pool_whole(model: onnx.ModelProto) -> None:
    """Takes the mean of a picture by GlobalAveragePool, which there is for 8 bits, as ReduceMean is not."""
    for node in model.graph.node:
        if node.op_type == "ReduceMean":
            node.op_type = "GlobalAveragePool"
            axes = node.input.pop()
            del node.attribute[:]
            kept = [tensor for tensor in model.graph.initializer if tensor.name != axes]
            del model.graph.initializer[:]
            model.graph.initializer.extend(kept)


def _level_joins(model: onnx.ModelProto, found: Extremes) -> None:
    """Scales the channels that are upsampled and then joined with a skip to the range of that skip.

    Exact, as there is only a ReLU and the upsampling between the kernel that makes and the one that reads them.
    """
    graph = Graph(model)
    for join in graph.of("Concat"):
        upsampled, *skips = join.input
        if graph.maker[upsampled].op_type != "Resize":
            continue
        activation = graph.maker[graph.maker[upsampled].input[0]]
        made, (read,) = graph.maker[activation.input[0]], graph.readers[join.output[0]]
        largest = max(float(np.abs(found[skip]).max()) for skip in skips)
        gain = largest / np.maximum(found[upsampled][1], np.float32(1e-3 * found[upsampled][1].max()))
        graph.store(made.input[1], graph.kernel(made.input[1]) * gain[:, None, None, None])
        graph.store(made.input[2], graph.kernel(made.input[2]) * gain)
        kernel = graph.kernel(read.input[1])  # depthwise: one input channel each
        kernel[: len(gain)] /= gain[:, None, None, None]
        graph.store(read.input[1], kernel)


def _ranges(model: onnx.ModelProto, found: Extremes) -> TensorsData:
    """The range of each tensor: its extremes and 0; one for all that is joined; the logits' cut off."""
    graph = Graph(model)
    ranges = {name: (min(float(low.min()), 0.0), max(float(high.max()), 0.0)) for name, (low, high) in found.items()}
    for join in graph.of("Concat"):
        names = [*join.input, *join.output]
        shared = min(ranges[name][0] for name in names), max(ranges[name][1] for name in names)
        ranges |= dict.fromkeys(names, shared)
    for spread in graph.of("DepthToSpace"):
        ranges |= dict.fromkeys([spread.input[0], spread.output[0]], (-LOGIT_LIMIT, LOGIT_LIMIT))
    limits = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    return TensorsData(CalibrationMethod.MinMax, limits)
