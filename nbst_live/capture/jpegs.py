"""Camera frames without a camera: JPEG pictures in memory, decoded as a webcam's MJPG is."""

import queue
import threading
import time
from collections.abc import Sequence

from nbst_live.capture.decoding import decode_jpeg
from nbst_live.capture.opencv import READ_WAIT
from nbst_live.capture.pool import PicturePool
from nbst_live.closing import Closable
from nbst_live.errors import SourceError, SourceStalled
from nbst_live.logs import first_line
from nbst_live.stages import Frame, Picture, SourceInfo
from nbst_live.threads import Worker


class JpegSource(Closable):
    """Plays JPEG pictures, all of one size, forth and back for ever: each is decoded when it is read; or, `live`, at
    `fps` in a thread, as a camera's are: the newest frame wins.

    `captured` is the time before decoding. Raises SourceError when a picture cannot be decoded.
    """

    def __init__(self, jpegs: Sequence[bytes], fps: float, *, live: bool = False) -> None:
        self._jpegs, self._pool = [*jpegs, *jpegs[-2:0:-1]], PicturePool()
        height, width = self._decoded(0).shape[:2]
        detail, self._began = f"MJPG {width}x{height}", time.monotonic()
        self.info = SourceInfo("pictures in memory", width, height, fps, live, detail=detail, began=self._began)
        self.dropped = self._index = 0
        self._newest: queue.Queue[Frame] = queue.Queue(1)
        self._worker = Worker("jpegs", self._keep_taking)
        self._closed = False
        if live:
            self._worker.start()

    def read(self) -> Frame:
        """See `Source.read`."""
        if self._closed:
            raise SourceError("the pictures in memory are closed")
        if not self.info.live:
            return self._next()
        try:
            return self._newest.get(timeout=READ_WAIT)
        except queue.Empty:
            if self._worker.error is not None:
                raise SourceError(
                    f"the pictures in memory ended: {first_line(self._worker.error)}"
                ) from self._worker.error
            raise SourceStalled(f"no picture decoded for {READ_WAIT} s; read again") from None

    def close(self) -> None:
        if self.info.live and not self._closed:
            self._worker.stop()
            self._worker.join()
        self._closed = True

    def _keep_taking(self, stopping: threading.Event) -> None:
        while not stopping.wait(max(0.0, self._began + self._index / self.info.fps - time.monotonic())):
            frame = self._next()
            self._drop_old()
            self._newest.put(frame)

    def _drop_old(self) -> None:
        try:
            self._newest.get_nowait()
            self.dropped += 1
        except queue.Empty:
            pass

    def _next(self) -> Frame:
        captured, index = time.monotonic(), self._index
        picture = self._decoded(index)
        self._index += 1
        return Frame(picture, index, index / self.info.fps, captured)

    def _decoded(self, index: int) -> Picture:
        picture = decode_jpeg(self._jpegs[index % len(self._jpegs)], self._pool)
        if picture is None:
            raise SourceError(f"picture {index % len(self._jpegs)} in memory cannot be decoded; expected JPEG")
        return picture
