"""Measures person masks on pictures no training has seen, side by side with a peer's.

    python scripts/eval_mask.py --persons DIR --scenes DIR --rooms DIR --clip FILE --peer mediapipe_selfie_256.onnx \
        --json scores.json --out runs/eval --plots docs/mask

Without MODELs all person masks of the manifest are measured. A MODEL is a name in it or an ONNX file of export_mask.py,
which needs --shapes. Ours run as nbst-live runs them (models.py chooses the shape, masker.py prepares the picture); the
peer as MediaPipe's selfie segmentation does: stretched to its size by bilinear sampling, RGB in [0, 1]. Every alpha is
stretched back to its picture and measured raw (mask_scores.py) on five sets (mask_cases.py): portrait, fashion, scenes,
webcam, rooms; with --clip also its flicker. Milliseconds are the median of a run on two threads at the shape that most
of a set has, all networks taking turns. --each-shape measures each shape of a model on its own.

Prints a table; --json writes its figures, --out the twenty worst pictures of each model, --plots the plots of the docs.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnxruntime as ort
from mask_cases import Case, read_material
from mask_library import Image, Size
from mask_plots import draw_plots
from mask_scores import METRICS, Alpha, Scores, clip_flicker, read_clip, still_scores, walk_flicker

from nbst_live.mask.masker import OnnxMasker
from nbst_live.models import InputSize, ModelRecord, custom, load_manifest, verify

RUNS, THREADS = 60, 2
SETTLE = 0.03  # seconds in which the threads of the session before stop spinning


class Network(Protocol):
    """A mask network: which shape it takes for a picture, its alpha at the picture's size, and its file."""

    path: Path

    def size_for(self, photo: Image) -> Size: ...

    def alpha(self, photo: Image) -> Alpha: ...


class Ours:
    """A model as nbst-live runs it."""

    def __init__(self, record: ModelRecord):
        self.record, self.path = record, verify(record)
        self._maskers: dict[Size, OnnxMasker] = {}

    def size_for(self, photo: Image) -> Size:
        size = self.record.size_for(*photo.shape[:2])
        if size is None:
            raise ValueError(f"{self.path}: give its input sizes by --shapes, for example --shapes 144x256 208x208")
        return size.height, size.width

    def alpha(self, photo: Image) -> Alpha:
        size = self.size_for(photo)
        if size not in self._maskers:
            self._maskers[size] = OnnxMasker(self.record, photo.shape[1::-1], provider="cpu", threads=1)
        full: Alpha = cv2.resize(self._maskers[size].mask(photo), photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return full


class Selfie:
    """MediaPipe's selfie segmentation, NHWC: the picture stretched by bilinear sampling, RGB in [0, 1]."""

    def __init__(self, path: Path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.path, self._session = path, ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    def size_for(self, photo: Image) -> Size:  # noqa: ARG002  # it has but one
        return self._input.shape[1], self._input.shape[2]

    def alpha(self, photo: Image) -> Alpha:
        height, width = self.size_for(photo)
        small = cv2.cvtColor(cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB)
        found = self._session.run(None, {self._input.name: small[None] / np.float32(255)})[0]
        full: Alpha = cv2.resize(found.reshape(height, width), photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return full


def records(names: list[str], shapes: list[Size]) -> list[ModelRecord]:
    """The records of the models named, manifest names or ONNX files; of all person masks where none is."""
    known = {name: model for name, model in load_manifest().models.items() if model.task == "person-mask"}
    return [known[name] if name in known else _exported(Path(name), shapes) for name in names or known]


def _exported(path: Path, shapes: list[Size]) -> ModelRecord:
    """The record of a file of export_mask.py, unless a JSON file beside it says otherwise."""
    record = custom(path)
    if path.with_suffix(".json").is_file():
        return record
    sizes = {f"{height}x{width}": InputSize(height, width) for height, width in shapes}
    return replace(record, input=sizes, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def each_shape(record: ModelRecord) -> list[ModelRecord]:
    return [
        replace(record, name=f"{record.name} {size.height}x{size.width}", input={aspect: size})
        for aspect, size in record.input.items()
    ]


def timed(runs: dict[tuple[str, Size], Callable[[], object]]) -> dict[tuple[str, Size], float]:
    """Median milliseconds of each, all taking turns."""
    spent: dict[tuple[str, Size], list[float]] = {key: [] for key in runs}
    for _ in range(RUNS):
        for key, run in runs.items():
            time.sleep(SETTLE)
            run()  # the one before it has filled the caches with its own weights
            began = time.perf_counter()
            run()
            spent[key].append(1e3 * (time.perf_counter() - began))
    return {key: statistics.median(times) for key, times in spent.items()}


def runner(path: Path, size: Size) -> Callable[[], object]:
    """A run of nothing but the network, on a grey picture."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_free_dimension_override_by_name("height", size[0])
    options.add_free_dimension_override_by_name("width", size[1])
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0]
    return partial(session.run, None, {wanted.name: np.full(wanted.shape, 0.5, np.float32)})


def usual_size(network: Network, photos: list[Image]) -> Size:
    return Counter(network.size_for(photo) for photo in photos).most_common(1)[0][0]


def milliseconds(networks: dict[str, Network], photos: dict[str, list[Image]]) -> dict[str, dict[str, float]]:
    """By network and set."""
    usual = {(name, kind): usual_size(n, p) for name, n in networks.items() for kind, p in photos.items()}
    pairs = sorted({(name, size) for (name, _), size in usual.items()})
    spent = timed({(name, size): runner(networks[name].path, size) for name, size in pairs})
    return {name: {kind: spent[name, usual[name, kind]] for kind in photos} for name in networks}


def worst_sheet(network: Network, cases: list[Case], ious: list[float]) -> Image:
    """The twenty worst pictures, what the network takes for background painted green, truth outlined in red."""
    cells = []
    for k in np.argsort(ious)[:20]:
        case, a = cases[k], network.alpha(cases[k].photo)[..., None]
        cell = (case.photo * (0.3 + 0.7 * a) + np.array([60, 160, 60]) * 0.7 * (1 - a)).astype(np.uint8)
        outline = cv2.findContours((case.truth > 127).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        cv2.drawContours(cell, outline, -1, (0, 0, 255), 2)
        scale = 240 / max(cell.shape)
        cell = cv2.resize(cell, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cell = cv2.copyMakeBorder(cell, 0, 262 - cell.shape[0], 0, 244 - cell.shape[1], cv2.BORDER_CONSTANT)
        cv2.putText(cell, f"{case.name} {ious[k]:.2f}", (4, 256), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1)
        cells.append(cell)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % 5)
    return np.vstack([np.hstack(cells[k : k + 5]) for k in range(0, len(cells), 5)])


def table(results: dict[str, dict[str, Scores]]) -> str:
    wide = max(map(len, results)) + 10
    lines = [" " * wide + "".join(f"{name:>16}" for name in METRICS)]
    for kind in next(iter(results.values())):
        for name, sets in results.items():
            figures = sets[kind].figures
            cells = [f"{figures[m]:16.2f}" if m == "ms" else f"{figures[m]:16.4f}" if m in figures else " " * 16
                     for m in METRICS]  # fmt: skip
            lines.append(f"{kind:10}{name:{wide - 10}}" + "".join(cells))
    return "\n".join(lines)


def measure(networks: dict[str, Network], args: argparse.Namespace) -> dict[str, dict[str, Scores]]:
    """The scores by network and set."""
    material = read_material(args.persons, args.scenes, args.rooms)
    results = {
        name: {kind: still_scores(network.alpha, cases) for kind, cases in material.stills.items()}
        for name, network in networks.items()
    }
    for name, network in networks.items():
        results[name]["webcam"].figures["flicker"] = walk_flicker(network.alpha, material.walks)
    photos = {kind: [case.photo for case in cases] for kind, cases in material.stills.items()}
    if args.clip:
        flicker = clip_flicker({name: network.alpha for name, network in networks.items()}, args.clip)
        for name, value in flicker.items():
            results[name]["clip"] = Scores([], {"flicker": value})
        photos["clip"] = [next(read_clip(args.clip))]
    for name, spent in milliseconds(networks, photos).items():
        for kind, value in spent.items():
            results[name][kind].figures["ms"] = value
    if args.out:
        shown = [(kind, case) for kind, cases in material.stills.items() for case in cases if kind != "rooms"]
        for name in [name for name in networks if isinstance(networks[name], Ours)]:
            ious = [value for kind in material.stills for value in results[name][kind].ious]
            sheet = worst_sheet(networks[name], [case for _, case in shown], ious)
            cv2.imwrite(str(args.out / f"worst {name}.png"), sheet)
    return results


def _shape(text: str) -> Size:
    height, width = map(int, text.split("x"))
    return height, width


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names in the manifest, or ONNX files; default: all")
    parser.add_argument("--persons", type=Path, nargs="+", required=True, help="folders of images, masks, index.csv")
    parser.add_argument("--scenes", type=Path, required=True, help="a folder of images, masks, index.csv")
    parser.add_argument("--rooms", type=Path, required=True, help="a folder of pictures without anybody")
    parser.add_argument("--clip", type=Path, help="a clip to measure flicker on")
    parser.add_argument("--peer", type=Path, required=True, help="MediaPipe's selfie segmentation as ONNX, NHWC")
    parser.add_argument("--shapes", type=_shape, nargs="+", default=[], metavar="HxW", help="sizes of ONNX files given")
    parser.add_argument("--each-shape", action="store_true", help="measure every shape on its own")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--out", type=Path, help="a folder for the worst pictures (photos: do not publish)")
    parser.add_argument("--plots", type=Path, help="a folder for plots that may be published")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    for folder in filter(None, (args.out, args.plots)):
        folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    chosen = records(args.models, args.shapes)
    if args.each_shape:
        chosen = [single for record in chosen for single in each_shape(record)]
    networks: dict[str, Network] = {record.name: Ours(record) for record in chosen}
    networks["mediapipe"] = Selfie(args.peer)
    results = measure(networks, args)
    print(table(results))
    if args.json:
        content = {
            name: {kind: {metric: scores.figures.get(metric) for metric in METRICS} for kind, scores in sets.items()}
            for name, sets in results.items()
        }
        args.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if args.plots:
        draw_plots(results, {name: network.alpha for name, network in networks.items()}, args.plots)


if __name__ == "__main__":
    main()
