import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from nbst_live.memory import keep_freed_memory

if {keep}:
    keep_freed_memory(64 << 20)
np.empty(40 << 20, np.uint8).fill(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.empty(40 << 20, np.uint8).fill(1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
RELEASED = """
import numpy as np
from nbst_live.memory import keep_freed_memory, release_freed_memory
from nbst_live.report import memory_mb

keep_freed_memory()
blocks = [np.ones(4 << 20, np.uint8) for _ in range(50)]
last = np.ones(1 << 20, np.uint8)  # what stays at the heap's end keeps the rest from being cut off there
del blocks
kept = memory_mb()
release_freed_memory()
print(kept - memory_mb())
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has mallopt and malloc_trim")


def printed(program: str) -> float:
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)


def test_memory_that_was_freed_is_taken_again_without_page_faults():
    given_back, kept = (printed(FAULTS.format(keep=keep)) for keep in (False, True))
    assert kept < given_back / 5


def test_memory_that_was_kept_can_be_given_back():
    assert printed(RELEASED) == pytest.approx(200, abs=20)
