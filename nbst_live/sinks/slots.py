"""Constant-rate recording: pictures moved to even steps of time."""

from collections.abc import Iterator

import av


class Slots:
    """Steps of 1 / `fps` seconds, counted from the first picture, of which each shows exactly one picture."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._first: float | None = None
        self._filled = -1
        self._last: av.VideoFrame | None = None

    def place(self, frame: av.VideoFrame, time: float) -> Iterator[tuple[av.VideoFrame, float]]:
        """The pictures that are now known, and when to show them: the last one again in every step left empty since,
        then this one in the step nearest to its `time` in seconds; nothing where that step has its picture.
        """
        if self._first is None:
            self._first = time
        step = int((time - self._first) * self._fps + 0.5)
        while self._last is not None and self._filled < step - 1:
            yield self._last, self._next()
        if step > self._filled:
            self._last = frame
            yield frame, self._next()

    def _next(self) -> float:
        assert self._first is not None
        self._filled += 1
        return self._first + self._filled / self._fps
