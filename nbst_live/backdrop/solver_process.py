"""The solver's process: the only one that imports torch. Reads plates, paints them, publishes better and better
pictures.

One mailbox in shared memory holds the newest picture. It is written only while the live process does not read it: after
it has said Taken.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import psutil

from nbst_live.backdrop.heartbeat import beat
from nbst_live.backdrop.job import Cause, Failed, Job, Message, Progress, Taken
from nbst_live.backdrop.pace import rest
from nbst_live.backdrop.plate import fill
from nbst_live.errors import NbstError, PictureError, ProviderError, SolverError
from nbst_live.gatys.settings import SolverSettings
from nbst_live.logs import first_line, start_log
from nbst_live.memory import keep_freed_memory, release_freed_memory
from nbst_live.models import find, verify
from nbst_live.pictures import read_picture
from nbst_live.stages import Picture

if TYPE_CHECKING:
    from nbst_live.gatys.features import Features
    from nbst_live.gatys.solver import GatysSolver, Iterate

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 0.6
"""Least time between two pictures of one job: a change on screen takes about as long."""
ENCODER = "style-encoder"
SHORT_OF_MEMORY = "memory", "could not create a primitive"
"""What torch's errors say where memory runs out; the latter is oneDNN's, which gets no pages for its code."""


def serve(
    connection: Connection, plate: Any, picture: Any, pace: Any, beats: Any, size: tuple[int, int], niceness: int
) -> None:
    """The process's main function: does jobs until it is told None or the live process is gone."""
    # Ctrl-C reaches the whole group of processes; the live one decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Threads that spin while they wait for one another would take the live loop's cores; torch reads this at import.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    start_log(to_terminal=False, name="solver")
    _die_with_parent()
    _lower_priority(niceness)
    keep_freed_memory()
    try:
        Painter(connection, plate, picture, pace, size).run(beats)
    except KeyboardInterrupt:
        # Ctrl-C came before it was ignored.
        return


class Painter:
    """Does one job after the other; a newer job ends the one under way."""

    def __init__(self, connection: Connection, plate: Any, picture: Any, pace: Any, size: tuple[int, int]) -> None:
        width, height = size
        planes = np.frombuffer(plate, np.uint8).reshape(5, height * width)
        self._connection, self._pace = connection, pace
        self._plate = planes[:3].reshape(height, width, 3)
        self._known, self._guide = planes[3:].reshape(2, height, width)
        self._mailbox = np.frombuffer(picture, np.uint8).reshape(height, width, 3)
        self._mailbox_free = True
        self._published = 0.0
        self._next: Job | None = None
        self._stopped = False
        self._unloadable = ""
        self._last: tuple[tuple[tuple[Path, float], ...], Picture] | None = None
        self._paintings: dict[tuple[Path, int | None], Picture] = {}
        self._solver: GatysSolver | None = None
        self._solver_settings: SolverSettings | None = None

    def run(self, beats: Any) -> None:
        """Waits for jobs and does them, until told to stop; counts in `beats` meanwhile."""
        try:
            from nbst_live.gatys import solver  # noqa: F401 - loads torch while the first plate is still being gathered
        except Exception as error:  # OSError too: Windows' word for a library that torch needs and does not find
            # Kept, for a second import of what is loaded by half fails for other reasons.
            self._unloadable = f"torch cannot be loaded ({first_line(error)}): pip install --force-reinstall torch"
            log.exception("torch cannot be loaded")
        # Only now: while libraries are loaded no other thread of this process may come to its turn.
        beat(beats)
        while not self._stopped:
            job, self._next = self._next, None
            if job is None:
                self._read()
            else:
                self._paint(job)
                release_freed_memory()

    def _read(self) -> None:
        """Takes one message from the live process, waiting for it."""
        message = None
        with self._while_connected():
            message = self._connection.recv()
        if isinstance(message, Job):
            self._next = message
        elif isinstance(message, Taken):
            self._mailbox_free = True
        else:
            self._stopped = True

    def _interrupted(self, seconds: float) -> bool:
        """Rests so long, reads what comes, and says whether the job under way is to be given up."""
        until = time.monotonic() + seconds
        with self._while_connected():
            while self._connection.poll(max(0.0, until - time.monotonic())):
                self._read()
                if self._stopped or self._next is not None:
                    break
        return self._stopped or self._next is not None

    def _say(self, message: Message) -> None:
        with self._while_connected():
            self._connection.send(message)

    @contextmanager
    def _while_connected(self) -> Iterator[None]:
        """Once the live process has closed its end the work is over. Only here: an OSError elsewhere is a failure."""
        try:
            yield
        except (EOFError, OSError):
            self._stopped = True

    def _paint(self, job: Job) -> None:
        began = resumed = time.monotonic()
        try:
            for iterate in self._iterates(job):
                self._report(job, iterate, time.monotonic() - began)
                if self._interrupted(rest(time.monotonic() - resumed, self._pace.value)):
                    return
                resumed = time.monotonic()
        except Exception as error:
            log.exception("job %d failed", job.number)
            self._solver = None
            self._say(_failure(job, error))

    def _iterates(self, job: Job) -> "Iterator[Iterate]":
        plate = fill(self._plate.copy(), self._known.copy())
        start = self._last[1] if job.warm and self._last is not None and self._last[0] == job.styles else None
        if start is None and job.start is not None:
            start = _start(job.start)
        solver = self._solver_for(job)
        styles = self._paintings_for(job, solver)
        guide = None if self._guide.all() else (self._guide > 0).astype(np.float32)
        return solver.solve(plate, styles, start=start, guide=guide)

    def _paintings_for(self, job: Job, solver: "GatysSolver") -> list[tuple[Picture, float]]:
        """The job's paintings and their weights; files that are as they were at the last job are not read again."""
        height, width = self._plate.shape[:2]
        before, keys = self._paintings, [(path, _modified(path)) for path, _ in job.styles]
        self._paintings = {
            key: before[key] if key in before else solver.prepared(read_picture(key[0]), width, height) for key in keys
        }
        return [(self._paintings[key], weight) for key, (_, weight) in zip(keys, job.styles, strict=True)]

    def _solver_for(self, job: Job) -> "GatysSolver":
        if self._unloadable:
            raise ProviderError(self._unloadable)
        from nbst_live.gatys.solver import GatysSolver

        if self._solver is None or self._solver_settings != job.settings:
            features, settings = load_features(job.settings)
            self._solver_settings = job.settings
            self._solver = GatysSolver(features, settings)
            self._paintings = {}  # they were made ready for the settings before
        return self._solver

    def _report(self, job: Job, iterate: "Iterate", seconds: float) -> None:
        """Says which step is done, with its picture when one is due and the mailbox free; the last picture always."""
        final = iterate.step == iterate.steps
        while final and not self._mailbox_free:
            self._read()
            if self._stopped or self._next is not None:
                return
        due = final or time.monotonic() - self._published >= PUBLISH_SECONDS
        publish = due and self._mailbox_free
        if publish:
            np.copyto(self._mailbox, self._at_full_size(iterate.picture))
            self._mailbox_free, self._published = False, time.monotonic()
        if final:
            self._last = (job.styles, iterate.bare)
        losses = (iterate.total, iterate.content, iterate.style)
        self._say(Progress(job.number, iterate.step, iterate.steps, *losses, seconds, published=publish, final=final))

    def _at_full_size(self, picture: Picture) -> Picture:
        """A picture of one of the solver's coarse scales, enlarged to the mailbox's size."""
        height, width = self._mailbox.shape[:2]
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)


def load_features(settings: SolverSettings) -> "tuple[Features, SolverSettings]":
    """The network that the settings name, and the settings with layers that it has. Raises ModelError and
    ProviderError.
    """
    from nbst_live.gatys.features import LAYERS, check_device, load_encoder, with_nearest_layers

    check_device(settings.device)
    if settings.features == "vgg19":
        from nbst_live.gatys.vgg19 import load_vgg19

        return load_vgg19(settings.device), settings
    return load_encoder(verify(find(ENCODER)), settings.device), with_nearest_layers(settings, LAYERS)


def _modified(path: Path) -> int | None:
    """When the file was last written, in nanoseconds; None for one that is gone, which reading it will say."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _start(path: Path) -> Picture | None:
    """A cached picture to go on from; none where it is gone by now, as another program may have cleared the cache."""
    try:
        return read_picture(path)
    except PictureError as error:
        log.info("begins anew: %s", error)
        return None


def _failure(job: Job, error: Exception) -> Failed:
    """What to say of an error: which kind it is, and its first line."""
    short = not isinstance(error, NbstError) and any(words in str(error) for words in SHORT_OF_MEMORY)
    if isinstance(error, MemoryError) or short:
        return Failed(job.number, "out of memory", Cause.MEMORY)
    reason = first_line(error)
    if isinstance(error, SolverError):
        return Failed(job.number, reason, Cause.DIVERGED)
    return Failed(job.number, reason, Cause.INPUT if isinstance(error, NbstError) else Cause.OTHER)


def _die_with_parent() -> None:
    """Ends this process when the live one is gone, even by `kill -9`; a daemon flag alone does not see that."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(0)), daemon=True).start()


def _lower_priority(niceness: int) -> None:
    """Lets the live process go first. `niceness` is POSIX's, 0 to 19."""
    process = psutil.Process()
    if niceness == 0:
        return
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        process.nice(niceness)
