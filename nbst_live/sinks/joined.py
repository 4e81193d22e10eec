"""A clip's sound, kept beside its pictures also where the clip was joined of parts, whose times begin anew."""

import bisect
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from nbst_live.frame_clock import FrameClock, begins_anew

if TYPE_CHECKING:  # generic in PyAV's stubs alone
    from av.packet import Packet

    AudioPacket = Packet[AudioStream]
    VideoPacket = Packet[VideoStream]

HELD_LIMIT = 256
"""Packets of sound, some seconds, that wait for the pictures beside them: further apart no file puts the two."""

DELAY = 8
"""Pictures that a decoder keeps to put them in order, and rather more than most clips need."""


class JoinedSound:
    """The packets of a clip's first audio stream, in order, with times that count from the clip's first picture.

    Each part's sound is moved by what `FrameClock` moves its pictures by, which is known from the pictures' packets.
    Sound and pictures step back at slightly different places of the file, so sound waits until the pictures have come
    as far. Between two parts sound is left out that has no pictures, or would begin before the part before it ends.
    `fps` is the rate that the pictures are read with.
    """

    def __init__(self, clip: InputContainer, fps: float) -> None:
        self._clip, self._sound = clip, clip.streams.audio[0]
        self._pictures = clip.streams.video[0] if clip.streams.video else None
        self._clock, self._start = FrameClock(fps), _start(self._pictures)
        self._order = _DisplayOrder()
        self._held: deque[AudioPacket] = deque()
        self._part, self._shift = 1, 0.0
        self._newest: float | None = None
        self._ends, self._entering = float("-inf"), False

    def __iter__(self) -> Iterator["AudioPacket"]:
        for packet in self._clip.demux(*filter(None, (self._pictures, self._sound))):
            if packet.stream is self._pictures:
                self._note(cast("VideoPacket", packet))
            else:
                self._held.append(cast("AudioPacket", packet))
            yield from self._known(HELD_LIMIT if self._pictures else 0)
        yield from self._known(0)

    def _note(self, packet: "VideoPacket") -> None:
        """Follows the pictures."""
        for seconds in self._order.put(packet) if packet.size else self._order.take(left=0):
            self._clock.advance(None if seconds is None else seconds - self._start)

    def _known(self, limit: int) -> Iterator["AudioPacket"]:
        """The packets of which it is known where they belong, and those over the limit, that it may keep waiting."""
        while self._held:
            packet = self._held[0]
            if packet.pts is None or packet.time_base is None:
                yield self._held.popleft()
                continue
            seconds = float(packet.pts * packet.time_base) - self._start
            if not self._follow(seconds) and len(self._held) <= limit:
                return
            self._held.popleft()
            if self._keep(packet, seconds):
                packet.pts += round((self._shift - self._start) / packet.time_base)
                yield packet

    def _follow(self, seconds: float) -> bool:
        """Goes over into the pictures' part where a time belongs to that; whether it is known where it belongs."""
        if self._part == self._clock.parts:
            reached = self._clock.reached
            return reached is not None and seconds <= reached and not self._is_back(seconds)
        if self._is_back(seconds) or self._is_nearer(seconds):
            self._part, self._shift, self._entering = self._clock.parts, self._clock.shift, True
            self._newest = seconds
        return True

    def _is_back(self, seconds: float) -> bool:
        return self._newest is not None and begins_anew(self._newest, seconds)

    def _is_nearer(self, seconds: float) -> bool:
        """Whether a time is nearer to the pictures' present part than to the end of that before."""
        reached, ended = self._clock.reached, self._clock.ended
        return reached is not None and ended is not None and abs(seconds - reached) < abs(seconds - ended)

    def _keep(self, packet: "AudioPacket", seconds: float) -> bool:
        """Whether a packet has its place between those before it and the pictures' next part."""
        self._newest = seconds if self._newest is None or self._is_back(seconds) else max(self._newest, seconds)
        ended = self._clock.ended
        if self._part < self._clock.parts and ended is not None and seconds >= ended + self._clock.step:
            return False
        starts = seconds + self._shift
        if self._entering and starts < self._ends:
            return False
        self._entering = False
        self._ends = starts + float((packet.duration or 0) * (packet.time_base or 0))
        return True


class _DisplayOrder:
    """Puts the times of pictures' packets, which come in the order of decoding, into that of showing.

    The times of decoding, which would tell when a picture is due, are wrong after some joins.
    """

    def __init__(self) -> None:
        self._waiting: list[float] = []

    def put(self, packet: "VideoPacket") -> list[float | None]:
        """Takes a packet; gives the times in seconds of the pictures shown next, None of one that carries none."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or packet.time_base is None:
            return [*self.take(left=0), None]
        seconds = float(stamp * packet.time_base)
        # Of another part, which begins with a whole picture; a decoder gives out all that it has of the one before.
        anew = packet.is_keyframe and bool(self._waiting) and begins_anew(self._waiting[-1], seconds)
        done = self.take(left=0) if anew else []
        bisect.insort(self._waiting, seconds)
        return [*done, *self.take(left=DELAY)]

    def take(self, left: int) -> list[float]:
        """Gives all but that many of the times that wait."""
        count = max(len(self._waiting) - left, 0)
        done, self._waiting = self._waiting[:count], self._waiting[count:]
        return done


def _start(pictures: VideoStream | None) -> float:
    """When the clip's first picture is shown, in seconds of the container's clock."""
    return 0.0 if pictures is None else float((pictures.start_time or 0) * (pictures.time_base or 0))
