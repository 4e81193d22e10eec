"""A solver that misbehaves on request, for the tests of what stands before it."""

from pathlib import Path
from typing import Any

import numpy as np

from nbst_live.backdrop.job import Cause, Failed, Message, Progress
from nbst_live.closing import Closable
from nbst_live.gatys.settings import SolverSettings
from nbst_live.stages import Matte, Picture


class FakeWorker(Closable):
    """Stands in for SolverWorker: says what `say` and `publish` were told, and keeps the `jobs` it was given."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.pid = None
        self.alive = True
        self.pace = 1.0
        self.starts = self.taken = self.closings = 0
        self.jobs: list[dict[str, Any]] = []
        self._picture: Picture = np.zeros((height, width, 3), np.uint8)
        self._said: list[Message] = []

    def start(self) -> None:
        self.starts, self.alive = self.starts + 1, True

    def submit(
        self,
        plate: Picture,
        known: Matte,
        guide: Matte | None = None,
        *,
        styles: tuple[tuple[Path, float], ...],
        settings: SolverSettings,
        start: Path | None = None,
        warm: bool = False,
    ) -> int:
        """See `SolverWorker.submit`."""
        job = {"plate": plate.copy(), "known": known.copy(), "styles": styles, "settings": settings}
        self.jobs.append(job | {"guide": guide, "start": start, "warm": warm})
        return len(self.jobs)

    def publish(self, picture: Picture, *, final: bool = False) -> None:
        """The next poll brings this picture."""
        self._picture = picture
        self._said.append(Progress(len(self.jobs), 1, 2 - final, 0.5, 0.2, 0.3, 1.0, published=True, final=final))

    def fail(self, reason: str = "killed", cause: Cause = Cause.ENDED) -> None:
        """The next poll says that the job has failed; when the cause is that the process has ended, it is dead."""
        self.alive = self.alive and cause is not Cause.ENDED
        self._said.append(Failed(len(self.jobs), reason, cause))

    def poll(self) -> list[Message]:
        said, self._said = self._said, []
        return said

    def take(self) -> Picture:
        self.taken += 1
        return self._picture.copy()

    def close(self) -> None:
        self.closings += 1
