"""The recordings of the key r: they begin and end beside the live picture, which waits for neither."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

from nbst_live.closing import Closable
from nbst_live.errors import NbstError
from nbst_live.report import recording_figures
from nbst_live.sinks.recorder import Recorder
from nbst_live.stages import Sink
from nbst_live.threads import Worker

log = logging.getLogger(__name__)


class Recordings(Closable):
    """Opens recordings by `open_one`, one at a time, puts them among `sinks`, and `say`s when one is finished.

    Opening tries encoders and closing writes all that waits, so that each has a thread of its own, which warns of what
    fails. `close()` waits for these threads; a recording under way it leaves to the owner of the sinks. `ended` is what
    `--report` says of those that were ended before.
    """

    def __init__(self, open_one: Callable[[], Recorder], sinks: list[Sink], say: Callable[[str], None]) -> None:
        self.ended: list[dict[str, Any]] = []
        self._open_one, self._sinks, self._say = open_one, sinks, say
        self._recorder: Recorder | None = None
        self._opening = False
        self._workers: list[Worker] = []

    def toggle(self) -> None:
        """Ends the recording under way, else begins one; does nothing while one is being opened. Never waits."""
        if self._opening:
            return
        recorder, self._recorder = self._recorder, None
        if recorder is not None and recorder in self._sinks:
            self._sinks.remove(recorder)
            self.ended.append(recording_figures(recorder))
            self._beside(partial(self._end, recorder))
        else:
            self._opening = True
            self._beside(self._open)

    def look(self) -> None:
        """Lets go of threads that are over, and of a recording that has failed; to be called now and then."""
        for worker in [worker for worker in self._workers if worker.over]:
            self._workers.remove(worker)
            if worker.error is not None:
                log.error("a recording failed; see the log file", exc_info=worker.error)
        if self._recorder is not None and not self._opening and self._recorder not in self._sinks:
            self.ended.append(recording_figures(self._recorder))
            self._recorder = None

    def close(self) -> None:
        for worker in self._workers:
            worker.join()
        self.look()

    def _beside(self, job: Callable[[], None]) -> None:
        worker = Worker("recording", lambda _stopping: job())
        self._workers.append(worker)
        worker.start()

    def _open(self) -> None:
        try:
            self._recorder = self._open_one()
            self._sinks.append(self._recorder)
        except NbstError as error:
            log.warning("%s", error)
        finally:
            self._opening = False

    def _end(self, recorder: Recorder) -> None:
        try:
            recorder.close()
        except NbstError as error:
            log.warning("%s", error)
        else:
            self._say(f"nbst-live: {recorder.name} is finished")


def new_name(now: datetime) -> Path:
    """A recording's name, by the time, in the folder one is in; no file there begins like it, a part of a split one no
    more than a whole one.
    """
    stem = f"nbst-live-{now:%Y%m%d-%H%M%S}"
    stems = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return Path(next(stem for stem in stems if not any(Path().glob(f"{stem}*")))).with_suffix(".mp4")
