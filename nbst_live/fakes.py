"""Stages that misbehave on request, for the tests of everything that uses stages."""

import time as clock
from collections.abc import Callable, Collection, Sequence

import cv2
import numpy as np

from nbst_live.closing import Closable
from nbst_live.errors import MaskError, SinkError, SourceEnded, SourceError, SourceStalled
from nbst_live.stages import Alpha, Frame, Picture, Room, SourceInfo


class FakeSource(Closable):
    """Frames from a list of pictures, or from a function of the frame's index that is asked `frames` times (None:
    ever).

    Reads are counted from 0. Those in `stalls` raise SourceStalled and take no frame; from read `breaks_at` on every
    one raises SourceError. After the last frame reads raise SourceEnded. A `live` one never ends but stalls.
    """

    def __init__(
        self,
        pictures: Sequence[Picture] | Callable[[int], Picture],
        frames: int | None = None,
        fps: float = 30.0,
        *,
        live: bool = False,
        stalls: Collection[int] = (),
        breaks_at: int | None = None,
    ) -> None:
        self._picture = pictures if callable(pictures) else pictures.__getitem__
        self._frames = frames if callable(pictures) else len(pictures)
        self._stalls, self._breaks_at = stalls, breaks_at
        self._reads = self._index = 0
        height, width = self._picture(0).shape[:2]
        count = None if live else self._frames
        self.info = SourceInfo("fake", width, height, fps, live, count, began=clock.monotonic())
        self.dropped = 0
        self.closings = 0

    def read(self) -> Frame:
        """See `Source.read`."""
        number, self._reads = self._reads, self._reads + 1
        if self.closings:
            raise SourceError("the fake source is closed")
        if self._breaks_at is not None and number >= self._breaks_at:
            raise SourceError(f"the fake source broke at read {self._breaks_at}, as asked")
        over = self._frames is not None and self._index >= self._frames
        if number in self._stalls or (over and self.info.live):
            raise SourceStalled(f"the fake source has no frame at read {number}")
        if over:
            raise SourceEnded(f"the fake source is over after {self._index} frames")
        index, self._index = self._index, self._index + 1
        return Frame(self._picture(index).copy(), index, index / self.info.fps, clock.monotonic())

    def close(self) -> None:
        self.closings += 1


class FakeCamera:
    """A camera as OpenCV shows it, that misbehaves as it is told to while it is open; give `open` for `open_capture`.

    `way` is "good", "broken" (every picture is refused), "silent" (reads wait `patience` seconds, then fail) or "gone"
    (reads fail at once, and it cannot be opened). After `hang` it is silent until it is opened anew. It gives `picture`
    at `fps`, from `delay` seconds after each opening on. `controls` holds the properties that it has and their values;
    `set` changes those alone.
    """

    def __init__(self, picture: Picture, fps: float = 30.0, delay: float = 0.0, patience: float = 1.0) -> None:
        self.picture, self.fps, self.delay, self.patience = picture, fps, delay, patience
        self.way = "good"
        self.openings = self.releases = 0
        self.hung = 0
        self.controls: dict[int, float] = {}

    def hang(self) -> None:
        self.hung = self.openings

    def open(self, *_: object) -> "FakeCapture | None":
        if self.way == "gone":
            return None
        self.openings += 1
        return FakeCapture(self)


class FakeCapture:
    """One opening of a FakeCamera: the part of cv2.VideoCapture that a camera needs."""

    def __init__(self, camera: FakeCamera) -> None:
        self._camera, self._number = camera, camera.openings
        self._due = clock.monotonic() + camera.delay

    def read(self, into: Picture | None = None) -> tuple[bool, Picture | None]:
        """As OpenCV's `VideoCapture.read`."""
        camera = self._camera
        if camera.way == "gone":
            return False, None
        if camera.way == "silent" or self._number <= camera.hung:
            clock.sleep(camera.patience)
            return False, None
        clock.sleep(max(0.0, self._due - clock.monotonic()))
        self._due = max(self._due, clock.monotonic() - 1 / camera.fps) + 1 / camera.fps
        if camera.way == "broken":
            return False, None
        if into is None or into.shape != camera.picture.shape:
            return True, camera.picture.copy()
        np.copyto(into, camera.picture)
        return True, into

    def get(self, control: int) -> float:
        height, width = self._camera.picture.shape[:2]
        sizes = {cv2.CAP_PROP_FRAME_WIDTH: width, cv2.CAP_PROP_FRAME_HEIGHT: height, cv2.CAP_PROP_FPS: self._camera.fps}
        return float(sizes.get(control, self._camera.controls.get(control, 0.0)))

    def set(self, control: int, value: float) -> bool:
        known = control in self._camera.controls
        if known:
            self._camera.controls[control] = value
        return known

    def release(self) -> None:
        self._camera.releases += 1


class FakeSink(Closable):
    """Keeps a copy of every picture and its time; the picture `fails_at` and all later ones raise SinkError.

    `delay` is how many seconds each picture takes.
    """

    def __init__(self, fails_at: int | None = None, delay: float = 0.0) -> None:
        self.name = "fake"
        self.pictures: list[Picture] = []
        self.times: list[float] = []
        self.closings = 0
        self._fails_at, self._delay = fails_at, delay

    def send(self, picture: Picture, time: float) -> None:
        if self._fails_at is not None and len(self.pictures) >= self._fails_at:
            raise SinkError(f"the fake sink takes {self._fails_at} pictures, as asked")
        if self._delay:
            clock.sleep(self._delay)
        self.pictures.append(picture.copy())
        self.times.append(time)

    def close(self) -> None:
        self.closings += 1


class FakeMasker(Closable):
    """Alphas from a function of the picture; the calls in `fails`, counted from 0, raise MaskError.

    `delay` is how many seconds each mask takes, `size` the (width, height) that it claims to work at.
    """

    def __init__(
        self,
        alpha: Callable[[Picture], Alpha],
        fails: Collection[int] = (),
        delay: float = 0.0,
        size: tuple[int, int] = (160, 90),
    ) -> None:
        self.provider, self.size = "fake", size
        self.calls = 0
        self.closings = 0
        self._alpha, self._fails, self._delay = alpha, fails, delay

    def mask(self, picture: Picture) -> Alpha:
        number, self.calls = self.calls, self.calls + 1
        if self._delay:
            clock.sleep(self._delay)
        if number in self._fails:
            raise MaskError(f"the fake masker fails at call {number}, as asked")
        return self._alpha(picture)

    def close(self) -> None:
        self.closings += 1


class FakeBackdrop(Closable):
    """One picture for ever, and one room; `seen` lists the index of every frame observed and a copy of its alpha,
    `corrected` of what came with that, `loads` what it was told to heed.
    """

    def __init__(self, picture: Picture, room: Room | None = None) -> None:
        self.loads: list[float] = []
        self.seen: list[tuple[int, Alpha | None]] = []
        self.corrected: list[Alpha | None] = []
        self.closings = 0
        self._picture, self._room = picture, room

    def observe(self, frame: Frame, alpha: Alpha | None, corrected: Alpha | None = None) -> None:
        self.corrected.append(None if corrected is None else np.array(corrected))
        self.seen.append((frame.index, None if alpha is None else np.array(alpha)))

    def latest(self) -> Picture:
        return self._picture

    def room(self) -> Room | None:
        return self._room

    def heed(self, load: float) -> None:
        self.loads.append(load)

    def close(self) -> None:
        self.closings += 1
