"""The plain data that travels and the stages it travels through.

A picture is `(H, W, 3) uint8`, BGR, 0..255. An alpha is `(h, w) float32` in [0, 1], 1 where the person is, at the
network's size. A matte is the refined alpha, `(H, W) uint8`, 0..255, at the picture's size. Every docstring of the
package uses these three words for exactly this.

The way of a frame: Source.read -> Masker.mask -> SecondOpinion.corrected -> DifferenceKey.compare and believe ->
Backdrop.observe and latest -> MatteRefiner.trimap -> MatteRefiner.settle -> a Cutout -> Compositor.blend ->
Sink.send. Every stage is closed exactly once, in reverse order of opening, by whoever opened it (see app.py).
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Alpha = npt.NDArray[np.float32]
Matte = npt.NDArray[np.uint8]

MIN_SIDE = 16
"""Pixels that a picture's side has at least: in less there is neither a person nor anything to paint."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the source.

    `index` counts the source's frames from 0, gaps are dropped frames; `time` is the presentation time in seconds on
    the source's own clock, 0 at the first frame; `captured` is `time.monotonic()` when the frame was taken.
    """

    picture: Picture
    index: int
    time: float
    captured: float


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source really gives: size in pixels after rotation, frames per second, and how many frames (clips only).

    `live` is true for cameras: the newest frame wins, others are dropped. A clip never drops a frame.
    `detail` is one line for people: device, pixel format. `began` is, of a live source, the `time.monotonic()` of its
    clock's 0.
    """

    name: str
    width: int
    height: int
    fps: float
    live: bool
    frames: int | None = None
    detail: str = ""
    began: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """The empty room as far as it is known: its picture, and `known`, (H, W) uint8, 255 where it has been seen."""

    picture: Picture
    known: Matte


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """Where everything was in an earlier frame: `since` is that frame, grey, (h, w) uint8, and `back` how far off each
    pixel was in it, (h, w, 2) float32, x and y in pixels.

    Who keeps something of an earlier frame knows by `since`, the very array, whether this is the movement since then.
    """

    since: Matte
    back: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame at the network's size: `small`, (h, w, 3) uint8 BGR, and `grey`, (h, w) uint8. `movement` is None of the
    first frame, of one of another size, and of pictures that stand for themselves.
    """

    small: Picture
    grey: Matte
    movement: Movement | None


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What the key's network finds in a frame beside the known room: `alpha`, and the room that it was shown, grey,
    with `known`, 255 where it is. All are (h, w), at the network's size; but for alpha they are uint8.
    """

    alpha: Alpha
    room: Matte
    known: Matte


@dataclass(frozen=True, slots=True, eq=False)
class Trimap:
    """What the network's size says of a frame: where there is surely person, where surely room, and of the edge that is
    left between them all that settles it.

    `small` is the picture at the network's size, (h, w, 3). `person` and `room` are (h, w) uint8, 255 where there is
    surely the one or the other, and `doubt` where the network is not sure of a person. `limit`, (h, w) float32, is the
    most alpha that there may be, in levels: 0 where what is surely room begins, less within it, 255 or more a pixel and
    a half without. Like the planes it is of no meaning away from the edge. The planes are (h, w, 4), each sampled
    together. Two are float32: `fit` holds the guided filter's slope and offset, the share of what was before that is
    kept, and alpha; `bounds` the least and the most alpha, and the movement since the frame before, x and y in pixels.
    The others are uint8 and hold mean colours, BGR, and a mean of alpha in 0..255: of what is surely the one or the
    other nearby (`near_person` and `near_room`, with alpha's mean of 3x3 and of 7x7 pixels), and of the pixels next to
    this one, weighted by how much of the one or the other they are (`next_person`, with alpha's mean of 15x15, and
    `next_room`, with alpha before it was steadied). Where they are sampled each channel has a name of its own:
    mask/edge.py, Samples.
    """

    small: Picture
    person: Matte
    room: Matte
    doubt: Matte
    limit: npt.NDArray[np.float32]
    fit: npt.NDArray[np.float32]
    bounds: npt.NDArray[np.float32]
    near_person: npt.NDArray[np.uint8]
    near_room: npt.NDArray[np.uint8]
    next_person: npt.NDArray[np.uint8]
    next_room: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """The person cut out of a frame: the matte, and what the person's colours are where they mix with the room's.

    `mixed` is (N,) intp: flat indices of pixels, among them all whose matte is neither 0 nor 255. `alpha` is (N,)
    float32 in [0, 1] and `colours` (3, N) float32 BGR in 0..255, both in that order.
    """

    matte: Matte
    mixed: npt.NDArray[np.intp]
    alpha: npt.NDArray[np.float32]
    colours: npt.NDArray[np.float32]

    @classmethod
    def plain(cls, picture: Picture, matte: Matte) -> Self:
        """The cutout whose colours are everywhere the picture's own."""
        mixed = np.flatnonzero((matte > 0) & (matte < 255))
        alpha = matte.reshape(-1)[mixed] * np.float32(1 / 255)
        return cls(matte, mixed, alpha, np.ascontiguousarray(picture.reshape(-1, 3)[mixed].T, np.float32))


class Closing(Protocol):
    """A resource with `close()`; closing twice does nothing."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Source(Closing, Protocol):
    """Where frames come from. Opened by its constructor, which raises SourceError."""

    info: SourceInfo
    dropped: int

    def read(self) -> Frame:
        """The next frame (a clip) or the newest one not yet read (a camera).

        Waits for it, at most about half a second. Raises SourceStalled when none came (read again later), SourceEnded
        at a clip's end, SourceError when no frame can come any more. The picture is the reader's to keep.
        """
        ...


class Masker(Closing, Protocol):
    """Finds the person."""

    @property
    def provider(self) -> str:
        """The execution provider that the session really has."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the pictures that the network takes."""
        ...

    def mask(self, picture: Picture) -> Alpha:
        """Alpha at the network's size, the caller's to keep, of a picture of any size. Raises MaskError."""
        ...


class Backdrop(Closing, Protocol):
    """What stands behind the person."""

    def observe(self, frame: Frame, alpha: Alpha | None, corrected: Alpha | None = None) -> None:
        """Shows the backdrop a frame and its alpha at mask size (None: unknown), so that it can learn the room;
        `corrected` is what the key made of that alpha.
        """
        ...

    def latest(self) -> Picture:
        """The picture to put behind the person now, of the frame's size, valid until the next call. Never waits."""
        ...

    def room(self) -> Room | None:
        """The empty room as it is known now; None where nothing is gathered. A new object whenever it has changed.

        May be asked from any thread.
        """
        ...

    def heed(self, load: float) -> None:
        """Hears what share of a frame's time the last one took, so that painting leaves the live way what it needs."""
        ...


class Sink(Closing, Protocol):
    """Where pictures go. Opened by its constructor, which raises SinkError."""

    name: str

    def send(self, picture: Picture, time: float) -> None:
        """Takes one finished picture and its presentation time in seconds. Raises SinkError when it can take no more.

        The picture's buffer is reused after the call: a sink that keeps it copies it.
        """
        ...
