"""Measures mask networks on pictures no training has seen, side by side with MediaPipe's.

    python scripts/eval_mask.py --persons DIR --scenes DIR --rooms DIR --peer mediapipe_selfie_256.onnx \
        --out runs/eval models/person-fast.onnx

Every network gets the picture stretched to its own size, its alpha is stretched back, and all is measured at the size
of the picture: IoU at threshold 0.5 (mean, median, mean of the worst tenth), boundary F-score (tolerance 0.8 % of the
diagonal; Perazzi et al. 2016), mean error of alpha, share of pixels wrongly taken for a person where there is nobody,
and flicker: the mean change of alpha, in thousandths, between two frames that differ in camera noise alone. `--shapes`
are those our networks choose from by aspect ratio, as nbst-live does; with `--each-shape` each is measured on its own.
Prints a table; writes `eval.json` and `worst.png`, the twenty worst of the first network, to --out.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from mask_data import Image, Layers, Library, Painter, read_figure, read_rooms, read_split

Alpha = npt.NDArray[np.float32]
Shape = tuple[int, int]
COMPOSITES, FRAME, NOISE, RUNS = 200, (360, 640), 4.0, 60


@dataclass
class Network:
    """An ONNX mask network of one input, NCHW in [-1, 1] (ours) or NHWC in [0, 1] (MediaPipe's)."""

    path: Path
    shapes: list[Shape]
    threads: int
    sessions: dict[Shape, ort.InferenceSession] = field(default_factory=dict)

    def shape_for(self, photo: Image) -> Shape:
        wanted = math.log(photo.shape[1] / photo.shape[0])
        return min(self.shapes, key=lambda shape: abs(math.log(shape[1] / shape[0]) - wanted))

    def session(self, shape: Shape) -> ort.InferenceSession:
        if shape not in self.sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = self.threads
            options.add_free_dimension_override_by_name("height", shape[0])
            options.add_free_dimension_override_by_name("width", shape[1])
            self.sessions[shape] = ort.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        return self.sessions[shape]

    def blob(self, photo: Image, shape: Shape) -> npt.NDArray[np.float32]:
        small = cv2.resize(photo, shape[::-1], interpolation=cv2.INTER_AREA)
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        ours = self.session(shape).get_inputs()[0].shape[1] == 3
        return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None] * 2 - 1) if ours else rgb[None]

    def alpha(self, photo: Image) -> Alpha:
        shape = self.shape_for(photo)
        session = self.session(shape)
        found = session.run(None, {session.get_inputs()[0].name: self.blob(photo, shape)})[0].reshape(shape)
        full: Alpha = cv2.resize(found, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return full


def iou(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    return float((found & truth).sum() / max(int((found | truth).sum()), 1))


def boundary_f(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    """Harmonic mean of how much of each boundary has the other within 0.8 % of the diagonal."""
    reach = max(1, round(0.008 * math.hypot(*truth.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    cross = np.ones((3, 3), np.uint8)
    edges = [cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, cross) for mask in (found, truth)]
    near = [cv2.dilate(edge, disc) for edge in edges]
    precision = (edges[0] & near[1]).sum() / max(int(edges[0].sum()), 1)
    recall = (edges[1] & near[0]).sum() / max(int(edges[1].sum()), 1)
    return float(2 * precision * recall / max(precision + recall, 1e-9))


@dataclass
class Case:
    """One picture, its true alpha, and where there are two frames of it, the other one."""

    name: str
    photo: Image
    truth: Image
    other: Image | None = None


def read_cases(persons: list[Path], scenes: Path, rooms: Path) -> dict[str, list[Case]]:
    """The held-out pictures by kind; the webcam composites are the same ones every time."""
    people = [row for folder in persons for row in read_split(folder, "val")]
    seen = read_split(scenes, "val")
    empty_rooms = read_rooms(rooms, held_out=True)
    nobody = [Case(f"room {k}", room, np.zeros(room.shape[:2], np.uint8)) for k, room in enumerate(empty_rooms)]
    return {
        "portrait": [Case(*row) for row in people if row[0].startswith("portrait")],
        "fashion": [Case(*row) for row in people if row[0].startswith("fashion")],
        "scene": [Case(*row) for row in seen if (row[2] > 127).any()],
        "webcam": _composites([row for row in people if row[0].startswith("portrait")], empty_rooms),
        "nobody": nobody + [Case(*row) for row in seen if not (row[2] > 127).any()],
    }


def _composites(people: list[tuple[str, Image, Image]], rooms: list[Image]) -> list[Case]:
    """People before rooms in 16:9, each as two frames that differ in camera noise alone."""
    library = Library([read_figure(photo, alpha) for _, photo, alpha in people], [], [Layers.of(r) for r in rooms], [])
    painter, noise = Painter(library, seed=0), np.random.default_rng(0)
    cases: list[Case] = []
    while len(cases) < COMPOSITES:
        image, truth = painter.webcam(FRAME)
        if (truth > 127).mean() > 0.02:
            frames = [cv2.add(image, noise.normal(0, NOISE, image.shape), dtype=cv2.CV_8U) for _ in range(2)]
            cases.append(Case(f"webcam {len(cases)}", frames[0], truth, frames[1]))
    return cases


@dataclass
class Scores:
    """What one network reached on one kind of picture; `ious` in the order of the cases."""

    ious: list[float]
    figures: dict[str, float]


def score(network: Network, cases: list[Case]) -> Scores:
    alphas = [network.alpha(case.photo) for case in cases]
    found, truths = [a > 0.5 for a in alphas], [case.truth > 127 for case in cases]
    if not any(truth.any() for truth in truths):
        return Scores([], {"false": statistics.fmean(float(f.mean()) for f in found)})
    ious = [iou(f, t) for f, t in zip(found, truths, strict=True)]
    errors = [float(np.abs(a - c.truth / np.float32(255)).mean()) for a, c in zip(alphas, cases, strict=True)]
    figures = {
        "mean": statistics.fmean(ious),
        "median": statistics.median(ious),
        "worst": statistics.fmean(sorted(ious)[: max(len(ious) // 10, 1)]),
        "boundary": statistics.fmean(boundary_f(f, t) for f, t in zip(found, truths, strict=True)),
        "error": statistics.fmean(errors),
    }
    pairs = [(a, c.other) for a, c in zip(alphas, cases, strict=True) if c.other is not None]
    if pairs:
        figures["flicker"] = statistics.fmean(1e3 * float(np.abs(network.alpha(o) - a).mean()) for a, o in pairs)
    return Scores(ious, figures)


def timed(networks: dict[str, Network], clock: Callable[[], float]) -> dict[str, float]:
    """Median milliseconds for a run at the first shape, the networks taking turns."""
    blank = np.zeros((*FRAME, 3), np.uint8)
    runs = {}
    for name, network in networks.items():
        session, shape = network.session(network.shapes[0]), network.shapes[0]
        runs[name] = partial(session.run, None, {session.get_inputs()[0].name: network.blob(blank, shape)})
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(RUNS):
        for name, run in runs.items():
            run()  # the one before it has filled the caches with its own weights
            began = clock()
            run()
            spent[name].append(1e3 * (clock() - began))
    return {name: statistics.median(times) for name, times in spent.items()}


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
    names = ["mean", "median", "worst", "boundary", "error", "flicker", "false"]
    lines = [f"{'':34}" + "".join(f"{name:>10}" for name in names)]
    for kind in next(iter(results.values())):
        for network, scores in results.items():
            figures = scores[kind].figures
            cells = [f"{figures[name]:10.4f}" if name in figures else " " * 10 for name in names]
            lines.append(f"{kind:9}{network:25}" + "".join(cells))
    return "\n".join(lines)


def _shape(text: str) -> Shape:
    height, width = map(int, text.split("x"))
    return height, width


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="ONNX files of export_mask.py")
    parser.add_argument("--persons", type=Path, nargs="+", required=True, help="folders of images, masks, index.csv")
    parser.add_argument("--scenes", type=Path, required=True, help="a folder of images, masks, index.csv")
    parser.add_argument("--rooms", type=Path, required=True, help="a folder of pictures without anybody")
    parser.add_argument("--peer", type=Path, required=True, help="MediaPipe's selfie segmentation as ONNX, NHWC")
    parser.add_argument("--shapes", type=_shape, nargs="+", default=[(144, 256), (192, 192)], metavar="HxW")
    parser.add_argument("--each-shape", action="store_true", help="measure every shape on its own")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def networks_of(args: argparse.Namespace, threads: int) -> dict[str, Network]:
    choices = {f"{h}x{w}": [(h, w)] for h, w in args.shapes} if args.each_shape else {"": args.shapes}
    pairs = [(path, name) for path in args.models for name in choices]
    found = {f"{path.stem} {name}".strip(): Network(path, choices[name], threads) for path, name in pairs}
    return found | {args.peer.stem: Network(args.peer, [(256, 256)], threads)}


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    cases = read_cases(args.persons, args.scenes, args.rooms)
    networks = networks_of(args, threads=1)
    results = {name: {kind: score(n, c) for kind, c in cases.items()} for name, n in networks.items()}
    wall, cpu = timed(networks_of(args, threads=2), time.perf_counter), timed(networks, time.thread_time)
    print(table(results))
    for name in networks:
        print(f"{name:34} {wall[name]:6.2f} ms on two threads, {cpu[name]:6.2f} ms of one core's time on one")
    report = {name: {kind: s.figures for kind, s in scores.items()} for name, scores in results.items()}
    content = {"scores": report, "ms_two_threads": wall, "ms_one_core": cpu}
    (args.out / "eval.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    first = next(iter(networks))
    peopled = [kind for kind in cases if results[first][kind].ious]
    shown = [case for kind in peopled for case in cases[kind]]
    sheet = worst_sheet(networks[first], shown, [value for kind in peopled for value in results[first][kind].ious])
    cv2.imwrite(str(args.out / "worst.png"), sheet)


if __name__ == "__main__":
    main()
