"""Picture files in and out, and the styles among them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# OpenCV reads its own limit once, at import; it must not be larger than ours.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))

import cv2
import numpy as np

from nbst_live.errors import InputError, PictureError
from nbst_live.models import builtin_styles
from nbst_live.paths import exists, is_file, typed
from nbst_live.stages import Picture

MAX_BYTES = 256 << 20
READABLE = "a picture such as JPEG, PNG or WebP"


@dataclass(frozen=True, slots=True)
class Style:
    """What to paint in: its name for people, a picture that stands for it, (H, W, 3) uint8 BGR, and the paintings:
    the file of each and its weight.
    """

    name: str
    picture: Picture
    paintings: tuple[tuple[Path, float], ...]


def read_picture(path: Path) -> Picture:
    """Reads a picture file as (H, W, 3) uint8 BGR, turned as its EXIF says. Raises PictureError."""
    try:
        if not is_file(path):
            what = "is not a file" if exists(path) else "does not exist"
            raise PictureError(f"{path} {what}; expected {READABLE}")
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(f"{path} has {path.stat().st_size >> 20} MB, expected at most {MAX_BYTES >> 20}")
        data = np.fromfile(path, np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    except cv2.error as error:
        raise PictureError(f"{path} cannot be decoded: {error.err}; expected {READABLE}") from error
    if picture is None:
        raise PictureError(f"{path} is not a picture that can be decoded; expected {READABLE}")
    return np.asarray(picture, np.uint8)


def write_picture(path: Path, picture: Picture) -> None:
    """Writes a picture in the format of its suffix, whole or not at all. Raises InputError."""
    partial = path.with_name(f".{path.name}.partial{path.suffix}")
    try:
        done, data = cv2.imencode(path.suffix or ".png", picture)
        if not done:
            raise InputError(
                f"{path} cannot be written: {path.suffix} is no picture format known here; use .png or .jpg"
            )
        data.tofile(partial)
        partial.replace(path)
    except cv2.error as error:
        raise InputError(f"{path} cannot be written: {path.suffix!r} is no picture format; use .png or .jpg") from error
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written: {error.strerror}; choose another folder") from error


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
    """The picture enlarged or shrunk to cover width x height, cropped at its centre."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, size, interpolation=method)
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width])
