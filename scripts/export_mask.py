"""Turns a checkpoint of train_mask.py into the ONNX file that nbst-live runs.

    python scripts/export_mask.py runs/fine/checkpoint.pt models/person-fine.onnx
    python scripts/export_mask.py runs/fast/checkpoint.pt models/person-fast.onnx --int8 \
        --persons DIR --scenes DIR --rooms DIR
    python scripts/export_mask.py models/person-fine.onnx models/person-fine-int8.onnx --int8 \
        --persons DIR --scenes DIR --rooms DIR

With `--mix OTHER SHARE` the weights are that share of another checkpoint's and the rest of the first's: the stages of
one training lie near enough to one another for their mean to be a network too (Izmailov et al., "Averaging Weights
Leads to Wider Optima and Better Generalization", UAI 2018).

The averaged weights are exported, batch normalisation folded in. Input `image` `(1, 3, height, width)` float32 RGB in
[-1, 1], height and width free multiples of 16; output `alpha` `(1, 1, height, width)` float32 in [0, 1]. The float
network is compared with the checkpoint at all shapes it was trained at before it counts. With --int8 it is then
quantised (quantise_mask.py) by training samples, and what that changes is measured on others; so is a float file of
the manifest, in place of a checkpoint. The file's entry in manifest.json beside it, where there is one, gets the new
checksum.
"""

import argparse
import copy
import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import torch
from mask_data import SHAPES, Painter
from mask_library import Image, Library, Size, read_library
from mask_net import STRIDE, AlphaNet, Aspp, MaskNet
from quantise_mask import Floats, quantised
from skimage.data import astronaut
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nbst_live import models

OPSET = 18
TOLERANCE = 1e-3
CALIBRATION, CHECKED = 256, 64  # samples


def read_average(checkpoint: Path, other: Path | None = None, share: float = 0.0) -> tuple[AlphaNet, list[Size]]:
    """The averaged network of a checkpoint, or of two of one kind, ready to run, and the sizes it was trained at."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    average, net = state["average"], MaskNet(state["kind"])
    if other is not None:
        mixed = torch.load(other, map_location="cpu", weights_only=True)["average"]
        average = {k: v.lerp(mixed[k], share) if v.is_floating_point() else v for k, v in average.items()}
    net.load_state_dict({key.removeprefix("module."): v for key, v in average.items() if key.startswith("module.")})
    return AlphaNet(net).eval(), list(SHAPES[state["kind"]])


@torch.no_grad()
def fold_sum(aspp: Aspp) -> None:
    """Moves the normalisation after the ASPP's sum into the two convolutions summed; the exporter does all others."""
    norm = aspp.norm[0]
    assert isinstance(norm, nn.BatchNorm2d)
    gain = norm.weight / torch.sqrt(torch.as_tensor(norm.running_var) + norm.eps)
    aspp.project = fuse_conv_bn_eval(aspp.project, norm)
    for values in aspp.pooled[2].parameters():
        values.mul_(gain.view(-1, *[1] * (values.dim() - 1)))
    aspp.norm[0] = nn.Identity()


def export(net: AlphaNet) -> onnx.ModelProto:
    """The network as ONNX, its free sizes named "height" and "width"."""
    net = copy.deepcopy(net)
    fold_sum(net.net.aspp)
    free = {2 + k: STRIDE * torch.export.Dim(name, min=3, max=128) for k, name in enumerate(("rows", "columns"))}
    example = torch.zeros(1, 3, 9 * STRIDE, 16 * STRIDE)
    program = torch.onnx.export(
        net, (example,), input_names=["image"], output_names=["alpha"], dynamic_shapes={"image": free},
        opset_version=OPSET, dynamo=True, verbose=False,
    )  # fmt: skip
    assert program is not None
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        program.save(file.name)
        model = onnx.load(file.name)
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in ((2, "height"), (3, "width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # where in the Python source it came from
    onnx.checker.check_model(model)
    return model


def network_input(rgb: Image) -> Floats:
    """A picture `(H, W, 3)` RGB as the network takes it."""
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32) / np.float32(127.5) - 1


def runner(model: onnx.ModelProto, size: Size) -> Callable[[Floats], Floats]:
    """What gives the alpha of a picture of that size, by onnxruntime, as nbst-live opens the file."""
    options = ort.SessionOptions()
    options.add_free_dimension_override_by_name("height", size[0])
    options.add_free_dimension_override_by_name("width", size[1])
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"image": image})[0]


def compare(net: AlphaNet, model: onnx.ModelProto, sizes: list[Size]) -> float:
    """The largest difference in alpha between checkpoint and model. Raises `ValueError` above `TOLERANCE`."""
    worst = 0.0
    for height, width in sizes:
        portrait = astronaut()  # type: ignore[no-untyped-call]  # scikit-image has no types
        image = network_input(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA))
        with torch.inference_mode():
            expected = net(torch.from_numpy(image)).numpy()
        worst = max(worst, float(np.abs(runner(model, (height, width))(image) - expected).max()))
    if worst > TOLERANCE:
        raise ValueError(f"alpha differs from the checkpoint's by {worst:.2g}, expected {TOLERANCE} at most")
    return worst


def draw(library: Library, sizes: list[Size], count: int, seed: int) -> Iterator[Floats]:
    """`count` training samples as the network takes them, of all sizes in turn."""
    painter = Painter(library, seed)
    for k in range(count):
        image, _ = painter.sample(sizes[k % len(sizes)])
        yield network_input(image[..., ::-1])


def change(model: onnx.ModelProto, reference: onnx.ModelProto, samples: Iterator[Floats]) -> tuple[float, float]:
    """The mean and the largest difference in alpha between two models."""
    runs: dict[Size, list[Callable[[Floats], Floats]]] = {}
    found = []
    for image in samples:
        size = image.shape[2], image.shape[3]
        runs[size] = runs.get(size) or [runner(model, size), runner(reference, size)]
        one, other = (run(image) for run in runs[size])
        found.append(np.abs(one - other))
    return float(np.mean([f.mean() for f in found])), max(float(f.max()) for f in found)


def record(path: Path) -> str:
    """The SHA-256 of the file, also written to its entry in the manifest beside it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = path.parent / "manifest.json"
    if manifest.exists():
        content = json.loads(manifest.read_text(encoding="utf-8"))
        for entry in content["models"]:
            if entry["file"] == path.name:
                entry["sha256"] = digest
        manifest.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return digest


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path, help="of train_mask.py, or a float ONNX file of the manifest")
    parser.add_argument("model", type=Path, help="the ONNX file to write")
    parser.add_argument(
        "--mix", nargs=2, metavar=("OTHER", "SHARE"), help="another checkpoint, and its share of the weights"
    )
    parser.add_argument("--int8", action="store_true", help="quantise to 8 bits, by samples of the next three")
    parser.add_argument("--persons", type=Path, nargs="+", help="folders of images, masks, index.csv")
    parser.add_argument("--scenes", type=Path, help="a folder of images, masks, index.csv")
    parser.add_argument("--rooms", type=Path, help="a folder of pictures without anybody")
    args = parser.parse_args()
    if args.checkpoint.suffix == ".onnx" and (args.mix or not args.int8):
        parser.error("an ONNX file can only be quantised: --int8, without --mix")
    if args.int8 and not (args.persons and args.scenes and args.rooms):
        parser.error("--int8 needs --persons, --scenes and --rooms")
    return args


def main() -> None:
    args = arguments()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    if args.checkpoint.suffix == ".onnx":
        trained = models.find(args.checkpoint.stem).input.values()
        model, sizes = onnx.load(args.checkpoint), [(size.height, size.width) for size in trained]
    else:
        other, share = args.mix or (None, 0.0)
        net, sizes = read_average(args.checkpoint, None if other is None else Path(other), float(share))
        model = export(net)
        print(f"float32: within {compare(net, model, sizes):.1e} of the checkpoint")
    if args.int8:
        library = read_library(args.persons, args.scenes, args.rooms)
        small = quantised(model, draw(library, sizes, CALIBRATION, seed=1))
        mean, largest = change(small, model, draw(library, sizes, CHECKED, seed=2))
        print(f"int8: alpha differs from float32 by {mean:.4f} on average, {largest:.2f} at most")
        model = small
    part = args.model.with_suffix(".part")
    onnx.save(model, part)
    part.replace(args.model)
    print(f"{args.model}: {args.model.stat().st_size} bytes, sha256 {record(args.model)}")


if __name__ == "__main__":
    main()
