"""Freed memory is reused without new page faults."""

import json
import platform
import subprocess
import sys

import pytest

# In a process of its own: the heap of one that has run other tests has holes of other sizes.
COUNT_FAULTS = """
import json, resource
import torch
from revin_forecast.utils.memory import retain_freed_memory

retain_freed_memory()
faults = []
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(2**20) for _ in range(10)]  # 4 MiB each, as in a training step
    del tensors
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(json.dumps(faults))
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries differ")
def test_freed_memory_is_reused_by_the_next_step():
    pytest.importorskip("resource")
    run = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True
    )
    faults = json.loads(run.stdout)
    assert min(faults[1:]) < 2_000  # of 10,240 pages
