"""What every test gets: its own folders, repeatable chance, a failure for what it leaves running or logs as error."""

import logging
import multiprocessing
import random
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest

# Chance is drawn from the test's name, and no test is judged by its speed: the same commit gives the same result.
hypothesis.settings.register_profile("nbst-live", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("nbst-live")

SECONDS_TO_END = 5.0
"""How long a thread or process that was told to stop may take to do so."""


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps the user's settings and caches out of the tests, and the tests out of them."""
    home = tmp_path_factory.mktemp("home")
    for kind in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))


@pytest.fixture(autouse=True)
def repeatable_chance() -> None:
    """Seeds the global generators, which libraries draw from; tests themselves use `rng`."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 the legacy generator is the one that libraries use
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that is the same for every test."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_process() -> Iterator[None]:
    """Puts back what a live run sets for its whole process: its threads' turns at the interpreter, OpenCV's threads."""
    turns, threads = sys.getswitchinterval(), cv2.getNumThreads()
    yield
    sys.setswitchinterval(turns)
    cv2.setNumThreads(threads)


def running() -> set[threading.Thread | BaseProcess]:
    """All threads and child processes of this process."""
    return {*threading.enumerate(), *multiprocessing.active_children()}


@pytest.fixture(autouse=True)
def no_strays() -> Iterator[None]:
    """Fails a test that leaves a thread or a child process running, and names them."""
    before = running()
    yield
    deadline = time.monotonic() + SECONDS_TO_END
    while strays := running() - before:
        if time.monotonic() > deadline:
            pytest.fail(f"left running: {', '.join(sorted(stray.name for stray in strays))}")
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def no_logged_errors(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test during which anything logs an error, unless the test is marked `logs_errors`."""
    expected = request.node.get_closest_marker("logs_errors") is not None
    yield
    errors = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    if errors and not expected:
        pytest.fail("logged errors: " + "; ".join(f"{record.name}: {record.getMessage()}" for record in errors))
    if expected and not errors:
        pytest.fail("marked logs_errors, but logged none")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the clone."""
    return Path(__file__).resolve().parents[1]
