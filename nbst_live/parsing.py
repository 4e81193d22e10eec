"""The values of settings: from a text of the command line, or a value of the config file, to a typed one.

Every parser raises SettingError, which says what was got and what was expected.
"""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Literal, TypeVar

from nbst_live.errors import SettingError
from nbst_live.paths import typed

VGG19_LAYERS = tuple(
    f"relu{block}_{number}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for number in range(1, count + 1)
)
"""The activations of VGG19 (Simonyan and Zisserman 2015, table 1, column E), the shallowest first."""

People = Literal["all", "central"] | int
"""Who stays live: everybody, the one in the middle, or so many of the largest."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Split:
    """When a recording goes on in a new file: after so many seconds or bytes, of which one is given."""

    seconds: float = math.inf
    bytes: float = math.inf

    def reached(self, seconds: float, size: int) -> bool:
        """Whether a file that plays so long and is so large is full."""
        return seconds >= self.seconds or size >= self.bytes


def number(low: float, high: float, whole: bool = False) -> Callable[[object], float | int]:
    """A parser for a number within [low, high]; raises SettingError."""
    kind = "a whole number" if whole else "a number"

    def parse(value: object) -> float | int:
        expected = f"got {value!r}, expected {kind} from {low:g} to {high:g}"
        if isinstance(value, bool) or not isinstance(value, (Real, str)):
            raise SettingError(expected)
        try:
            result = int(value) if whole and isinstance(value, str) else float(value)
        except (ValueError, OverflowError):
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
    """Parses `1280x720`, or a list of the config file, into (1280, 720): width, height; raises SettingError."""
    written = "x".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    match = re.fullmatch(r"(\d{2,4})[xX](\d{2,4})", written)
    width, height = (int(side) for side in match.groups()) if match else (0, 0)
    if not (16 <= width <= 7680 and 16 <= height <= 4320):
        raise SettingError(f"got {value!r}, expected WIDTHxHEIGHT from 16x16 to 7680x4320, such as 1280x720")
    return width, height


def rotation(value: object) -> int:
    """Parses degrees clockwise; raises SettingError."""
    if str(value) not in ("0", "90", "180", "270"):
        raise SettingError(f"got {value!r}, expected 0, 90, 180 or 270 degrees")
    return int(str(value))


def text(value: object) -> str:
    """Parses a non-empty text without NUL, which no name can hold, or a path as its text; raises SettingError."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str) or not value or "\0" in value:
        raise SettingError(f"got {value!r}, expected a text")
    return value


def source(value: object) -> str:
    """Parses a camera or a clip; a whole number is a camera's; raises SettingError."""
    return text(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def path(value: object) -> Path:
    """Parses a path, `~` expanded; raises SettingError."""
    return typed(text(value))


def flag(value: object) -> bool:
    """Parses true or false; raises SettingError."""
    if not isinstance(value, bool):
        raise SettingError(f"got {value!r}, expected true or false")
    return value


def listed(parse: Callable[[object], Value], separator: str) -> Callable[[object], tuple[Value, ...]]:
    """A parser for several values: a text with separators between them, or a list of the config file."""

    def parse_all(value: object) -> tuple[Value, ...]:
        items = value.split(separator) if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)) or not items:
            raise SettingError(f"got {value!r}, expected values with {separator!r} between them")
        return tuple(parse(item.strip() if isinstance(item, str) else item) for item in items)

    return parse_all


def weights(separator: str) -> Callable[[object], tuple[float, ...]]:
    """A parser for weights, none below 0 and at least one above."""
    parse_all = listed(number(0, 1e12), separator)

    def parse(value: object) -> tuple[float, ...]:
        found = tuple(float(weight) for weight in parse_all(value))
        if not any(found):
            raise SettingError(f"got {value!r}, expected at least one weight above 0")
        return found

    return parse


def layer(value: object) -> str:
    """Parses a layer of VGG19 by any of its names, `relu3_1`, `conv3_1` or `block3_conv1`, into `relu3_1`."""
    match = re.fullmatch(r"(?:relu|conv)(\d)_(\d)|block(\d)_conv(\d)", str(value))
    name = "relu" + "_".join(part for part in match.groups() if part) if match else ""
    if name not in VGG19_LAYERS:
        raise SettingError(f"got {value!r}, expected a layer of VGG19 such as relu3_1, conv3_1 or block3_conv1")
    return name


_SPLITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "MB": 1e6, "GB": 1e9}
_LEAST_SECONDS, _LEAST_BYTES = 2.0, 1e6


def split(value: object) -> Split:
    """Parses a length of time or a size, such as `30m` or `2GB`; raises SettingError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|h|MB|GB)", str(value))
    if match is None:
        raise SettingError(f"got {value!r}, expected a time or a size such as 90s, 30m, 2h, 700MB or 4GB")
    amount = float(match[1]) * _SPLITS[match[2]]
    found = Split(bytes=amount) if match[2].endswith("B") else Split(seconds=amount)
    if found.seconds < _LEAST_SECONDS or found.bytes < _LEAST_BYTES:
        raise SettingError(f"got {value!r}, expected at least {_LEAST_SECONDS:g}s or {_LEAST_BYTES / 1e6:g}MB")
    return found


def people(value: object) -> People:
    """Parses `all`, `central` or how many; raises SettingError."""
    if value == "all" or value == "central":  # noqa: PLR1714 - mypy narrows a comparison, not a membership
        return value
    try:
        return int(number(1, 100, whole=True)(value))
    except SettingError:
        raise SettingError(f"got {value!r}, expected all, central or a whole number from 1 to 100") from None
