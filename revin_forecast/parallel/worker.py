"""The environment and the task protocol of a worker process, shared by all engines."""

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
    # By default glibc returns arrays of several megabytes to the system and requests them again for
    # the next task, which takes a third of a linear model's evaluation.
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "2147483648",
}
"""Set before torch is imported: one thread, so that results are the same on every machine."""
PARENT_POLL_SECONDS = 0.5
"""Time between two checks that the parent process is alive."""


@contextmanager
def worker_environment() -> Iterator[None]:
    """Set the workers' environment variables and block SIGINT while workers are started.

    A terminal sends Ctrl-C to all processes. Workers inherit the blocked signal and ignore it; this
    process receives it after the block and ends the workers. Otherwise a worker that is still
    importing would print a traceback.
    """
    before = {name: os.environ.get(name) for name in ENVIRONMENT_VARIABLES}
    os.environ.update(ENVIRONMENT_VARIABLES)
    signal_mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def pythonpath_variable() -> dict[str, str]:
    """Return the PYTHONPATH with which workers find the user's own classes."""
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in sys.path if path))}


def pickle_task(function: Callable[[Any], Any], task: Any) -> bytes:
    """Pickle a function and a task to bytes.

    Plain bytes copy tensors; torch's own way would share them through open files.
    """
    return pickle.dumps((function, task))


def run_pickled(pickled: bytes) -> bytes:
    """Run a pickled task; return its pickled result."""
    function, task = pickle.loads(pickled)
    return pickle.dumps(function(task))


def init_worker(parent: int) -> None:
    """End this process when its parent ends.

    Args:
        parent: process id of the parent.
    """
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    """Poll for the death of the parent; then exit, even in the middle of a task."""
    # A killed parent can't stop its workers; the system then gives them another parent.
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os._exit(1)
