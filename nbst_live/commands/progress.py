"""Progress bars for long work, and a clean end on Ctrl-C, SIGTERM and a closed terminal."""

import signal
import sys
from types import FrameType
from typing import Any

from tqdm import tqdm

from nbst_live.backdrop.job import Progress
from nbst_live.closing import Closable
from nbst_live.commands.trace import Trace
from nbst_live.stages import Picture

ENDING = [signal.SIGINT, signal.SIGTERM, *([] if sys.platform == "win32" else [signal.SIGHUP])]
"""Ctrl-C, `kill`, and a terminal that was closed."""


class Interruption(Closable):
    """While it is open, the signals of ENDING only set `asked`; a second one ends the program at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before = {number: signal.signal(number, self._handle) for number in ENDING}

    def check(self) -> None:
        """Raises KeyboardInterrupt when asked to end."""
        if self.asked:
            raise KeyboardInterrupt

    def close(self) -> None:
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


# tqdm would start a thread that watches for bars that stand still, and leave it running.
tqdm.monitor_interval = 0


def bar(text: str, total: int | None) -> "tqdm[Any]":
    """A progress bar on stderr; silent where stderr is no terminal. To be used in a `with`."""
    return tqdm(desc=text, total=total, disable=None, leave=False, mininterval=0.2)


class PaintingBar:
    """Shows and counts the solver's steps; give it to `paint`. It also lets an interruption end the painting."""

    def __init__(self, interruption: Interruption, trace: Trace | None = None) -> None:
        self.steps, self.seconds = 0, 0.0
        self._trace = trace
        self.interruption = interruption
        self._bar: tqdm[Any] | None = None

    def __call__(self, progress: Progress, picture: Picture | None) -> None:
        self.interruption.check()
        if self._bar is None:
            self._bar = bar("painting", progress.steps)
        self._bar.update()
        self.steps, self.seconds = progress.step, progress.seconds
        if self._trace is not None:
            self._trace.add(progress, picture)
        if progress.final:
            self._bar.close()
            self._bar = None
