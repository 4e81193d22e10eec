"""What the solver is given to work with: all that was asked for and, after each failure, less."""

from dataclasses import replace

from nbst_live.backdrop.job import Cause, Failed
from nbst_live.gatys.settings import SolverSettings

RESTARTS = 3
"""How often in a row a solver that failed is tried again before the backdrop stays as it is until the next refresh."""
RESTART_SECONDS = 1.0
"""Wait before the first new try; the second takes twice as long, and so on."""
SMALLER = 1.5
"""Each further try paints at a size that many times smaller: with half the pixels it needs half the memory."""
SMALLEST = 96
SLOWER = 2.0
"""After the objective became no number, the learning rate is divided by this."""
SLOWEST = 1e-4


class Means:
    """`settings` are those for the next try. A success keeps them: what was too much once would be so again."""

    def __init__(self, asked: SolverSettings) -> None:
        self.settings = asked
        self._asked = asked
        self._failures = 0

    @property
    def reduced(self) -> bool:
        """Whether they are less than what was asked for."""
        return self.settings != self._asked

    @property
    def exhausted(self) -> bool:
        """Whether there is no further try before the next refresh."""
        return self._failures > RESTARTS

    def restore(self) -> None:
        """All that was asked for, and all tries, again."""
        self.settings, self._failures = self._asked, 0

    def succeed(self) -> None:
        """A painting was finished with them."""
        self._failures = 0

    def fail(self, failed: Failed) -> str:
        """Takes a failure into account; says in a line what happened and what comes next."""
        self._failures = RESTARTS + 1 if failed.cause is Cause.INPUT else self._failures + 1
        if self.exhausted:
            return f"{failed.reason}; the backdrop stays until the next refresh"
        self.settings = smaller(self.settings, failed.cause)
        return f"{failed.reason}, trying again at {self.settings.size} px"

    @property
    def delay(self) -> float:
        """Seconds to wait before the next try."""
        return RESTART_SECONDS * self._failures


def smaller(settings: SolverSettings, cause: Cause) -> SolverSettings:
    """Settings that ask less of the machine, and of the optimiser where that was what failed."""
    size = max(SMALLEST, round(settings.size / SMALLER)) if settings.size > SMALLEST else settings.size
    if cause is not Cause.DIVERGED:
        return replace(settings, size=size)
    return replace(settings, size=size, learning_rate=max(SLOWEST, settings.learning_rate / SLOWER))
