"""The live way in this process, all of it real but the camera and the mask, for faults whose times count."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from faults import check
from faults.program import wait_until
from faults.witness import CLIP, FPS, HEIGHT, WIDTH, Witness
from nbst_live import app, pipeline
from nbst_live.capture import camera as camera_module
from nbst_live.capture import devices
from nbst_live.fakes import FakeCamera, FakeMasker
from nbst_live.settings import Settings
from nbst_live.stages import Picture

OPENING = 0.2
"""Seconds that the camera takes from opening to its first picture."""
LIVE_LEVELS = 8.0
"""Mean grey levels by which a live person may differ from the source's."""


class Watch(Witness):
    """A witness that also keeps when pictures came, in `times`, and when those with the live person did, in `live`."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []
        self.live: list[float] = []

    def send(self, picture: Picture, time: float) -> None:
        super().send(picture, time)
        now = clock()
        self.times.append(now)
        if self.nearest(picture)[1] < LIVE_LEVELS:
            self.live.append(now)

    def wait_live(self, count: int = 5, seconds: float = 30.0) -> None:
        """Waits for so many more pictures with the live person."""
        before = len(self.live)
        wait_until(lambda: len(self.live) >= before + count, f"{count} more live pictures", seconds)

    def wait_hidden(self, count: int = 3, seconds: float = 30.0) -> None:
        """Waits for so many more pictures without."""
        before = len(self.times) - len(self.live)
        wait_until(
            lambda: len(self.times) - len(self.live) >= before + count, f"{count} more pictures without person", seconds
        )

    def first_live(self, since: float) -> float:
        """Seconds from then to the first live picture after it."""
        wait_until(lambda: self.live and self.live[-1] > since, "a live picture")
        return next(moment for moment in self.live if moment > since) - since


@contextmanager
def living(watch: Watch, masker: FakeMasker | None = None, **settings: object) -> Iterator[FakeCamera]:
    """The live way from a camera that misbehaves to the watch, and to what else the settings name."""
    fake = FakeCamera(CLIP.frame(0), FPS, OPENING)
    asked: dict[str, object] = {"style": ("swirl",), "steps": 20, "threads": 2, "provider": "cpu", "fps": float(FPS)}
    asked |= {"size": (WIDTH, HEIGHT), "no_virtual_camera": True, "refresh": 0.0, **settings}
    over, alpha = threading.Event(), CLIP.alpha(0)
    with (
        patch.object(camera_module, "open_capture", fake.open),
        patch.object(devices, "is_there", lambda _: fake.way != "gone"),
        patch.object(app, "open_live_masker", lambda *_: masker or FakeMasker(lambda _: alpha, size=(WIDTH, HEIGHT))),
        app.open_live(Settings(**asked), extra_sinks=(watch,)) as live,  # type: ignore[arg-type]
    ):
        run = threading.Thread(
            target=pipeline.run, args=(live.source, live.pipeline, live.outputs, lambda: not over.is_set())
        )
        run.start()
        try:
            watch.wait_live(20, 60)
            yield fake
            check(run.is_alive(), "the live way to go on")
        finally:
            over.set()
            run.join()


def clock() -> float:
    """The clock of all times here."""
    return time.monotonic()
