"""A microphone, recorded in step with the pictures: PortAudio by `sounddevice`, which is the same on every platform.

A sound card counts its samples by a clock of its own, which in an hour is off by a good part of a second. Here each
block gets the time at which it was heard, and FFmpeg's resampler stretches the sound to keep to these times.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.filter
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer

from nbst_live.closing import Closable
from nbst_live.errors import SinkError

if TYPE_CHECKING:  # generic in PyAV's stubs alone
    from av.packet import Packet

    AudioPacket = Packet[AudioStream]

log = logging.getLogger(__name__)

RATE = 48000
BLOCK_SECONDS = 0.02
WAITING_BLOCKS = 500
"""Blocks that wait for the encoder at most: ten seconds."""
STEADYING = 0.01
"""Weight of a block's own time against that which its samples count to: the system hands blocks over unevenly."""
JUMP_SECONDS = 0.04
"""A block that is off by more follows a gap."""
LOST_SECONDS = 3.0
"""A microphone that gave nothing for so long is lost."""
WAIT_SECONDS = 0.3
"""How long the end of a file waits for the sound that is still on its way."""
BELIEVED_SECONDS = 1.0
"""How long ago a driver may say that it heard a block."""
_AAC_FRAME = 1024
_AT_ONCE = 0.03
"""Seconds from which on sound that is off is not stretched but cut or filled with silence."""
_STRETCH = RATE // 100
"""Samples a second by which the sound is stretched at most: a hundredth, which nobody hears."""

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Block:
    """Samples (n, channels) int16 that were heard from `time` on, in seconds of the source's clock."""

    time: float
    samples: Samples


class SampleClock:
    """When samples were heard: their count at the nominal rate, drawn slowly to the times that the system gives."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._next: float | None = None

    def note(self, heard: float, count: int) -> float:
        """The time of the first of so many new samples, which the system says was heard at `heard` seconds."""
        if self._next is None or abs(heard - self._next) > JUMP_SECONDS:
            self._next = heard
        start = self._next + STEADYING * (heard - self._next)
        self._next = start + count / self._rate
        return start


class Microphone(Closable):
    """An input device by PortAudio's number or a part of its name, "default" for the system's own.

    `clock_start` is the `time.monotonic()` of the source's time 0. Raises SinkError, which lists the devices there are.
    """

    def __init__(self, device: str, clock_start: float) -> None:
        sounddevice = _sounddevice()
        self._clock_start = clock_start
        self._blocks: deque[Block] = deque(maxlen=WAITING_BLOCKS)
        self._told_lost = False
        try:
            info = sounddevice.query_devices(_device(device), "input")
            self.name, self.rate = str(info["name"]), round(info["default_samplerate"])
            self.channels = min(2, int(info["max_input_channels"]))
            self._clock = SampleClock(self.rate)
            self._stream: Any = sounddevice.InputStream(
                device=info["index"], samplerate=self.rate, channels=self.channels, dtype="int16", callback=self._hear,
                blocksize=round(self.rate * BLOCK_SECONDS), latency="high",
            )  # fmt: skip
            self._stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            raise SinkError(
                f"cannot open microphone {device!r}: {error}; found {_listed(sounddevice) or 'none'}; give the number "
                "or a part of the name of one, or leave out --audio"
            ) from error
        self._heard = time.monotonic()

    def track(self, output: OutputContainer) -> "MicrophoneTrack":
        """Its sound as a stream of a recording. One at a time."""
        return MicrophoneTrack(self, output)

    def take(self, until: float) -> Iterator[Block]:
        """The blocks that came and start before that time of the source's clock, the oldest first; never waits."""
        self._look_whether_lost()
        while self._blocks and self._blocks[0].time < until:
            yield self._blocks.popleft()

    def wait_past(self, moment: float) -> None:
        """Waits until sound from that time of the source's clock on is there, at most WAIT_SECONDS."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (self._blocks and self._blocks[-1].time >= moment) and time.monotonic() < deadline:
            time.sleep(BLOCK_SECONDS / 2)

    def close(self) -> None:
        self._stream.close()

    def _hear(self, samples: Samples, count: int, when: Any, _status: object) -> None:
        """Takes a block from PortAudio's thread."""
        now = self._heard = time.monotonic()
        since = when.currentTime - when.inputBufferAdcTime
        # Some drivers give no times.
        heard = now - (since if 0 < since < BELIEVED_SECONDS else count / self.rate)
        self._blocks.append(Block(self._clock.note(heard - self._clock_start, count), samples.copy()))

    def _look_whether_lost(self) -> None:
        lost = time.monotonic() - self._heard > LOST_SECONDS
        if lost and not self._told_lost:
            log.warning("microphone %s gives no more sound; the recording goes on without", self.name)
        elif self._told_lost and not lost:
            log.warning("microphone %s is back", self.name)
        self._told_lost = lost


class MicrophoneTrack:
    """A microphone's sound as the AAC stream of one recording, silence where it gave none; a `Track`."""

    def __init__(self, microphone: Microphone, output: OutputContainer) -> None:
        layout = "mono" if microphone.channels == 1 else "stereo"
        self._microphone, self._output, self._layout = microphone, output, layout
        self._stream = output.add_stream("aac", rate=RATE, layout=layout)
        self._graph = _stretching(microphone.rate, layout)
        self._origin = 0.0

    def start_at(self, seconds: float) -> None:
        self._origin = seconds

    def write_until(self, seconds: float) -> None:
        for block in self._microphone.take(self._origin + seconds):
            self._push(block)
        self._write()

    def finish(self, seconds: float) -> None:
        self._microphone.wait_past(self._origin + seconds)
        self.write_until(seconds)
        self._graph.push(None)
        self._write()
        self._output.mux(self._stream.encode(None))

    def close(self) -> None:
        """The microphone is the recorder's."""

    def _push(self, block: Block) -> None:
        rate = self._microphone.rate
        early = max(0, round((self._origin - block.time) * rate))  # heard before the first picture
        samples = block.samples[early:]
        if not samples.size:
            return
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=self._layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round((block.time - self._origin) * rate) + early
        self._graph.push(frame)

    def _write(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            self._output.mux(self._stream.encode(cast("av.AudioFrame", frame)))


def _stretching(rate: int, layout: str) -> av.filter.Graph:
    """FFmpeg's resampler, from 16 bits at `rate` to what AAC takes, keeping to the frames' times from 0 on."""
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add_abuffer(sample_rate=rate, format="s16", layout=layout, time_base=Fraction(1, rate)),
        graph.add("aresample", f"sample_rate={RATE}:async={_STRETCH}:min_hard_comp={_AT_ONCE}:first_pts=0"),
        graph.add("aformat", f"sample_fmts=fltp:channel_layouts={layout}"),
        graph.add("asetnsamples", f"n={_AAC_FRAME}:p=0"),
        graph.add("abuffersink"),
    )
    graph.configure()
    return graph


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise SinkError(
            "--audio needs sounddevice: pip install 'nbst-live[sound]' (in a clone: .venv/bin/pip install sounddevice)"
        ) from error
    except OSError as error:  # the module is there, the library that it wraps is not
        raise SinkError(f"--audio: {error}; install PortAudio (Debian, Ubuntu: apt install libportaudio2)") from error
    return sounddevice


def _device(text: str) -> str | int | None:
    if text == "default":
        return None
    return int(text) if text.isdecimal() else text


def _listed(sounddevice: Any) -> str:
    return ", ".join(
        f"{device['index']} ({device['name']})"
        for device in sounddevice.query_devices()
        if device["max_input_channels"] > 0
    )
