"""A steady rate of pictures, whatever the rate at which they come."""

import math
import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nbst_live.threads import Worker

Buffer = npt.NDArray[np.uint8]


class SteadyWriter:
    """Writes exactly one buffer in each `1 / fps` of a second: a new one as soon as it is there, else the last again.

    A thread calls `write(buffer)`. `put` never waits for it: of two buffers in one slot the newer one wins. Until the
    first `put` nothing is written. `repeated` counts the buffers written again. An exception of the thread ends it, and
    is raised by the next `put`.
    """

    def __init__(self, new_buffer: Callable[[], Buffer], write: Callable[[Buffer], object], fps: float) -> None:
        self.repeated = 0
        self._write, self._period = write, 1 / fps
        # One is being written or may be written again, one waits, one is being filled.
        self._free = [new_buffer() for _ in range(3)]
        self._last: Buffer | None = None
        self._waiting: Buffer | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._worker = Worker("steady-writer", self._run)
        self._worker.start()

    def put(self, fill: Callable[[Buffer], object]) -> None:
        """Takes one picture: `fill` writes it into the buffer it is given. For one thread."""
        if self._worker.error is not None:
            raise self._worker.error
        with self._changed:
            buffer = self._free.pop()
        fill(buffer)
        with self._changed:
            if self._waiting is not None:
                self._free.append(self._waiting)
            self._waiting = buffer
            self._changed.notify()

    def close(self) -> None:
        """Ends the thread, which still writes what waits. Twice does nothing."""
        if self._closed:
            return
        self._closed = True
        with self._changed:
            self._worker.stop()
            self._changed.notify()
        self._worker.join()

    def _run(self, stopping: threading.Event) -> None:
        slot_ends = time.monotonic()
        while True:
            slot_ends += self._period
            if not self._advance(stopping, slot_ends):
                if stopping.is_set():
                    return
                self.repeated += 1
            if self._last is not None:
                self._write(self._last)
            slot_ends = self._rest_of(slot_ends, stopping)

    def _advance(self, stopping: threading.Event, until: float) -> bool:
        """Makes the buffer that waits the one to write, as soon as there is one; False when there is none until then.

        The first one may take as long as it likes.
        """
        with self._changed:
            timeout = None if self._last is None else max(0.0, until - time.monotonic())
            self._changed.wait_for(lambda: self._waiting is not None or stopping.is_set(), timeout)
            if self._waiting is None:
                return False
            if self._last is not None:
                self._free.append(self._last)
            self._last, self._waiting = self._waiting, None
            return True

    def _rest_of(self, slot_ends: float, stopping: threading.Event) -> float:
        """Waits until the slot is over; when it ends. Slots that a slow `write` has missed are left out."""
        late = time.monotonic() - slot_ends
        if late < 0:
            stopping.wait(-late)
            return slot_ends
        return slot_ends + math.floor(late / self._period) * self._period
