"""A camera that sleeps while nobody watches."""

import time
from collections.abc import Callable

from nbst_live.capture.camera import CameraSource
from nbst_live.capture.opencv import READ_WAIT
from nbst_live.closing import Closable
from nbst_live.errors import SourceStalled
from nbst_live.stages import Frame, SourceInfo

REST_AFTER = 10.0
"""Seconds without a watcher before the camera sleeps: changing from one program or page to another is no reason to."""
LOOK_EVERY = 0.5
"""Seconds between two looks for a watcher while awake."""
CHECK_EVERY = 0.03
"""The same while asleep."""
STAYS = 0.1
"""Seconds that a watcher must stay to wake the camera: a browser that lists cameras opens each for a moment."""


class RestingSource(Closable):
    """`camera`, paused whenever `watched()` has been false for REST_AFTER, running again soon after it is true.

    While it rests `read` raises SourceStalled, as for any camera that gives no picture, so that no mask is computed and
    the backdrop alone goes out.
    """

    def __init__(
        self, camera: CameraSource, watched: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.info: SourceInfo = camera.info
        self.dropped = camera.dropped
        self.resting = False
        self._camera, self._watched, self._clock = camera, watched, clock
        self._seen = self._looked = clock()

    def read(self) -> Frame:
        if self.resting and self._woken():
            self.resting = False
            self._camera.resume()
        elif not self.resting and self._lonely():
            self.resting = True
            self._camera.pause()
        if self.resting:
            raise SourceStalled("the camera rests, as no program reads the virtual camera; read again")
        frame = self._camera.read()
        self.dropped = self._camera.dropped
        return frame

    def close(self) -> None:
        self._camera.close()

    def _lonely(self) -> bool:
        now = self._clock()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            if self._watched():
                self._seen = now
        return now - self._seen >= REST_AFTER

    def _woken(self) -> bool:
        """Waits for a watcher who stays, at most READ_WAIT."""
        until, since = self._clock() + READ_WAIT, None
        while (now := self._clock()) < until or since is not None:
            if not self._watched():
                since = None
            elif since is None:
                since = now
            elif now - since >= STAYS:
                self._seen = now
                return True
            time.sleep(CHECK_EVERY)
        return False
