"""Says what this machine has, and for all that it lacks what to do."""

import argparse
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nbst_live.capture.devices import in_the_way, list_cameras
from nbst_live.errors import InputError, NbstError
from nbst_live.logs import first_line, log_path
from nbst_live.models import ModelRecord, StyleRecord, load_manifest, verify
from nbst_live.paths import exists
from nbst_live.settings import Settings, config_path
from nbst_live.sinks import loopback
from nbst_live.sinks.encoders import HARDWARE, choose
from nbst_live.sinks.virtual_camera import VirtualCameraSink
from nbst_live.version import __version__

PROBE_SIZE = (1280, 720)
SHOWN_MODES = 6
LONGEST_LOAD = 120
"""Seconds that a torch may take to be loaded: the first time, from a slow disk, many."""
LOAD_TORCH = """
import sys
from nbst_live.logs import first_line
try:
    import torch
except Exception as error:
    sys.exit(first_line(error))
print(torch.__version__)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and what to do where it is not well."""

    about: str
    found: str
    remedy: str = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of this command."""
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"look only at these: {', '.join(PARTS)}")


def run(options: argparse.Namespace) -> int:
    """Prints the findings; returns the exit status, which says nothing of them. Raises InputError."""
    if unknown := set(options.parts) - set(PARTS):
        raise InputError(f"got part {', '.join(sorted(unknown))}, expected some of {', '.join(PARTS)}")
    for part in options.parts or PARTS:
        for finding in _findings(part):
            mark = "!!" if finding.remedy else "ok"
            print(f"{mark}  {finding.about:15} {finding.found}", flush=True)
            if finding.remedy:
                print(f"    {'':15} -> {finding.remedy}")
    return 0


def _findings(part: str) -> Iterator[Finding]:
    """What was found out about a part; that it failed where it did, so that the others are seen none the less."""
    try:
        yield from PARTS[part]()
    except Exception as error:  # noqa: BLE001 - what is wrong here may be anything
        yield Finding(part, f"{type(error).__name__}: {first_line(error)}", "install nbst-live again")


def _program() -> Iterator[Finding]:
    yield Finding("nbst-live", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")


def _cameras() -> Iterator[Finding]:
    cameras = list_cameras()
    for camera in cameras:
        trouble = in_the_way(camera.spec)
        if trouble:
            reason, _, remedy = trouble.rpartition("; ")
            yield Finding("camera", f"{camera.spec}  {camera.name}: {reason}", remedy)
        else:
            yield Finding("camera", f"{camera.spec}  {camera.name}: {_modes(camera.modes)}")
    if not cameras:
        yield Finding(
            "camera", "none found", "plug one in, or use a clip or a stream: --input CLIP, --input rtsp://..."
        )  # fmt: skip


def _modes(modes: list[str]) -> str:
    """The modes that matter most: MJPG first, as only it reaches full rate over USB 2."""
    best = sorted(modes, key=lambda mode: not mode.startswith("MJPG"))[:SHOWN_MODES]
    more = f", and {len(modes) - len(best)} more" if len(modes) > len(best) else ""
    return ", ".join(best) + more or "modes unknown"


def _virtual_cameras() -> Iterator[Finding]:
    """The devices there are, and whether the one that would be taken can be opened and is seen by others."""
    for path, label in loopback.devices():
        yield Finding("virtual camera", f"{path}  {label}{' (taken by default)' if label == loopback.LABEL else ''}")
    try:
        with VirtualCameraSink(*PROBE_SIZE, fps=30) as sink:
            yield Finding("virtual camera", f"{sink.name} can be opened")
            if sink.hidden is not None:
                yield Finding("virtual camera", sink.hidden.reason, sink.hidden.remedy)
    except NbstError as error:
        reason, _, remedy = str(error).rpartition("; ")
        yield Finding("virtual camera", reason, remedy)


def _mask() -> Iterator[Finding]:
    """The provider that the mask really gets, and those that were tried before it."""
    from nbst_live import app

    try:
        with app.open_masker(Settings(), PROBE_SIZE, live=True) as masker:
            for refused in masker.refused:
                yield Finding(
                    "mask provider", refused, "see onnxruntime's documentation of that provider; it is not needed"
                )
            yield Finding("mask provider", f"{masker.provider} runs {masker.name}")
    except NbstError as error:
        yield Finding("mask provider", str(error), "install nbst-live again, with one of its extras cpu or gpu")


def _models() -> Iterator[Finding]:
    manifest = load_manifest()
    records: list[ModelRecord | StyleRecord] = [*manifest.models.values(), *manifest.styles.values()]
    for record in records:
        try:
            verify(record)
        except NbstError as error:
            yield Finding("model file", str(error), "install nbst-live again")
        else:
            yield Finding("model file", f"{record.file}: checksum right, {record.licence}")


def _solver() -> Iterator[Finding]:
    # In a process of its own, as for painting: a torch that is installed may still fail there, even end the process.
    command = [sys.executable, "-P", "-c", LOAD_TORCH]  # not what happens to lie in the folder we are in
    try:
        tried = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_LOAD)
    except subprocess.TimeoutExpired:
        yield Finding("solver", f"torch was not loaded within {LONGEST_LOAD} s", "pip install --force-reinstall torch")
        return
    if tried.returncode == 0:
        yield Finding("solver", f"torch {tried.stdout.strip()}")
    else:
        why = (tried.stderr.splitlines() or [f"its process ended with status {tried.returncode}"])[-1]
        yield Finding(
            "solver", f"torch cannot be loaded, so nothing is painted: {why}", "pip install --force-reinstall torch"
        )


def _encoders() -> Iterator[Finding]:
    from av.codec import codecs_available

    if "libx264" in codecs_available:
        yield Finding("recording", "H.264 by libx264")
    else:
        yield Finding("recording", "no H.264 encoder in PyAV", "pip install --force-reinstall av")
    works = [name for name in HARDWARE if _works(name)]
    yield Finding("recording", f"hardware encoders that work: {', '.join(works) or 'none'}, of {', '.join(HARDWARE)}")


def _works(name: str) -> bool:
    """Whether this hardware encoder has just encoded something."""
    try:
        choose(name, PROBE_SIZE, 30, live=True, quality=18)
    except NbstError:
        return False
    return True


def _places() -> Iterator[Finding]:
    from nbst_live.backdrop.cache import cache_folder

    yield Finding("config file", f"{config_path()}{'' if exists(config_path()) else ' (not there; not needed)'}")
    yield Finding("backdrop cache", str(cache_folder()))
    yield Finding("log file", str(log_path()))


PARTS: dict[str, Callable[[], Iterator[Finding]]] = {
    "program": _program,
    "cameras": _cameras,
    "virtual-camera": _virtual_cameras,
    "mask": _mask,
    "models": _models,
    "solver": _solver,
    "recording": _encoders,
    "places": _places,
}
