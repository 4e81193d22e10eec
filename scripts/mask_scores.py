"""How good a mask is: what eval_mask.py computes. Fractions everywhere, alphas at the size of the picture."""

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from mask_cases import Case
from mask_library import Image

Alpha = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Masker = Callable[[Image], Alpha]

METRICS = ("iou_mean", "iou_median", "iou_worst_tenth", "boundary_f", "alpha_mae", "false_area", "flicker", "ms")
CLIP_WIDTH = 640  # pixels to which a clip is shrunk to measure it


@dataclass(frozen=True)
class Scores:
    """What one network reached on one set; `ious` in the order of the cases, empty where nobody is there."""

    ious: list[float]
    figures: dict[str, float]


def iou(found: Mask, truth: Mask) -> float:
    return float((found & truth).sum() / max(int((found | truth).sum()), 1))


def boundary_f(found: Mask, truth: Mask) -> float:
    """Harmonic mean of how much of each boundary has the other within 0.8 % of the diagonal (Perazzi et al. 2016)."""
    reach = max(1, round(0.008 * math.hypot(*truth.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    cross = np.ones((3, 3), np.uint8)
    edges = [cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, cross) for mask in (found, truth)]
    near = [cv2.dilate(edge, disc) for edge in edges]
    precision = (edges[0] & near[1]).sum() / max(int(edges[0].sum()), 1)
    recall = (edges[1] & near[0]).sum() / max(int(edges[1].sum()), 1)
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def true_alpha(case: Case) -> Alpha:
    return np.asarray(case.truth / np.float32(255), np.float32)


def still_scores(masker: Masker, cases: list[Case]) -> Scores:
    """IoU and boundary at threshold 0.5, the mean error of alpha, the share of pixels wrongly taken for a person."""
    ious, boundaries, errors, wrong = [], [], [], []
    for case in cases:
        alpha = masker(case.photo)
        found, truth = alpha > 0.5, case.truth > 127
        errors.append(float(np.abs(alpha - true_alpha(case)).mean()))
        wrong.append(float((found & ~truth).mean()))
        if truth.any():
            ious.append(iou(found, truth))
            boundaries.append(boundary_f(found, truth))
    figures = {"alpha_mae": statistics.fmean(errors), "false_area": statistics.fmean(wrong)}
    if ious:
        figures["iou_mean"] = statistics.fmean(ious)
        figures["iou_median"] = statistics.median(ious)
        figures["iou_worst_tenth"] = statistics.fmean(sorted(ious)[: max(len(ious) // 10, 1)])
        figures["boundary_f"] = statistics.fmean(boundaries)
    return Scores(ious, figures)


def walk_flicker(masker: Masker, walks: list[list[Case]]) -> float:
    """The mean change of the alpha's error from frame to frame: neither holding still nor following alone avoids it."""
    changes = []
    for walk in walks:
        errors = [masker(frame.photo) - true_alpha(frame) for frame in walk]
        changes += [float(np.abs(new - old).mean()) for old, new in pairwise(errors)]
    return statistics.fmean(changes)


def clip_flicker(maskers: dict[str, Masker], clip: Path) -> dict[str, float]:
    """The mean change of alpha from frame to frame along the frame's motion (dense inverse search, Kroeger 2016)."""
    flow_of = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    changes: dict[str, list[float]] = {name: [] for name in maskers}
    before: tuple[Image, dict[str, Alpha]] | None = None
    for frame in read_clip(clip):
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        alphas = {name: masker(frame) for name, masker in maskers.items()}
        if before is not None:
            flow = flow_of.calc(grey, before[0], None)
            rows, columns = np.indices(grey.shape, np.float32)
            for name, alpha in alphas.items():
                moved = cv2.remap(
                    before[1][name], columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                )  # fmt: skip
                changes[name].append(float(np.abs(alpha - moved).mean()))
        before = grey, alphas
    return {name: statistics.fmean(values) for name, values in changes.items()}


def read_clip(clip: Path) -> Iterator[Image]:
    """The frames, shrunk to `CLIP_WIDTH`. Raises ValueError where there are fewer than two."""
    video, count = cv2.VideoCapture(str(clip)), 0
    try:
        while True:
            there, frame = video.read()
            if not there:
                break
            count += 1
            yield cv2.resize(
                frame, None, fx=(scale := CLIP_WIDTH / frame.shape[1]), fy=scale, interpolation=cv2.INTER_AREA
            )
    finally:
        video.release()
    if count < 2:
        raise ValueError(f"{clip}: got {count} frames, expected a clip of at least two")
