"""The date, machine and library versions of a measurement."""

import datetime
import os
import platform
from importlib.metadata import version
from typing import Any

import torch


def environment_info() -> dict[str, Any]:
    """Return the date, the machine and the library versions of a measurement.

    `quick` is False; a run of reduced size sets it to True.
    """
    libraries = ("revin-forecast", "torch", "numpy")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in libraries},
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "quick": False,
    }
