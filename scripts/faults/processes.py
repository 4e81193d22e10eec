"""Faults of the program's own processes."""

from faults import Outcome, Place, check, fault
from faults.network_camera import NetworkCamera
from faults.program import SMALL_PAINTING, Program, shared_memory, wait_until
from faults.witness import frames_lost, watch_file


@fault("solver-killed", "`solver: killed, trying again at 427 px`, then `solver: painted again`; the picture goes on")
def solver_killed(place: Place) -> Outcome:
    recording, before = place.folder / "out.mkv", shared_memory()
    with NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera", "--refresh", "2")
        with Program(*arguments, *SMALL_PAINTING) as program:
            program.wait_for("solver: painted in")
            wait_until(lambda: program.solver().cpu_percent(0.1) > 20, "the solver at work on a refresh")
            told = len(program.lines)
            program.solver().kill()
            said = program.wait_for("solver: killed, trying again at", after=told)
            back = program.wait_for("solver: painted again", after=told)
            program.process.terminate()
            check(program.wait() == 0, f"exit status 0, got {program.process.returncode}")
        check(not program.left_behind(), "no process left behind")
    check(shared_memory() <= before, "no shared memory left behind")
    witness, times = watch_file(recording)
    return Outcome(back - said, frames_lost(times), raw_room_frames=witness.raw)
