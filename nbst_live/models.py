"""The files that came out of training, and the paintings that ship with them: records in `models/manifest.json`.

A model is a record, not a path: it says what the file is, whose, how it wants its pictures and which bytes are right.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from nbst_live.errors import ModelError
from nbst_live.paths import is_file

Task = Literal["person-mask", "difference-key", "edge-alpha", "style-features"]
TASKS: tuple[Task, ...] = ("person-mask", "difference-key", "edge-alpha", "style-features")


@dataclass(frozen=True, slots=True)
class InputSize:
    """Height and width in pixels of a network's input."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """What is known about one model file.

    The network's input is `(RGB / 255 - mean) / std`, or the same in BGR where `colour` says so, with one mean and one
    std per channel in that order. `input` holds the sizes the network was trained at, under names for people, such as
    "landscape" and "portrait"; empty where it takes any size or the file itself says so. `file` is relative to the
    models folder, or absolute for a user's own model; so is `card`, its model card. `source` says what the file was
    made from.
    """

    name: str
    file: str
    sha256: str
    licence: str
    task: Task
    input: dict[str, InputSize]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    colour: Literal["RGB", "BGR"]
    source: str
    card: str = ""

    def size_for(self, height: int, width: int) -> InputSize | None:
        """The input size nearest in shape to a picture of `height` by `width`; None where there is no choice."""
        wanted = math.log(width / height)
        return min(self.input.values(), key=lambda size: abs(math.log(size.width / size.height) - wanted), default=None)


@dataclass(frozen=True, slots=True)
class StyleRecord:
    """A painting that ships with the program; `file` is relative to the models folder."""

    name: str
    file: str
    sha256: str
    licence: str
    title: str
    source: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything in the models folder, by name."""

    models: dict[str, ModelRecord]
    styles: dict[str, StyleRecord]


def models_dir() -> Path:
    """The folder of the manifest: within an installed package, beside it in a clone. Raises ModelError."""
    package = Path(__file__).resolve().parent
    candidates = (package / "_models", package.parent / "models")
    for folder in candidates:
        if is_file(folder / "manifest.json"):
            return folder
    raise ModelError(f"no manifest.json in {' or '.join(map(str, candidates))}: install nbst-live again")


def load_manifest() -> Manifest:
    """Reads `manifest.json`. Raises ModelError when it is not what this version expects."""
    path = models_dir() / "manifest.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        models = [_model(entry) for entry in content["models"]]
        styles = [_record(StyleRecord, entry) for entry in content["styles"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} is not a manifest of this version ({error!r}): install nbst-live again") from error
    return Manifest({model.name: model for model in models}, {style.name: style for style in styles})


def find(name: str) -> ModelRecord:
    """The record of the model called `name`. Raises ModelError, which lists the names there are."""
    known = load_manifest().models
    if name not in known:
        raise ModelError(f"got model {name!r}, expected one of: {', '.join(known)}, or the path of an ONNX file")
    return known[name]


def verify(record: ModelRecord | StyleRecord) -> Path:
    """The path of the record's file, once its bytes are known to be the right ones. Raises ModelError."""
    path = models_dir() / record.file
    got = _sha256(path)
    if got != record.sha256:
        raise ModelError(
            f"{path} has SHA-256 {got}, expected {record.sha256}: the file was changed or only half copied; "
            "install nbst-live again, or give the file's path if it is your own model"
        )
    return path


def custom(path: Path) -> ModelRecord:
    """The record of a user's own person mask network, an ONNX file.

    It takes RGB in [0, 1] unless a JSON file of the same name beside it (`net.onnx`, `net.json`) gives other fields of
    ModelRecord. Raises ModelError when either file cannot be used.
    """
    path = path.expanduser().resolve()
    if path.suffix.lower() != ".onnx":
        raise ModelError(f"got model file {path}, expected an ONNX file, named *.onnx")
    entry = {
        "name": path.stem,
        "file": str(path),
        "sha256": _sha256(path),
        "licence": "unknown",
        "task": "person-mask",
        "input": {},
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
        "colour": "RGB",
        "source": "the user's own",
    }
    notes = path.with_suffix(".json")
    try:
        return _model(entry | (json.loads(notes.read_text(encoding="utf-8")) if is_file(notes) else {}))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{notes} does not describe a model ({error!r}): expected fields of ModelRecord") from error


def builtin_styles() -> dict[str, Path]:
    """The paintings that ship with the program: name to picture file."""
    folder = models_dir()
    return {style.name: folder / style.file for style in load_manifest().styles.values()}


_Record = TypeVar("_Record", ModelRecord, StyleRecord)


def _record(kind: type[_Record], entry: dict[str, Any]) -> _Record:
    unknown = entry.keys() - {field.name for field in fields(kind)}
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)} of {entry.get('name')}")
    return kind(**entry)


def _model(entry: dict[str, Any]) -> ModelRecord:
    if entry["task"] not in TASKS:
        raise ValueError(f"got task {entry['task']!r}, expected one of {', '.join(TASKS)}")
    if entry["colour"] not in ("RGB", "BGR"):
        raise ValueError(f"got colour {entry['colour']!r}, expected RGB or BGR")
    sizes = {aspect: InputSize(*map(_side, size)) for aspect, size in dict(entry["input"]).items()}
    mean, std = (_levels(entry[name]) for name in ("mean", "std"))
    if not all(std):
        raise ValueError(f"got std {std}, expected none of them to be 0")
    return _record(ModelRecord, entry | {"input": sizes, "mean": mean, "std": std})


def _side(value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"got a side of {value!r}, expected pixels")
    return value


def _levels(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"cannot read the model file {path} ({error.strerror}): check the path and its permissions"
        ) from error
