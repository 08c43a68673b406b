"""The environment of worker processes, and the loop in which one runs its tasks."""

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.utils.parallel.engine import WorkerLostError

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
READY, STARTED, REPORT, DONE, FAILED = (bytes([code]) for code in range(5))
"""Kinds of a worker's messages: it is prepared, it began a task, an event, a result, an error."""


@contextmanager
def worker_environment(variables: Mapping[str, str] = ENVIRONMENT_VARIABLES) -> Iterator[None]:
    """Set the workers' environment variables and block SIGINT while workers are started.

    A terminal sends Ctrl-C to all processes. Workers inherit the blocked signal and ignore it; this
    process receives it after the block and ends the workers. Otherwise a worker that is still
    importing would print a traceback.
    """
    # Started before the block: multiprocessing starts it with the first process, and then unblocks
    # SIGINT in the thread that did so.
    resource_tracker.ensure_running()
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
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


def use_one_thread() -> None:
    """Let torch use one thread if this process has imported it already.

    Otherwise the environment variables have the same effect once it is imported.
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def serve_tasks(pickled_prepare: bytes, connection: Connection) -> None:
    """Prepare this process and run tasks until the pool closes the connection.

    Args:
        pickled_prepare: pickled function without parameters, which returns the function for the
            tasks and a description of the state it prepared.
        connection: connection to the pool.
    """
    # Whatever started this process: see `worker_environment`.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()
    with suppress(OSError):  # a process without stderr has no other place for messages
        # The output of a user's model must not be among the results that the command prints.
        os.dup2(2, 1)

    def send(kind: bytes, value: Any) -> None:
        connection.send_bytes(kind + _pickle_message(value))

    with suppress(EOFError, ConnectionError):  # the pool was stopped, or its process has ended
        try:
            function, description = pickle.loads(pickled_prepare)()
        except Exception as error:
            send(FAILED, _add_traceback(error))
            return
        send(READY, description)
        while True:
            pickled_task = connection.recv_bytes()
            send(STARTED, None)
            try:
                task = pickle.loads(pickled_task)
                message = DONE + pickle.dumps(function(task, lambda event: send(REPORT, event)))
            except Exception as error:
                message = FAILED + _pickle_message(_add_traceback(error))
            except (KeyboardInterrupt, SystemExit) as error:
                # The task's own, as SIGINT is blocked here: the process ends without a traceback.
                send(FAILED, WorkerLostError(f"ended by {type(error).__name__}"))
                return
            connection.send_bytes(message)


def _add_traceback(error: Exception) -> Exception:
    """Add the traceback of a bug as a note, which another process prints below the error."""
    if not isinstance(error, InputError):
        error.add_note(f"Traceback of the worker:\n{''.join(traceback.format_exception(error))}")
    return error


def _pickle_message(value: Any) -> bytes:
    """Pickle a value; an exception that can't be restored is replaced by its text."""
    # Plain bytes copy tensors; torch's own way would share them through open files.
    try:
        pickled = pickle.dumps(value)
        if isinstance(value, BaseException):
            pickle.loads(pickled)
    except Exception:
        if not isinstance(value, BaseException):
            raise
        text = "\n".join([f"{type(value).__name__}: {value}", *getattr(value, "__notes__", ())])
        return pickle.dumps(RuntimeError(text))
    return pickled


def _exit_with_parent(parent: int) -> None:
    """Poll for the death of the parent; then exit, even in the middle of a task."""
    # A killed parent can't stop its workers; the system then gives them another parent.
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os._exit(1)
