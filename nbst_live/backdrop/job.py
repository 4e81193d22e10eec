"""What passes between the live process and the solver's: small plain messages; pictures go through shared memory."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nbst_live.gatys.settings import SolverSettings


@dataclass(frozen=True, slots=True)
class Job:
    """Paint the plate that lies in shared memory; any job before it is given up.

    `styles` are the paintings' files and their weights. `warm` goes on from the solver's own last picture of the same
    styles; where it has none, or not `warm`, `start` is a picture file to go on from (a cached result), None to begin
    anew.
    """

    number: int
    styles: tuple[tuple[Path, float], ...]
    settings: SolverSettings
    start: Path | None = None
    warm: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The live process has copied the published picture: the mailbox is free."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One optimiser step is done; `published` when its picture lies in the mailbox, `final` after the last."""

    number: int
    step: int
    steps: int
    loss: float
    content: float
    style: float
    seconds: float
    published: bool = False
    final: bool = False


class Cause(Enum):
    """Why a job failed, as far as the next try depends on it."""

    MEMORY = "memory"
    DIVERGED = "diverged"
    ENDED = "ended"
    INPUT = "input"
    """Something that the user gave cannot be used: it will not be better for trying again."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Failed:
    """The job could not be done; the reason is one line."""

    number: int
    reason: str
    cause: Cause = Cause.OTHER


Message = Progress | Failed
"""What the solver says."""
