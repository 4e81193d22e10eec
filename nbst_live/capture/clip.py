"""A video file as a source: every frame, in order, with the clip's own times."""

import logging
import math
import queue
import threading
import time
from functools import cache
from pathlib import Path

import cv2

from nbst_live.capture.opencv import MAX_PIXELS, READ_WAIT, Orientation, Reader, fourcc_name, open_capture
from nbst_live.capture.pool import PicturePool
from nbst_live.closing import Closable
from nbst_live.errors import SourceEnded, SourceError, SourceStalled
from nbst_live.frame_clock import FrameClock
from nbst_live.logs import first_line
from nbst_live.paths import exists, for_ffmpeg, is_file
from nbst_live.stages import MIN_SIDE, Frame, Picture, SourceInfo
from nbst_live.threads import Worker

log = logging.getLogger(__name__)

QUEUE_LIMIT = 4
"""Frames decoded ahead of the reader: enough that decoding and computing overlap, 25 MB at 1920 x 1080."""

FALLBACK_FPS = 30.0
"""The rate of a clip that does not say its own."""

MAX_FPS = 1000.0
"""A higher rate is a container's time base mistaken for one."""

_Timed = tuple[Picture, float]


class ClipSource(Closable):
    """A video file. No frame is ever dropped; a thread decodes up to `QUEUE_LIMIT` frames ahead.

    `Frame.time` is the clip's own timestamp, also where its rate varies, and always increases: where a clip was joined
    of parts, each goes on where the one before ended. A rotation that the clip carries is applied before `rotate` and
    `mirror`. With `realtime` each read waits until its frame is due, counted from the first one; a reader that is late
    gets the frames it missed at once. `info.frames` is the container's word, which may be wrong. Raises SourceError
    when the file is missing, not a video, or has no frame that can be decoded.
    """

    def __init__(self, path: str | Path, mirror: bool = False, rotate: int = 0, realtime: bool = False) -> None:
        self._path = Path(path)
        self._orientation, self._pool = Orientation(mirror, rotate), PicturePool()
        self._reader = Reader(self._pool)
        self._realtime = realtime
        self._capture = _open(self._path)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps if math.isfinite(fps) and 0 < fps <= MAX_FPS else FALLBACK_FPS
        self._clock = FrameClock(self._fps)
        first = self._decode()
        if first is None:
            self._capture.release()
            raise SourceError(f"{self._path} has no frame that can be decoded; expected a video clip, try another file")
        self.info = self._describe(first[0])
        self.dropped = 0
        self._index = 0
        self._due_from: float | None = None
        self._held: _Timed | None = None
        self._queue: queue.Queue[_Timed | None] = queue.Queue(QUEUE_LIMIT)
        self._queue.put(first)
        self._closed = False
        self._over = False
        self._worker = Worker("clip", self._read_ahead)
        self._worker.start()

    def read(self) -> Frame:
        if self._held is None:
            self._held = self._take()
        picture, seconds = self._held
        if self._realtime:
            self._wait_until_due(seconds)
        frame = Frame(picture, self._index, seconds, time.monotonic())
        self._held = None
        self._index += 1
        return frame

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._worker.stop()
        # The worker may be blocked on the full queue: it has at most its frame and the end mark to put down, and
        # draining makes room for both.
        while not self._queue.empty():
            self._queue.get()
        self._worker.join()
        self._capture.release()

    def _take(self) -> _Timed:
        if self._closed:
            raise SourceError(f"{self._path} is closed")
        if self._over:
            raise SourceEnded(f"{self._path} is over after {self._index} frames")
        try:
            item = self._queue.get(timeout=READ_WAIT)
        except queue.Empty:
            raise SourceStalled(f"{self._path}: no frame decoded for {READ_WAIT} s; read again") from None
        if item is not None:
            return item
        self._over = True
        if self._worker.error is not None:
            raise SourceError(
                f"{self._path}: decoding failed: {first_line(self._worker.error)}"
            ) from self._worker.error
        return self._take()

    def _wait_until_due(self, seconds: float) -> None:
        now = time.monotonic()
        if self._due_from is None:
            self._due_from = now - seconds
        wait = self._due_from + seconds - now
        time.sleep(min(max(wait, 0.0), READ_WAIT))
        if wait > READ_WAIT:
            raise SourceStalled(f"{self._path}: the next frame is due in {wait - READ_WAIT:.1f} s; read again")

    def _read_ahead(self, stopping: threading.Event) -> None:
        try:
            while not stopping.is_set() and (item := self._decode()) is not None:
                self._queue.put(item)
        finally:
            self._queue.put(None)

    def _decode(self) -> _Timed | None:
        picture = self._reader.read(self._capture)
        if picture is None:
            return None
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        seconds = self._clock.time(stamp)
        if self._clock.parts > 1:
            _say_joined(self._path)
        return self._orientation.apply(picture, self._pool), seconds

    def _describe(self, picture: Picture) -> SourceInfo:
        height, width = picture.shape[:2]
        frames = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return SourceInfo(
            name=self._path.name,
            width=width,
            height=height,
            fps=self._fps,
            live=False,
            frames=int(frames) if frames > 0 else None,
            detail=f"{fourcc_name(self._capture) or 'clip'} {width}x{height} at {self._fps:.4g}",
        )


@cache
def _say_joined(path: Path) -> None:
    """Says so once, however many parts there are and however often the clip is read."""
    log.info("%s is joined of parts whose times begin anew: each goes on where the one before ended", path)


def _open(path: Path) -> cv2.VideoCapture:
    if not exists(path):
        raise SourceError(f"there is no clip {path}; expected a video file, check the path")
    if not is_file(path):
        raise SourceError(f"{path} is not a file; expected a video clip")
    capture = open_capture(for_ffmpeg(path), cv2.CAP_FFMPEG)
    # What is no picture but called one is opened all the same, without a size.
    if capture is None or not capture.get(cv2.CAP_PROP_FRAME_WIDTH):
        raise SourceError(f"{path} {_why_not(path)}; expected a video clip such as .mp4, .mkv, .mov or .webm")
    width, height = (round(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if min(width, height) >= MIN_SIDE and width * height <= MAX_PIXELS:
        return capture
    capture.release()
    raise SourceError(
        f"{path} is {width}x{height}, expected sides of {MIN_SIDE} pixels at least, and at most "
        f"{MAX_PIXELS // 1_000_000} million pixels"
    )


def _why_not(path: Path) -> str:
    import av  # only to word an error

    if path.stat().st_size == 0:
        return "is empty"
    try:
        with av.open(for_ffmpeg(path)) as container:
            return "holds a video that OpenCV cannot decode" if container.streams.video else "has no video stream"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except av.FFmpegError:
        return "is not a video"
