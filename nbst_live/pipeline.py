"""The way of a frame: mask, opinion, key, backdrop, trimap, matte, composite; and the loop that sends frames down it.

Privacy: whatever happens on the way, what comes out is a person over a painted backdrop, or the backdrop alone.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2

from nbst_live.closing import Closable
from nbst_live.composite import Compositor
from nbst_live.errors import MaskError, SinkError, SourceEnded, SourceStalled
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.matte import MatteRefiner
from nbst_live.mask.opinion import SecondOpinion
from nbst_live.mask.people import People
from nbst_live.mask.seen import Sight
from nbst_live.masked import Found, Masked, MaskedFrames
from nbst_live.shrink import shrink
from nbst_live.stages import Backdrop, Frame, Masker, Matte, Picture, Sink, Source, SourceInfo
from nbst_live.timing import StageTimer

log = logging.getLogger(__name__)

PERSON_SHARE = 0.005
"""Share of the matte above which a frame counts as one with a person."""
AHEAD = 2
"""Frames of a clip that may be masked before they are asked for: some take longer to mask, as the second opinion is
asked about them, others to finish, as the room is learnt from them. Of a camera it is one, for what waits grows old.
"""


@dataclass(slots=True)
class Counts:
    """What has happened to frames so far; moments are `time.monotonic()`."""

    frames_in: int = 0
    frames_out: int = 0
    with_person: int = 0
    mask_failures: int = 0
    stalls: int = 0
    first_out: float | None = None
    last_out: float = 0.0

    def sent(self) -> None:
        """Notes that a frame has gone out, now."""
        self.frames_out += 1
        self.last_out = time.monotonic()
        if self.first_out is None:
            self.first_out = self.last_out

    @property
    def rate(self) -> float:
        """Frames out per second, from the first to the last."""
        if self.first_out is None or self.frames_out < 2:
            return 0.0
        return (self.frames_out - 1) / max(1e-9, self.last_out - self.first_out)


class Pipeline:
    """One frame's whole way from picture to picture. It closes nothing: its stages belong to who opened them."""

    def __init__(
        self,
        masker: Masker,
        matte: MatteRefiner,
        backdrop: Backdrop,
        size: tuple[int, int],
        people: People | None = None,
        compositor: Compositor | None = None,
        key: DifferenceKey | None = None,
        opinion: SecondOpinion | None = None,
    ) -> None:
        self.timer = StageTimer()
        self.counts = Counts()
        self.panic = False
        self.matte: Matte | None = None
        self._masker, self._refiner, self._backdrop = masker, matte, backdrop
        self._people = people or People("all")
        self._compositor = compositor or Compositor(*size)
        self._key, self._opinion = key, opinion
        self._sight = Sight()

    def process(self, frame: Frame) -> Picture:
        """The finished picture of a frame, (H, W, 3) uint8 BGR, valid until the next call."""
        return self.finish(self.look(frame))

    def look(self, frame: Frame) -> Masked:
        """The first half of the way: who is in the frame. Each half may run in a thread of its own."""
        began = time.perf_counter()
        small = shrink(frame.picture, *self._masker.size)
        try:
            alpha = self._masker.mask(small)
            # Only now, so that everything over time goes from one frame that has a mask to the next.
            seen = self._sight.of(small, *alpha.shape[::-1])
            if self._opinion is not None:
                alpha = self._opinion.corrected(alpha, seen, frame.picture)
            found = time.perf_counter()
            compared = None if self._key is None else self._key.compare(alpha, seen, self._backdrop.room())
        except MaskError as error:
            return Masked(frame, error, {"mask": time.perf_counter() - began})
        seconds = {"mask": found - began, "key": time.perf_counter() - found}
        return Masked(frame, Found(seen, alpha, compared), seconds)

    def finish(self, masked: Masked) -> Picture:
        """The second half: from a frame and who is in it to the picture, valid until the next call."""
        stage, frame = self.timer.stage, masked.frame
        self.counts.frames_in += 1
        for name, seconds in masked.seconds.items():
            self.timer.add(name, seconds)
        if isinstance(masked.found, MaskError):
            self._backdrop.observe(frame, None)
            return self._backdrop_alone(masked.found)
        found = masked.found
        with stage("rules"):
            key = self._key
            corrected = found.alpha if key is None else key.believe(found.compared, found.alpha, found.seen)
        with stage("backdrop"):
            # All people: those who do not stay live are no more to be seen in the room than those who do.
            self._backdrop.observe(frame, found.alpha, corrected)
            backdrop = self._backdrop.latest()
        with stage("trimap"):
            trimap = self._refiner.trimap(self._people.keep(corrected), found.seen)
        try:
            with stage("matte"):
                cutout = self._refiner.settle(trimap, frame.picture, self._backdrop.room())
        except MaskError as error:
            return self._backdrop_alone(error)
        self.matte = cutout.matte
        self.counts.with_person += bool(cv2.countNonZero(self.matte) > PERSON_SHARE * self.matte.size)
        if self.panic:
            return backdrop
        with stage("composite"):
            return self._compositor.blend(frame.picture, cutout, backdrop)

    def sent(self, frame: Frame, load: float) -> None:
        """Notes that a frame's picture has gone out, and tells the backdrop what share of a frame's time it took."""
        self.counts.sent()
        self.timer.add("latency", self.counts.last_out - frame.captured)
        self._backdrop.heed(load)

    def idle(self) -> Picture:
        """The backdrop alone, while no frame comes. Needs one frame before it."""
        return self._backdrop.latest()

    def _backdrop_alone(self, error: MaskError) -> Picture:
        """Without a mask nobody knows what is room: nothing of the frame may be shown."""
        self.counts.mask_failures += 1
        if self.counts.mask_failures == 1:
            log.warning("%s; the backdrop alone is shown", error)
        self.matte = None
        return self._backdrop.latest()


class Outputs(Closable):
    """The open sinks. One that fails is closed and left out; the last one's failure is raised."""

    def __init__(self, sinks: list[Sink]) -> None:
        self.sinks = sinks

    def send(self, picture: Picture, seconds: float) -> None:
        """Sends a picture to every sink. Raises SinkError when none is left."""
        for sink in list(self.sinks):
            try:
                sink.send(picture, seconds)
            except SinkError as error:
                self.sinks.remove(sink)
                _close_quietly(sink)
                if not self.sinks:
                    raise
                log.warning("%s; the other outputs go on", error)

    def close(self) -> None:
        """Closes every sink, also when one of them fails; then raises that one's SinkError."""
        failed: SinkError | None = None
        while self.sinks:
            try:
                self.sinks.pop().close()
            except SinkError as error:
                failed = error
        if failed is not None:
            raise failed


def run(source: Source, pipeline: Pipeline, outputs: Outputs, tick: Callable[[], bool]) -> None:
    """Sends every frame of the source down the pipeline and out, until the source ends or `tick` returns False.

    The next frame, or AHEAD of them, are masked while this one is finished. `tick` is called once a round, for keys and
    status. While a camera stalls the backdrop alone goes out, about twice a second. Raises SourceError and SinkError.
    """
    with MaskedFrames(source, pipeline.look, 1 if source.info.live else AHEAD) as ahead:
        for masked in _frames(source.info, ahead, pipeline, outputs, tick):
            began, dropped, frame = time.monotonic(), source.dropped, masked.frame
            picture = pipeline.finish(masked)
            with pipeline.timer.stage("send"):
                outputs.send(picture, frame.time)
            # The two halves overlap: the longer one says how many frames a second there may be.
            longer = max(sum(masked.seconds.values()), time.monotonic() - began)
            pipeline.sent(frame, longer * source.info.fps + source.dropped - dropped)


def _frames(
    info: SourceInfo, ahead: MaskedFrames, pipeline: Pipeline, outputs: Outputs, tick: Callable[[], bool]
) -> Iterator[Masked]:
    """The source's frames; fills a stalled camera's gaps with the backdrop alone. A clip has no gaps, it is late."""
    last = (0.0, time.monotonic())
    seen = False
    while tick():
        try:
            masked = ahead.read()
        except SourceEnded:
            return
        except SourceStalled:
            pipeline.counts.stalls += 1
            if seen and info.live:
                outputs.send(pipeline.idle(), last[0] + time.monotonic() - last[1])
            continue
        seen, last = True, (masked.frame.time, time.monotonic())
        yield masked


def _close_quietly(sink: Sink) -> None:
    """Closes a sink that has failed already: a second failure adds nothing."""
    try:
        sink.close()
    except SinkError as error:
        log.debug("closing %s: %s", sink.name, error)
