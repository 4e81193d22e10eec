"""models.py: what the manifest says, what the files are, and what a user is told when the two differ."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nbst_live import models
from nbst_live.errors import ModelError
from nbst_live.models import InputSize, ModelRecord, StyleRecord

CONTENT = b"not really a network"
NET: dict[str, Any] = {
    "name": "net",
    "file": "net.onnx",
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "licence": "MIT",
    "task": "person-mask",
    "input": {"landscape": [144, 256], "square": [192, 192], "portrait": [256, 144]},
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "colour": "RGB",
    "source": "a test",
    "card": "net.md",
}
WAVE = {"name": "wave", "file": "wave.jpg", "sha256": "0", "licence": "CC0-1.0", "title": "Wave", "source": "a test"}


def write_manifest(folder: Path, **changes: Any) -> None:
    content = {"models": [NET | changes], "styles": [WAVE]}
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.onnx").write_bytes(CONTENT)
    write_manifest(tmp_path)
    monkeypatch.setattr(models, "models_dir", lambda: tmp_path)
    return tmp_path


def test_finds_and_verifies_a_model(folder: Path) -> None:
    record = models.find("net")
    assert record.task == "person-mask"
    assert record.mean == (0.5, 0.5, 0.5)
    assert record.input["portrait"] == InputSize(height=256, width=144)
    assert models.verify(record) == folder / "net.onnx"


@pytest.mark.usefixtures("folder")
def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"got model 'nett', expected one of: net, or the path of an ONNX file"):
        models.find("nett")


def test_changed_file_is_refused_with_both_checksums(folder: Path) -> None:
    record = models.find("net")
    (folder / "net.onnx").write_bytes(b"something else")
    other = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(ModelError, match=f"{other}, expected {record.sha256}.*install nbst-live again"):
        models.verify(record)


def test_missing_file_is_named(folder: Path) -> None:
    record = models.find("net")
    (folder / "net.onnx").unlink()
    with pytest.raises(ModelError, match=rf"{re.escape(str(folder / 'net.onnx'))}.*No such file"):
        models.verify(record)


@pytest.mark.parametrize(
    "change",
    [{"task": "cat-mask"}, {"colour": "HSV"}, {"input": {"square": [192]}}, {"colour_order": "RGB"}, {"mean": None}],
    ids=lambda change: next(iter(change)),
)
def test_manifest_of_another_version_is_refused(folder: Path, change: dict[str, Any]) -> None:
    write_manifest(folder, **change)
    with pytest.raises(ModelError, match="is not a manifest of this version"):
        models.load_manifest()


def test_broken_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"models": [', encoding="utf-8")
    with pytest.raises(ModelError, match="is not a manifest"):
        models.load_manifest()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("height", "width", "aspect"),
    [(720, 1280, "landscape"), (480, 640, "square"), (480, 480, "square"), (1280, 720, "portrait")],
)
def test_size_nearest_in_shape_is_chosen(height: int, width: int, aspect: str) -> None:
    record = models.find("net")
    assert record.size_for(height, width) == record.input[aspect]


def test_custom_model_is_described_by_its_notes(tmp_path: Path) -> None:
    net = tmp_path / "mine.onnx"
    net.write_bytes(CONTENT)
    plain = models.custom(net)
    assert (plain.mean, plain.std, plain.colour) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "RGB")
    assert plain.size_for(720, 1280) is None
    assert models.verify(plain) == net

    net.with_suffix(".json").write_text('{"colour": "BGR", "input": {"square": [64, 64]}}', encoding="utf-8")
    noted = models.custom(net)
    assert noted.colour == "BGR"
    assert noted.size_for(720, 1280) == InputSize(64, 64)


@pytest.mark.parametrize("notes", ['{"colour": "HSV"}', '{"colours": "RGB"}', "{"], ids=["value", "name", "syntax"])
def test_custom_model_with_bad_notes_is_refused(tmp_path: Path, notes: str) -> None:
    (tmp_path / "mine.onnx").write_bytes(CONTENT)
    (tmp_path / "mine.json").write_text(notes, encoding="utf-8")
    with pytest.raises(ModelError, match=r"mine\.json does not describe a model"):
        models.custom(tmp_path / "mine.onnx")


def test_custom_model_must_be_there_and_be_onnx(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot read the model file"):
        models.custom(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match=r"expected an ONNX file"):
        models.custom(tmp_path / "net.pth")


def test_builtin_styles_are_paths_by_name(folder: Path) -> None:
    assert models.builtin_styles() == {"wave": folder / "wave.jpg"}


def test_the_manifest_of_this_repository_is_whole(repository: Path) -> None:
    """Every listed file is there with the right bytes, every file there is listed, every card exists."""
    manifest = models.load_manifest()
    records: list[ModelRecord | StyleRecord] = [*manifest.models.values(), *manifest.styles.values()]
    listed = {models.verify(record) for record in records}
    there = {path for suffix in ("onnx", "npz", "jpg") for path in (repository / "models").rglob(f"*.{suffix}")}
    assert there == listed
    assert all((repository / "models" / model.card).is_file() for model in manifest.models.values())
