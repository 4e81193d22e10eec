"""Owns the solver's process: hands it plates, takes its pictures, never waits for it."""

import ctypes
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

import numpy as np

from nbst_live.backdrop.heartbeat import Watch
from nbst_live.backdrop.job import Cause, Failed, Job, Message, Progress, Taken
from nbst_live.backdrop.solver_process import serve
from nbst_live.closing import Closable
from nbst_live.errors import SolverError
from nbst_live.stages import Matte, Picture

END_SECONDS = 2.0
"""How long a solver that was told to stop may take before it is killed."""
REAP_SECONDS = 0.1
"""How long a process may take from closing its end of the pipe to having ended."""
KILLED = -9
"""The exit code of a process that SIGKILL ended: the user's, or the system's for want of memory."""


class SolverWorker(Closable):
    """A solver process for plates of one size, (width, height) in pixels.

    `niceness` lowers the process's priority (0: none). Pictures cross in two blocks of anonymous shared memory, which
    end with the processes whatever kills them. For one thread.
    """

    def __init__(self, width: int, height: int, *, niceness: int) -> None:
        self.size = (width, height)
        self._niceness = niceness
        self._context = multiprocessing.get_context("spawn")
        self._plate = self._context.RawArray(ctypes.c_uint8, width * height * 5)
        self._picture = self._context.RawArray(ctypes.c_uint8, width * height * 3)
        self._pace = self._context.RawValue(ctypes.c_double, 1.0)
        self._beats: Any = None
        self._watch = Watch(time.monotonic())
        self._hung = False
        self._process: Any = None
        self._connection: Connection | None = None
        self._number = 0
        self._unstarted = ""
        self.start()

    def start(self) -> None:
        """Starts the process, again if it has ended. Where the system gives none, `poll` says so. Raises SolverError in
        a daemonic process, which Python lets start none.
        """
        if multiprocessing.current_process().daemon:
            raise SolverError(
                "the solver is a process of its own, which a daemonic process such as a worker of multiprocessing.Pool "
                "may not start; use concurrent.futures.ProcessPoolExecutor, or a Process with daemon=False"
            )
        self.close()
        # A counter of its own: one that is being killed may still count.
        self._beats = self._context.RawValue(ctypes.c_uint32, 0)
        self._watch, self._hung = Watch(time.monotonic()), False
        try:
            self._connection, theirs = self._context.Pipe()
            with theirs:
                arguments = (theirs, self._plate, self._picture, self._pace, self._beats, self.size, self._niceness)
                process = self._context.Process(target=serve, args=arguments, name="nbst-live solver", daemon=True)
                with _without_main_module():
                    process.start()
        except OSError as error:
            self._disconnect()
            self._unstarted = f"its process could not be started ({error.strerror})"
        else:
            self._process = process

    @property
    def pid(self) -> int | None:
        """The process's number, None when it has not been started."""
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        """Whether the process runs and can still be spoken to."""
        return self._connection is not None and self._process.is_alive()

    @property
    def pace(self) -> float:
        """Share of its time, above 0 and at most 1, that the solver computes; it rests in between."""
        return float(self._pace.value)

    @pace.setter
    def pace(self, share: float) -> None:
        self._pace.value = share

    def submit(self, plate: Picture, known: Matte, guide: Matte | None = None, **job: Any) -> int:
        """Gives the solver a new plate and job (fields of Job but `number`); returns the job's number.

        `plate` is (h, w, 3) uint8 BGR of the worker's size, `known` (h, w) uint8, 255 where it was seen, `guide`
        likewise where to paint, None for everywhere.
        """
        self._number += 1
        planes = np.frombuffer(memoryview(self._plate), np.uint8).reshape(5, -1)
        planes[:3] = plate.reshape(3, -1)
        planes[3] = known.reshape(-1)
        planes[4] = 255 if guide is None else guide.reshape(-1)
        self._send(Job(number=self._number, **job))
        return self._number

    def poll(self) -> list[Message]:
        """What the solver said since the last call; Failed when its process has ended. One that hangs is killed, and so
        is one that ran out of memory: torch may go on failing there however much there is again.
        """
        if self._connection is None:
            reason, self._unstarted = self._unstarted, ""
            return [Failed(self._number, reason, Cause.ENDED)] if reason else []
        messages: list[Message] = []
        if self._watch.silent(self._beats.value, time.monotonic()):
            self._hung = True
            self._process.kill()
            self._process.join(REAP_SECONDS)
        try:
            while self._connection.poll():
                messages.append(self._connection.recv())
        except (EOFError, OSError):
            self._disconnect()
            messages.append(Failed(self._number, self._ending(), Cause.ENDED))
        heard = [m for m in messages if m.number == self._number or self._forget(m)]
        if any(isinstance(message, Failed) and message.cause is Cause.MEMORY for message in heard):
            self._process.kill()
            self._disconnect()
        return heard

    def wait(self, seconds: float) -> None:
        """Waits until the solver says something, at most this long; for work that is not live."""
        if self._connection is not None:
            self._connection.poll(seconds)

    def take(self) -> Picture:
        """A copy of the published picture, (h, w, 3) uint8 BGR; call it once for each Progress with `published`."""
        width, height = self.size
        picture = np.frombuffer(memoryview(self._picture), np.uint8).reshape(height, width, 3).copy()
        self._send(Taken())
        return picture

    def close(self) -> None:
        """Ends the process: told to stop, killed when it does not."""
        if self._process is None:
            return
        self._send(None)
        self._disconnect()
        # One that still loads its libraries has not yet counted, does not listen and has nothing to lose.
        self._process.join(END_SECONDS if self._beats.value else 0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self._process = None

    def _ending(self) -> str:
        """How the process ended, in a few words."""
        self._process.join(REAP_SECONDS)
        code = self._process.exitcode
        if self._hung:
            return "it no longer answered"
        return "killed" if code == KILLED else f"its process ended with status {code}"

    def _forget(self, message: Message) -> bool:
        """Frees the mailbox of a picture that an earlier job published."""
        if isinstance(message, Progress) and message.published:
            self._send(Taken())
        return False

    def _send(self, message: Job | Taken | None) -> None:
        try:
            if self._connection is not None:
                self._connection.send(message)
        except OSError:
            # The process has ended; poll() reads what it said last, and then says so.
            return

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hides `__main__` while a process starts.

    multiprocessing would run the user's script again in the child, which fails for every script without an
    `if __name__ == "__main__"`; our child needs nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
