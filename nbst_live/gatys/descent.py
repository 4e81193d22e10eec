"""How the picture goes down the objective: Adam, or L-BFGS as Gatys et al. (CVPR 2016) used it."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from nbst_live.gatys.objective import Losses
from nbst_live.gatys.pictures import resize_tensor
from nbst_live.gatys.settings import SolverSettings

Objective = Callable[[Tensor], Losses]
SMALLEST_LEVEL = 8
"""Height or width in pixels below which a level of the pyramid is not halved again."""
HISTORY = 20
"""Pairs of steps and gradients that L-BFGS remembers."""


class Descent(Protocol):
    """An optimiser at work on one picture."""

    picture: Tensor

    def step(self, objective: Objective, rate: float, where: Tensor | None) -> Losses:
        """Changes `picture`, (1, 3, h, w) float32, where `where` is above 0; returns the losses before the step.

        `rate` is how many times the settings' learning rate to go at, 0 to 1.25.
        """
        ...


class AdamDescent:
    """Adam (Kingma and Ba 2015) on a Laplacian pyramid (Burt and Adelson 1983), each step's result clipped to 0..1.

    Kolkin et al. ("Style Transfer by Relaxed Optimal Transport and Self-Similarity", CVPR 2019, section 2.3) optimise
    the levels of a pyramid in place of pixels: a large stroke is then one value and not thousands that must agree.
    Adam's step at a level is as long however small the slope, so every size of stroke moves at once. The three colours
    share one step length, so that the slope's own colour is kept. One level is plain Adam but for that.
    """

    def __init__(self, picture: Tensor, settings: SolverSettings) -> None:
        self.picture = picture.requires_grad_()
        self._settings = settings
        self._moments: list[tuple[Tensor, Tensor]] = []
        self._steps = 0

    def step(self, objective: Objective, rate: float, where: Tensor | None) -> Losses:
        """See `Descent.step`."""
        self.picture.grad = None
        losses = objective(self.picture)
        losses.total.backward()
        _mask(self.picture, where)
        with torch.no_grad():
            change = self._change(self._slopes()) * (self._settings.learning_rate * rate)
            if where is not None:
                # Adam's step is as long however small the slope: what hardly counts would go as far as what does.
                change *= where
            self.picture.sub_(change).clamp_(0, 1)
        return losses

    def _slopes(self) -> list[Tensor]:
        """The slope at each level of the pyramid, finest first."""
        assert self.picture.grad is not None
        slopes = [self.picture.grad]
        while len(slopes) < self._settings.levels and min(slopes[-1].shape[2:]) >= SMALLEST_LEVEL:
            slopes.append(functional.avg_pool2d(slopes[-1], 2, ceil_mode=True))
        return slopes

    def _change(self, slopes: list[Tensor]) -> Tensor:
        """Adam's step at every level, summed at the finest."""
        self._moments = self._moments or [(torch.zeros_like(slope), torch.zeros_like(slope[:, :1])) for slope in slopes]
        self._steps += 1
        settings, change = self._settings, None
        bias1, bias2 = 1 - settings.beta1**self._steps, 1 - settings.beta2**self._steps
        for slope, (first, second) in zip(reversed(slopes), reversed(self._moments), strict=True):
            first.lerp_(slope, 1 - settings.beta1)
            second.lerp_(slope.square().mean(1, keepdim=True), 1 - settings.beta2)
            own = first / bias1 / ((second / bias2).sqrt_().add_(settings.epsilon))
            change = own if change is None else own.add_(resize_tensor(change, slope.shape[3], slope.shape[2]))
        assert change is not None
        return change


class LbfgsDescent:
    """L-BFGS (Liu and Nocedal 1989), one evaluation a step and no line search, as in neural-style; begun anew at each
    scale, since its memory is of that scale's own steps.
    """

    def __init__(self, picture: Tensor) -> None:
        self.picture = picture.requires_grad_()
        self._lbfgs = torch.optim.LBFGS(
            [self.picture], lr=1.0, max_iter=1, history_size=HISTORY, tolerance_grad=0, tolerance_change=0
        )

    def step(self, objective: Objective, rate: float, where: Tensor | None) -> Losses:
        """See `Descent.step`."""
        found: list[Losses] = []

        def closure() -> Tensor:
            self._lbfgs.zero_grad()
            found.append(objective(self.picture))
            found[-1].total.backward()
            _mask(self.picture, where)
            return found[-1].total

        self._lbfgs.param_groups[0]["lr"] = rate
        self._lbfgs.step(closure)
        return found[0]


def _mask(picture: Tensor, where: Tensor | None) -> None:
    if where is not None and picture.grad is not None:
        picture.grad *= where > 0
