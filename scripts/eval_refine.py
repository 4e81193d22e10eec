"""Measures what moves a mask to the picture's edges: the guided filter, the product's edge, DeepLab's connected CRF.

    python scripts/eval_refine.py --persons DIR [--photos N] [--mask-model NAME] [--out docs/refine.md]

On held-out photos (the `val` split), N of each set, spread over it, at their own size:

- network: the network's alpha, enlarged;
- guided filter: fitted at the network's size and applied to the photo (guided.py);
- edge: the product's own way without a known room (matte.py), what `--refine guided` gives;
- crf: the network's alpha after mean field (crf.py), enlarged;
- crf + edge: `--refine crf`, mean field and then the product's own way.

`edge error` is the mean error of alpha within REACH of the diagonal of where the true alpha passes 0.5, `boundary F` as
in eval_mask.py, `milliseconds` the median of one picture without the network's own time.
"""

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from mask_library import Image, read_split
from mask_scores import Alpha, boundary_f, iou

from nbst_live import models
from nbst_live.mask.crf import mean_field
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.guided import linear_model
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.matte import MatteRefiner
from nbst_live.shrink import shrink

REACH = 0.01
SETS = ("portrait", "fashion")
COLUMNS = ("edge error", "boundary F", "IoU", "milliseconds")
HEAD = """# Guided filter, edge and CRF

Written by `scripts/eval_refine.py`, whose docstring says what the rows and columns are. The guided filter's radius was
chosen on photos of the same `val` split."""

Way = Callable[[Alpha, Image], Alpha]


def enlarged(alpha: Alpha, photo: Image) -> Alpha:
    return np.asarray(cv2.resize(alpha, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def guided(alpha: Alpha, photo: Image) -> Alpha:
    guides = (shrink(photo, alpha.shape[1], alpha.shape[0]), photo)
    small, luma = (cv2.cvtColor(side, cv2.COLOR_BGR2GRAY) * np.float32(1 / 255) for side in guides)
    slope, offset = (enlarged(plane, photo) for plane in linear_model(small, alpha))
    return np.asarray(np.clip(slope * luma + offset, 0, 1), np.float32)


@cache
def solver() -> EdgeSolver:
    return EdgeSolver(models.find("edge-alpha"))


def edge(alpha: Alpha, photo: Image) -> Alpha:
    refiner = MatteRefiner(solver(), over_time=False)
    return np.asarray(refiner.refine(alpha, photo).matte / np.float32(255), np.float32)


def crf(alpha: Alpha, photo: Image) -> Alpha:
    return mean_field(alpha, shrink(photo, alpha.shape[1], alpha.shape[0]))


WAYS: dict[str, Way] = {
    "network": enlarged,
    "guided filter": guided,
    "edge": edge,
    "crf": lambda alpha, photo: enlarged(crf(alpha, photo), photo),
    "crf + edge": lambda alpha, photo: edge(crf(alpha, photo), photo),
}


def judge(found: Alpha, truth: Alpha) -> list[float]:
    """Edge error, boundary F and IoU of one alpha."""
    inside = (truth > 0.5).astype(np.uint8)
    reach = max(1, round(REACH * math.hypot(*truth.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    band = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, disc) > 0
    error = float(np.abs(found - truth)[band].mean())
    return [error, boundary_f(found > 0.5, truth > 0.5), iou(found > 0.5, truth > 0.5)]


def measure(photos: list[tuple[Image, Image]], model: str) -> dict[str, list[float]]:
    """The figures of every way, in the order of COLUMNS, means over the photos but for the time."""
    figures: defaultdict[str, list[list[float]]] = defaultdict(list)
    for photo, mask in photos:
        with OnnxMasker(models.find(model), photo.shape[1::-1], provider="cpu", threads=1) as masker:
            alpha = masker.mask(photo)
        truth = np.asarray(mask / np.float32(255), np.float32)
        for name, way in WAYS.items():
            began = time.perf_counter()
            found = way(alpha, photo)
            seconds = time.perf_counter() - began
            figures[name].append([*judge(found, truth), seconds * 1e3])
    return {n: [*np.mean(f, axis=0)[:3], float(np.median(np.array(f)[:, 3]))] for n, f in figures.items()}


def spread(persons: Path, kind: str, count: int) -> list[tuple[Image, Image]]:
    """So many held-out photos of a set with anybody in them, spread over it."""
    found = [(photo, mask) for name, photo, mask in read_split(persons, "val") if name.startswith(kind)]
    found = [(photo, mask) for photo, mask in found if (mask > 127).any()]
    return found[:: max(1, len(found) // count)][:count]


def table(rows: dict[str, list[float]]) -> str:
    lines = [f"| | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [f"| {n} | {a:.4f} | {f:.4f} | {i:.4f} | {ms:.0f} |" for n, (a, f, i, ms) in rows.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=Path, required=True, help="a folder of images, masks, index.csv")
    parser.add_argument("--photos", type=int, default=60, metavar="N", help="photos of each set (default: 60)")
    parser.add_argument("--mask-model", default="person-fine", metavar="NAME", help="default: person-fine")
    parser.add_argument("--out", type=Path, metavar="F.md", help="write the tables to this file too")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    parts = []
    for kind in SETS:
        photos = spread(args.persons, kind, args.photos)
        parts.append(f"{kind}, {len(photos)} photos, {args.mask_model}:\n\n{table(measure(photos, args.mask_model))}")
    text = "\n\n".join(parts)
    print(text)
    if args.out is not None:
        args.out.write_text(f"{HEAD}\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
