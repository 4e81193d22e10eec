"""The plots of eval_mask.py for the docs: none shows a photo but the astronaut that scikit-image carries."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from mask_library import Image
from mask_scores import Masker, Scores
from skimage.data import astronaut

matplotlib.use("Agg")
import matplotlib.pyplot as plt

GREEN = (96, 176, 0)  # BGR
SIDE = 168  # pixels; keeps the portraits' file small
BARS = {"iou_mean": "mean IoU", "iou_worst_tenth": "IoU, worst tenth", "boundary_f": "boundary F"}


def draw_plots(results: dict[str, dict[str, Scores]], maskers: dict[str, Masker], folder: Path) -> None:
    """Writes `iou.png`, `scores.png` and `portrait.png`."""
    sets = [kind for kind, scores in next(iter(results.values())).items() if scores.ious]
    _draw_distributions(results, sets, folder / "iou.png")
    _draw_bars(results, sets, folder / "scores.png")
    cv2.imwrite(str(folder / "portrait.png"), _portraits(maskers), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _draw_distributions(results: dict[str, dict[str, Scores]], sets: list[str], path: Path) -> None:
    """For each set the share of pictures that are below an IoU."""
    figure, panels = plt.subplots(1, len(sets), figsize=(12, 3.2), sharey=True, layout="constrained")
    for axes, kind in zip(panels, sets, strict=True):
        for name, scores in results.items():
            axes.ecdf(scores[kind].ious, label=name)
        axes.set(title=kind, xlabel="IoU", xlim=(0, 1) if kind == "scenes" else (0.7, 1))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("share of pictures below")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(results))
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_bars(results: dict[str, dict[str, Scores]], sets: list[str], path: Path) -> None:
    figure, panels = plt.subplots(1, len(BARS), figsize=(12, 3.2), sharey=True, layout="constrained")
    places, width = np.arange(len(sets)), 0.8 / len(results)
    for axes, (metric, title) in zip(panels, BARS.items(), strict=True):
        for k, (name, scores) in enumerate(results.items()):
            values = [scores[kind].figures[metric] for kind in sets]
            bars = axes.bar(places + (k - (len(results) - 1) / 2) * width, values, width, label=name)
            labels = [f"{value:.3f}" if value > 0.2 else "" for value in values]
            axes.bar_label(bars, labels=labels, fontsize=8, rotation=90, label_type="center", color="white")
        axes.set(title=title, xticks=places, xticklabels=sets, ylim=(0, 1.05))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(results))
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _portraits(maskers: dict[str, Masker]) -> Image:
    """The astronaut, and what each masker cuts out of the photo, before flat green."""
    photo = np.ascontiguousarray(astronaut()[..., ::-1])  # type: ignore[no-untyped-call]  # scikit-image has no types
    cells = [_labelled(photo, "photo")]
    for name, masker in maskers.items():
        alpha = masker(photo)[..., None]
        cells.append(_labelled((photo * alpha + np.array(GREEN) * (1 - alpha)).astype(np.uint8), name))
    return np.hstack(cells)


def _labelled(picture: Image, label: str) -> Image:
    cell = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    cell = cv2.copyMakeBorder(cell, 0, 20, 0, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(cell, label, (2, SIDE + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return cell
