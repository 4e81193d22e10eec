"""What the solver can be told; free of torch, so that the live process can hold and send it."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from nbst_live.errors import SettingError
from nbst_live.parsing import VGG19_LAYERS

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"

DIAL_DECADES = 2.0
"""How many powers of ten the dial `strength` moves the content weight from one end to the other."""

FeaturesName = Literal["compact", "vgg19"]
LossName = Literal["share", "formula", "code"]
StartName = Literal["recoloured", "photo"]
OptimizerName = Literal["adam", "lbfgs"]
Device = Literal["cpu", "cuda", "mps"]
CHOICES = {
    "features": FeaturesName,
    "loss": LossName,
    "start": StartName,
    "optimizer": OptimizerName,
    "device": Device,
}

# Naive Background Style Transfer as published, see `preset`. Its pixels go from 0 to 255, ours from 0 to 1, so one unit
# of ours is 255 of its own: a step of Adam, whose length is the learning rate, is divided by 255. For the same J the
# gradient is 255 times as large, and epsilon, which stands beside the gradient's root mean square, grows with it.
GREYS = 255
PAPER_CODE: dict[str, Any] = {
    "strength": 0.5,
    "content_weight": 1e3,
    "style_weight": 1e-2,
    "content_layer": "relu5_2",
    "style_layers": STYLE_LAYERS,
    "layer_weights": (0.2,) * 5,
    "tv_weight": 0.0,
    "levels": 1,
    "jitter": False,
    "learning_rate": 5 / GREYS,
    "fall": 0.0,
    "beta1": 0.99,
    "beta2": 0.999,
    "epsilon": 0.1 * GREYS,
    "steps": 1000,
    "loss": "code",
    "mask_aware": False,
    "multiscale": False,
    "start": "photo",
    "average": False,
    "strokes": False,
    "keep_best": True,
}
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper-formula": PAPER_CODE | {"loss": "formula"},
    "paper-code": PAPER_CODE,
}


def preset(name: str) -> dict[str, Any]:
    """Fields of SolverSettings that a preset gives, by name; what the user asks for goes over them.

    "default" is this program's own way, {}. "paper-code" is the published program of Naive Background Style Transfer:
    weights 1e3 and 1e-2, content from block5_conv2, five style layers of equal weight, Adam, from the photo at one
    size, the best picture kept, the mask used for pasting alone. "paper-formula" differs in the loss: the paper's own
    equations, with 1 / (2 n_h n_w n_c)^2, which the program does not use. Raises SettingError.
    """
    if name not in PRESETS:
        raise SettingError(f"got preset {name!r}, expected one of {', '.join(PRESETS)}")
    return dict(PRESETS[name])


@dataclass(frozen=True, kw_only=True)
class SolverSettings:
    """How to paint: J = alpha J_content + beta J_style + total variation.

    Attributes:
        strength: 0 to 1, one dial over the two weights: 0.5 leaves them as given, 1 is strongest.
        content_weight: alpha at strength 0.5.
        content_first: by how many times alpha is larger than that as a scale begins, see `objective.Objective`.
        style_weight: beta.
        content_layer: the layer of J_content.
        style_layers: the layers of J_style.
        layer_weights: lambda, one for each style layer; only their proportions count.
        tv_weight: weight of the total variation.
        style_scale: 0.25 to 4, the size of the painting's strokes relative to the picture.
        keep_colors: paint in the room's own colours.
        features: whose layers are read: "compact", the encoder that ships, or "vgg19", torchvision's.
        loss: "share", each term a share of its target's power; "formula", the paper's equations; "code", its published
            program's mean squares.
        mask_aware: leave the person out of the loss; False is the paper's way, the whole photo is painted. For stills
            and rendered clips; the plate that is gathered live never holds a person.
        multiscale: paint coarse to fine; False is the papers' way, one size.
        start: "recoloured", the room in the painting's colours, or "photo", the room as it is.
        optimizer: "adam" or "lbfgs".
        levels: of the pyramid whose levels Adam moves, see `descent.AdamDescent`; 1 moves pixels, as the papers do.
        held_layers: style layers whose slope is used for several steps, see `objective.Objective`; it saves time only
            with features that compute them apart from the others.
        hold: for how many; 1 holds none.
        jitter: move the picture by a few pixels from step to step, see `objective.Objective`.
        learning_rate: Adam's, where black to white is 1; at the end of each scale it falls.
        fall: share of a scale's steps over which it does; 1 lets it fall from the first, 0 not at all.
        final_rate: the share of it that is left then; with nothing left the last steps would be wasted.
        beta1, beta2, epsilon: Adam's.
        average: show a running average of the iterates.
        strokes: with the compact encoder, draw what is shown along its own strokes, where the painting is one of
            strokes, see `strokes`.
        keep_best: the picture of least loss is the result, rather than the last.
        steps: over all scales together.
        seconds: to paint for at most, pauses included, every scale for its share of them at least one step; where they
            end a run, it does not repeat exactly.
        size: long side in pixels of the finest scale.
        seed: of the noise that starts each scale.
        threads: of the CPU; results repeat only with the same number.
        device: "cpu", "cuda" or "mps".

    Raises:
        SettingError: a value is out of its range.
    """

    strength: float = 0.4
    content_weight: float = 0.05
    content_first: float = 1.0
    style_weight: float = 1.0
    content_layer: str = CONTENT_LAYER
    style_layers: tuple[str, ...] = STYLE_LAYERS
    layer_weights: tuple[float, ...] = (0.3, 0.5, 1.0, 1.0, 1.0)
    tv_weight: float = 12.0
    style_scale: float = 1.0
    keep_colors: bool = False
    features: FeaturesName = "compact"
    loss: LossName = "share"
    mask_aware: bool = True
    multiscale: bool = True
    start: StartName = "recoloured"
    optimizer: OptimizerName = "adam"
    levels: int = 6
    held_layers: tuple[str, ...] = ()
    hold: int = 1
    jitter: bool = True
    learning_rate: float = 0.012
    fall: float = 0.25
    final_rate: float = 0.2
    beta1: float = 0.8
    beta2: float = 0.9
    epsilon: float = 1e-12
    average: bool = True
    strokes: bool = True
    keep_best: bool = False
    steps: int = 300
    seconds: float = math.inf
    size: int = 640
    seed: int = 0
    threads: int = 2
    device: Device = "cpu"

    def __post_init__(self) -> None:
        self._within("strength", 0, 1)
        for name in ("content_weight", "style_weight", "tv_weight"):
            self._within(name, 0, math.inf)
        self._within("content_first", 1, 1000)
        self._within("style_scale", 0.25, 4)
        self._within("learning_rate", 1e-4, 1)
        self._within("fall", 0, 1)
        self._within("final_rate", 0, 1)
        self._within("beta1", 0, 1 - 1e-6)
        self._within("beta2", 0, 1 - 1e-6)
        self._within("epsilon", 1e-30, 1e6)
        self._within("levels", 1, 12)
        self._within("hold", 1, 100)
        self._within("steps", 1, 100_000)
        self._within("seconds", 0, math.inf)
        self._within("size", 32, 4096)
        self._within("threads", 1, 1024)
        for name, kind in CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise SettingError(f"got {name} {getattr(self, name)!r}, expected one of {', '.join(get_args(kind))}")
        for layer in (self.content_layer, *self.style_layers):
            if layer not in VGG19_LAYERS:
                raise SettingError(f"got layer {layer!r}, expected one of VGG19's: {', '.join(VGG19_LAYERS)}")
        if len(self.layer_weights) != len(self.style_layers):
            got, expected = len(self.layer_weights), len(self.style_layers)
            raise SettingError(f"got {got} layer weights, expected {expected}, one for each style layer")
        if set(self.style_layers) <= set(self.held_layers):
            raise SettingError(f"got held layers {self.held_layers}, expected one style layer not among them")
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
