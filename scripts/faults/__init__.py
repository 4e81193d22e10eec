"""Faults that are injected into the real program, and what must become of each.

A fault is a function marked with `fault`; it does the damage, looks at what follows with `check`, and returns what it
cost as an `Outcome`. Each runs in a process and a temporary folder of its own (see runner.py). `AREAS` names the
modules that hold them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

AREAS = ("recording", "processes", "inputs", "cameras", "output", "webcam", "virtual_camera", "advice")
"""Modules of this package that hold faults, in the order of the table."""


class Missed(Exception):
    """Something that must hold after a fault does not."""


class Skipped(Exception):
    """The fault cannot be injected on this machine; the message says what is lacking."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a fault cost.

    `recover_s`: seconds from the damage until all is as before, None where the run rightly ends with it, or goes on
    without what it lost.
    `frames_lost`: frames that should have gone out, or lie in the file, and do not. `bytes_lost`: bytes of a recording
    that cannot be played. `raw_room_frames`: frames sent whose background is the raw room (witness.py).
    """

    recover_s: float | None = None
    frames_lost: int = 0
    bytes_lost: int = 0
    raw_room_frames: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault happens: a folder of its own, and the emulated machine's program where there is one."""

    folder: Path
    vm: Path | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `shows` is what the user sees of it, `simulated` that the real thing cannot be had here, `vm` that it
    needs the emulated machine, `limit_s` how long it may take in all.
    """

    name: str
    shows: str
    inject: Callable[[Place], Outcome]
    simulated: bool = False
    vm: bool = False
    limit_s: float = 400.0


FAULTS: dict[str, Fault] = {}
"""Every fault by name, in the order of definition."""


def fault(
    name: str, shows: str, *, simulated: bool = False, vm: bool = False, limit_s: float = 400.0
) -> Callable[[Callable[[Place], Outcome]], Callable[[Place], Outcome]]:
    """Enters the function it marks into the table; arguments as the fields of `Fault`."""

    def enter(inject: Callable[[Place], Outcome]) -> Callable[[Place], Outcome]:
        if name in FAULTS:
            raise ValueError(f"two faults are called {name!r}; expected a name for each")
        FAULTS[name] = Fault(name, shows, inject, simulated, vm, limit_s)
        return inject

    return enter


def check(holds: object, expected: str) -> None:
    """Raises Missed, with what was expected, where it does not hold."""
    if not holds:
        raise Missed(f"expected {expected}")
