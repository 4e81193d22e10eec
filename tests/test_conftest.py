"""The guards of conftest.py catch what they are there to catch."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CASES = """
import logging, os, threading
import numpy as np
import pytest
from hypothesis import given, strategies

def test_thread(request):
    stop = threading.Event()
    threading.Thread(target=stop.wait, name="forgotten").start()
    # Runs after the guard has looked: finalizers of the session come last.
    request.session.addfinalizer(stop.set)

def test_error():
    logging.getLogger("nbst_live").error("broken")

@pytest.mark.logs_errors
def test_expected_error():
    logging.getLogger("nbst_live").error("broken")

@pytest.mark.logs_errors
def test_lapsed_mark():
    pass

@given(strategies.integers())
def test_property(number):
    assert "home" in os.environ["XDG_CACHE_HOME"]
"""


def test_guards_catch_strays_errors_and_lapsed_marks(pytester: pytest.Pytester, repository: Path) -> None:
    guards = (repository / "tests" / "conftest.py").read_text(encoding="utf-8")
    pytester.makeconftest(guards.replace("SECONDS_TO_END = 5.0", "SECONDS_TO_END = 0.1"))
    pytester.makeini("[pytest]\nmarkers = logs_errors: expected")
    pytester.makepyfile(CASES)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=5, errors=3)
    result.stdout.fnmatch_lines_random(
        ["*left running: forgotten", "*logged errors: nbst_live: broken", "*marked logs_errors, but logged none"]
    )
