"""Loaders are given what is broken, huge or of an odd kind: a right answer or one clear error, nothing else."""

import io
import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media import make_clip
from PIL import Image

from nbst_live.capture.clip import ClipSource
from nbst_live.errors import ModelError, NbstError, PictureError, SettingError, SourceEnded, SourceError, SourceStalled
from nbst_live.models import custom
from nbst_live.pictures import cover, read_picture
from nbst_live.settings import Settings, from_options, parse_values, read_config
from nbst_live.stages import MIN_SIDE

FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def drawn() -> Image.Image:
    rows, columns = np.indices((40, 60))
    return Image.fromarray(np.dstack([columns * 4, rows * 6, rows + columns]).astype(np.uint8))


def refusal(call: Callable[[], object], kind: type[NbstError]) -> str:
    """What is said when a call is refused; empty where it is not."""
    try:
        call()
    except kind as error:
        return str(error)
    return ""


def saved(kind: str) -> bytes:
    stream = io.BytesIO()
    drawn().save(stream, kind)
    return stream.getvalue()


@FEW
@given(kind=st.sampled_from(FORMATS), at=st.floats(0, 1), change=st.binary(max_size=6), keep=st.floats(0, 1))
def test_a_picture_that_was_changed_or_cut_is_read_or_refused(tmp_path, kind, at, change, keep):
    content = bytearray(saved(kind))
    place = int(at * len(content))
    content[place : place + len(change)] = change
    path = tmp_path / "picture"
    path.write_bytes(content[: max(1, int(keep * len(content)))] if keep < 0.9 else content)
    said = refusal(lambda: read_picture(path), PictureError)
    assert "\n" not in said
    if not said:
        picture = read_picture(path)
        assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)


@pytest.mark.parametrize(
    "save",
    [
        lambda image, path: image.convert("CMYK").save(path, "JPEG", quality=95),
        lambda image, path: image.quantize(256).save(path, "PNG"),
        lambda image, path: image.quantize(256).save(path, "GIF", save_all=True, append_images=[image.rotate(180)]),
        lambda image, path: image.save(path, "WEBP", quality=95),
        lambda image, path: image.save(path, "AVIF", quality=95),
        lambda image, path: image.putalpha(255) or image.save(path, "PNG"),
    ],
    ids=["CMYK", "palette", "animated", "WebP", "AVIF", "alpha"],
)
def test_pictures_of_odd_kinds_look_as_drawn(tmp_path, save):
    save(drawn(), tmp_path / "picture")
    off = np.abs(read_picture(tmp_path / "picture").astype(int) - np.asarray(drawn())[..., ::-1])
    assert off.mean() < 6


def test_sixteen_bits_of_grey_keep_their_levels(tmp_path):
    levels = np.arange(0, 65536, 1024, np.uint16).reshape(1, -1).repeat(20, 0)
    cv2.imwrite(str(tmp_path / "a.png"), levels)
    assert (read_picture(tmp_path / "a.png")[..., 1] == levels >> 8).all()


def test_what_is_transparent_lies_on_white(tmp_path):
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_picture(tmp_path / "a.png") == 255).all()


def test_a_picture_that_unfolds_to_a_gigabyte_is_not_unfolded(tmp_path):
    Image.new("1", (20000, 20000)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match="more than 89 million pixels"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(1_000_000, 16), (16, 1_000_000), (90, 160), (300, 200)])
def test_a_background_of_any_shape_covers_the_picture_by_its_middle(shape):
    marked = np.zeros((*shape, 3), np.uint8)
    marked[shape[0] // 2 - 2 : shape[0] // 2 + 2, shape[1] // 2 - 2 : shape[1] // 2 + 2] = 255
    covered = cover(marked, 320, 180)
    assert covered.shape == (180, 320, 3)
    rows, columns = np.nonzero(covered[..., 0] > 100)
    half_a_pixel = 320 / min(shape) / 2
    assert (rows.mean(), columns.mean()) == pytest.approx((89.5, 159.5), abs=half_a_pixel + 1)


def test_a_picture_has_sixteen_pixels_a_side(tmp_path):
    Image.new("RGB", (MIN_SIDE - 1, 300)).save(tmp_path / "a.png")
    with pytest.raises(PictureError, match="15x300, expected sides of 16"):
        read_picture(tmp_path / "a.png")


def frames(path: Path) -> int:
    count = 0
    with ClipSource(path) as source:
        while True:
            try:
                source.read()
                count += 1
            except SourceStalled:
                continue
            except SourceEnded:
                return count


@settings(FEW, max_examples=15)
@given(cut=st.floats(0, 1), at=st.floats(0, 1), change=st.binary(max_size=4))
def test_a_clip_that_was_changed_or_cut_gives_its_frames_or_is_refused(tmp_path, cut, at, change):
    whole = make_clip(tmp_path / "whole.mkv")
    content = bytearray(whole.read_bytes())
    place = int(at * len(content))
    content[place : place + len(change)] = change
    path = tmp_path / "clip.mkv"
    path.write_bytes(content[: int(cut * len(content))] if cut < 0.8 else content)
    counts: list[int] = []
    said = refusal(lambda: counts.append(frames(path)), SourceError)
    assert "\n" not in said
    assert said or 0 < counts[0] <= 13


@pytest.mark.parametrize("size", [(8, 40), (9000, 5000)])
def test_a_clip_too_small_or_too_large_is_refused(tmp_path, size):
    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("mjpeg", 25)
        (stream.width, stream.height), stream.pix_fmt = size, "yuvj420p"
        container.mux([*stream.encode(av.VideoFrame(*size, "yuvj420p")), *stream.encode(None)])
    with pytest.raises(SourceError, match=f"{size[0]}x{size[1]}, expected sides of {MIN_SIDE}"):
        ClipSource(tmp_path / "a.mkv")


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
NAMES = st.one_of(st.sampled_from(list(Settings.__dataclass_fields__)), st.text(max_size=8))


@settings(FEW, max_examples=300)
@given(raw=st.dictionaries(NAMES, VALUES, max_size=3))
def test_settings_of_any_kind_are_taken_or_refused(raw):
    said = refusal(lambda: Settings(**parse_values(raw, str)), SettingError)
    assert not said or "expected" in said or "no such setting" in said


@FEW
@given(text=st.text(max_size=20))
def test_options_of_any_text_are_taken_or_refused(text):
    for name in Settings.__dataclass_fields__:
        said = refusal(lambda name=name: from_options({name: text}, {}), SettingError)
        assert not said or "expected" in said


@FEW
@given(content=st.binary(max_size=40))
def test_a_config_file_of_any_bytes_is_read_or_refused(tmp_path, content):
    (tmp_path / "config.toml").write_bytes(content)
    said = refusal(lambda: read_config(tmp_path / "config.toml"), SettingError)
    if said:
        assert "config.toml" in said
    else:
        tomllib.loads(content.decode())


NOTES = [
    b'{"mean": 3}', b'{"mean": [1, 2]}', b'{"std": [0, 1, 1]}', b'{"input": [1]}', b'{"input": {"a": [1]}}',
    b'{"input": {"a": ["x", 0]}}', b'{"mean": ["a", "b", "c"]}', b'{"colour": []}', b"[]", b"null", b"7",
]  # fmt: skip


@FEW
@given(notes=st.one_of(st.binary(max_size=30), st.sampled_from(NOTES)))
def test_notes_of_a_users_model_are_understood_or_refused(tmp_path, notes):
    (tmp_path / "net.onnx").write_bytes(b"no network")
    (tmp_path / "net.json").write_bytes(notes)
    said = refusal(lambda: custom(tmp_path / "net.onnx"), ModelError)
    assert not said or "net.json" in said


def test_a_folder_or_pipe_is_no_input(tmp_path):
    from nbst_live.endpoints import open_source

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SourceError, match="folder or a pipe"):
            open_source(Settings(input=str(path)), realtime=False)


def test_a_number_is_a_camera_also_where_a_file_is_called_so(tmp_path, monkeypatch):
    from nbst_live.endpoints import is_clip

    (tmp_path / "0").write_bytes(b"a note to myself")
    monkeypatch.chdir(tmp_path)
    assert not is_clip(Settings(input="0"))
    assert is_clip(Settings(input="./0"))


def test_a_number_is_a_camera_also_where_a_folder_is_called_so(tmp_path, monkeypatch):
    from nbst_live.endpoints import open_source

    (tmp_path / "97").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="camera"):
        open_source(Settings(input="97"), realtime=True)
    with pytest.raises(SourceError, match="folder"):
        open_source(Settings(input="./97"), realtime=True)
