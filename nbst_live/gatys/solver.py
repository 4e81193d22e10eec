"""Gatys' optimiser as a generator of iterates, coarse to fine.

Gatys et al. (CVPR 2016) and Naive Background Style Transfer paint at one size. Here the picture is painted first at
about 150 pixels, where a large stroke of the painting spans few of them and a step costs little, and then finer and
finer, each size from the last (Gatys et al., CVPR 2017, section 6).

Further departures: the start and the content are the plate in the painting's colours, see `palette`; what is shown
is a running average of the iterates, which has less of Adam's noise than any one of them.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from nbst_live.errors import SolverError
from nbst_live.gatys.features import Features
from nbst_live.gatys.losses import gram
from nbst_live.gatys.objective import Losses, Objective
from nbst_live.gatys.palette import repaint
from nbst_live.gatys.pictures import resize, resize_tensor, to_area_of, to_picture, to_tensor
from nbst_live.gatys.settings import SolverSettings
from nbst_live.stages import Picture

COARSEST = 128
SCALE_RATIO = 1.6
WARM_SCALES = 2
STEP_SHARE = 0.8
BETAS = (0.9, 0.99)
FINAL_RATE = 0.1
AVERAGE_DECAY = 0.9
NOISE = 0.005


class Scale(NamedTuple):
    """A stage of the painting: its size in pixels and its number of steps."""

    width: int
    height: int
    steps: int


@dataclass(frozen=True)
class Iterate:
    """The state after one step.

    Attributes:
        step: from 1.
        steps: of the whole run.
        scale: (width, height) in pixels of this stage and of `picture`.
        total: the objective.
        content: J_content, the share of the plate's power that is missing.
        style: J_style, likewise of the painting's.
        seconds: since the run began.
    """

    step: int
    steps: int
    scale: tuple[int, int]
    total: float
    content: float
    style: float
    seconds: float
    _average: Tensor = field(repr=False)

    @cached_property
    def picture(self) -> Picture:
        """(h, w, 3) uint8 BGR; made when first asked for, so that iterates nobody looks at cost nothing."""
        return to_picture(self._average)


class Average:
    """Running average of the iterates of one scale, the older ones fading."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._weight = 0.0

    def add(self, picture: Tensor) -> Tensor:
        """The average with `picture` in it: a new tensor, so that earlier ones stay as they were."""
        fresh = 1 - AVERAGE_DECAY
        self._sum = picture * fresh if self._sum is None else torch.add(self._sum * AVERAGE_DECAY, picture, alpha=fresh)
        self._weight = self._weight * AVERAGE_DECAY + fresh
        return self._sum / self._weight


class GatysSolver:
    """Paints plates in the style of paintings. Lives in a process of its own: it sets that process's number of
    torch threads.
    """

    def __init__(self, features: Features, settings: SolverSettings) -> None:
        torch.set_num_threads(settings.threads)
        self._features, self._settings = features, settings
        self._grams: dict[tuple[bytes, int, int], dict[str, Tensor]] = {}

    def solve(
        self,
        plate: Picture,
        style: Picture,
        start: Picture | None = None,
        steps: int | None = None,
        guide: npt.NDArray[np.float32] | None = None,
    ) -> Iterator[Iterate]:
        """Paint `plate`; yields after every step, and may be left or paused between any two.

        Args:
            plate: (h, w, 3) uint8 BGR, any size; painted at the settings' size, its shape kept.
            style: (h, w, 3) uint8 BGR: the painting.
            start: an earlier result, any size, to go on from: the coarse scales are then left out.
            steps: in place of the settings'.
            guide: (h, w) float32 in 0..1, 1 where to paint: elsewhere nothing is read and the start stays as it is.

        Raises:
            SolverError: the objective is no longer a number.
        """
        begun, done = time.monotonic(), 0
        height, width = plate.shape[:2]
        plan = scales(width, height, self._settings.size, steps or self._settings.steps, warm=start is not None)
        total_steps = sum(scale.steps for scale in plan)
        generator = torch.Generator().manual_seed(self._settings.seed)
        recoloured = repaint(plate, style)
        current = self._tensor(recoloured if start is None else start)
        for scale in plan:
            where = self._fit_guide(guide, scale)
            objective = self._objective(recoloured, style, scale, where)
            picture = self._begin(current, scale, generator, where)
            for losses, current in self._descend(objective, picture, scale.steps, where):
                done += 1
                values = (losses.total.item(), losses.content.item(), losses.style.item())
                if not np.isfinite(values[0]):
                    raise SolverError(
                        f"the objective became {values[0]} at step {done} of {total_steps}, expected a number: "
                        f"lower the learning rate, which is {self._settings.learning_rate}, or the weights"
                    )
                seconds = time.monotonic() - begun
                yield Iterate(done, total_steps, (scale.width, scale.height), *values, seconds, current)

    def _begin(self, current: Tensor, scale: Scale, generator: torch.Generator, where: Tensor | None) -> Tensor:
        """The picture to start a scale from. The noise gives flat walls something for the strokes to grow from."""
        picture = resize_tensor(current, scale.width, scale.height)
        noise = NOISE * torch.randn(picture.shape, generator=generator).to(picture)
        noise = noise if where is None else noise * where
        return (picture + noise).clamp(0, 1).contiguous(memory_format=torch.channels_last).requires_grad_()

    def _descend(
        self, objective: Objective, picture: Tensor, steps: int, where: Tensor | None
    ) -> Iterator[tuple[Losses, Tensor]]:
        """Adam, its rate falling; yields the losses before each step and the average after it."""
        optimiser = torch.optim.Adam([picture], lr=self._settings.learning_rate, betas=BETAS, eps=1e-12)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, FINAL_RATE ** (1 / steps))
        average = Average()
        for _ in range(steps):
            optimiser.zero_grad()
            losses = objective(picture)
            losses.total.backward()
            if where is not None and picture.grad is not None:
                picture.grad *= where > 0
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                shown = average.add(picture.clamp_(0, 1))
            yield losses, shown

    def _objective(self, plate: Picture, style: Picture, scale: Scale, where: Tensor | None) -> Objective:
        target = self._tensor(resize(plate, scale.width, scale.height))
        return Objective(self._features, self._settings, target, self._style_grams(style, scale), where)

    @torch.no_grad()
    def _style_grams(self, style: Picture, scale: Scale) -> dict[str, Tensor]:
        """The painting's Gram matrices at a scale: computed once, since a plate is painted again and again."""
        key = (hashlib.blake2b(style.tobytes()).digest(), scale.width, scale.height)
        if key not in self._grams:
            painting = self._tensor(to_area_of(style, scale.width, scale.height))
            found = self._features.extract(painting, self._settings.style_layers)
            self._grams[key] = {layer: gram(activations) for layer, activations in found.items()}
        return self._grams[key]

    def _tensor(self, picture: Picture) -> Tensor:
        return to_tensor(picture, self._settings.device)

    def _fit_guide(self, guide: npt.NDArray[np.float32] | None, scale: Scale) -> Tensor | None:
        if guide is None:
            return None
        whole = torch.from_numpy(guide)[None, None].to(self._settings.device)
        return functional.interpolate(whole, (scale.height, scale.width), mode="area")


def scales(width: int, height: int, size: int, steps: int, *, warm: bool) -> list[Scale]:
    """The stages for a picture of this shape, coarsest first, each `SCALE_RATIO` finer; only the finest when warm."""
    longs = [float(size)]
    while longs[-1] / SCALE_RATIO >= COARSEST and not (warm and len(longs) == WARM_SCALES):
        longs.append(longs[-1] / SCALE_RATIO)
    longs.reverse()
    shares = [STEP_SHARE**index for index in range(len(longs))]
    plan = []
    for long, share in zip(longs, shares, strict=True):
        ratio = long / max(width, height)
        sides = [max(1, round(side * ratio)) for side in (width, height)]
        plan.append(Scale(sides[0], sides[1], max(1, round(steps * share / sum(shares)))))
    return plan
