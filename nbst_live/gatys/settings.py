"""What the solver can be told; free of torch, so that the live process can hold and send it."""

import math
from dataclasses import dataclass

from nbst_live.errors import SettingError

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"

DIAL_DECADES = 2.0
"""How many powers of ten the dial `strength` moves the content weight from one end to the other."""


@dataclass(frozen=True, kw_only=True)
class SolverSettings:
    """How to paint: J = alpha J_content + beta J_style + total variation.

    Attributes:
        strength: 0 to 1, one dial over the two weights: 0.5 leaves them as given, 1 is strongest.
        content_weight: alpha at strength 0.5.
        style_weight: beta.
        content_layer: the layer of J_content.
        style_layers: the layers of J_style.
        layer_weights: lambda, one for each style layer; only their proportions count.
        tv_weight: weight of the total variation.
        learning_rate: Adam's, where black to white is 1; it falls to a tenth within each scale.
        steps: over all scales together.
        size: long side in pixels of the finest scale.
        seed: of the noise that starts each scale.
        threads: of the CPU; results repeat only with the same number.
        device: "cpu", "cuda" or "mps".

    Raises:
        SettingError: a value is out of its range.
    """

    strength: float = 0.4
    content_weight: float = 0.05
    style_weight: float = 1.0
    content_layer: str = CONTENT_LAYER
    style_layers: tuple[str, ...] = STYLE_LAYERS
    layer_weights: tuple[float, ...] = (0.3, 0.5, 1.0, 1.0, 1.0)
    tv_weight: float = 4.0
    learning_rate: float = 0.04
    steps: int = 300
    size: int = 640
    seed: int = 0
    threads: int = 2
    device: str = "cpu"

    def __post_init__(self) -> None:
        self._within("strength", 0, 1)
        for name in ("content_weight", "style_weight", "tv_weight"):
            self._within(name, 0, math.inf)
        self._within("learning_rate", 1e-4, 1)
        self._within("steps", 1, 100_000)
        self._within("size", 32, 4096)
        self._within("threads", 1, 1024)
        if self.device not in ("cpu", "cuda", "mps"):
            raise SettingError(f"got device {self.device!r}, expected cpu, cuda or mps")
        if len(self.layer_weights) != len(self.style_layers):
            got, expected = len(self.layer_weights), len(self.style_layers)
            raise SettingError(f"got {got} layer weights, expected {expected}, one for each style layer")
        if min(self.layer_weights, default=0) < 0 or sum(self.layer_weights) == 0:
            raise SettingError(f"got layer weights {self.layer_weights}, expected none below 0 and one above")

    @property
    def alpha(self) -> float:
        """The content weight that the dial leaves."""
        return self.content_weight * 10 ** (DIAL_DECADES * (0.5 - self.strength))

    def _within(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise SettingError(f"got {name} {value}, expected {low:g} to {high:g}")
