"""Faults of cameras whose times count, on this machine: a stream over the network, and a camera that misbehaves."""

import time

from faults import Outcome, Place, check, fault
from faults.living import Watch, clock, living
from faults.network_camera import NetworkCamera
from faults.program import SMALL_PAINTING, Program
from faults.witness import FPS, watch_file

SECONDS_BACK = 2.0
"""How long the picture may be away after a camera is plugged in again."""


@fault("camera-unplugged", "the painting alone; the picture, once it is plugged in again", simulated=True)
def camera_unplugged(_: Place) -> Outcome:
    watch = Watch()
    with living(watch) as camera:
        camera.way = "gone"
        watch.wait_hidden(6)
        plugged_in, camera.way = clock(), "good"
        back = watch.first_live(plugged_in)
    check(back < SECONDS_BACK, f"the picture within {SECONDS_BACK:g} s, got {back:.1f}")
    return Outcome(back, round(back * FPS), raw_room_frames=watch.raw)


@fault("camera-hangs", "the painting alone; the picture, once the camera has been opened anew", simulated=True)
def camera_hangs(_: Place) -> Outcome:
    watch = Watch()
    with living(watch) as camera:
        hung = clock()
        camera.hang()
        watch.wait_hidden(2)
        back = watch.first_live(hung + 0.5)
        watch.wait_live()
    return Outcome(back + 0.5, round((back + 0.5) * FPS), raw_room_frames=watch.raw)


@fault(
    "camera-broken-pictures",
    "the painting alone while all are broken, the picture with the first good one",
    simulated=True,
)
def camera_broken(_: Place) -> Outcome:
    watch = Watch()
    with living(watch) as camera:
        camera.way = "broken"
        watch.wait_hidden(2)
        whole, camera.way = clock(), "good"
        back = watch.first_live(whole)
    return Outcome(back, round(back * FPS), raw_room_frames=watch.raw)


@fault(
    "stream-breaks-off", "`camera http://... gives no pictures`, the painting alone; the picture, once it answers again"
)
def stream_breaks_off(place: Place) -> Outcome:
    recording = place.folder / "out.mkv"
    with NetworkCamera() as camera:
        program = _program(camera.url, recording)
        port = camera.port
    with program:
        program.wait_for("camera http.* gives no pictures: .*; the backdrop alone is shown")
        time.sleep(2)
        with NetworkCamera(port):
            answers = clock()
            back = program.wait_for("camera http.* is back after") - answers
            _end(program)
    check(back < SECONDS_BACK, f"the picture within {SECONDS_BACK:g} s, got {back:.1f}")
    return Outcome(back, round(back * FPS), raw_room_frames=watch_file(recording)[0].raw)


@fault("stream-stands-still", "`camera http://... gives no pictures`, the painting alone; then the picture")
def stream_stands_still(place: Place) -> Outcome:
    recording = place.folder / "out.mkv"
    with NetworkCamera() as camera, _program(camera.url, recording) as program:
        camera.silent.set()
        program.wait_for("camera http.* gives no pictures")
        camera.silent.clear()
        goes_on = clock()
        back = program.wait_for("camera http.* is back after") - goes_on
        _end(program)
    return Outcome(back, round(back * FPS), raw_room_frames=watch_file(recording)[0].raw)


def _program(url: str, recording: object) -> Program:
    """The program on a stream, well under way."""
    program = Program("--input", url, "--record", str(recording), "--no-virtual-camera", *SMALL_PAINTING)
    program.wait_for("source: ")
    time.sleep(3)
    return program


def _end(program: Program) -> None:
    """Lets it run a little, then ends it as Ctrl-C would."""
    time.sleep(2)
    program.process.terminate()
    check(program.wait() == 0, f"exit status 0, got {program.process.returncode}")
