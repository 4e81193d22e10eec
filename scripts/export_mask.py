"""Turns a checkpoint of train_mask.py into the ONNX file that nbst-live runs.

    python scripts/export_mask.py runs/mask/checkpoint.pt models/person-fast.onnx

The averaged weights are exported, batch normalisation folded in. Input `image` `(1, 3, height, width)` float32 RGB in
[-1, 1], height and width free multiples of 16; output `alpha` `(1, 1, height, width)` float32 in [0, 1]. The file is
compared with the checkpoint at several sizes before it counts, and its entry in manifest.json beside it, where there
is one, gets the new checksum.
"""

import argparse
import hashlib
import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from mask_net import STRIDE, AlphaNet, MaskNet

OPSET = 18
SHAPES = [(144, 256), (256, 144), (192, 192)]
TOLERANCE = 1e-3


def read_average(checkpoint: Path) -> AlphaNet:
    """The averaged network of a checkpoint, ready to run."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
    net = MaskNet()
    net.load_state_dict({key.removeprefix("module."): v for key, v in state.items() if key.startswith("module.")})
    return AlphaNet(net).eval()


def export(net: AlphaNet) -> onnx.ModelProto:
    """The network as ONNX, its free sizes named "height" and "width"."""
    free = {2 + k: STRIDE * torch.export.Dim(name, min=3, max=128) for k, name in enumerate(("rows", "columns"))}
    example = torch.zeros(1, 3, *SHAPES[0])
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


def compare(net: AlphaNet, path: Path) -> float:
    """The largest difference in alpha between checkpoint and file. Raises `ValueError` above `TOLERANCE`."""
    worst = 0.0
    noise = np.random.default_rng(0)
    for height, width in SHAPES:
        options = ort.SessionOptions()
        options.add_free_dimension_override_by_name("height", height)
        options.add_free_dimension_override_by_name("width", width)
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        image = noise.uniform(-1, 1, (1, 3, height, width)).astype(np.float32)
        with torch.inference_mode():
            expected = net(torch.from_numpy(image)).numpy()
        worst = max(worst, float(np.abs(session.run(None, {"image": image})[0] - expected).max()))
    if worst > TOLERANCE:
        raise ValueError(f"{path}: alpha differs from the checkpoint's by {worst:.2g}, expected at most {TOLERANCE}")
    return worst


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("model", type=Path, help="the ONNX file to write")
    args = parser.parse_args()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    net = read_average(args.checkpoint)
    part = args.model.with_suffix(".part")
    onnx.save(export(net), part)
    worst = compare(net, part)
    part.replace(args.model)
    print(f"{args.model}: {args.model.stat().st_size} bytes, within {worst:.1e} of the checkpoint")
    print(f"sha256 {record(args.model)}")


if __name__ == "__main__":
    main()
