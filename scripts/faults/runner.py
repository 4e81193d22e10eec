"""Runs faults, each in a process and a folder of its own, and makes the table of what became of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from faults import FAULTS, Fault, Missed, Place, Skipped

ONE = "--one"
"""First argument of the process that injects a single fault."""
RESULT = "outcome.json"
KINDS = ("CONFIG", "CACHE", "DATA", "STATE")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `reason` says why it did not pass, or was skipped."""

    fault: str
    shows: str
    passed: bool
    skipped: bool
    simulated: bool
    recover_s: float | None = None
    frames_lost: int = 0
    bytes_lost: int = 0
    raw_room_frames: int = 0
    reason: str = ""


def run_all(faults: Sequence[Fault], folder: Path, vm: Path | None) -> list[Row]:
    """Injects one fault after the other; says on stderr how each went."""
    rows = []
    for one in faults:
        row = run_one(one, folder / one.name, vm)
        mark = "ok     " if row.passed else "skipped" if row.skipped else "FAILED "
        print(f"{mark} {row.fault}{': ' if row.reason else ''}{row.reason}", file=sys.stderr, flush=True)
        rows.append(row)
    return rows


def run_one(one: Fault, folder: Path, vm: Path | None) -> Row:
    """Injects a fault in a process of its own, which is killed with all that it started once its time is over."""
    if one.vm and vm is None:
        return Row(one.name, one.shows, False, True, one.simulated, reason="needs the emulated machine (--vm)")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "faults", ONE, one.name, str(folder), *([str(vm)] if vm else [])]
    environment = os.environ | {f"XDG_{kind}_HOME": str(folder / "home" / kind.lower()) for kind in KINDS}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(one.limit_s)
            return _row(one, folder, f"its process ended with {process.returncode}")
        except subprocess.TimeoutExpired:
            return _row(one, folder, f"not over after {one.limit_s:g} s")
        finally:
            _kill_group(process)


def inject_here(name: str, folder: Path, vm: list[str]) -> int:
    """Injects one fault in this process, and leaves in its folder what became of it."""
    place = Place(folder, Path(vm[0]) if vm else None)
    try:
        result = {"passed": True, "reason": "", **asdict(FAULTS[name].inject(place))}
    except Skipped as error:
        result = {"passed": False, "skipped": True, "reason": str(error)}
    except Missed as error:
        result = {"passed": False, "reason": str(error)}
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")
    return 0


def _row(one: Fault, folder: Path, otherwise: str) -> Row:
    """The row of a fault that has been injected; `otherwise` says what happened where it left no result."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        last = (folder / "log.txt").read_text(errors="replace").strip().splitlines()[-1:]
        result = {"passed": False, "reason": ": ".join([otherwise, *last])}
    row = Row(one.name, one.shows, **{"skipped": False, "simulated": one.simulated} | result)
    if row.passed and row.raw_room_frames:
        return Row(**asdict(row) | {"passed": False, "reason": "the raw room was seen"})
    return row


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Ends whatever a fault left running: its process leads a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| fault | what the user sees | passed | recover s | frames lost | bytes lost | raw-room frames |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name = row.fault + (" (simulated)" if row.simulated else "")
        passed = "yes" if row.passed else f"skipped: {row.reason}" if row.skipped else f"NO: {row.reason}"
        recover = "-" if row.recover_s is None else f"{row.recover_s:.1f}"
        cells = [name, row.shows, passed, recover, row.frames_lost, row.bytes_lost, row.raw_room_frames]
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join(lines)


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Writes the rows as a JSON list."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
