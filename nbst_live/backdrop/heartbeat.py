"""Whether the solver's process still lives: it counts, the live process watches the count."""

import threading
import time
from typing import Any

BEAT_SECONDS = 0.5
SILENT_SECONDS = 20.0
"""A process that has not counted for so long is stopped, or starved of memory."""
START_SECONDS = 120.0
"""The same for one that has not counted yet: torch may have to come from a slow disk, on a busy machine."""
ABSENT_SECONDS = 2.0
"""A watcher that looks away for longer, as a suspended program does, has seen nothing of it."""


def beat(counter: Any) -> None:
    """Counts in a thread of this process for as long as it runs."""

    def count() -> None:
        while True:
            counter.value += 1
            time.sleep(BEAT_SECONDS)

    threading.Thread(target=count, name="heartbeat", daemon=True).start()


class Watch:
    """Watches one process's counter, which begins at 0. `now` is always `time.monotonic()`."""

    def __init__(self, now: float) -> None:
        self._count = 0
        self._since = self._looked = now

    def silent(self, count: int, now: float) -> bool:
        """Whether the count, looked at now, has stood still for too long."""
        if count != self._count or now - self._looked > ABSENT_SECONDS:
            self._count, self._since = count, now
        self._looked = now
        return now - self._since > (SILENT_SECONDS if count else START_SECONDS)
