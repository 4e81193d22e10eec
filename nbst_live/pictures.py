"""Picture files in and out, and the styles among them."""

import contextlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from nbst_live.errors import InputError, PictureError
from nbst_live.models import builtin_styles
from nbst_live.paths import exists, is_file, typed, why_unwritable
from nbst_live.stages import MIN_SIDE, Picture

MAX_BYTES = 256 << 20
PARTIAL = ".partial-"
"""In the names of files that are being written; the process's number follows."""
READABLE = "a picture such as JPEG, PNG or WebP"
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
"""What is read, by Pillow's names: pictures of pixels alone, as other formats run programs or hold scenes."""


@dataclass(frozen=True, slots=True)
class Style:
    """What to paint in: its name for people, a picture that stands for it, (H, W, 3) uint8 BGR, and the paintings:
    the file of each and its weight.
    """

    name: str
    picture: Picture
    paintings: tuple[tuple[Path, float], ...]


def read_picture(path: Path) -> Picture:
    """Reads a picture file as (H, W, 3) uint8 BGR, turned as its EXIF says. Raises PictureError.

    Of an animation it is the first picture; what is transparent lies on white; of 16 bits the upper 8 are taken. Who
    gets a file of a few bytes that unfolds to gigabytes is told so: Pillow's limit of some 90 million pixels holds.
    """
    try:
        if not is_file(path):
            what = "is not a file" if exists(path) else "does not exist"
            raise PictureError(f"{path} {what}; expected {READABLE}")
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(f"{path} has {path.stat().st_size >> 20} MB, expected at most {MAX_BYTES >> 20}")
        with path.open("rb") as file:
            picture = _decoded(path, file)
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    if min(picture.shape[:2]) < MIN_SIDE:
        raise PictureError(
            f"{path} is {picture.shape[1]}x{picture.shape[0]}, expected sides of {MIN_SIDE} pixels at least"
        )
    return picture


def _decoded(path: Path, file: BinaryIO) -> Picture:
    """The picture in an open file. Raises PictureError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
            image.load()
            return _as_bgr(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is not a picture that can be decoded; expected {READABLE}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        limit = (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise PictureError(f"{path} has more than {limit} million pixels; make it smaller first") from error
    except Exception as error:  # whatever a decoder trips over in a broken file
        raise PictureError(f"{path} is broken or cut off ({error}); get the file anew") from error


def _as_bgr(image: Image.Image) -> Picture:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut at 255
        grey = np.asarray(np.asarray(image, np.int64).clip(0, 0xFFFF) >> 8, np.uint8)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR)


def check_target(path: Path) -> None:
    """Raises InputError where a picture could not be written; changes nothing."""
    if path.suffix and not cv2.haveImageWriter(f"name{path.suffix}"):
        raise InputError(f"{path} cannot be written: {path.suffix!r} is no picture format; use .png or .jpg")
    if why := why_unwritable(path):
        raise InputError(f"{path} cannot be written: {why}")


def write_picture(path: Path, picture: Picture) -> None:
    """Writes a picture in the format of its suffix, a PNG without one, whole or not at all. Raises InputError."""
    check_target(path)
    try:
        done, data = cv2.imencode(path.suffix or ".png", picture)
    except cv2.error:
        done = False
    if not done:
        raise InputError(f"{path} cannot be written: {path.suffix!r} does not take such a picture; use .png")
    write_whole(path, data.tobytes())


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file, whole or not at all, whoever else writes it meanwhile. Raises InputError."""
    partial = path.with_name(f".{path.name}{PARTIAL}{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise InputError(f"{path} cannot be written: {error.strerror or error}; choose another folder") from error


def open_style(name: str) -> Style:
    """The style of that name, or of that picture file. Raises PictureError, which lists the names there are."""
    path = typed(name)
    builtin = builtin_styles()
    if name in builtin:
        path = builtin[name]
    elif not exists(path):
        raise PictureError(
            f"style {name!r} is neither a file nor a built-in style; give a picture or one of {', '.join(builtin)}"
        )
    return Style(path.stem, read_picture(path), ((path, 1.0),))


def blend(styles: Sequence[Style], weights: Sequence[float]) -> Style:
    """All the styles in one, by weights of which only the proportions count; the first one's picture stands for it."""
    whole = sum(weights)
    paintings = [
        (path, share * weight / whole)
        for style, weight in zip(styles, weights, strict=True)
        for path, share in style.paintings
        if weight
    ]
    return Style(" + ".join(style.name for style in styles), styles[0].picture, tuple(paintings))


def cover(picture: Picture, width: int, height: int) -> Picture:
    """The picture cropped at its centre to the shape of width x height, then enlarged or shrunk to that."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    across, down = (max(1, round(side / scale)) for side in (width, height))
    x, y = (picture.shape[1] - across) // 2, (picture.shape[0] - down) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    cropped = picture[y : y + down, x : x + across]
    return np.asarray(cv2.resize(cropped, (width, height), interpolation=method), np.uint8)
