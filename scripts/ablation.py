"""Draws the figures 10 to 12 of Naive Background Style Transfer for any photo, and what this program does about them.

    python scripts/ablation.py PHOTO STYLE -o DIR

Writes to DIR: `overview.jpg` (content, style, mask, result: Figure 10), `mask_aware.jpg` (the paper's paste, ours, and
both backgrounds bare: Figure 11's rim and ghost), `weights.jpg` (content weights by style weights: Figure 12) and
`losses.png` (both terms over the steps, for every cell of it). A photo without a person will do for the weights only.
"""

import argparse
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from nbst_live.backdrop.plate import Plate, fill
from nbst_live.composite import Compositor
from nbst_live.gatys.features import Features, load_encoder
from nbst_live.gatys.settings import SolverSettings
from nbst_live.gatys.solver import GatysSolver
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.matte import MatteRefiner
from nbst_live.memory import keep_freed_memory
from nbst_live.models import find, verify
from nbst_live.pictures import read_picture
from nbst_live.stages import Alpha, Cutout, Matte, Picture

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FACTORS = (0.1, 1.0, 10.0)
"""Of the default weights, in the grid."""


@dataclass
class Painted:
    """A solve: its picture at the photo's size, and (content, style) after every step."""

    picture: Picture
    losses: list[tuple[float, float]]


class Easel:
    """A photo, whoever is in it, and the painting."""

    def __init__(self, photo: Picture, style: Picture, model: str) -> None:
        self.photo, self.style = photo, style
        self.size = (photo.shape[1], photo.shape[0])
        with OnnxMasker(find(model), self.size) as masker:
            self.alpha = masker.mask(photo)
        edge = EdgeSolver(find("edge-alpha"))
        self.matte: Matte = MatteRefiner(edge, over_time=False).refine(self.alpha, photo).matte
        self.hard = np.asarray(cv2.compare(cv2.resize(self.alpha, self.size), 0.5, cv2.CMP_GE), np.uint8)
        self._features: Features = load_encoder(verify(find("style-encoder")))

    def aware(self, settings: SolverSettings) -> Painted:
        """The room painted without the person, who is neither read nor painted."""
        plate = Plate(*self.size)
        plate.add(self.photo, self.alpha)
        room = fill(self.photo, plate.known)
        return self._solve(settings, room, 1 - self.alpha)

    def naive(self, settings: SolverSettings) -> Painted:
        """The whole photo painted, the person included, as the paper does; by our solver, so that only that differs."""
        return self._solve(settings, self.photo, None)

    def _solve(self, settings: SolverSettings, plate: Picture, guide: Alpha | None) -> Painted:
        losses = list[tuple[float, float]]()
        for iterate in GatysSolver(self._features, settings).solve(plate, self.style, guide=guide):
            losses.append((iterate.content, iterate.style))
        picture = cv2.resize(iterate.picture, self.size, interpolation=cv2.INTER_CUBIC)
        return Painted(np.asarray(picture, np.uint8), losses)

    def over(self, backdrop: Picture, matte: Matte) -> Picture:
        return Compositor(*self.size).blend(self.photo, Cutout.plain(self.photo, matte), backdrop).copy()


def figure(rows: list[list[Picture]], titles: list[list[str]], path: Path) -> None:
    """A grid of pictures, each under its title."""
    height, width = rows[0][0].shape[:2]
    shape = (3.2 * len(rows[0]), (3.2 * height / width + 0.3) * len(rows))
    drawn, panels = plt.subplots(len(rows), len(rows[0]), figsize=shape, squeeze=False)
    for axes, picture, title in zip(panels.flat, chain(*rows), chain(*titles), strict=True):
        axes.imshow(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    drawn.tight_layout()
    drawn.savefig(path, dpi=110)
    plt.close(drawn)


def plot_losses(curves: dict[str, list[tuple[float, float]]], path: Path) -> None:
    drawn, panels = plt.subplots(1, 2, figsize=(11, 4.2))
    for axes, (term, name) in zip(panels, enumerate(("content", "style")), strict=True):
        for label, losses in curves.items():
            axes.plot([pair[term] for pair in losses], label=label, linewidth=1)
        axes.set(title=f"J_{name}, share of the target's power", xlabel="step", yscale="log")
        axes.grid(alpha=0.3, which="both")
    panels[1].legend(fontsize=7)
    drawn.tight_layout()
    drawn.savefig(path, dpi=90)
    plt.close(drawn)


def draw(easel: Easel, settings: SolverSettings, folder: Path) -> None:
    aware, naive = easel.aware(settings), easel.naive(settings)
    mask = cv2.cvtColor(easel.matte, cv2.COLOR_GRAY2BGR)
    fitted = cv2.resize(easel.style, easel.size, interpolation=cv2.INTER_AREA)
    result = easel.over(aware.picture, easel.matte)
    overview = [easel.photo, np.asarray(fitted, np.uint8), np.asarray(mask, np.uint8), result]
    figure([overview], [["content", "style", "mask", "result"]], folder / "overview.jpg")
    figure(
        [[easel.over(naive.picture, easel.hard), result], [naive.picture, aware.picture]],
        [["the paper's paste by binary mask", "ours"], ["its background: the person stays", "ours: nobody was there"]],
        folder / "mask_aware.jpg",
    )


def draw_weights(easel: Easel, settings: SolverSettings, folder: Path) -> None:
    cells: dict[str, Painted] = {}
    for content, style in product(FACTORS, FACTORS):
        weights = {"content_weight": settings.alpha * content, "style_weight": settings.style_weight * style}
        given = {"strength": 0.5, "tv_weight": settings.tv_weight * style, **weights}
        name = f"alpha {weights['content_weight']:.2g}, beta {weights['style_weight']:.2g}"
        cells[name] = easel.aware(SolverSettings(**{**vars(settings), **given}))
        print(name, flush=True)
    names, width = list(cells), len(FACTORS)
    rows = [names[k : k + width] for k in range(0, len(names), width)]
    shown = [[easel.over(cells[name].picture, easel.matte) for name in row] for row in rows]
    figure(shown, rows, folder / "weights.jpg")
    plot_losses({name: cell.losses for name, cell in cells.items()}, folder / "losses.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("style", type=Path, metavar="STYLE")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--size", type=int, default=512, help="long side of the paintings (default: 512)")
    parser.add_argument("--steps", type=int, default=SolverSettings().steps)
    parser.add_argument("--mask-model", default="person-fine")
    args = parser.parse_args()
    keep_freed_memory()
    args.output.mkdir(parents=True, exist_ok=True)
    settings = SolverSettings(size=args.size, steps=args.steps)
    easel = Easel(read_picture(args.photo), read_picture(args.style), args.mask_model)
    draw(easel, settings, args.output)
    draw_weights(easel, settings, args.output)


if __name__ == "__main__":
    main()
