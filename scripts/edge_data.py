"""Training pixels for the network of the edge (edge_net.py): what is known of each, and its true alpha.

    python scripts/edge_data.py --persons DIR --scenes DIR --rooms DIR --seed 10 --out runs/edge/fast.npy

Scenes (edge_scenes.py) go the product's own way, frame by frame: its mask, its key, its plate with what that has
learnt by then, and its edge network as it is, or the one that --edge names, so that what was there the frame before is
such a network's. Of each frame some pixels of the edge are kept, more than half of them from where the true edge is.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from edge_scenes import FPS, EdgePainter, Scene
from mask_library import read_library

from nbst_live import models
from nbst_live.backdrop.plate import Plate
from nbst_live.backdrop.room import EAGER_FRAMES, PLATE_SECONDS
from nbst_live.backdrop.still import StillBackdrop
from nbst_live.mask.edge import ROWS, EdgeSolver, Samples
from nbst_live.mask.evidence import Evidence
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.matte import Cut, MatteRefiner
from nbst_live.mask.pixels import Pixels
from nbst_live.pipeline import Pipeline
from nbst_live.stages import Alpha, Frame, Room

SIZES = {(640, 360): 0.6, (960, 540): 0.25, (640, 480): 0.15}
KEPT, KEPT_NEAR = 500, 700
"""Pixels kept of each frame: from anywhere between person and room, and from near the true edge."""
REACH = np.ones((9, 9), np.uint8)
CHANNELS = sum(ROWS.values()) + 2
"""Those of Samples, then the true alpha and the frame before's, moved along as its matte was."""


class Watched(MatteRefiner):
    """Keeps what was known of a frame's pixels until it is asked for."""

    def __init__(self, edge: EdgeSolver) -> None:
        super().__init__(edge)
        self._parts: list[tuple[Pixels, Samples]] = []

    def taken(self) -> list[tuple[Pixels, Samples]]:
        """The pixels of the edge, in parts."""
        parts, self._parts = self._parts, []
        return parts

    def _cut(self, pixels: Pixels, evidence: Evidence) -> Cut:
        self._parts.append((pixels, evidence.of(pixels)))
        return super()._cut(pixels, evidence)


class Learning(StillBackdrop):
    """Black, but gathers the plate as the live backdrop does."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(np.zeros((size[1], size[0], 3), np.uint8))
        self.plate = Plate(*size)

    def observe(self, frame: Frame, alpha: Alpha | None, corrected: Alpha | None = None) -> None:
        due = frame.index < EAGER_FRAMES or frame.index % round(PLATE_SECONDS * FPS) == 0
        if due and alpha is not None and corrected is not None:
            self.plate.learn(frame.picture, alpha, corrected)

    def room(self) -> Room:
        return self.plate.room()


class Collector:
    """Sends scenes down the product's way; for one thread."""

    def __init__(
        self, masker: OnnxMasker, size: tuple[int, int], edge: EdgeSolver, chance: np.random.Generator
    ) -> None:
        self._masker, self._size, self._edge, self._chance = masker, size, edge, chance

    def pixels(self, scene: Scene) -> npt.NDArray[np.float16]:
        """(N, CHANNELS) of all frames but the first."""
        refiner, backdrop, rows = Watched(self._edge), Learning(self._size), []
        if scene.empty is not None:
            backdrop.plate.add(scene.empty, np.zeros(self._masker.size[::-1], np.float32))
        key = DifferenceKey(models.find("room-key"), threads=1)
        way = Pipeline(self._masker, refiner, backdrop, self._size, key=key)
        before: npt.NDArray[np.float32] | None = None
        for index, shot in enumerate(scene.shots()):
            way.process(Frame(shot.picture, index, index / FPS, 0.0))
            parts = refiner.taken()
            where = np.concatenate([pixels.where for pixels, _ in parts] or [np.zeros(0, np.intp)])
            if before is not None and len(where):
                known = np.hstack([np.vstack(samples) for _, samples in parts])
                then = np.hstack([pixels.fetch((samples.x, samples.y), before)[0] for pixels, samples in parts])
                picked = self._picked(shot.alpha, where)
                rows.append(np.vstack([known, shot.alpha.reshape(-1)[where], then]).T[picked].astype(np.float16))
            before = shot.alpha
        return np.concatenate(rows) if rows else np.zeros((0, CHANNELS), np.float16)

    def _picked(self, alpha: npt.NDArray[np.float32], where: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        mixed = ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)
        near = np.flatnonzero(cv2.dilate(mixed, REACH).reshape(-1)[where])
        picks = ((np.arange(len(where)), KEPT), (near, KEPT_NEAR))
        return np.concatenate([self._chance.permutation(which)[:count] for which, count in picks])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=Path, nargs="+", required=True, help="folders of images, masks, index.csv")
    parser.add_argument("--scenes", type=Path, required=True, help="likewise, of everyday scenes")
    parser.add_argument("--rooms", type=Path, required=True, help="a folder of pictures without anybody")
    parser.add_argument("--mask-model", default="person-fast", metavar="NAME", help="default: person-fast")
    parser.add_argument("--edge", type=Path, metavar="F.onnx", help="the edge network (default: the one that ships)")
    parser.add_argument("--count", type=int, default=150, metavar="N", help="scenes (default: 150)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", type=Path, required=True, metavar="F.npy")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    edge = EdgeSolver(models.find("edge-alpha") if args.edge is None else models.custom(args.edge), threads=1)
    chance = np.random.default_rng(args.seed)
    maskers = {size: OnnxMasker(models.find(args.mask_model), size, threads=1) for size in SIZES}
    collectors = {size: Collector(masker, size, edge, chance) for size, masker in maskers.items()}
    painter = EdgePainter(read_library(args.persons, args.scenes, args.rooms), args.seed)
    rows, began = [], time.monotonic()
    for k in range(args.count):
        size = painter.rng.choices(list(SIZES), list(SIZES.values()))[0]
        rows.append(collectors[size].pixels(painter.moving(size[::-1])))
        if k % 20 == 19:
            print(f"{args.out.name}: {k + 1} of {args.count}, {time.monotonic() - began:.0f} s", flush=True)
    np.save(args.out, np.concatenate(rows))


if __name__ == "__main__":
    main()
