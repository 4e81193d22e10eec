"""A live camera as a source: the newest picture wins, and a camera that went away comes back."""

import re
import threading
import time

import cv2

from nbst_live.capture import devices
from nbst_live.capture.opencv import READ_WAIT, Orientation, fourcc_name, open_capture
from nbst_live.closing import Closable
from nbst_live.errors import SourceError, SourceStalled
from nbst_live.stages import Frame, Picture, SourceInfo
from nbst_live.threads import Worker

FIRST_PICTURE_WAIT = 5.0
"""Seconds that a camera may take from opening to its first picture; slow webcams need about two."""

REOPEN_EVERY = 0.5
"""Seconds between two tries to open a camera that went away."""

BAD_READS = 3
"""Reads that fail in a row before the camera is taken for gone; one alone may be a broken JPEG."""

# Of streams over the network, in milliseconds; FFmpeg would wait half a minute.
_TIMEOUTS = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 5000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2000)


class CameraSource(Closable):
    """A camera: an index ("0"), a device path ("/dev/video0") or a URL ("rtsp://...", "http://...").

    A thread takes every picture and keeps the newest; one that nobody read in time counts as `dropped`. A local
    camera is asked for MJPG at `size` and `fps`; `info` tells what it really gives. When the camera goes away the
    thread tries to open it again twice a second; a picture that then has another size is resized to `info`'s. Raises
    SourceError, with what to do, when it cannot be opened or gives no picture.
    """

    def __init__(
        self,
        spec: str,
        size: tuple[int, int] | None = (1280, 720),
        fps: float = 30.0,
        mirror: bool = False,
        rotate: int = 0,
    ) -> None:
        self._spec = spec
        self._name = re.sub(r"//[^/@]*@", "//", spec)  # an address may hold a password
        self._orientation = Orientation(mirror, rotate)
        self._size, self._fps = size, fps
        self.dropped = 0
        self._index = -1
        self._closed = False
        self._newest: Frame | None = None
        self._arrival = threading.Condition()
        capture, picture = self._open_first()
        self._first_captured = time.monotonic()
        self.info = self._describe(capture, picture)
        self._publish(picture, self._first_captured)
        self._capture = capture
        self._worker = Worker("camera", self._keep_taking)
        self._worker.start()

    def read(self) -> Frame:
        if self._closed:
            raise SourceError(f"camera {self._name} is closed")
        with self._arrival:
            self._arrival.wait_for(lambda: self._newest or self._worker.error, timeout=READ_WAIT)
            frame, self._newest = self._newest, None
        if frame is not None:
            return frame
        if self._worker.error is not None:
            raise SourceError(f"camera {self._name} failed: {self._worker.error}") from self._worker.error
        raise SourceStalled(f"camera {self._name} gave no picture for {READ_WAIT} s; is it plugged in? Read again")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._worker.stop()
        self._worker.join()

    def _open_first(self) -> tuple[cv2.VideoCapture, Picture]:
        capture = self._open()
        if capture is None:
            raise SourceError(f"cannot open camera {self._name}: {devices.why_not(self._spec)}")
        deadline = time.monotonic() + FIRST_PICTURE_WAIT
        while time.monotonic() < deadline:
            ok, picture = capture.read()
            if ok:
                return capture, self._orientation.apply(picture)
            time.sleep(0.01)
        capture.release()
        raise SourceError(
            f"camera {self._name} opens but gave no picture in {FIRST_PICTURE_WAIT:g} s: another program may use it,"
            " or, where it is a virtual camera, nothing feeds it; close that program or start the feed"
        )

    def _open(self) -> cv2.VideoCapture | None:
        if not devices.is_local(self._spec):
            return open_capture(self._spec, cv2.CAP_FFMPEG, _TIMEOUTS)
        capture = open_capture(*devices.opencv_target(self._spec))
        if capture is not None:
            # The format first: many cameras offer the larger sizes at full rate as MJPG only.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            if self._size is not None:
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
            capture.set(cv2.CAP_PROP_FPS, self._fps)
            # One to fill while one is read; every further one would only add latency.
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 2)
        return capture

    def _keep_taking(self, stopping: threading.Event) -> None:
        capture: cv2.VideoCapture | None = self._capture
        try:
            while not stopping.is_set():
                if capture is None:
                    stopping.wait(REOPEN_EVERY)
                    capture = None if stopping.is_set() else self._open()
                elif not self._take(capture, stopping):
                    capture.release()
                    capture = None
        finally:
            if capture is not None:
                capture.release()
            with self._arrival:
                self._arrival.notify_all()

    def _take(self, capture: cv2.VideoCapture, stopping: threading.Event) -> bool:
        """Publishes the next picture; False when the camera gives none any more."""
        for _ in range(BAD_READS):
            ok, picture = capture.read()
            if ok:
                captured = time.monotonic()
                picture = self._orientation.apply(picture)
                if picture.shape[:2] != (self.info.height, self.info.width):
                    picture = cv2.resize(picture, (self.info.width, self.info.height), interpolation=cv2.INTER_AREA)
                self._publish(picture, captured)
                return True
            stopping.wait(0.01)
        return False

    def _publish(self, picture: Picture, captured: float) -> None:
        with self._arrival:
            self._index += 1
            self.dropped += self._newest is not None
            self._newest = Frame(picture, self._index, captured - self._first_captured, captured)
            self._arrival.notify_all()

    def _describe(self, capture: cv2.VideoCapture, picture: Picture) -> SourceInfo:
        height, width = picture.shape[:2]
        fps = capture.get(cv2.CAP_PROP_FPS)
        fps = fps if 0 < fps <= 1000 else self._fps
        shape = (round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        detail = f"{fourcc_name(capture)} {shape[0]}x{shape[1]} at {fps:g}".strip()
        return SourceInfo(self._name, width, height, fps, live=True, detail=detail, began=self._first_captured)
