"""Every setting, declared once: the command line, the config file, `--help` and docs/settings.md all come from here.

A value comes from, in this order: the command line, the config file, the default below. The config file is TOML with
the field names as keys, `-` or `_` alike: `style = ["starry.jpg"]`, `refresh = 60`.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nbst_live.errors import SettingError
from nbst_live.paths import typed

PROVIDERS = ("auto", "tensorrt", "cuda", "directml", "coreml", "openvino", "cpu")
DEVICES = ("cpu", "cuda", "mps")


def number(low: float, high: float, whole: bool = False) -> Callable[[object], float | int]:
    """A parser for a number within [low, high]; raises SettingError."""
    kind = "a whole number" if whole else "a number"

    def parse(value: object) -> float | int:
        expected = f"got {value!r}, expected {kind} from {low:g} to {high:g}"
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise SettingError(expected)
        try:
            result = int(value) if whole and isinstance(value, str) else float(value)
        except ValueError:
            raise SettingError(expected) from None
        if not low <= result <= high or (whole and result != int(result)):
            raise SettingError(expected)
        return int(result) if whole else float(result)

    return parse


def choice(*values: str) -> Callable[[object], str]:
    """A parser for one of the values; raises SettingError."""

    def parse(value: object) -> str:
        if value not in values:
            raise SettingError(f"got {value!r}, expected one of {', '.join(values)}")
        return str(value)

    return parse


def size(value: object) -> tuple[int, int]:
    """Parses `1280x720` into (1280, 720): width, height; raises SettingError."""
    width, cross, height = str(value).lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise SettingError(f"got {value!r}, expected WIDTHxHEIGHT in pixels, such as 1280x720")
    if not (16 <= int(width) <= 7680 and 16 <= int(height) <= 4320):
        raise SettingError(f"got {value!r}, expected a size from 16x16 to 7680x4320")
    return int(width), int(height)


def rotation(value: object) -> int:
    """Parses degrees clockwise; raises SettingError."""
    if str(value) not in ("0", "90", "180", "270"):
        raise SettingError(f"got {value!r}, expected 0, 90, 180 or 270 degrees")
    return int(str(value))


def text(value: object) -> str:
    """Parses a non-empty text; raises SettingError."""
    if not isinstance(value, str) or not value:
        raise SettingError(f"got {value!r}, expected a text")
    return value


def path(value: object) -> Path:
    """Parses a path, `~` expanded; raises SettingError."""
    return typed(text(value))


def _setting(
    default: Any, parse: Callable[[object], Any], metavar: str | None, about: str, group: str, many: bool = False
) -> Any:
    metadata = {"parse": parse, "metavar": metavar, "help": about, "group": group, "many": many}
    return field(default=default, metadata=metadata)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingError(f"got {value!r}, expected true or false")
    return value


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run is asked to do. Field names are the options' names with `_` for `-`."""

    style: tuple[str, ...] = _setting(
        (), text, "FILE|NAME", "the painting to paint in: a picture file or a built-in style's name (see "
        "`nbst-live styles`); may be given several times, key n goes to the next", "picture", many=True,
    )  # fmt: skip
    background: Path | None = _setting(None, path, "PHOTO", "stylise this photo instead of the room", "picture")
    strength: float = _setting(
        0.4,
        number(0, 1),
        "0..1",
        "how far the room is turned into the painting: one dial over the two weights",
        "picture",
    )
    mirror: bool = _setting(False, _flag, None, "mirror the picture left to right", "picture")
    rotate: int = _setting(0, rotation, "DEG", "turn the picture clockwise by 0, 90, 180 or 270 degrees", "picture")

    input: str = _setting("0", text, "CAMERA|CLIP", "a camera by number, device path or URL, or a clip file", "way")
    size: tuple[int, int] = _setting(
        (1280, 720), size, "WxH", "asked of the camera; sinks get what the camera gives, or a clip's own size", "way"
    )
    fps: float = _setting(30.0, number(1, 240), "N", "frames per second asked of the camera", "way")
    record: Path | None = _setting(None, path, "OUT.mp4", "record to this file (.mp4, .mkv or .mov)", "way")
    preview: bool = _setting(False, _flag, None, "open a window with the result", "way")
    virtual_camera: str | None = _setting(
        None,
        text,
        "NAME|PATH",
        "the virtual camera's name or path (default: the one labelled nbst-live, else the first)",
        "way",
    )
    no_virtual_camera: bool = _setting(False, _flag, None, "do not open a virtual camera", "way")

    refresh: float = _setting(
        60.0, number(0, 86400), "SECONDS", "paint the room anew, from the last result, this often; 0: never", "solver"
    )
    style_weight: float | None = _setting(
        None, number(0, 1e12), "X", "the paper's beta, over the value that --strength gives", "solver"
    )
    content_weight: float | None = _setting(
        None, number(0, 1e12), "X", "the paper's alpha, over the value that --strength gives", "solver"
    )
    steps: int | None = _setting(None, number(1, 100000, whole=True), "N", "optimiser steps of a first solve", "solver")
    learning_rate: float | None = _setting(None, number(1e-4, 1), "X", "the optimiser's learning rate", "solver")
    seed: int = _setting(
        0, number(0, 2**31 - 1, whole=True), "N", "seed: the same seed paints the same picture", "solver"
    )
    solver_device: str = _setting("cpu", choice(*DEVICES), "|".join(DEVICES), "where the optimiser runs", "solver")

    threads: int | None = _setting(
        None,
        number(1, 256, whole=True),
        "N",
        "threads of the live part (default: the machine's cores, at most 4)",
        "machine",
    )
    mask_model: str = _setting(
        "person-fast", text, "NAME|FILE", "the person mask: a shipped model or an ONNX file", "machine"
    )
    provider: str = _setting(
        "auto",
        choice(*PROVIDERS),
        "P",
        f"where the mask runs: {', '.join(PROVIDERS)}; one that is named must work",
        "machine",
    )
    report: Path | None = _setting(None, path, "OUT.json", "write figures of the run to this file", "machine")
    verbose: bool = _setting(False, _flag, None, "log to the terminal too", "machine")


GROUPS = {
    "picture": "the picture",
    "way": "where frames come from and go to",
    "solver": "the optimiser that paints",
    "machine": "the machine",
}


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
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
            values[name] = _parse_field(known[name].metadata, value)
        except SettingError as error:
            raise SettingError(f"{called(key)}: {error}") from error
    return values


def _parse_field(metadata: Mapping[str, Any], value: object) -> Any:
    if not metadata["many"]:
        return metadata["parse"](value)
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(metadata["parse"](item) for item in items)


def from_options(options: Mapping[str, object], config: Mapping[str, Any]) -> Settings:
    """Settings from the options given on the command line over the config file's parsed values. Raises SettingError."""
    given = parse_values(options, lambda name: f"--{name.replace('_', '-')}")
    return Settings(**{**config, **given})
