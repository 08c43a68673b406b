"""What each worker process is like, whoever started it."""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENVIRONMENT_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    # glibc hands arrays of megabytes back to the system at once, and asks for them anew for the
    # next task: a third of a linear model's evaluation.
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "2147483648",
}
"""Before torch is imported: one thread, so that results are the same anywhere."""
PARENT_POLL_SECONDS = 0.5
"""Seconds between two looks at whether the parent lives."""


@contextmanager
def worker_environment() -> Iterator[None]:
    """Set the workers' variables while they are started, and let Ctrl-C be for this process alone.

    A terminal sends it to all; workers inherit that it is blocked, and this process, which gets it
    right afterwards, ends them. Else one that is still importing would tell of it in a traceback.
    """
    before = {name: os.environ.get(name) for name in ENVIRONMENT_VARIABLES}
    os.environ.update(ENVIRONMENT_VARIABLES)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def pythonpath_variable() -> dict[str, str]:
    """Return the variable that lets workers find people's own classes where this process does."""
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in sys.path if path))}


def pickle_task(function: Callable[[Any], Any], task: Any) -> bytes:
    """Return a task as bytes: as such, tensors are copied, not shared through open files."""
    return pickle.dumps((function, task))


def run_pickled(pickled: bytes) -> bytes:
    """Do a packed task; return its result as bytes."""
    function, task = pickle.loads(pickled)
    return pickle.dumps(function(task))


def init_worker(parent: int) -> None:
    """Make this process one that ends with its parent."""
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    """End this process when its parent was killed, even in the middle of a task."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os._exit(1)
