"""Faults that need real devices: all of them in one boot of the emulated machine (see scripts/vm_test.py for it).

A fault marked with `vm_fault` happens within the machine. The first one of a run boots it and has all of them injected,
one after the other; the others only look up what became of theirs. Nothing there is judged by its speed, so no time is
given.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from faults import Missed, Outcome, Place, fault
from nbst_live.capture.synthetic import SyntheticClip

LIMIT = 3000.0
"""Seconds for the whole boot: it takes a third of that, on two idle cores."""
AREAS = ("webcam", "virtual_camera", "advice")
"""Modules of this package that hold such faults, in the order in which they are injected."""
OUT = Path("/out")
RESULTS, SCENE = "results.json", "scene.png"
WIDTH, HEIGHT = 320, 180

INJECTED: dict[str, Callable[[], Outcome]] = {}
"""Every fault of the machine by name, in the order of definition."""


def vm_fault(name: str, shows: str) -> Callable[[Callable[[], Outcome]], Callable[[], Outcome]]:
    """Enters a function that does its damage within the machine; arguments as those of `fault`."""

    def enter(inject: Callable[[], Outcome]) -> Callable[[], Outcome]:
        INJECTED[name] = inject
        fault(name, shows, vm=True, limit_s=LIMIT)(lambda place: _looked_up(name, place))
        return inject

    return enter


def _looked_up(name: str, place: Place) -> Outcome:
    assert place.vm is not None
    # All faults of a run have one parent.
    out = place.folder.parent / f"vm-{os.getppid()}"
    if not (out / RESULTS).exists():
        boot(place.vm, out, [])
    result = json.loads((out / RESULTS).read_text(encoding="utf-8"))[name]
    if "missed" in result:
        raise Missed(result["missed"])
    return Outcome(**result)


def boot(vm: Path, out: Path, names: list[str]) -> None:
    """Boots the machine, which leaves its results in `out`; all faults where none is named."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from vm_test import write_stand_in_mask

    out.mkdir(parents=True, exist_ok=True)
    write_stand_in_mask(out / "stand_in.onnx")
    cv2.imwrite(str(out / SCENE), SyntheticClip(WIDTH, HEIGHT, 1).frame(0))
    command = [str(vm), "-t", str(LIMIT), "-o", str(out), "--", "env", f"PYTHONPATH={Path(__file__).parents[1]}"]
    subprocess.run([*command, sys.executable, "-m", "faults.in_vm", *names], check=False)


def inside(names: list[str]) -> int:
    """Injects the faults within the machine; a failure of one says nothing of the next."""
    from faults.machine import prepare

    prepare()
    results: dict[str, dict[str, Any]] = {}
    for name, inject in INJECTED.items():
        if names and name not in names:
            continue
        print(f"== {name}", flush=True)
        try:
            results[name] = asdict(inject())
        except Exception as error:  # noqa: BLE001 the outermost loop within the machine; the table names the error
            results[name] = {"missed": f"{'' if isinstance(error, Missed) else type(error).__name__ + ': '}{error}"}
            print(results[name]["missed"], flush=True)
        (OUT / RESULTS).write_text(json.dumps(results), encoding="utf-8")
    return 0
