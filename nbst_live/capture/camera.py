"""A live camera as a source: the newest picture wins, and a camera that went away comes back."""

import logging
import threading
import time

import cv2

from nbst_live.capture import devices
from nbst_live.capture.decoding import decode_jpeg
from nbst_live.capture.hold import Hold
from nbst_live.capture.opencv import READ_WAIT, Orientation, Reader, fourcc_name, open_capture
from nbst_live.capture.pool import PicturePool
from nbst_live.closing import Closable
from nbst_live.errors import SourceError, SourceStalled
from nbst_live.logs import first_line
from nbst_live.pictures import cover
from nbst_live.stages import Frame, Picture, SourceInfo
from nbst_live.threads import Worker

log = logging.getLogger(__name__)

FIRST_PICTURE_WAIT = 5.0
"""Seconds that a camera may take from opening to its first picture; slow webcams need about two."""

REOPEN_EVERY = 0.5
"""Seconds between two tries to open a camera that went away."""

STOPPED_AFTER = 2.0
"""Seconds without a good picture before a camera that is still there is opened anew: it hangs, or all is broken."""

BAD_READS = 3
"""Reads of a stream that fail in a row before it is taken for broken off."""

# Of streams over the network, in milliseconds; FFmpeg would wait half a minute.
_TIMEOUTS = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 5000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 2000)


class CameraSource(Closable):
    """A camera: an index ("0"), a device path ("/dev/video0"), a name ("Integrated Camera", on Linux) or a URL
    ("rtsp://...", "http://...").

    A thread takes every picture and keeps the newest; one that nobody read in time counts as `dropped`. A local
    camera is asked for MJPG at `size` and `fps`; `info` tells what it really gives. A camera that goes away, or stops,
    is opened again as soon as it can be, also where it comes back under another number; a picture that then has
    another size is fitted to `info`'s. With `lock` exposure, white balance and focus are held once they have settled.
    Raises SourceError, with what to do, when it cannot be opened or gives no picture.
    """

    def __init__(
        self,
        spec: str,
        size: tuple[int, int] | None = (1280, 720),
        fps: float = 30.0,
        mirror: bool = False,
        rotate: int = 0,
        lock: bool = False,
    ) -> None:
        self._spec = devices.find(spec)
        self._name = devices.told(spec)
        self._label = devices.label(self._spec)
        self._orientation = Orientation(mirror, rotate)
        self._size, self._fps, self._lock = size, fps, lock
        self.dropped = 0
        self._pool = PicturePool()
        self._reader = Reader(self._pool)
        self._index = -1
        self._closed = False
        self._newest: Frame | None = None
        self._arrival = threading.Condition()
        self._awake = threading.Event()
        self._awake.set()
        capture, picture = self._open_first()
        self._first_captured = self._good = time.monotonic()
        self.info = self._describe(capture, picture)
        self._tell_if_not_as_asked()
        self._publish(picture, self._first_captured)
        self._capture: cv2.VideoCapture | None = capture
        self._hold = self._new_hold(capture)
        self._missed: float | None = None
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
            raise SourceError(f"camera {self._name} failed: {first_line(self._worker.error)}") from self._worker.error
        raise SourceStalled(f"camera {self._name} gave no picture for {READ_WAIT} s; is it plugged in? Read again")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._worker.stop()
        self._awake.set()
        self._worker.join()

    def pause(self) -> None:
        """Lets go of the camera, so that its light goes out and others may use it; `read` then brings no frame."""
        self._awake.clear()

    def resume(self) -> None:
        """Opens the camera again after `pause`, at once."""
        with self._arrival:
            self._newest = None
        self._awake.set()

    def _open_first(self) -> tuple[cv2.VideoCapture, Picture]:
        capture = self._open()
        if capture is None:
            raise SourceError(f"cannot open camera {self._name}: {devices.why_not(self._spec)}")
        deadline = time.monotonic() + FIRST_PICTURE_WAIT
        while time.monotonic() < deadline:
            picture = self._picture_of(capture)
            if picture is not None:
                return capture, self._orientation.apply(picture, self._pool)
            time.sleep(0.01)
        capture.release()
        raise SourceError(
            f"camera {self._name} opens but gave no picture in {FIRST_PICTURE_WAIT:g} s: "
            + devices.why_no_picture(self._spec)
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
            if devices.gives_bytes(fourcc_name(capture)):
                # Of a broken JPEG OpenCV would give the picture before it, and say that all is well.
                capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return capture

    def _keep_taking(self, stopping: threading.Event) -> None:
        try:
            while not stopping.is_set():
                if not self._awake.is_set():
                    self._release()
                    self._awake.wait()
                elif self._capture is None:
                    self._reopen(stopping)
                elif not self._take(self._capture, stopping):
                    self._release()
                    self._miss()
        finally:
            self._release()
            with self._arrival:
                self._arrival.notify_all()

    def _release(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _reopen(self, stopping: threading.Event) -> None:
        """Tries to open the camera; waits a little when it cannot be had."""
        spec = devices.find_again(self._spec, self._label)
        self._spec = spec or self._spec
        self._capture = None if spec is None else self._open()
        if self._capture is None:
            self._miss()
            stopping.wait(REOPEN_EVERY)
            return
        # Opened is not yet working: the first picture may take as long as at the start.
        self._good = time.monotonic() + FIRST_PICTURE_WAIT - STOPPED_AFTER
        self._hold = self._new_hold(self._capture)

    def _take(self, capture: cv2.VideoCapture, stopping: threading.Event) -> bool:
        """Publishes the next picture; False when the camera gives none any more."""
        failures = 0
        while self._awake.is_set() and not stopping.is_set():
            picture = self._picture_of(capture)
            if picture is not None:
                self._good = time.monotonic()
                self._found()
                self._heed_hold(picture)
                self._publish(self._fitted(self._orientation.apply(picture, self._pool)), self._good)
                return True
            failures += 1
            if self._is_gone(failures):
                return False
            stopping.wait(0.01)
        return True

    def _is_gone(self, failures: int) -> bool:
        """Whether a camera that gave no good picture, so often in a row, is worth no further read."""
        if not devices.is_local(self._spec):
            return failures >= BAD_READS
        return not devices.is_there(self._spec) or time.monotonic() - self._good > STOPPED_AFTER

    def _picture_of(self, capture: cv2.VideoCapture) -> Picture | None:
        """The camera's next picture; None when it gave none, or a broken one."""
        try:
            picture = self._reader.read(capture)
        except cv2.error:  # a JPEG whose head is broken
            return None
        if picture is not None and picture.ndim == 2 and picture.shape[0] == 1:
            return decode_jpeg(picture.tobytes(), self._pool)
        return picture if picture is not None and picture.ndim == 3 else None

    def _fitted(self, picture: Picture) -> Picture:
        if picture.shape[:2] == (self.info.height, self.info.width):
            return picture
        return cover(picture, self.info.width, self.info.height)

    def _miss(self) -> None:
        """Says once that the camera is gone, and why."""
        if self._missed is None:
            self._missed = time.monotonic()
            log.warning(
                "camera %s gives no pictures: %s; the backdrop alone is shown until it does",
                self._name, devices.why_gone(self._spec),
            )  # fmt: skip

    def _found(self) -> None:
        """Says that a camera that was gone is back."""
        if self._missed is not None:
            log.warning("camera %s is back after %.1f s", self._name, time.monotonic() - self._missed)
            self._missed = None

    def _new_hold(self, capture: cv2.VideoCapture) -> Hold | None:
        return Hold(capture, time.monotonic()) if self._lock else None

    def _heed_hold(self, picture: Picture) -> None:
        if self._hold is not None:
            self._hold.see(picture, self._good)
            if self._hold.done:
                log.warning("--lock: %s", self._hold.result)
                self._hold = None

    def _publish(self, picture: Picture, captured: float) -> None:
        with self._arrival:
            self._index += 1
            self.dropped += self._newest is not None
            self._newest = Frame(picture, self._index, captured - self._first_captured, captured)
            self._arrival.notify_all()

    def _tell_if_not_as_asked(self) -> None:
        info, asked = self.info, self._size
        if asked is None or not devices.is_local(self._spec):
            return
        if self._orientation.rotate in (90, 270):
            asked = asked[::-1]
        if (info.width, info.height) != asked or info.fps < 0.9 * self._fps:
            log.warning(
                "camera %s gives %dx%d at %g, asked for %dx%d at %g; `nbst-live doctor` lists what it can",
                self._name, info.width, info.height, info.fps, *asked, self._fps,
            )  # fmt: skip

    def _describe(self, capture: cv2.VideoCapture, picture: Picture) -> SourceInfo:
        height, width = picture.shape[:2]
        fps = capture.get(cv2.CAP_PROP_FPS)
        fps = fps if 0 < fps <= 1000 else self._fps
        shape = (round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        detail = f"{fourcc_name(capture)} {shape[0]}x{shape[1]} at {fps:g}".strip()
        return SourceInfo(self._name, width, height, fps, live=True, detail=detail, began=self._first_captured)
