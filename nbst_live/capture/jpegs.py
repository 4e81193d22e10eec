"""Camera frames without a camera: JPEG pictures in memory, decoded as a webcam's MJPG is."""

import queue
import threading
import time
from collections.abc import Sequence

import cv2
import numpy as np

from nbst_live.capture.opencv import READ_WAIT
from nbst_live.closing import Closable
from nbst_live.errors import SourceError, SourceStalled
from nbst_live.stages import Frame, SourceInfo
from nbst_live.threads import Worker

QUEUE_LIMIT = 1
"""Frames decoded ahead: one, so that decoding overlaps with the rest of the way and adds little latency."""


class JpegSource(Closable):
    """Plays JPEG pictures, all of one size, forth and back for ever, as fast as they are read; or, `live`, at `fps` as
    a camera: the newest frame wins.

    OpenCV decodes a V4L2 camera's MJPG by the same `imdecode`. `captured` is the time before decoding. Raises
    SourceError when the first picture cannot be decoded.
    """

    def __init__(self, jpegs: Sequence[bytes], fps: float, *, live: bool = False) -> None:
        first = cv2.imdecode(np.frombuffer(jpegs[0], np.uint8), cv2.IMREAD_COLOR)
        if first is None:
            raise SourceError("the first picture cannot be decoded; expected JPEG")
        height, width = first.shape[:2]
        detail, self._began = f"MJPG {width}x{height}", time.monotonic()
        self.info = SourceInfo("pictures in memory", width, height, fps, live, detail=detail, began=self._began)
        self.dropped = 0
        self._jpegs = [np.frombuffer(jpeg, np.uint8) for jpeg in [*jpegs, *jpegs[-2:0:-1]]]
        self._queue: queue.Queue[Frame] = queue.Queue(QUEUE_LIMIT)
        self._worker = Worker("jpegs", self._decode)
        self._closed = False
        self._worker.start()

    def read(self) -> Frame:
        if self._closed:
            raise SourceError("the pictures in memory are closed")
        try:
            return self._queue.get(timeout=READ_WAIT)
        except queue.Empty:
            if self._worker.error is not None:
                raise SourceError(
                    f"a picture in memory cannot be decoded: {self._worker.error}"
                ) from self._worker.error
            raise SourceStalled(f"no picture decoded for {READ_WAIT} s; read again") from None

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._worker.stop()
        while not self._queue.empty():
            self._queue.get()
        self._worker.join()

    def _decode(self, stopping: threading.Event) -> None:
        index = 0
        while not stopping.is_set():
            if self.info.live and stopping.wait(max(0.0, self._began + index / self.info.fps - time.monotonic())):
                return
            captured = time.monotonic()
            picture = cv2.imdecode(self._jpegs[index % len(self._jpegs)], cv2.IMREAD_COLOR)
            if picture is None:
                raise ValueError(f"picture {index % len(self._jpegs)} is no JPEG")
            if self.info.live:
                self._drop_old()
            self._queue.put(Frame(np.asarray(picture, np.uint8), index, index / self.info.fps, captured))
            index += 1

    def _drop_old(self) -> None:
        try:
            self._queue.get_nowait()
            self.dropped += 1
        except queue.Empty:
            pass
