"""A bounded queue of frames before a thread that writes them."""

import queue
import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nbst_live.threads import Worker

QUEUE_LIMIT = 16
"""Frames that may wait: half a second at 30 per second, 50 MB at 1920 x 1080."""

_ERROR_CHECK = 0.2
"""Seconds after which a waiting `put` looks whether the thread has failed."""

Buffer = npt.NDArray[np.uint8]


class FrameWriter:
    """Hands frames to a thread, which calls `write(buffer, time)` for each and `finish()` after the last.

    Frames wait in `QUEUE_LIMIT` buffers that are used again and again. When all are full, `put` drops the frame and
    counts it where `drop` is true, else waits. An exception of the thread ends it, and is raised by the next `put`
    and by `close`.
    """

    def __init__(
        self,
        new_buffer: Callable[[], Buffer],
        write: Callable[[Buffer, float], None],
        finish: Callable[[], None],
        *,
        drop: bool,
    ) -> None:
        self.dropped = 0
        self._write, self._finish, self._drop = write, finish, drop
        self._free: queue.SimpleQueue[Buffer] = queue.SimpleQueue()
        self._filled: queue.SimpleQueue[tuple[Buffer, float] | None] = queue.SimpleQueue()
        for _ in range(QUEUE_LIMIT):
            self._free.put(new_buffer())
        self._closed = False
        self._worker = Worker("frame-writer", self._run)
        self._worker.start()

    def put(self, fill: Callable[[Buffer], object], time: float) -> None:
        """Takes one frame: `fill` writes it into the buffer it is given."""
        buffer = self._free_buffer()
        if buffer is None:
            self.dropped += 1
            return
        fill(buffer)
        self._filled.put((buffer, time))

    def close(self) -> None:
        """Waits until every frame is written and `finish` has run. Twice does nothing."""
        if self._closed:
            return
        self._closed = True
        self._filled.put(None)
        self._worker.join()
        self._raise_error()

    def _free_buffer(self) -> Buffer | None:
        while True:
            self._raise_error()
            try:
                return self._free.get(block=not self._drop, timeout=_ERROR_CHECK)
            except queue.Empty:
                if self._drop:
                    return None

    def _raise_error(self) -> None:
        if self._worker.error is not None:
            raise self._worker.error

    def _run(self, _stopping: threading.Event) -> None:
        while (item := self._filled.get()) is not None:
            self._write(*item)
            self._free.put(item[0])
        self._finish()
