"""Faults of recordings."""

import time

from faults import Outcome, Place, check, fault
from faults.network_camera import NetworkCamera
from faults.program import SMALL_PAINTING, Program, shared_memory
from faults.witness import FPS, frames_lost, watch_file

SAFE_SECONDS = 2.0
"""What a recording may lose of its end when its program is killed."""


@fault("program-killed-mp4", "the recording plays up to its last two seconds")
def killed_mp4(place: Place) -> Outcome:
    return _killed(place, ".mp4")


@fault("program-killed-mkv", "the recording plays up to its last two seconds")
def killed_mkv(place: Place) -> Outcome:
    return _killed(place, ".mkv")


def _killed(place: Place, suffix: str) -> Outcome:
    recording, before = place.folder / f"out{suffix}", shared_memory()
    with NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera")
        with Program(*arguments, *SMALL_PAINTING) as program:
            began = program.wait_for("source: ")
            time.sleep(8)
            program.family()
            program.process.kill()
            ran = time.monotonic() - began
            program.wait()
        check(not program.left_behind(), "no process left behind")
    check(shared_memory() <= before, "no shared memory left behind")
    witness, times = watch_file(recording)
    check(times[-1] > ran - SAFE_SECONDS, f"the recording to play for {ran:.1f} s less two, got {times[-1]:.1f}")
    return Outcome(None, frames_lost(times) + round((ran - times[-1]) * FPS), raw_room_frames=witness.raw)
