"""Gatys' optimiser as a generator of iterates, coarse to fine.

Gatys et al. (CVPR 2016) and Naive Background Style Transfer paint at one size. Here the picture is painted first at
128 pixels or a little more, where a large stroke of the painting spans few of them and a step costs little, and then
finer and finer, each size from the last (Gatys et al., CVPR 2017, section 6).

Further departures: the start and the content are the plate in the painting's colours, see `palette`; what is shown
is a running average of the iterates, which has less of Adam's noise than any one of them.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from nbst_live.errors import SolverError
from nbst_live.gatys.descent import AdamDescent, Descent, LbfgsDescent
from nbst_live.gatys.features import Features
from nbst_live.gatys.losses import gram
from nbst_live.gatys.objective import Objective
from nbst_live.gatys.palette import repaint
from nbst_live.gatys.pictures import resize, resize_tensor, to_area_of, to_picture, to_tensor
from nbst_live.gatys.settings import SolverSettings
from nbst_live.gatys.strokes import JUDGED, along_strokes, stroke_share
from nbst_live.stages import Picture

COARSEST = 128
SCALE_RATIO = 2**0.5
WARM_SHARE = 0.1
"""Steps of a refresh, as a share of a first solve's."""
WARM_RATE, WARM_UP = 1.25, 4
"""Learning rate of a refresh, likewise, and the steps in which it comes to it: Adam's first steps are as long however
little is left to do, and would undo much of what is there."""
STEP_SHARE = 0.8
AVERAGE_DECAY = 0.9
NOISE = 0.005
SPARE = 4
"""By how many times the pixels of a painting may be more than are read of it: what was averaged twice still looks as if
it were once, and the brush's own spread of colours is not averaged out of the palette.
"""


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
        steps: of the whole run as planned; the last iterate's own `step` where the settings' seconds ended it sooner.
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
    _strokes: float | npt.NDArray[np.float32] = field(repr=False)

    @cached_property
    def bare(self) -> Picture:
        """What to go on from, (h, w, 3) uint8 BGR; made when first asked for, as `picture` is."""
        return to_picture(self._average)

    @cached_property
    def picture(self) -> Picture:
        """What to show: `bare`, drawn along its strokes. Iterates nobody looks at cost nothing."""
        return along_strokes(self.bare, self._strokes)


class Shown:
    """What is shown of one scale's iterates: their running average, the older ones fading, or the best one so far."""

    def __init__(self, settings: SolverSettings) -> None:
        self._settings = settings
        self._sum: Tensor | None = None
        self._weight = 0.0
        self._best: tuple[float, Tensor] | None = None

    def add(self, picture: Tensor, total: float) -> Tensor:
        """What to show with `picture` added: a new tensor, so that earlier ones stay as they were."""
        if self._settings.keep_best:
            if self._best is None or total < self._best[0]:
                self._best = (total, picture.clone())
            return self._best[1]
        if not self._settings.average:
            return picture.clone()
        fresh = 1 - AVERAGE_DECAY
        self._sum = picture * fresh if self._sum is None else torch.add(self._sum * AVERAGE_DECAY, picture, alpha=fresh)
        self._weight = self._weight * AVERAGE_DECAY + fresh
        return self._sum / self._weight


Styles = Picture | Sequence[tuple[Picture, float]]
"""One painting, or several with the weight of each in the blend; pictures (h, w, 3) uint8 BGR."""
Blend = list[tuple[Picture, float]]


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
        styles: Styles,
        start: Picture | None = None,
        steps: int | None = None,
        guide: npt.NDArray[np.float32] | None = None,
    ) -> Iterator[Iterate]:
        """Paint `plate`; yields after every step, and may be left or paused between any two.

        Args:
            plate: (h, w, 3) uint8 BGR, any size; painted at the settings' size, its shape kept.
            styles: the painting, or several and their weights.
            start: an earlier result, any size, to go on from: the coarse scales are then left out.
            steps: in place of the settings'.
            guide: (h, w) float32 in 0..1, 1 where to paint: elsewhere nothing is read and the start stays as it is.

        Raises:
            SolverError: the objective is no longer a number.
        """
        begun, done, settings = time.monotonic(), 0, self._settings
        if settings.keep_colors:
            self._grams.clear()  # the paintings take each plate's colours: none comes again
        goal, paintings = self._coloured(plate, _blend(styles))
        height, width = plate.shape[:2]
        plan = self._plan(width, height, steps, warm=start is not None)
        planned, strokes = sum(scale.steps for scale in plan), self._stroke_share(paintings)
        generator = torch.Generator().manual_seed(settings.seed)
        current = self._tensor(goal if start is None else start)
        for place, scale in enumerate(plan):
            entered, allowed = time.monotonic(), self._allowance(plan[place:], begun)
            where = self._fit_guide(guide, scale)
            drawn = strokes if where is None else np.float32(strokes) * where[0, 0].cpu().numpy()
            objective = self._objective(goal, paintings, scale, where)
            picture = self._begin(current, scale, generator, where)
            descent = self._descent(picture)
            shown = Shown(settings)
            for step in range(scale.steps):
                before = descent.picture.detach().clone() if settings.keep_best else None
                progress = max(step / scale.steps, min(1.0, (time.monotonic() - entered) / allowed))
                pace = 1.0 if start is None else WARM_RATE * min(1.0, (step + 1) / WARM_UP)
                losses = descent.step(objective, pace * self._rate(progress), where)
                values = (losses.total.item(), losses.content.item(), losses.style.item())
                done += 1
                if not np.isfinite(values[0]):
                    raise SolverError(
                        f"the objective became {values[0]} at step {done} of {planned}, expected a number: "
                        f"lower the learning rate, which is {settings.learning_rate}, or the weights"
                    )
                current = shown.add(descent.picture.detach() if before is None else before, values[0])
                now = time.monotonic()
                over = now - entered >= allowed
                count = done if over and scale is plan[-1] else planned
                yield Iterate(done, count, (scale.width, scale.height), *values, now - begun, current, drawn)
                if over:
                    break

    def prepared(self, painting: Picture, width: int, height: int) -> Picture:
        """The painting for plates of this size, with no more pixels than make a difference: to look for the palette of
        a photo of fifty million takes gigabytes, and seconds at every job.
        """
        [finest] = scales(width, height, self._settings.size, 1, single=True)
        read = finest.width * finest.height * self._settings.style_scale**2
        most = round(SPARE * max(read, JUDGED[0] * JUDGED[1]))
        return painting if painting.shape[0] * painting.shape[1] <= most else to_area_of(painting, most, 1)

    def _allowance(self, rest: list[Scale], begun: float) -> float:
        """Seconds for the first of these scales: its share, by pixels and steps, of those that are left."""
        left = self._settings.seconds - (time.monotonic() - begun)
        work = [scale.width * scale.height * scale.steps for scale in rest]
        return max(1e-3, left * work[0] / sum(work))

    def _rate(self, progress: float) -> float:
        """The share of the learning rate at this share, 0 to 1, of a scale's steps."""
        fall, final = self._settings.fall, self._settings.final_rate
        return 1 - (1 - final) * max(0.0, progress - 1 + fall) / fall if fall else 1.0

    def _stroke_share(self, paintings: Blend) -> float:
        """How far to draw along the strokes: as far as the paintings are of strokes, by their weights."""
        if not self._settings.strokes or self._settings.features != "compact":
            return 0.0
        whole = sum(weight for _, weight in paintings)
        return sum(stroke_share(painting) * weight / whole for painting, weight in paintings)

    def _coloured(self, plate: Picture, paintings: Blend) -> tuple[Picture, Blend]:
        """Plate and paintings as the objective reads them: who takes whose colours, if anybody."""
        if self._settings.keep_colors:
            return plate, [(repaint(painting, [(plate, 1.0)]), weight) for painting, weight in paintings]
        if self._settings.start == "photo":
            return plate, paintings
        return repaint(plate, paintings), paintings

    def _plan(self, width: int, height: int, steps: int | None, *, warm: bool) -> list[Scale]:
        settings = self._settings
        count = steps or (max(1, round(settings.steps * WARM_SHARE)) if warm else settings.steps)
        return scales(width, height, settings.size, count, single=warm or not settings.multiscale)

    def _begin(self, current: Tensor, scale: Scale, generator: torch.Generator, where: Tensor | None) -> Tensor:
        """The picture to start a scale from. The noise gives flat walls something for the strokes to grow from."""
        picture = resize_tensor(current, scale.width, scale.height)
        if self._settings.start != "photo":
            noise = NOISE * torch.randn(picture.shape, generator=generator).to(picture)
            picture = picture + (noise if where is None else noise * where)
        return picture.clamp(0, 1)

    def _descent(self, picture: Tensor) -> Descent:
        return LbfgsDescent(picture) if self._settings.optimizer == "lbfgs" else AdamDescent(picture, self._settings)

    def _objective(self, plate: Picture, paintings: Blend, scale: Scale, where: Tensor | None) -> Objective:
        target = self._tensor(resize(plate, scale.width, scale.height))
        return Objective(self._features, self._settings, target, self._blended_grams(paintings, scale), where)

    def _blended_grams(self, paintings: Blend, scale: Scale) -> dict[str, Tensor]:
        """Gram matrix per style layer: the mean of the paintings', by their weights."""
        whole = sum(weight for _, weight in paintings)
        each = [(self._style_grams(painting, scale), weight / whole) for painting, weight in paintings]
        layers = self._settings.style_layers
        return {layer: torch.stack([grams[layer] * share for grams, share in each]).sum(0) for layer in layers}

    @torch.no_grad()
    def _style_grams(self, style: Picture, scale: Scale) -> dict[str, Tensor]:
        """The painting's Gram matrices at a scale: computed once, since a plate is painted again and again."""
        key = (hashlib.blake2b(style.tobytes()).digest(), scale.width, scale.height)
        if key not in self._grams:
            found = self._features.extract(self._tensor(self._sized(style, scale)), self._settings.style_layers)
            self._grams[key] = {layer: gram(activations) for layer, activations in found.items()}
        return self._grams[key]

    def _sized(self, style: Picture, scale: Scale) -> Picture:
        """The painting as large as its strokes are wanted at a scale."""
        zoom = self._settings.style_scale
        return to_area_of(style, round(scale.width * zoom), round(scale.height * zoom))

    def _tensor(self, picture: Picture) -> Tensor:
        return to_tensor(picture, self._settings.device)

    def _fit_guide(self, guide: npt.NDArray[np.float32] | None, scale: Scale) -> Tensor | None:
        if guide is None:
            return None
        whole = torch.from_numpy(guide)[None, None].to(self._settings.device)
        return functional.interpolate(whole, (scale.height, scale.width), mode="area")


def _blend(styles: Styles) -> Blend:
    return [(styles, 1.0)] if isinstance(styles, np.ndarray) else list(styles)


def scales(width: int, height: int, size: int, steps: int, *, single: bool) -> list[Scale]:
    """The stages for a picture of this shape, coarsest first, each `SCALE_RATIO` finer; only the finest if `single`."""
    longs = [float(size)]
    while longs[-1] / SCALE_RATIO >= COARSEST and not single:
        longs.append(longs[-1] / SCALE_RATIO)
    longs.reverse()
    shares = [STEP_SHARE**index for index in range(len(longs))]
    plan = []
    for long, share in zip(longs, shares, strict=True):
        ratio = long / max(width, height)
        sides = [max(1, round(side * ratio)) for side in (width, height)]
        plan.append(Scale(sides[0], sides[1], max(1, round(steps * share / sum(shares)))))
    return plan
