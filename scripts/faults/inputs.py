"""Files that are not what they should be: one clear line each, exit status 2, and nothing hangs."""

import os
import resource
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from PIL import Image

from faults import Outcome, Place, check, fault
from nbst_live.capture.clip import ClipSource
from nbst_live.cli import ERROR_STATUS, main
from nbst_live.errors import SourceEnded, SourceStalled
from nbst_live.pictures import read_picture
from nbst_live.settings import config_path
from nbst_live.stages import Picture

SECONDS = 30.0
"""How long saying no may take, on a busy machine too."""
MEMORY_MB = 500
"""What looking at a picture that unfolds to more than a gigabyte may take."""
SIZE = (160, 120)


@fault("style-cut-off", "`... is broken or cut off ...`")
def style_cut_off(place: Place) -> Outcome:
    for name in ("a.jpg", "a.png", "a.webp", "a.avif", "a.tif"):
        path = place.folder / name
        _painting().save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        _refused(place, ["--style", path, "--preview"], "cut off|not a picture")
    return Outcome()


@fault("style-that-unfolds-to-gigabytes", "`... has more than 89 million pixels ...`")
def style_bomb(place: Place) -> Outcome:
    Image.new("P", (20000, 20000)).save(place.folder / "a.png")
    Image.new("1", (20000, 20000)).save(place.folder / "a.tif", compression="group4")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("a.png", "a.tif"):
        _refused(place, ["--style", place.folder / name, "--preview"], "million pixels")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    check(grown < MEMORY_MB, f"less than {MEMORY_MB} MB taken, got {grown}")
    return Outcome()


@fault("style-that-is-no-picture", "`... is not a picture that can be decoded ...`")
def style_no_picture(place: Place) -> Outcome:
    with zipfile.ZipFile(place.folder / "zip.png", "w") as archive:
        archive.writestr("a.txt", "no picture")
    (place.folder / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><rect width="99" height="99"/></svg>')
    (place.folder / "empty.jpg").write_bytes(b"")
    (place.folder / "text.webp").write_text("no picture")
    for name in ("zip.png", "a.svg", "empty.jpg", "text.webp"):
        _refused(place, ["--style", place.folder / name, "--preview"], "not a picture")
    return Outcome()


@fault("style-that-is-no-file", "`... is not a file ...`, at once: nothing waits for a pipe")
def style_no_file(place: Place) -> Outcome:
    os.mkfifo(place.folder / "pipe.png")
    (place.folder / "folder.png").mkdir()
    for name in ("pipe.png", "folder.png", "none.png"):
        _refused(place, ["--style", place.folder / name, "--preview"], "not a file|neither a file")
    return Outcome()


@fault("picture-too-small", "`... is 1x1, expected sides of 16 pixels at least`")
def picture_too_small(place: Place) -> Outcome:
    for name, size in (("dot.png", (1, 1)), ("line.png", (1, 2000))):
        Image.new("RGB", size, "teal").save(place.folder / name)
        _refused(place, ["--style", place.folder / name, "--preview"], "at least")
        _refused(place, ["image", place.folder / name, "--style", "swirl", "-o", place.folder / "o.png"], "at least")
    return Outcome()


@fault("picture-of-an-odd-kind", "the picture, upright and in its colours")
def odd_pictures(place: Place) -> Outcome:
    """Animated, CMYK, 16 bits, palette, turned, and newer formats: each gives what was drawn."""
    painting, folder = _painting(), place.folder
    turned = Image.Exif()
    turned[0x112] = 6
    painting.save(folder / "animated.gif", save_all=True, append_images=[painting.rotate(180)])
    painting.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    painting.convert("P").save(folder / "palette.png")
    painting.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", quality=95, exif=turned)
    painting.save(folder / "a.webp", quality=95)
    painting.save(folder / "a.avif", quality=95)
    drawn = np.asarray(painting)[..., ::-1]
    cv2.imwrite(str(folder / "sixteen.png"), drawn.astype(np.uint16) * 257)
    for path in sorted(folder.iterdir()):
        if path.suffix in {".gif", ".jpg", ".png", ".webp", ".avif"}:
            picture = read_picture(path)
            check(picture.shape == drawn.shape, f"{path.name} to be {drawn.shape}, got {picture.shape}")
            off = float(np.abs(picture.astype(np.int16) - drawn).mean())
            check(off < (20 if path.stem in {"palette", "animated"} else 4), f"{path.name} as drawn, off by {off:.1f}")
    return Outcome()


@fault("clip-that-is-none", "`... has no video stream ...`, `... is not a video ...` and so on")
def clip_that_is_none(place: Place) -> Outcome:
    folder = place.folder
    _sound(folder / "sound.mp4")
    clip = _clip(folder / "whole.mp4", 25)
    (folder / "cut.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mkv").write_text("no clip" * 99)
    _clip(folder / "none.mkv", 0)
    _clip(folder / "tiny.mkv", 5, (8, 8), codec="ffv1")
    _clip(folder / "huge.mkv", 1, (9000, 5000), codec="mjpeg")
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    names = ["sound.mp4", "cut.mp4", "empty.mp4", "text.mkv", "none.mkv", "tiny.mkv", "huge.mkv", "folder.mp4"]
    for name in [*names, "pipe.mp4"]:
        options = ("--style", "swirl", "--input", folder / name, "--record", folder / "out.mp4")
        _refused(place, options, "expected")
        check(not (folder / "out.mp4").exists(), "no recording made of it")
    return Outcome()


@fault("clip-of-an-odd-kind", "every picture of it that can be decoded")
def odd_clips(place: Place) -> Outcome:
    folder = place.folder
    whole = {
        _clip(folder / "odd.mkv", 10, (65, 49), codec="ffv1"): (10, 65, 49),
        _clip(folder / "large.mp4", 4, (3840, 2160)): (4, 3840, 2160),
        _clip(folder / "uneven.mkv", 10, times=[0, 1, 2, 9, 10, 30, 31, 32, 33, 60]): (10, *SIZE),
        _turned(_clip(folder / "turned.mp4", 10)): (10, *SIZE[::-1]),
    }
    for path, (frames, width, height) in whole.items():
        got = _frames(path)
        check(got == (frames, width, height), f"{path.name} to give {(frames, width, height)}, got {got}")
    path = _clip(folder / "cut.mkv", 100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    count, *_ = _frames(path)
    check(20 < count < 100, f"most of a clip that was cut off, got {count} frames")
    return Outcome(frames_lost=0)


@fault("config-file-wrong", "`config.toml: fps: got 'fast', expected a number ...`; unknown keys likewise")
def config_wrong(place: Place) -> Outcome:
    file = config_path()
    file.parent.mkdir(parents=True, exist_ok=True)
    wrong = (
        'fps = "fast"',
        "mirror = 1",
        'size = "big"',
        "style = 7",
        "colour = 1",
        "fps = [1]",
        "[way]\nfps = 3",
        "fps =",
    )
    for text in wrong:
        file.write_text(text, encoding="utf-8")
        _refused(place, ["--style", "swirl", "--preview"], "config.toml")
    file.write_bytes(b"fps = \xff")
    _refused(place, ["--style", "swirl", "--preview"], "config.toml")
    return Outcome()


@fault("model-file-changed", "`... has SHA-256 ..., expected ...: the file was changed or only half copied ...`")
def model_changed(place: Place) -> Outcome:
    """One byte of the mask's network, in a copy of the program."""
    import nbst_live

    root = Path(nbst_live.__file__).resolve().parents[1]
    for name in ("nbst_live", "models"):
        shutil.copytree(root / name, place.folder / name)
    model = place.folder / "models" / "person-fine.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    photo = place.folder / "photo.png"
    _painting().save(photo)
    command = [sys.executable, "-m", "nbst_live", "mask", str(photo), "-o", str(place.folder / "mask.png")]
    ended = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, timeout=120, check=False)
    _check_line(ended.returncode, ended.stderr, "SHA-256")
    return Outcome()


def _refused(place: Place, arguments: Sequence[str | Path], says: str) -> None:
    """Runs the command line in this process; it must say one line, soon, and end with ERROR_STATUS."""
    file, began = place.folder / "stderr.txt", time.monotonic()
    kept = os.dup(2)
    with file.open("w") as stream:
        os.dup2(stream.fileno(), 2)  # libraries write past sys.stderr
        try:
            status = main([str(argument) for argument in arguments])
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
    said = file.read_text(errors="replace")
    print(said, end="")
    _check_line(status, said, says)
    check(time.monotonic() - began < SECONDS, f"an answer within {SECONDS:g} s")


def _check_line(status: int, said: str, says: str) -> None:
    check(status == ERROR_STATUS, f"exit status {ERROR_STATUS}, got {status} and {said!r}")
    lines = said.splitlines()
    check(len(lines) == 1 and lines[0].startswith("nbst-live: error: "), f"one line, got {said!r}")
    check(any(word in lines[0] for word in says.split("|")), f"it to say {says!r}, got {lines[0]!r}")


def _painting() -> Image.Image:
    """Something to see, the same every time, and different turned."""
    rows, columns = np.indices(SIZE[::-1])
    waves = 127 + 60 * np.sin(columns / 9) + 60 * np.cos(rows / 7)
    return Image.fromarray(np.dstack([columns * 255 // SIZE[0], rows * 255 // SIZE[1], waves]).astype(np.uint8))


def _clip(
    path: Path, frames: int, size: tuple[int, int] = SIZE, *, codec: str = "libx264", times: Sequence[int] | None = None
) -> Path:
    """A clip at 25 pictures a second, picture n shown at `times[n]` of these steps."""
    with av.open(path, "w") as container:
        stream = cast("VideoStream", container.add_stream(codec, 25))
        stream.width, stream.height = size
        stream.pix_fmt = {"mjpeg": "yuvj420p", "ffv1": "bgr0"}.get(codec, "yuv420p")
        container.start_encoding()
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(_noise(size, number), format="bgr24")
            frame.pts = number if times is None else times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _turned(clip: Path) -> Path:
    """The clip with a quarter turn in its track header's matrix (ISO/IEC 14496-12, 8.3.2), as telephones write it."""
    raw = bytearray(clip.read_bytes())
    matrix = raw.index(b"tkhd") + 4 + 40
    one, unit = 1 << 16, 1 << 30
    raw[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, unit)
    clip.write_bytes(raw)
    return clip


def _noise(size: tuple[int, int], seed: int) -> Picture:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _sound(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])


def _frames(path: Path) -> tuple[int, int, int]:
    """How many frames a clip gives as a source, and their size."""
    count = 0
    with ClipSource(path) as source:
        while True:
            try:
                frame = source.read()
            except SourceStalled:
                continue
            except SourceEnded:
                return count, source.info.width, source.info.height
            count += 1
            check(frame.picture.shape[:2] == (source.info.height, source.info.width), "frames of one size")
