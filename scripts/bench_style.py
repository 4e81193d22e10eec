"""How fast the solver paints, against Gatys' optimiser as it is commonly run; one judge for all.

    python scripts/bench_style.py --teachers DIR --style starry_night.jpg --content room.mp4 --json bench.json

The judge is the total objective on the full features (VGG19 blocks 1 to 3, the compressed VGG19's relu4_1, relu5_1 and
its conv4_2 for the content; style_teacher.py) in float32: the shares of the five style layers' errors, equally weighed,
plus `CONTENT_WEIGHT` times that of the content. All contenders start from the photo and descend the same objective,
without total variation, on as many threads; the judge's own time is not counted.

plain: one scale, full features in float32, Adam on pixels at the best of three rates, as neural-style has it; L-BFGS
likewise. Ours: Adam on a pyramid, its iterates averaged, the fastest precision; with the full features, whose costly
shallow layers are measured on every third step, while the content counts more at first (see `Objective`), and with
the compact encoder. It stays at one scale here, the picture is not moved about nor drawn along its strokes: going from
coarse to fine gives larger strokes, sooner, moving thins lattices out and drawing pebbles, but none of it is anything
to this judge.

Seconds are those until plain Adam's final judgement is reached. Refresh: the photo's light has changed a little;
seconds until what a cold solve ends with, cold and from the last painting. With --refresh-only nothing else runs, and
the other figures of --json stay as they are.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import torch
from style_teacher import Teacher

from nbst_live.gatys.features import Features, load_encoder
from nbst_live.gatys.losses import gram
from nbst_live.gatys.pictures import resize, to_area_of, to_tensor
from nbst_live.gatys.settings import STYLE_LAYERS, SolverSettings
from nbst_live.gatys.solver import GatysSolver, Iterate
from nbst_live.memory import keep_freed_memory
from nbst_live.models import find, verify
from nbst_live.pictures import read_picture
from nbst_live.stages import Picture

matplotlib.use("Agg")
import matplotlib.pyplot as plt

RATES = (0.01, 0.03, 0.1)
OUR_STEPS = 200
WITH_FULL = {
    "held_layers": STYLE_LAYERS[:3], "hold": 3, "levels": 4, "content_first": 9.0,
    "learning_rate": 0.018, "fall": 1.0, "final_rate": 0.1, "beta1": 0.9, "beta2": 0.8, "steps": 210,
}  # fmt: skip
"""Of ours with the full features: the network of the first three style layers takes five times as long as that of the
others."""
JUDGEMENTS = 50
CONTENT_WEIGHT = SolverSettings().alpha
CONTENT = "relu4_2"
CLIPS = {".mp4", ".mkv", ".mov", ".avi", ".webm"}


class Judge:
    """The total objective of a picture, in float32."""

    def __init__(self, teacher: Teacher, content: Picture, style: Picture) -> None:
        height, width = content.shape[:2]
        self._teacher, self._size = teacher, (width, height)
        with torch.no_grad():
            self._content = teacher.extract(to_tensor(content), [CONTENT])[CONTENT]
            found = teacher.extract(to_tensor(to_area_of(style, width, height)), STYLE_LAYERS)
            self._grams = {layer: gram(value) for layer, value in found.items()}

    @torch.no_grad()
    def __call__(self, picture: Picture) -> float:
        found = self._teacher.extract(to_tensor(resize(picture, *self._size)), (*STYLE_LAYERS, CONTENT))
        content = (found[CONTENT] - self._content).square().sum() / self._content.square().sum()
        shares = [(gram(found[k]) - g).square().sum() / g.square().sum() for k, g in self._grams.items()]
        return float(CONTENT_WEIGHT * content + sum(shares) / len(shares))


@dataclass
class Trace:
    """One contender: judgements over the seconds it worked."""

    name: str
    iterates: Iterator[Iterate]
    judge: Judge
    seconds: list[float] = field(default_factory=list)
    judged: list[float] = field(default_factory=list)
    spent: float = 0.0
    picture: Picture | None = None

    def run(self, steps: int, every: int, until: float = 0.0) -> "Trace":
        """Goes on for `steps`, or to the end, or until the judge says `until`; judged every so many steps."""
        for _ in range(steps):
            began = time.perf_counter()
            iterate = next(self.iterates, None)
            self.spent += time.perf_counter() - began
            if iterate is None:
                break
            if iterate.step % every and iterate.step != iterate.steps:
                continue
            self.picture = iterate.picture
            self.seconds.append(self.spent)
            self.judged.append(self.judge(self.picture))
            if self.judged[-1] <= until:
                break
        if self.judged:
            print(f"{self.name}: {self.judged[-1]:.5f} after {self.spent:.1f} s", flush=True)
        return self

    def reached(self, goal: float) -> float | None:
        """Seconds until the judge said `goal` or less; None if never."""
        return next((s for s, judged in zip(self.seconds, self.judged, strict=True) if judged <= goal), None)


@dataclass
class Bench:
    """What all contenders share."""

    teachers: Path
    style: Picture
    threads: int
    size: int

    def judge(self, content: Picture) -> Judge:
        return Judge(Teacher(self.teachers, half=False), content, self.style)

    def plain(self, **changes: object) -> SolverSettings:
        """As neural-style: one scale, pixels, no average."""
        return self.ours(levels=1, average=False, fall=0.0, beta1=0.9, beta2=0.999, **changes)

    def ours(self, **changes: object) -> SolverSettings:
        same = {"start": "photo", "tv_weight": 0.0, "layer_weights": (1.0,) * len(STYLE_LAYERS)}
        shared = {**same, "multiscale": False, "jitter": False, "strokes": False, "steps": OUR_STEPS}
        return SolverSettings(**{**shared, "size": self.size, "threads": self.threads, **changes})  # type: ignore[arg-type]

    def trace(self, name: str, features: Features, settings: SolverSettings, judge: Judge, content: Picture) -> Trace:
        return Trace(name, GatysSolver(features, settings).solve(content, self.style), judge)


def plain_adam(
    bench: Bench, teacher: Teacher, judge: Judge, content: Picture, steps: int, rates: Sequence[float]
) -> Trace:
    """Adam at the rate that ends best; the high ones lead at first, then swing."""
    traces = []
    for rate in rates:
        settings = bench.plain(steps=steps, learning_rate=rate)
        trace = bench.trace(f"plain Adam, rate {rate}", teacher, settings, judge, content)
        traces.append(trace.run(steps, max(1, steps // JUDGEMENTS)))
    return min(traces, key=lambda trace: trace.judged[-1])


def relit(photo: Picture) -> Picture:
    """The photo a little brighter and warmer, from one side: a lamp was switched on, a cloud went by."""
    slope = np.linspace(1.0, 1.12, photo.shape[1], dtype=np.float32)[None, :, None]
    warm = np.array([0.98, 1.0, 1.03], np.float32)
    return np.clip(photo * slope * warm + 2, 0, 255).astype(np.uint8)


def plot(traces: list[Trace], refresh: list[Trace], path: Path) -> None:
    figure, panels = plt.subplots(1, 2, figsize=(11, 4))
    for axes, shown in zip(panels, (traces, refresh), strict=True):
        for trace in shown:
            axes.plot(trace.seconds, trace.judged, label=trace.name)
        axes.set(xlabel="seconds", ylabel="judge's J", xscale="log", yscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def read_content(path: Path, size: int) -> Picture:
    """A picture, or the first frame of a clip, its long side `size`."""
    picture = read_picture(path) if path.suffix.lower() not in CLIPS else cv2.VideoCapture(str(path)).read()[1]
    if picture is None:
        raise SystemExit(f"{path}: no picture in it")
    scale = size / max(picture.shape[:2])
    return resize(np.asarray(picture, np.uint8), round(picture.shape[1] * scale), round(picture.shape[0] * scale))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--teachers", type=Path, required=True, help="folder of style_teacher.py's two files")
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--content", type=Path, required=True, metavar="PHOTO_OR_CLIP")
    parser.add_argument("--size", type=int, default=640, help="long side in pixels (default: 640)")
    parser.add_argument("--steps", type=int, default=500, help="of plain Adam and L-BFGS (default: 500)")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="of plain Adam, to take the best of")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--refresh-only", action="store_true", help="a cold solve and a refresh alone")
    parser.add_argument("--json", type=Path, metavar="F")
    parser.add_argument("--plot", type=Path, metavar="F.png")
    args = parser.parse_args()
    if args.refresh_only and args.plot:
        parser.error("--plot draws all solves; leave out --refresh-only")
    return args


def solves(bench: Bench, compact: Features, content: Picture, steps: int, rates: Sequence[float]) -> list[Trace]:
    """Plain Adam, plain L-BFGS, ours with the full features and with the compact encoder."""
    judge, often = bench.judge(content), max(1, steps // JUDGEMENTS)
    full, fast = Teacher(bench.teachers, half=False), Teacher(bench.teachers)
    adam = plain_adam(bench, full, judge, content, steps, rates)
    goal = adam.judged[-1]
    lbfgs = bench.trace("plain L-BFGS", full, bench.plain(steps=steps, optimizer="lbfgs"), judge, content)
    ours = bench.trace("ours, full features", fast, bench.ours(**WITH_FULL), judge, content)
    fastest = bench.trace("ours, compact encoder", compact, bench.ours(), judge, content)
    return [adam, lbfgs.run(steps, often, goal), ours.run(steps, 5, goal), fastest.run(steps, 5)]


def refreshes(bench: Bench, compact: Features, content: Picture, steps: int) -> list[Trace]:
    """A cold solve of the room in another light, and a refresh from what was painted before; by the solver that painted
    it, as in the program, which knows the style's own Gram matrices already.
    """
    solver, later = GatysSolver(compact, bench.ours()), relit(content)
    before = Trace("before", solver.solve(content, bench.style), bench.judge(content)).run(steps, steps)
    judge = bench.judge(later)
    cold = Trace("cold solve", solver.solve(later, bench.style), judge).run(steps, 5)
    warm = Trace("warm refresh", solver.solve(later, bench.style, start=before.picture), judge)
    return [cold, warm.run(steps, 1)]


def main() -> None:
    args = arguments()
    keep_freed_memory()
    bench = Bench(args.teachers, read_picture(args.style), args.threads, args.size)
    content, compact = read_content(args.content, args.size), load_encoder(verify(find("style-encoder")))
    found: dict[str, float | None] = {}
    traces = [] if args.refresh_only else solves(bench, compact, content, args.steps, args.rates)
    names = "plain_adam_s", "plain_lbfgs_s", "ours_full_s", "ours_compact_s"
    for name, trace in zip(names, traces, strict=False):
        found[name] = trace.reached(traces[0].judged[-1])
    cold, warm = refreshes(bench, compact, content, args.steps)
    found |= {"cold_s": cold.reached(cold.judged[-1]), "warm_s": warm.reached(cold.judged[-1])}
    print(json.dumps(found, indent=2))
    if args.json:
        old = json.loads(args.json.read_text(encoding="utf-8")) if args.refresh_only and args.json.exists() else {}
        args.json.write_text(json.dumps(old | found, indent=2) + "\n", encoding="utf-8")
    if args.plot:
        plot(traces, [cold, warm], args.plot)


if __name__ == "__main__":
    main()
