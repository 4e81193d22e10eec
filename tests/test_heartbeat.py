"""A solver that hangs is noticed, killed, and replaced; one that was only suspended along with its watcher is not."""

import os
import signal
import sys
import time

import pytest

from nbst_live.backdrop import heartbeat
from nbst_live.backdrop.heartbeat import ABSENT_SECONDS, SILENT_SECONDS, START_SECONDS, Watch
from nbst_live.backdrop.job import Cause
from nbst_live.backdrop.worker import SolverWorker

STEP = ABSENT_SECONDS / 2


def silent_after(watch: Watch, count: int, now: float) -> float:
    """How long the same count must be seen before it is called silence."""
    began = now
    while not watch.silent(count, now):
        now += STEP
    return now - began


def test_a_count_that_stands_still_is_silence():
    watch = Watch(0.0)
    assert silent_after(watch, 0, 0.0) == pytest.approx(START_SECONDS, abs=2 * STEP)
    watch = Watch(0.0)
    assert not watch.silent(5, STEP)
    assert silent_after(watch, 5, 2 * STEP) == pytest.approx(SILENT_SECONDS, abs=2 * STEP)
    assert not watch.silent(6, 100.0)


def test_who_looked_away_has_seen_no_silence():
    watch = Watch(0.0)
    assert not watch.silent(5, STEP)
    assert not watch.silent(5, 1000.0)
    assert silent_after(watch, 5, 1000.0) == pytest.approx(SILENT_SECONDS, abs=2 * STEP)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
def test_a_stopped_solver_is_killed_and_can_be_started_again(monkeypatch):
    with SolverWorker(64, 36, niceness=0) as worker:
        while worker._beats.value < 2:
            time.sleep(0.05)
        stopped = worker.pid
        os.kill(stopped, signal.SIGSTOP)
        monkeypatch.setattr(heartbeat, "SILENT_SECONDS", 1.0)
        said = []
        while not said:
            said = worker.poll()
            time.sleep(0.05)
        assert (said[0].cause, said[0].reason) == (Cause.ENDED, "it no longer answered")
        assert not worker.alive
        worker.start()
        assert worker.alive
        assert worker.pid != stopped
        assert worker.poll() == []
