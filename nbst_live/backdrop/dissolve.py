"""How a new backdrop comes on screen: a cross-fade stroke by stroke, as if painted.

An ordinary cross-fade mixes the old and the new value of each pixel, and where the room's own value lies between them
it would pass through it. Here each pixel changes once, from one guarded picture to the next, so no moment shows the
room. It is cheaper, too: a frame touches only the pixels that change.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Picture

STROKES = 900


class Dissolve:
    """Holds the picture on screen and brings the next one in; one size, one thread.

    `seconds` is how long a change takes. Times are `time.monotonic()` seconds given by the caller.
    """

    def __init__(self, first: Picture, seconds: float, seed: int = 0) -> None:
        self.picture = first.copy()
        self._seconds = seconds
        self._order = stroke_order(first.shape[1], first.shape[0], seed)
        self._next: Picture | None = None
        self._began = 0.0
        self._done = 0

    @property
    def busy(self) -> bool:
        """Whether a change is under way."""
        return self._next is not None

    def begin(self, picture: Picture, now: float) -> None:
        """Starts to bring in a picture of the same size; a change under way is finished at once."""
        self.finish()
        self._next, self._began, self._done = picture, now, 0

    def finish(self) -> None:
        """Ends a change under way."""
        if self._next is not None:
            np.copyto(self.picture, self._next)
            self._next = None

    def advance(self, now: float) -> Picture:
        """The picture for this moment: its buffer is reused by the next call."""
        if self._next is None:
            return self.picture
        due = int(256 * (now - self._began) / self._seconds)
        if due >= 256:
            self.finish()
        elif due > self._done:
            cv2.copyTo(self._next, cv2.inRange(self._order, self._done, due - 1), self.picture)
            self._done = due
        return self.picture


def stroke_order(width: int, height: int, seed: int) -> npt.NDArray[np.uint8]:
    """When each pixel's stroke is painted, (height, width) uint8: 0 first, 255 last."""
    rng = np.random.default_rng(seed)
    order = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1), np.uint8)
    order = cv2.resize(order, (width, height), interpolation=cv2.INTER_NEAREST)
    diagonal = float(np.hypot(width, height))
    starts = rng.uniform(0, 1, (STROKES, 2)) * (width, height)
    angles = np.sin(starts @ rng.normal(0, 4 / diagonal, 2)) * np.pi / 2 + rng.normal(0, 0.3, STROKES)
    ends = (
        starts + np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.03, 0.12, (STROKES, 1)) * diagonal
    )
    for start, end, value in zip(starts.astype(int), ends.astype(int), rng.integers(0, 256, STROKES), strict=True):
        cv2.line(order, start.tolist(), end.tolist(), int(value), max(2, round(diagonal / 60)))
    return order
