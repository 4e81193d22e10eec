"""A sink that goes nowhere, for the benchmark and for tests."""

from nbst_live.closing import Closable
from nbst_live.stages import Picture


class NullSink(Closable):
    """Counts the pictures in `taken` and, with `keep`, holds a copy of the last one in `last`."""

    def __init__(self, keep: bool = False) -> None:
        self.name = "nothing"
        self.taken = 0
        self.last: Picture | None = None
        self._keep = keep

    def send(self, picture: Picture, time: float) -> None:  # noqa: ARG002 - a sink without a clock
        self.taken += 1
        if self._keep:
            self.last = picture.copy()

    def close(self) -> None:
        """Does nothing: what was counted stays readable."""
