"""Faults of the program's own processes."""

import signal
import time
from collections.abc import Callable

import psutil

from faults import Outcome, Place, check, fault
from faults.network_camera import NetworkCamera
from faults.program import SMALL_PAINTING, Program, shared_memory, wait_until
from faults.witness import CLIP, FPS, FRAMES, Witness, frames_lost, watch_file
from nbst_live import app, pipeline
from nbst_live.fakes import FakeSource
from nbst_live.logs import start_log
from nbst_live.settings import Settings

BACK_SECONDS = 2.0
"""What a live picture may take to be back."""
BEGUN = 64 << 20
"""Bytes: a sixth of what a first painting takes, and more than its threads do."""


@fault("solver-killed", "`solver: killed, trying again`, then `solver: painted again`; the picture goes on")
def solver_killed(place: Place) -> Outcome:
    return _solver_hit(place, _at_refresh, lambda solver: solver.kill(), "killed, trying again at")


@fault("solver-stopped", "`solver: it no longer answered, trying again`, then `painted again`; the picture goes on")
def solver_stopped(place: Place) -> Outcome:
    return _solver_hit(place, _at_refresh, lambda solver: solver.suspend(), "it no longer answered, trying again at")


@fault("solver-out-of-memory", "`solver: out of memory, trying again`, then `painted again`; the picture goes on")
def solver_out_of_memory(place: Place) -> Outcome:
    """At its first painting: later ones find room in what that has freed."""

    def at_work(program: Program) -> psutil.Process:
        solver = program.solver()
        wait_until(lambda: any("torch_cpu" in part.path for part in solver.memory_maps()), "the solver to load torch")
        # One more thread beats once torch is loaded; those after it compute, and end the process if they cannot begin.
        loaded = solver.num_threads() + 1
        wait_until(lambda: solver.num_threads() > loaded, "the solver to begin its first painting")
        least = solver.memory_info().vms + BEGUN
        wait_until(lambda: solver.memory_info().vms > least, "the solver at its first painting")
        return solver

    def starve(solver: psutil.Process) -> None:
        vms = solver.memory_info().vms
        solver.rlimit(psutil.RLIMIT_AS, (vms, psutil.RLIM_INFINITY))

    return _solver_hit(place, at_work, starve, "out of memory, trying again at")


def _at_refresh(program: Program) -> psutil.Process:
    """The solver, once it is at work on a refresh."""
    program.wait_for("solver: painted in", 240)
    solver = program.solver()
    wait_until(lambda: solver.cpu_percent(0.1) > 5, "the solver at work on a refresh")
    return solver


def _solver_hit(
    place: Place,
    find: Callable[[Program], psutil.Process],
    hit: Callable[[psutil.Process], None],
    says: str,
) -> Outcome:
    """Hits the solver at work, and waits until a painting is finished again."""
    recording, before = place.folder / "out.mkv", shared_memory()
    with NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera", "--refresh", "2")
        with Program(*arguments, *SMALL_PAINTING) as program:
            solver = find(program)
            told, hit_at = len(program.lines), time.monotonic()
            hit(solver)
            program.wait_for(says, after=told)
            back = program.wait_for("solver: painted again", 240, after=told)
            _end(program, signal.SIGTERM)
    check(shared_memory() <= before, "no shared memory left behind")
    witness, times = watch_file(recording)
    return Outcome(back - hit_at, frames_lost(times), raw_room_frames=witness.raw)


@fault("mask-session-lost", "`mask: the session is lost`, the backdrop alone, then `it works again`", simulated=True)
def mask_session_lost(_place: Place) -> Outcome:
    """No graphics card is here to be reset: the session of the CPU is taken away from the masker."""
    witness, lost_at, back_at = Witness(), 0.0, 0.0
    failures = seen = 0
    source = FakeSource(lambda index: CLIP.frame(index % FRAMES), frames=None, fps=FPS)
    start_log(verbose=True)
    settings = Settings(style=("swirl",), no_virtual_camera=True, threads=2, provider="cpu")
    with app.open_live(settings, source=source, extra_sinks=(witness,)) as live:
        counts = live.pipeline.counts

        def tick() -> bool:
            nonlocal lost_at, back_at, failures, seen
            if counts.frames_out == FRAMES and not lost_at:
                lost_at = time.monotonic()
                live.masker._masker._session = object()  # type: ignore[attr-defined]
            if counts.mask_failures > failures:
                failures, seen, back_at = counts.mask_failures, counts.with_person, 0.0
            elif failures and not back_at and counts.with_person > seen:
                back_at = time.monotonic()
            return counts.frames_out < 2 * FRAMES

        pipeline.run(source, live.pipeline, live.outputs, tick)
        lost = counts.mask_failures
    check(back_at and back_at - lost_at < BACK_SECONDS, f"the person back within {BACK_SECONDS:g} s")
    check(witness.taken == 2 * FRAMES, f"{2 * FRAMES} frames out, got {witness.taken}")
    return Outcome(back_at - lost_at, lost, raw_room_frames=witness.raw)


@fault("program-suspended", "the picture stands still, then goes on; the recording keeps its times")
def program_suspended(place: Place) -> Outcome:
    """All processes stop for longer than the solver may be silent, as on a laptop that sleeps."""
    recording, pause = place.folder / "out.mkv", 22.0
    with NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera")
        with Program(*arguments, *SMALL_PAINTING) as program:
            program.wait_for("source: ")
            time.sleep(5)
            family = [psutil.Process(program.process.pid), *program.family()]
            for process in family:
                process.suspend()
            time.sleep(pause)
            for process in reversed(family):
                process.resume()
            resumed, size = time.monotonic(), recording.stat().st_size
            back = wait_until(lambda: recording.stat().st_size > size, "the recording to grow again", 10)
            time.sleep(5)
            _end(program, signal.SIGTERM)
            check("solver:" not in program.said.replace("solver: painted", ""), f"a quiet solver, got {program.said}")
    witness, times = watch_file(recording)
    check(times[-1] > pause + 8, f"the recording to keep its times, got {times[-1]:.1f} s")
    return Outcome(back - resumed, frames_lost(times) - round(pause * FPS), raw_room_frames=witness.raw)


@fault("terminal-closed", "the recording is finished as by q")
def terminal_closed(place: Place) -> Outcome:
    return _ended(place, signal.SIGHUP, 5)


@fault("interrupted-at-start", "it ends at once, and leaves nothing")
def interrupted_at_start(place: Place) -> Outcome:
    return _ended(place, signal.SIGINT, 0)


@fault("killed-at-start", "nothing is left running")
def killed_at_start(_place: Place) -> Outcome:
    """The live process is killed while the solver's is only being started."""
    before = shared_memory()
    with NetworkCamera() as camera, Program("--input", camera.url, "--record", "out.mkv", *SMALL_PAINTING) as program:
        wait_until(program.family, "a child process")
        program.process.kill()
        program.wait()
        check(not program.left_behind(), "no process left behind")
    check(shared_memory() <= before, "no shared memory left behind")
    return Outcome()


def _ended(place: Place, number: signal.Signals, after: float) -> Outcome:
    """Ends the program by a signal, so many seconds after its start; the recording must be whole."""
    recording, before = place.folder / "out.mp4", shared_memory()
    with NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera")
        with Program(*arguments, *SMALL_PAINTING) as program:
            program.wait_for("source: ")
            time.sleep(after)
            took = _end(program, number)
    check(shared_memory() <= before, "no shared memory left behind")
    witness, times = watch_file(recording)
    return Outcome(took, frames_lost(times), raw_room_frames=witness.raw)


def _end(program: Program, number: signal.Signals) -> float:
    """Ends it by a signal; it must say that all is well, and leave no process. The seconds that it took to end."""
    program.family()
    began = time.monotonic()
    program.process.send_signal(number)
    check(program.wait() == 0, f"exit status 0, got {program.process.returncode}: {program.said}")
    took = time.monotonic() - began
    check(not program.left_behind(), "no process left behind")
    return took
