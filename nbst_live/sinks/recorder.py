"""Recordings: pictures as H.264 with a clip's sound, and masks without loss."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from nbst_live.closing import Closable
from nbst_live.errors import SinkError
from nbst_live.sinks.audio import AudioTrack
from nbst_live.sinks.frame_writer import Buffer, FrameWriter
from nbst_live.sinks.i420 import planes_for, to_i420
from nbst_live.stages import Picture

TICKS = 90000
"""Ticks of a timestamp in a second: MPEG's clock, which divides evenly by all common frame rates."""

MIN_STEP = TICKS // 1000
"""Ticks between two frames at least: Matroska keeps whole milliseconds."""

_SMPTE170M = 6
"""BT.601's matrix as H.264 numbers it (Rec. ITU-T H.264, table E-5)."""

# What is written lies on the disk within two seconds, and plays as far as it got when the process is killed. MP4
# and MOV are written in fragments, and turned into an ordinary file when they are closed; the delayed header keeps
# the first picture at 0 where the encoder reorders frames.
_FRAGMENTED = {"movflags": "hybrid_fragmented+delay_moov"}
_CONTAINERS: dict[str, dict[str, str]] = {
    ".mp4": _FRAGMENTED,
    ".mov": _FRAGMENTED,
    ".mkv": {"cluster_time_limit": "1000"},
}
_AT_ONCE = {"flush_packets": "1", "max_interleave_delta": "1000000"}


class Recorder(Closable):
    """A recording of BGR pictures of `width` x `height` as H.264 in .mp4, .mov or .mkv; an odd size is cut to even.

    A thread encodes. With `live` the pictures it cannot keep up with are dropped and counted in `dropped`; without,
    `send` waits and every picture is written. Each picture is shown from its own `time`, counted from the first
    one's, so that a varying rate stays in step; `fps` sets the last one's length and how often the file can be
    sought, once a second. `audio_from` is the clip whose pictures are recorded: its sound is carried over, cut to the
    pictures' length. `quality` is x264's CRF, 0 (no loss) to 51. The file is safe against a crash but for its last
    two seconds. Raises SinkError when the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: float,
        *,
        live: bool,
        audio_from: Path | None = None,
        quality: int = 18,
    ) -> None:
        new_planes = partial(planes_for, width, height)
        rows, even_width = new_planes().shape
        options = {"preset": "veryfast" if live else "medium", "crf": str(quality)}
        self._file = _VideoFile(Path(path), (even_width, rows // 3 * 2), fps, "libx264", options, audio_from)
        self._file.stream.pix_fmt = "yuv420p"
        self._file.start(ColorRange.MPEG, _SMPTE170M)
        self.name = f"recording {path}"
        self._writer = FrameWriter(new_planes, self._encode, self._file.finish, drop=live)

    @property
    def dropped(self) -> int:
        return self._writer.dropped

    def send(self, picture: Picture, time: float) -> None:
        with _as_sink_error(self.name):
            self._writer.put(partial(to_i420, picture), time)

    def close(self) -> None:
        with _as_sink_error(self.name):
            try:
                self._writer.close()
            finally:
                self._file.release()

    def _encode(self, planes: Buffer, time: float) -> None:
        self._file.write(av.VideoFrame.from_ndarray(planes, format="yuv420p"), time)


class GreyRecorder(Closable):
    """A recording of masks, (H, W) uint8, bit for bit: FFV1, full-range grey, in .mkv. Every mask is written.

    Raises SinkError when the file cannot be written.
    """

    def __init__(self, path: str | Path, width: int, height: int, fps: float) -> None:
        if Path(path).suffix.lower() != ".mkv":
            raise SinkError(f"cannot record masks to {path}: expected a name that ends in .mkv, which holds FFV1")
        options = {"level": "3", "slicecrc": "1"}
        self._file = _VideoFile(Path(path), (width, height), fps, "ffv1", options)
        self._shape = (height, width)
        self._file.stream.pix_fmt = "gray"
        self._file.start(ColorRange.JPEG)
        self.name = f"mask recording {path}"
        self._writer = FrameWriter(self._new_buffer, self._encode, self._file.finish, drop=False)

    def send(self, mask: npt.NDArray[np.uint8], time: float) -> None:
        """Takes one mask, (H, W) uint8, and its time in seconds. Raises SinkError when it can take no more."""
        with _as_sink_error(self.name):
            self._writer.put(lambda buffer: np.copyto(buffer, mask), time)

    def close(self) -> None:
        with _as_sink_error(self.name):
            try:
                self._writer.close()
            finally:
                self._file.release()

    def _new_buffer(self) -> Buffer:
        return np.empty(self._shape, np.uint8)

    def _encode(self, mask: Buffer, time: float) -> None:
        self._file.write(av.VideoFrame.from_ndarray(mask, format="gray"), time)


class _VideoFile:
    """One video stream, and a clip's sound, in a container. After `start` only one thread may use it."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        codec: str,
        options: dict[str, str],
        audio_from: Path | None = None,
    ) -> None:
        check_target(path)
        if audio_from is not None and path.exists() and path.samefile(audio_from):
            raise SinkError(
                f"cannot record to {path}: it is the clip being read, which would be lost; give another name"
            )
        self._path = path
        with _as_sink_error(f"recording {path}"):
            settings = _CONTAINERS[path.suffix.lower()] | _AT_ONCE
            self._container: OutputContainer = av.open(path, "w", container_options=settings)
        rate = Fraction(fps).limit_denominator(1001)
        self.stream = cast("VideoStream", self._container.add_stream(codec, rate, options))
        self.stream.width, self.stream.height = size
        self.stream.codec_context.time_base = Fraction(1, TICKS)
        self.stream.codec_context.gop_size = max(round(fps), 1)
        self._audio = None if audio_from is None else AudioTrack.open(audio_from, self._container)
        self._step = round(TICKS / fps)
        self._first: float | None = None
        self._last = -MIN_STEP

    def start(self, color_range: ColorRange, colorspace: int | None = None) -> None:
        """Opens the encoder and writes the header, so that a file that cannot be written shows at once."""
        context = self.stream.codec_context
        context.color_range = color_range
        if colorspace is not None:
            context.colorspace = colorspace
        try:
            with _as_sink_error(f"recording {self._path}"):
                self._container.start_encoding()
        except SinkError:
            self.release()
            raise

    def write(self, frame: av.VideoFrame, time: float) -> None:
        """Encodes a frame that is shown from `time` seconds on."""
        if self._first is None:
            self._first = time
            if self._audio is not None:
                self._audio.start_at(time)
        self._last = max(round((time - self._first) * TICKS), self._last + MIN_STEP)
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
        self._container.mux(self.stream.encode(frame))
        if self._audio is not None:
            self._audio.write_until(self._last / TICKS)

    def finish(self) -> None:
        """Writes what the encoder still holds and the sound up to the last frame's end, then the container's index."""
        self._container.mux(self.stream.encode())
        if self._audio is not None and self._first is not None:
            self._audio.write_until((self._last + self._step) / TICKS)
        self._container.close()

    def release(self) -> None:
        """Closes what is open, also after a failure, which was raised already."""
        if self._audio is not None:
            self._audio.close()
        with contextlib.suppress(OSError, av.FFmpegError):
            self._container.close()


def check_target(path: Path) -> None:
    """Raises SinkError where a recording could not be opened; changes nothing."""
    kinds = ", ".join(_CONTAINERS)
    if path.suffix.lower() not in _CONTAINERS:
        raise SinkError(f"cannot record to {path}: its kind is {path.suffix or 'not given'!r}, expected one of {kinds}")
    if path.is_dir():
        raise SinkError(f"cannot record to {path}: it is a folder; give a file name that ends in one of {kinds}")
    if not path.parent.is_dir():
        raise SinkError(f"cannot record to {path}: there is no folder {path.parent}; make it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise SinkError(f"cannot record to {path}: no permission to write there; choose another folder")


@contextlib.contextmanager
def _as_sink_error(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise SinkError(f"{name} cannot be written: {reason}; check the disk's free space and the folder") from error
