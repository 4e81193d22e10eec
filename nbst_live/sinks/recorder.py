"""Recordings: pictures as H.264 with a sound, and masks without loss."""

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange

from nbst_live.closing import Closable
from nbst_live.errors import SinkError
from nbst_live.parsing import Split
from nbst_live.paths import exists
from nbst_live.sinks.audio import AudioTrack
from nbst_live.sinks.encoders import Encoder, choose
from nbst_live.sinks.frame_writer import Buffer, FrameWriter
from nbst_live.sinks.i420 import planes_for, to_i420
from nbst_live.sinks.microphone import Microphone
from nbst_live.sinks.slots import Slots
from nbst_live.sinks.video_file import Colours, OpenTrack, VideoFile, as_sink_error, check_target
from nbst_live.stages import Picture

log = logging.getLogger(__name__)

_BT601 = Colours(ColorRange.MPEG, 6)
"""Its matrix as H.264 numbers it (Rec. ITU-T H.264, table E-5), which is that of `i420`."""
_FULL_RANGE = Colours(ColorRange.JPEG)


@dataclass(frozen=True, slots=True)
class How:
    """How a recording is written: `quality` is x264's CRF, 0 (no loss) to 51; the rest are the settings `encoder`,
    `record_times` and `record_split`.
    """

    quality: int = 18
    encoder: str = "auto"
    times: str = "true"
    split: Split | None = None


class Recorder(Closable):
    """A recording of BGR pictures of `width` x `height` as H.264 in .mp4, .mov or .mkv; an odd size is cut to even.

    A thread encodes. With `live` the pictures it cannot keep up with are dropped and counted in `dropped`; without,
    `send` waits and every picture is written. Each picture is shown from its own `time`, counted from the first
    one's, so that a varying rate stays in step; with constant times it is moved to the nearest of even steps of
    1 / `fps` seconds, the one before it repeated where some are left empty. `fps` also sets the last one's length and
    how often the file can be sought, once a second. `audio_from` is the clip whose pictures are recorded: its sound is
    carried over, cut to the pictures' length; `microphone` is recorded with them, and closed in the end. With a split
    the files are numbered. A file is safe against a crash but for its last two seconds. Raises SinkError when it
    cannot be written.
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
        microphone: Microphone | None = None,
        how: How | None = None,
    ) -> None:
        how = how or How()
        self.name = f"recording {path}"
        self._path, self._fps, self._split, self._microphone = Path(path), fps, how.split, microphone
        self._clip = audio_from
        self._open_track = self._tracks(audio_from)
        self._encoder = encoder_for(self._path, width, height, fps, live=live, clip=audio_from, how=how)
        new_planes = partial(planes_for, width, height)
        self._size = _even(width, height)
        self._slots = Slots(fps) if how.times == "constant" else None
        self._number = 0
        self._closed = False
        self._file = self._next_file()
        self._writer = FrameWriter(new_planes, self._encode, self._finish, drop=live)

    @property
    def dropped(self) -> int:
        return self._writer.dropped

    def send(self, picture: Picture, time: float) -> None:
        with as_sink_error(self.name):
            self._writer.put(partial(to_i420, picture), time)

    def close(self) -> None:
        if self.dropped and not self._closed:
            log.warning("%s lacks %d pictures: the encoder could not keep up", self.name, self.dropped)
        self._closed = True
        with as_sink_error(self.name), self._microphone or nullcontext():
            try:
                self._writer.close()
            finally:
                self._file.release()

    def _tracks(self, audio_from: Path | None) -> OpenTrack | None:
        if self._microphone is not None:
            return self._microphone.track
        if audio_from is None:
            return None
        return partial(AudioTrack.open, audio_from, self._fps)

    def _next_file(self) -> VideoFile:
        """The file for the pictures to come, open."""
        self._number += 1
        path = _numbered(self._path, self._split, self._number)
        _spare(self._clip, path)
        return VideoFile(path, self._size, self._fps, self._encoder, _BT601, self._open_track)

    def _encode(self, planes: Buffer, time: float) -> None:
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        if self._slots is None:
            self._write(frame, time)
            return
        for slot_frame, slot_time in self._slots.place(frame, time):
            self._write(slot_frame, slot_time)

    def _write(self, frame: av.VideoFrame, time: float) -> None:
        if self._split is not None and self._split.reached(self._file.seconds, self._file.bytes):
            self._finish()
            self._file.release()
            self._file = self._next_file()
        self._file.write(frame, time)

    def _finish(self) -> None:
        self._file.finish()


def encoder_for(path: Path, width: int, height: int, fps: float, *, live: bool, clip: Path | None, how: How) -> Encoder:
    """Whose pictures such a `Recorder` writes. Raises SinkError where it could not be opened; changes nothing, so that
    who paints first can ask before.
    """
    check_target(path)
    _spare(clip, _numbered(path, how.split, 1))
    return choose(how.encoder, _even(width, height), fps, live=live, quality=how.quality)


def _even(width: int, height: int) -> tuple[int, int]:
    rows, even_width = planes_for(width, height).shape
    return even_width, rows // 3 * 2


def _numbered(path: Path, split: Split | None, number: int) -> Path:
    return path if split is None else path.with_stem(f"{path.stem}-{number:03}")


def _spare(clip: Path | None, path: Path) -> None:
    """Raises SinkError where a recording would go over the clip that it is made of."""
    if clip is not None and exists(path) and exists(clip) and path.samefile(clip):
        raise SinkError(f"cannot record to {path}: it is the clip being read, which would be lost; give another name")


class GreyRecorder(Closable):
    """A recording of masks, (H, W) uint8, bit for bit: FFV1, full-range grey, in .mkv. Every mask is written.

    Raises SinkError when the file cannot be written.
    """

    def __init__(self, path: str | Path, width: int, height: int, fps: float) -> None:
        if Path(path).suffix.lower() != ".mkv":
            raise SinkError(f"cannot record masks to {path}: expected a name that ends in .mkv, which holds FFV1")
        encoder = Encoder("ffv1", "gray", {"level": "3", "slicecrc": "1"})
        self._file = VideoFile(Path(path), (width, height), fps, encoder, _FULL_RANGE)
        self._shape = (height, width)
        self.name = f"mask recording {path}"
        self._writer = FrameWriter(self._new_buffer, self._encode, self._file.finish, drop=False)

    def send(self, mask: npt.NDArray[np.uint8], time: float) -> None:
        """Takes one mask, (H, W) uint8, and its time in seconds. Raises SinkError when it can take no more."""
        with as_sink_error(self.name):
            self._writer.put(lambda buffer: np.copyto(buffer, mask), time)

    def close(self) -> None:
        with as_sink_error(self.name):
            try:
                self._writer.close()
            finally:
                self._file.release()

    def _new_buffer(self) -> Buffer:
        return np.empty(self._shape, np.uint8)

    def _encode(self, mask: Buffer, time: float) -> None:
        self._file.write(av.VideoFrame.from_ndarray(mask, format="gray"), time)
