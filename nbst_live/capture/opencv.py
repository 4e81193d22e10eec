"""What clips and cameras share: OpenCV's VideoCapture opened quietly, and pictures turned upright."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nbst_live.capture.pool import PicturePool
from nbst_live.errors import SettingError, SourceError
from nbst_live.stages import Picture

READ_WAIT = 0.5
"""Seconds that `read()` of a source waits for a frame before it raises SourceStalled."""

MAX_PIXELS = 8192 * 4320
"""Of a picture: 8K. Every frame of the queue and of the way would be as large."""

_SILENT = 0
_CLOCKWISE = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a source's pictures are turned: `rotate` degrees clockwise, then `mirror`ed left to right.

    Raises SettingError when `rotate` is not 0, 90, 180 or 270.
    """

    mirror: bool = False
    rotate: int = 0

    def __post_init__(self) -> None:
        if self.rotate not in (0, *_CLOCKWISE):
            raise SettingError(f"rotate is {self.rotate!r}, expected 0, 90, 180 or 270 degrees clockwise")

    def apply(self, picture: Picture, pool: PicturePool) -> Picture:
        """The picture turned, in memory of the pool; the very same array where there is nothing to do."""
        if self.rotate:
            height, width = picture.shape[:2] if self.rotate == 180 else picture.shape[1::-1]
            picture = cv2.rotate(picture, _CLOCKWISE[self.rotate], dst=pool.take(height, width))
        return cv2.flip(picture, 1, dst=pool.take(*picture.shape[:2])) if self.mirror else picture


class Reader:
    """Reads captures' pictures, one after another, into memory of a pool; for one thread at a time."""

    def __init__(self, pool: PicturePool) -> None:
        self._pool = pool
        self._shape: tuple[int, int] | None = None

    def read(self, capture: cv2.VideoCapture) -> Picture | None:
        """The next picture (H, W, 3) uint8 BGR, or the bytes (1, N) of a JPEG where the capture gives those; None where
        it gives nothing. Raises cv2.error on some that are broken.
        """
        # Only where the picture before had its shape OpenCV writes into what it is given.
        ok, picture = capture.read(None if self._shape is None else self._pool.take(*self._shape))
        if not ok or picture is None:
            return None
        self._shape = picture.shape[:2] if picture.ndim == 3 else None
        return np.asarray(picture, np.uint8)


def open_capture(target: str | int, backend: int, parameters: Sequence[int] = ()) -> cv2.VideoCapture | None:
    """A VideoCapture that is open, or None. Nothing is printed: the caller says in one line what is wrong.

    OpenCV and its FFmpeg otherwise write their own diagnosis to stderr. Who sets OPENCV_LOG_LEVEL or
    OPENCV_FFMPEG_LOGLEVEL still sees it. Raises SourceError for a name that is not Unicode, of which OpenCV would die.
    """
    if isinstance(target, str) and target.encode(errors="replace").decode() != target:
        raise SourceError(f"{target!r} is no name in UTF-8, and so cannot be opened; rename it")
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # OpenCV 4 has the first name, OpenCV 5 the second.
        set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
        set_level(_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # OpenCV waits 10 s for a frame of a V4L2 camera that stopped and has no property to shorten it: closing would
    # hang.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
    capture = cv2.VideoCapture(target, backend, list(parameters))
    return capture if capture.isOpened() else None


def fourcc_name(capture: cv2.VideoCapture) -> str:
    """The pixel format or codec, such as "MJPG"; "" where OpenCV does not know it."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    name = code.to_bytes(4, "little").decode("ascii", errors="ignore").strip("\0 ")
    return name if name.isprintable() else ""
