"""Every setting, declared once: the command line, the config file, `--help` and docs/settings.md all come from here.

A value comes from, in this order: the command line, the config file, the default below. The config file is TOML with
the field names as keys, `-` or `_` alike: `style = ["starry.jpg"]`, `refresh = 60`.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from nbst_live.errors import SettingError
from nbst_live.parsing import (
    People,
    Split,
    choice,
    flag,
    layer,
    listed,
    number,
    path,
    people,
    rotation,
    size,
    source,
    split,
    text,
    weights,
)

PROVIDERS = ("auto", "tensorrt", "cuda", "directml", "coreml", "openvino", "cpu")
DEVICES = ("cpu", "cuda", "mps")
FEATURES = ("compact", "vgg19")
LATENCIES = ("sync", "low")
REFINEMENTS = ("guided", "crf")
ENCODERS = ("auto", "x264", "nvenc", "qsv", "videotoolbox", "amf", "mf")
RECORD_TIMES = ("true", "constant")
PRESETS = ("default", "paper-formula", "paper-code")


def _setting(
    default: Any, parse: Callable[[object], Any], metavar: str | None, about: str, group: str, many: bool = False
) -> Any:
    metadata = {"parse": parse, "metavar": metavar, "help": about, "group": group, "many": many}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run is asked to do. Field names are the options' names with `_` for `-`."""

    style: tuple[str, ...] = _setting(
        (), text, "FILE|NAME", "the painting to paint in: a picture file or a built-in style's name (see "
        "`nbst-live styles`); may be given several times, key n goes to the next", "picture", many=True,
    )  # fmt: skip
    style_mix: tuple[float, ...] | None = _setting(
        None, weights(":"), "W:W", "paint in all the styles at once, with these weights, such as 2:1", "picture"
    )
    background: Path | None = _setting(None, path, "PHOTO", "stylise this photo instead of the room", "picture")
    strength: float | None = _setting(
        None,
        number(0, 1),
        "0..1",
        "how far the room is turned into the painting: one dial over the two weights (default: 0.4; with a preset of "
        "the paper 0.5, which leaves its weights as they are)",
        "picture",
    )
    style_scale: float = _setting(
        1.0, number(0.25, 4), "X", "size of the painting's strokes, relative to the picture", "picture"
    )
    keep_colors: bool = _setting(False, flag, None, "paint in the room's own colours", "picture")
    people: People = _setting(
        "all",
        people,
        "all|central|N",
        "who stays live: everybody, the one in the middle, or the N largest; the others vanish into the room, but for "
        "those who touch one who stays",
        "picture",
    )
    light_wrap: float = _setting(
        0.15, number(0, 1), "0..1", "how much of the painting's light falls on the edge of the person", "picture"
    )
    harmonize: bool = _setting(
        False, flag, None, "draw the colours of the person's edge slightly towards the painting's", "picture"
    )
    refine: str = _setting(
        "guided",
        choice(*REFINEMENTS),
        "|".join(REFINEMENTS),
        "what moves the mask of stills and rendered clips to the picture's edges: guided filter and edge network "
        "alone, as live, or first DeepLab's fully connected CRF, which takes about half a second a picture",
        "picture",
    )
    latency: str = _setting(
        "sync",
        choice(*LATENCIES),
        "|".join(LATENCIES),
        "sync: every frame waits for its own mask; low: it gets the last one, moved along with the picture",
        "way",
    )
    mirror: bool = _setting(False, flag, None, "mirror the picture left to right", "picture")
    rotate: int = _setting(0, rotation, "DEG", "turn the picture clockwise by 0, 90, 180 or 270 degrees", "picture")

    input: str = _setting(
        "0", source, "CAMERA|CLIP", "a camera by number, device path, URL or (on Linux) name, or a clip file", "way"
    )
    size: tuple[int, int] = _setting(
        (1280, 720),
        size,
        "WxH",
        "asked of the camera; the virtual camera has it whatever the camera gives, other outputs get what comes",
        "way",
    )
    fps: float = _setting(
        30.0,
        number(1, 240),
        "N",
        "frames per second asked of the camera; the virtual camera keeps exactly these",
        "way",
    )
    lock: bool = _setting(
        False, flag, None, "hold the camera's exposure, white balance and focus once they have settled", "way"
    )
    record: Path | None = _setting(None, path, "OUT.mp4", "record to this file (.mp4, .mkv or .mov)", "way")
    audio: str | None = _setting(
        None,
        text,
        "DEVICE",
        "record this microphone too, by its number or a part of its name, or `default` (needs the extra `sound`)",
        "way",
    )
    record_times: str = _setting(
        "true",
        choice(*RECORD_TIMES),
        "|".join(RECORD_TIMES),
        "true: each picture is shown from the moment it was taken; constant: at even steps of the source's rate, "
        "pictures repeated or left out, as some editors want it",
        "way",
    )
    record_split: Split | None = _setting(
        None, split, "TIME|SIZE", "go on in a new file, OUT-002.mp4 and so on, after a time or size: 30m, 2GB", "way"
    )
    encoder: str = _setting(
        "auto",
        choice(*ENCODERS),
        "|".join(ENCODERS),
        "who encodes recordings; auto is, live, the graphics card where that works, else x264",
        "way",
    )
    preview: bool = _setting(False, flag, None, "open a window with the result", "way")
    virtual_camera: str | None = _setting(
        None,
        text,
        "NAME|PATH",
        "the virtual camera's name or path (default: the one labelled nbst-live, else the first)",
        "way",
    )
    no_virtual_camera: bool = _setting(False, flag, None, "do not open a virtual camera", "way")
    rest: bool = _setting(
        False, flag, None, "let camera and mask sleep while no program reads the virtual camera (Linux)", "way"
    )

    refresh: float = _setting(
        60.0, number(0, 86400), "SECONDS", "go on painting, from the last result, this often; 0: never", "solver"
    )
    preset: str = _setting(
        "default",
        choice(*PRESETS),
        "|".join(PRESETS),
        "the program's own way, the paper's equations, or the paper's published program; the options below go over it",
        "solver",
    )
    style_weight: float | None = _setting(
        None, number(0, 1e12), "X", "the paper's beta, over the value that --strength gives", "solver"
    )
    content_weight: float | None = _setting(
        None, number(0, 1e12), "X", "the paper's alpha, over the value that --strength gives", "solver"
    )
    content_layer: str | None = _setting(
        None, layer, "LAYER", "VGG19's layer of the content loss: relu4_2, conv4_2 or block4_conv2 alike", "solver"
    )
    style_layers: tuple[str, ...] | None = _setting(
        None, listed(layer, ","), "LAYER,LAYER", "VGG19's layers of the style loss", "solver"
    )
    layer_weights: tuple[float, ...] | None = _setting(
        None,
        weights(","),
        "W,W",
        "the paper's lambda, one for each of --style-layers (default: equal, where those are given)",
        "solver",
    )
    steps: int | None = _setting(None, number(1, 100000, whole=True), "N", "optimiser steps of a first solve", "solver")
    learning_rate: float | None = _setting(
        None, number(1e-4, 1), "X", "the optimiser's learning rate, where black to white is 1", "solver"
    )
    features: str = _setting(
        "compact",
        choice(*FEATURES),
        "|".join(FEATURES),
        "the network whose layers are compared: the one that ships, or torchvision's VGG19 (needs the extra "
        "`torchvision`; loads 550 MB once)",
        "solver",
    )
    seed: int = _setting(
        0, number(0, 2**31 - 1, whole=True), "N", "seed: the same seed paints the same picture", "solver"
    )
    solver_device: str = _setting("cpu", choice(*DEVICES), "|".join(DEVICES), "where the optimiser runs", "solver")

    threads: int | None = _setting(
        None,
        number(1, 256, whole=True),
        "N",
        "threads of each half of the live part, the mask and the rest (default: half of the cores, at most 4)",
        "machine",
    )
    mask_model: str = _setting(
        "auto",
        text,
        "NAME|FILE",
        "the person mask: person-fast, person-fine, person-fine-int8 or an ONNX file; auto is person-fine for stills, "
        "rendered clips and on a GPU, else person-fast",
        "machine",
    )
    provider: str = _setting(
        "auto",
        choice(*PROVIDERS),
        "P",
        f"where the mask runs: {', '.join(PROVIDERS)}; one that is named must work",
        "machine",
    )
    report: Path | None = _setting(None, path, "OUT.json", "write figures of the run to this file", "machine")
    verbose: bool = _setting(False, flag, None, "log to the terminal too", "machine")

    def __post_init__(self) -> None:
        if self.style and self.style_mix is not None and len(self.style_mix) != len(self.style):
            raise SettingError(
                f"--style-mix: got {len(self.style_mix)} weights for {len(self.style)} styles, expected one for each "
                "--style"
            )


REPLACES = {"style": "style_mix", "style_layers": "layer_weights", "virtual_camera": "no_virtual_camera"}
"""What of the config file an option takes back besides its own value there: the two belong together."""
GROUPS = {
    "picture": "the picture",
    "way": "where frames come from and go to",
    "solver": "the optimiser that paints",
    "machine": "the machine",
}
PAINTING = (
    "style", "style_mix", "strength", "style_scale", "keep_colors", "preset", "style_weight", "content_weight",
    "content_layer", "style_layers", "layer_weights", "steps", "learning_rate", "features", "seed", "solver_device",
)  # fmt: skip
"""Settings of whatever paints."""
MASKING = ("people", "threads", "mask_model", "provider")
"""Settings of whatever finds people."""
JOINING = ("light_wrap", "harmonize")
"""Settings of whatever puts people before a backdrop."""


def config_path() -> Path:
    """The config file in the platform's config folder; it need not exist."""
    from platformdirs import user_config_path

    return user_config_path("nbst-live", appauthor=False) / "config.toml"


def read_config(file: Path) -> dict[str, Any]:
    """Parsed values of a config file, {} where there is none. Raises SettingError."""
    try:
        with file.open("rb") as stream:
            raw = tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingError(f"{file}: cannot be read as TOML: {error}; mend or remove it") from error
    return parse_values(raw, lambda key: f"{file}: {key}")


def parse_values(raw: Mapping[str, object], called: Callable[[str], str]) -> dict[str, Any]:
    """Typed values of raw ones, by each field's own parser. Raises SettingError; `called` words a key for the
    message.
    """
    known = {f.name: f for f in fields(Settings)}
    values = {}
    for key, value in raw.items():
        name = key.replace("-", "_")
        if name not in known:
            raise SettingError(f"{called(key)}: no such setting; `nbst-live --help` lists them")
        try:
            values[name] = _parse_field(known[name], value)
        except SettingError as error:
            raise SettingError(f"{called(key)}: {error}") from error
    return values


def _parse_field(setting: Field[Any], value: object) -> Any:
    parse = setting.metadata["parse"]
    if value is None and setting.default is None:
        return None
    if not setting.metadata["many"]:
        return parse(value)
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(parse(item) for item in items)


def from_options(options: Mapping[str, object], config: Mapping[str, Any]) -> Settings:
    """Settings from the options given on the command line over the config file's parsed values. Raises SettingError."""
    given = parse_values(options, lambda name: f"--{name.replace('_', '-')}")
    replaced = {REPLACES.get(name) for name in given}
    return Settings(**{name: value for name, value in config.items() if name not in replaced} | given)
