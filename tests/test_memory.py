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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has mallopt")
def test_memory_that_was_freed_is_taken_again_without_page_faults():
    given_back, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS.format(keep=keep)], capture_output=True, check=True).stdout)
        for keep in (False, True)
    )
    assert kept < given_back / 5
