"""A clip's sound, carried over into a recording of its pictures."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from nbst_live.errors import SinkError
from nbst_live.paths import for_ffmpeg
from nbst_live.sinks.joined import JoinedSound

if TYPE_CHECKING:  # generic in PyAV's stubs alone
    from av.packet import Packet

    AudioPacket = Packet[AudioStream]

log = logging.getLogger(__name__)

_AAC_RATE = 48000
_AAC_FRAME = 1024

# What FFmpeg can write and players play; PyAV's `supported_codecs` also names pairs that the header then refuses.
_MPEG = {"aac", "mp3", "ac3", "eac3", "alac"}
_COPIED = {
    "mp4": _MPEG | {"opus", "flac"},
    "mov": _MPEG | {"pcm_s16le", "pcm_s24le"},
    "matroska": _MPEG | {"opus", "flac", "vorbis", "pcm_s16le", "pcm_s24le"},
}


class AudioTrack:
    """The first audio stream of a clip as a stream of a recording.

    Copied as it is where players know its codec in the recording's container, else encoded as AAC. Times count from
    the clip's first picture, and go on with the pictures' where a clip was joined of parts. Sound is given out as the
    pictures advance, so that a recording that is cut short has both.
    """

    def __init__(self, clip: InputContainer, fps: float, output: OutputContainer) -> None:
        self._clip = clip
        self._output = output
        self._input = clip.streams.audio[0]
        codec = self._input.codec_context
        name = codec.codec.canonical_name
        # AAC out of a transport stream has its header in every packet, which no recording's container takes.
        copied = name in _COPIED[output.format.name] and (name != "aac" or bool(codec.extradata))
        self._stream: AudioStream = (
            output.add_stream_from_template(self._input)
            if copied
            else output.add_stream("aac", rate=_AAC_RATE, layout="mono" if self._input.channels == 1 else "stereo")
        )
        self._sound = JoinedSound(clip, fps)
        self._origin = 0.0
        self._packets = self._copied() if copied else self._encoded()
        self._next: AudioPacket | None = None
        self._last, self._stepped_back = float("-inf"), False

    @classmethod
    def open(cls, path: Path, fps: float, output: OutputContainer) -> Self | None:
        """The sound of a clip whose pictures are read with a rate of `fps`; None when it has none. Raises SinkError
        when the clip cannot be read.
        """
        try:
            clip = av.open(for_ffmpeg(path))
        except (OSError, av.FFmpegError) as error:
            raise SinkError(f"cannot read the sound of {path}: {error}; expected the clip that is recorded") from error
        if clip.streams.audio:
            return cls(clip, fps, output)
        clip.close()
        return None

    def start_at(self, seconds: float) -> None:
        """Sets which time of the clip is the recording's 0. Call before the first `write_until`."""
        self._origin = seconds

    def write_until(self, seconds: float) -> None:
        """Writes the sound that starts before that time of the recording."""
        while (packet := self._next or next(self._packets, None)) is not None:
            starts = _seconds(packet)
            if starts >= seconds:
                self._next = packet
                return
            self._next = None
            # A container takes no times that step back, and where the pictures do not the sound stays where it is.
            if starts <= self._last:
                if not self._stepped_back:
                    log.warning("the clip's sound steps back at %.1f s: it is left out until it is later again", starts)
                self._stepped_back = True
                continue
            self._last = starts
            packet.stream = self._stream
            self._output.mux(packet)

    def finish(self, seconds: float) -> None:
        """Writes the last sound, that which starts before that time."""
        self.write_until(seconds)

    def close(self) -> None:
        self._clip.close()

    def _copied(self) -> Iterator["AudioPacket"]:
        for packet in self._sound:
            if packet.pts is None or packet.time_base is None:
                continue
            shift = round(self._origin / packet.time_base)
            packet.pts -= shift
            packet.dts = packet.pts
            # A codec's lead-in lies before 0; the container tells players to skip it.
            if _seconds(packet) + float((packet.duration or 0) * packet.time_base) >= 0:
                yield packet

    def _encoded(self) -> Iterator["AudioPacket"]:
        codec = self._stream.codec_context
        resampler = AudioResampler(codec.format, codec.layout, codec.sample_rate, frame_size=_AAC_FRAME)
        for packet in self._sound:
            for frame in packet.decode():
                if frame.time is not None and frame.time >= self._origin:
                    yield from self._encode(resampler.resample(frame))
        yield from self._encode(resampler.resample(None))
        yield from codec.encode()

    def _encode(self, frames: list[AudioFrame]) -> Iterator["AudioPacket"]:
        codec = self._stream.codec_context
        for frame in frames:
            frame.pts = round(((frame.time or 0.0) - self._origin) * codec.sample_rate)
            frame.time_base = Fraction(1, codec.sample_rate)
            yield from codec.encode(frame)


def _seconds(packet: "AudioPacket") -> float:
    return float((packet.pts or 0) * (packet.time_base or 0))
