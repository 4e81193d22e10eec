"""The solver's process for real: started, painting, killed, orphaned."""

import errno
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import psutil
import pytest
import torch

from nbst_live.backdrop import means, solver_process
from nbst_live.backdrop.job import Cause, Failed, Job, Progress
from nbst_live.backdrop.privacy import painted, raw_share
from nbst_live.backdrop.room import RoomBackdrop
from nbst_live.backdrop.solver_process import Painter
from nbst_live.backdrop.still import paint
from nbst_live.backdrop.worker import SolverWorker
from nbst_live.capture.drawn_room import draw_room
from nbst_live.errors import PictureError, SolverError
from nbst_live.gatys.settings import SolverSettings
from nbst_live.logs import log_path
from nbst_live.pictures import Style, blend, open_style, write_picture
from nbst_live.stages import Frame

SIZE = (128, 72)
ROOM = draw_room(*SIZE)
KNOWN = np.full((72, 128), 255, np.uint8)
SETTINGS = SolverSettings(steps=12, size=128, threads=1)
PATIENCE = 120.0


@pytest.fixture
def worker():
    with SolverWorker(*SIZE, niceness=0) as worker:
        yield worker


@pytest.fixture
def style() -> Style:
    return open_style("swirl")


def until(worker: SolverWorker, wanted) -> list:
    """What the solver says, up to the first message for which `wanted` is true."""
    said, deadline = [], time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        worker.wait(1.0)
        for message in worker.poll():
            said.append(message)
            if isinstance(message, Progress) and message.published:
                worker.take()
            if wanted(message):
                return said
    pytest.fail(f"nothing of the kind within {PATIENCE:.0f} s; heard {said[-3:]}")


def test_it_paints_a_room_and_says_every_step(worker, style):
    heard = []
    picture = paint(worker, ROOM, KNOWN, style, SETTINGS, lambda progress, _: heard.append(progress))
    assert [progress.step for progress in heard] == list(range(1, heard[-1].steps + 1))
    assert heard[-1].final
    assert picture.shape == ROOM.shape
    assert painted(picture, ROOM)


def test_the_same_seed_paints_the_same_picture_in_another_process(style):
    pictures = []
    for _ in range(2):
        with SolverWorker(*SIZE, niceness=0) as worker:
            pictures.append(paint(worker, ROOM, KNOWN, style, SETTINGS, lambda *_: None))
    assert (pictures[0] == pictures[1]).all()


def test_a_newer_job_ends_the_one_under_way(worker, style):
    long = SolverSettings(steps=5000, size=128, threads=1)
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=long)
    until(worker, lambda message: message.step >= 3)
    number = worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
    said = until(worker, lambda message: message.final)
    assert {message.number for message in said} == {number}


def test_pictures_wait_in_the_mailbox_until_they_are_taken(worker, style):
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
    published, deadline = 0, time.monotonic() + PATIENCE
    while published == 0 and time.monotonic() < deadline:
        worker.wait(0.5)
        published += sum(message.published for message in worker.poll())
    time.sleep(1.0)
    assert published + sum(message.published for message in worker.poll()) == 1
    worker.take()
    said = until(worker, lambda message: message.final)
    assert said[-1].published


def test_a_style_that_vanished_is_a_failure_of_the_job_and_the_next_one_works(worker, style, tmp_path):
    worker.submit(ROOM, KNOWN, styles=((tmp_path / "gone.jpg", 1.0),), settings=SETTINGS)
    failed = until(worker, lambda message: isinstance(message, Failed))[-1]
    assert "does not exist" in failed.reason
    assert failed.cause is Cause.INPUT
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
    assert until(worker, lambda message: isinstance(message, Progress) and message.final)


@pytest.mark.parametrize("kind", ["OSError", "ImportError"])
def test_a_torch_that_cannot_be_loaded_is_said_and_logged_and_not_tried_again(style, tmp_path, monkeypatch, kind):
    (tmp_path / "torch.py").write_text(f"raise {kind}('[WinError 126] Error loading c10.dll\\nor another')")
    monkeypatch.syspath_prepend(tmp_path)
    with SolverWorker(*SIZE, niceness=0) as worker:
        for _ in range(2):
            worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
            failed = until(worker, lambda message: isinstance(message, Failed))[-1]
            assert failed.reason.startswith(
                "torch cannot be loaded ([WinError 126] Error loading c10.dll): pip install"
            )
            assert failed.cause is Cause.INPUT
    assert f"{kind}: [WinError 126]" in log_path("solver").read_text()


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named_with_those_that_are_and_not_tried_again(worker, style, device):
    if {"cuda": torch.cuda, "mps": torch.backends.mps}[device].is_available():
        pytest.skip("this machine has it")
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=replace(SETTINGS, device=device))
    failed = until(worker, lambda message: isinstance(message, Failed))[-1]
    assert re.match(rf"--solver-device {device}: torch 2\.\S+ has only cpu.* here; go without", failed.reason)
    assert failed.cause is Cause.INPUT


def painter(connection) -> Painter:
    """What runs in the solver's process, in this one."""
    return Painter(connection, bytearray(128 * 72 * 5), bytearray(128 * 72 * 3), SimpleNamespace(value=1.0), SIZE)


def test_a_painting_is_read_again_only_where_its_file_or_the_settings_have_changed(tmp_path, monkeypatch):
    read = Mock(wraps=solver_process.read_picture)
    monkeypatch.setattr(solver_process, "read_picture", read)
    files = [tmp_path / name for name in ("a.png", "b.png")]
    for file in files:
        write_picture(file, ROOM)
    solver = painter(None)

    def reads(paths, settings=SETTINGS) -> int:
        read.reset_mock()
        solver._iterates(Job(1, tuple((path, 1.0) for path in paths), settings))
        return read.call_count

    assert [reads(files), reads(files), reads(files[:1])] == [2, 0, 0]
    write_picture(files[0], ROOM[::-1])
    os.utime(files[0], ns=(0, 0))
    assert [reads(files[:1]), reads(files[:1])] == [1, 0]
    assert reads(files[:1], replace(SETTINGS, size=96)) == 1
    files[0].unlink()
    with pytest.raises(PictureError, match="does not exist"):
        reads(files[:1])


@pytest.mark.logs_errors
def test_an_error_of_the_system_is_a_failure_of_the_job_and_but_for_the_connections_not_the_end(style, monkeypatch):
    def broken(settings):
        raise OSError("the disk is gone")

    monkeypatch.setattr(solver_process, "beat", lambda _: None)
    monkeypatch.setattr(solver_process, "load_features", broken)
    ours, theirs = multiprocessing.Pipe()
    with theirs, ours:
        for number in (1, 2):
            ours.send(Job(number, style.paintings, SETTINGS))
        ours.send(None)
        painter(theirs).run(None)
        assert [ours.recv() for _ in range(2)] == [Failed(n, "the disk is gone", Cause.OTHER) for n in (1, 2)]
        ours.send(Job(3, style.paintings, SETTINGS))
        ours.close()
        painter(theirs).run(None)


def test_a_killed_solver_is_noticed_and_can_be_started_again(worker, style):
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SolverSettings(steps=5000, size=128, threads=1))
    until(worker, lambda message: message.step >= 2)
    os.kill(worker.pid, signal.SIGKILL)
    failed = until(worker, lambda message: isinstance(message, Failed))[-1]
    assert (failed.reason, failed.cause) == ("killed", Cause.ENDED)
    assert not worker.alive
    worker.start()
    assert painted(paint(worker, ROOM, KNOWN, style, SETTINGS, lambda *_: None), ROOM)


def test_a_solver_killed_beside_the_live_way_paints_on_with_smaller_means(worker, style, monkeypatch):
    monkeypatch.setattr(means, "RESTART_SECONDS", 0.0)
    settings = SolverSettings(steps=12, size=192, threads=1)
    frame, nobody = Frame(ROOM, 0, 0.0, 0.0), np.zeros((36, 64), np.float32)
    backdrop = RoomBackdrop(style, SIZE, settings, worker, refresh=0)
    killed, said, deadline = False, set(), time.monotonic() + PATIENCE
    while backdrop.state.solves == 0 and time.monotonic() < deadline:
        backdrop.observe(frame, nobody)
        assert raw_share(backdrop.latest(), ROOM) < 0.01
        said.add(backdrop.state.trouble)
        if backdrop.state.step >= 2 and not killed:
            os.kill(worker.pid, signal.SIGKILL)
            killed = True
        time.sleep(0.01)
    assert said == {"", "killed, trying again at 128 px"}
    assert (backdrop.state.solves, backdrop.state.failures, backdrop.state.trouble) == (1, 1, "")
    assert backdrop.painted_at is not None


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process's memory, which only Linux can")
@pytest.mark.parametrize(("size", "spare"), [(4096, 400), (512, 8)])
def test_a_solver_without_memory_says_so_and_a_new_one_paints(worker, style, size, spare):
    paint(worker, ROOM, KNOWN, style, SETTINGS, lambda *_: None)
    solver = psutil.Process(worker.pid)
    solver.rlimit(psutil.RLIMIT_AS, (solver.memory_info().vms + (spare << 20), psutil.RLIM_INFINITY))
    large = SolverSettings(steps=12, size=size, threads=1, multiscale=False)
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=large)
    failed = until(worker, lambda message: isinstance(message, Failed))[-1]
    assert (failed.reason, failed.cause) == ("out of memory", Cause.MEMORY)
    assert not worker.alive
    assert worker.poll() == []
    worker.start()
    assert painted(paint(worker, ROOM, KNOWN, style, SETTINGS, lambda *_: None), ROOM)


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process's memory, which only Linux can")
def test_a_job_given_to_a_solver_that_has_just_run_out_of_memory_is_not_forgotten(worker, style):
    paint(worker, ROOM, KNOWN, style, SETTINGS, lambda *_: None)
    solver = psutil.Process(worker.pid)
    solver.rlimit(psutil.RLIMIT_AS, (solver.memory_info().vms + (400 << 20), psutil.RLIM_INFINITY))
    large = SolverSettings(steps=12, size=4096, threads=1, multiscale=False)
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=large)
    worker.wait(PATIENCE)
    number = worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
    said = until(worker, lambda message: isinstance(message, Failed) or message.final)
    assert {message.number for message in said} == {number}


def test_an_objective_that_is_no_number_is_a_failure_with_its_cause(worker, style):
    broken = SolverSettings(steps=12, size=128, threads=1, style_weight=1e300)
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=broken)
    failed = until(worker, lambda message: isinstance(message, Failed))[-1]
    assert failed.cause is Cause.DIVERGED
    assert "lower the learning rate" in failed.reason


def test_a_solver_that_rests_hears_a_newer_job_at_once(worker, style):
    worker.pace = 1e-5
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SolverSettings(steps=5000, size=128, threads=1))
    until(worker, lambda message: message.step == 1)
    worker.pace = 1.0
    number = worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
    assert {message.number for message in until(worker, lambda message: message.final)} == {number}


def test_what_will_not_be_seen_is_not_painted(worker, style):
    hidden = np.zeros_like(KNOWN)
    hidden[:, :64] = 255
    settings = SolverSettings(steps=12, size=128, threads=1, multiscale=False, start="photo")
    part = paint(worker, ROOM, KNOWN, style, settings, lambda *_: None, hidden=hidden)
    whole = paint(worker, ROOM, KNOWN, style, settings, lambda *_: None)
    moved = [np.median(np.abs(found.astype(int) - ROOM).max(axis=2)[:, :56]) for found in (part, whole)]
    assert moved[0] == 16, "the start, moved off the room by the privacy guard alone"
    assert moved[1] > 16
    assert painted(part[:, 72:].copy(), ROOM[:, 72:].copy())


def test_a_blend_is_neither_of_its_paintings(worker, style):
    other = open_style("mosaic")
    mixed = blend([style, other], [2, 1])
    alone, both, again = (paint(worker, ROOM, KNOWN, s, SETTINGS, lambda *_: None) for s in (style, mixed, mixed))
    assert (both == again).all()
    assert np.abs(both.astype(int) - alone).mean() > 2


def test_where_the_system_gives_no_process_it_says_so_and_the_next_start_works(worker, style, monkeypatch):
    kind = worker._context.Process

    def refused(process):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    with monkeypatch.context() as patch:
        patch.setattr(kind, "start", refused)
        worker.start()
    number = worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
    (failed,) = worker.poll()
    assert (failed.number, failed.cause) == (number, Cause.ENDED)
    assert "could not be started (Resource temporarily unavailable)" in failed.reason
    assert worker.poll() == []
    assert not worker.alive
    worker.start()
    worker.submit(ROOM, KNOWN, styles=style.paintings, settings=SETTINGS)
    assert until(worker, lambda message: message.final)


def test_painting_with_a_solver_that_dies_is_an_error(worker, style):
    def kill(progress, _picture):
        if progress.step == 2:
            os.kill(worker.pid, signal.SIGKILL)

    with pytest.raises(SolverError, match="solver: killed"):
        paint(worker, ROOM, KNOWN, style, SolverSettings(steps=5000, size=128, threads=1), kill)


def test_when_the_live_process_is_killed_the_solver_ends_and_leaves_no_shared_memory():
    shared = Path("/dev/shm")
    before = set(shared.iterdir()) if shared.is_dir() else set()
    code = (
        "import sys, time; from nbst_live.backdrop.worker import SolverWorker\n"
        f"worker = SolverWorker({SIZE[0]}, {SIZE[1]}, niceness=0); print(worker.pid, flush=True); time.sleep(600)"
    )
    live = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    solver = psutil.Process(int(live.stdout.readline()))
    live.kill()
    live.wait()
    live.stdout.close()
    solver.wait(timeout=PATIENCE)
    if before:
        assert set(shared.iterdir()) <= before


def test_a_script_without_a_main_guard_can_use_it(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from nbst_live.backdrop.worker import SolverWorker\n"
        f"with SolverWorker({SIZE[0]}, {SIZE[1]}, niceness=0) as worker:\n    print(worker.alive)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.stdout.strip(), done.stderr) == ("True", "")


def test_torch_is_loaded_in_the_solvers_process_alone():
    code = (
        "import sys, nbst_live.app, nbst_live.filter, nbst_live.commands.bench, nbst_live.backdrop.solver_process\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
