"""One video stream, and a sound, in a file that plays as far as it got whatever ends the program."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import av
from av.container import OutputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from nbst_live.errors import SinkError
from nbst_live.paths import exists, is_file, why_unwritable
from nbst_live.sinks.disk_file import DiskFile, check_free
from nbst_live.sinks.encoders import Encoder

TICKS = 90000
"""Ticks of a timestamp in a second: MPEG's clock, which divides evenly by all common frame rates."""

MIN_STEP = TICKS // 1000
"""Ticks between two frames at least: Matroska keeps whole milliseconds."""

# What is written lies on the disk within two seconds, and plays as far as it got when the process is killed. MP4
# and MOV are written in fragments, and turned into an ordinary file when they are closed; the delayed header keeps
# the first picture at 0 where the encoder reorders frames.
_FRAGMENTED = {"movflags": "hybrid_fragmented+delay_moov"}
_CONTAINERS: dict[str, dict[str, str]] = {
    ".mp4": _FRAGMENTED,
    ".mov": _FRAGMENTED,
    ".mkv": {"cluster_time_limit": "1000"},
}
_BUFFER = 1 << 20
"""Bytes that FFmpeg hands over at most at once: each time it waits for Python's lock."""
_AT_ONCE = {"flush_packets": "1", "max_interleave_delta": "1000000"}


class Track(Protocol):
    """A sound stream of a recording. Seconds count from the recording's first picture."""

    def start_at(self, seconds: float) -> None:
        """Says which time of the source is the recording's 0. Called before all else."""
        ...

    def write_until(self, seconds: float) -> None:
        """Writes the sound that starts before that time, as far as it is there."""
        ...

    def finish(self, seconds: float) -> None:
        """Writes the last sound, that which starts before that time."""
        ...

    def close(self) -> None: ...


OpenTrack = Callable[[OutputContainer], Track | None]
"""Adds a sound stream to a container; None where there is no sound."""


@dataclass(frozen=True, slots=True)
class Colours:
    """How a file says that its numbers are meant: their range, and the matrix from RGB as H.264 numbers it."""

    range: ColorRange
    matrix: int | None = None


class VideoFile:
    """A file of pictures of `size`, (width, height), shown about `fps` times a second; for one thread at a time.

    It is open and its header written, so that a file that cannot be written shows at once, and locked against other
    programs of this kind. Raises SinkError. Without a picture it leaves no file where none was.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        encoder: Encoder,
        colours: Colours,
        open_track: OpenTrack | None = None,
    ) -> None:
        check_target(path)
        self._path, self._layout, self._step = path, encoder.layout, round(TICKS / fps)
        self._first: float | None = None
        self._last = -MIN_STEP
        new, self._made = not path.is_symlink() and not exists(path), False
        with ExitStack() as opened:
            opened.callback(self._leave_none)
            with as_sink_error(f"recording {path}"):
                self._file = opened.enter_context(DiskFile(path))
                self._made = new
                settings = _CONTAINERS[path.suffix.lower()] | _AT_ONCE
                self._container: OutputContainer = av.open(
                    self._file, "w", container_options=settings, buffer_size=_BUFFER
                )
                opened.callback(self._close_container)
                self._stream = self._add_stream(size, fps, encoder, colours)
            self._track = None if open_track is None else open_track(self._container)
            if self._track is not None:
                opened.callback(self._track.close)
            with as_sink_error(f"recording {path}"):
                self._container.start_encoding()
            self._opened = opened.pop_all()

    @property
    def seconds(self) -> float:
        """How long it plays so far."""
        return (self._last + self._step) / TICKS if self._first is not None else 0.0

    @property
    def bytes(self) -> int:
        """How much lies on the disk."""
        return self._path.stat().st_size

    def write(self, frame: av.VideoFrame, time: float) -> None:
        """Encodes a frame that is shown from `time` seconds on."""
        if self._first is None:
            self._first = time
            if self._track is not None:
                self._track.start_at(time)
        if frame.format.name != self._layout:
            frame = frame.reformat(format=self._layout)
        self._last = max(round((time - self._first) * TICKS), self._last + MIN_STEP)
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
        self._container.mux(self._stream.encode(frame))
        if self._track is not None:
            self._track.write_until(self._last / TICKS)
        self._note_whole()

    def finish(self) -> None:
        """Writes what the encoder still holds and the sound up to the last frame's end, then the container's index."""
        self._container.mux(self._stream.encode())
        if self._track is not None and self._first is not None:
            self._track.finish(self.seconds)
        self._note_whole()
        self._container.close()

    def release(self) -> None:
        """Closes what is open, also after a failure, which was raised already."""
        self._opened.close()

    def _note_whole(self) -> None:
        """Said after each picture, but not of a Matroska file: half a cluster of that plays too."""
        if self._path.suffix.lower() != ".mkv":
            self._file.whole()

    def _leave_none(self) -> None:
        """Of a recording without a picture, which does not play, no file stays where none was."""
        if self._made and self._first is None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _close_container(self) -> None:
        with contextlib.suppress(OSError, av.FFmpegError):
            self._container.close()

    def _add_stream(self, size: tuple[int, int], fps: float, encoder: Encoder, colours: Colours) -> VideoStream:
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast("VideoStream", self._container.add_stream(encoder.codec, rate, dict(encoder.options)))
        stream.width, stream.height = size
        stream.pix_fmt = encoder.layout
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS)
        context.gop_size = max(round(fps), 1)
        context.color_range = colours.range
        if colours.matrix is not None:
            context.colorspace = colours.matrix
        if encoder.bit_rate is not None:
            context.bit_rate = encoder.bit_rate
        return stream


def check_target(path: Path) -> None:
    """Raises SinkError where a recording could not be opened; changes nothing."""
    kinds = ", ".join(_CONTAINERS)
    if path.suffix.lower() not in _CONTAINERS:
        raise SinkError(f"cannot record to {path}: its kind is {path.suffix or 'not given'!r}, expected one of {kinds}")
    if why := why_unwritable(path):
        raise SinkError(f"cannot record to {path}: {why}")
    if not exists(path):
        return
    if not is_file(path):
        raise SinkError(f"cannot record to {path}: it is no ordinary file; give another name")
    with as_sink_error(f"recording {path}"):
        check_free(path)


@contextlib.contextmanager
def as_sink_error(name: str) -> Iterator[None]:
    """Turns what the system and FFmpeg say of a recording into SinkError."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise SinkError(f"{name} cannot be written: {reason}; check the disk's free space and the folder") from error
