"""Signal handlers: SIGINT (Ctrl-C) and SIGTERM end the program with one line and no traceback."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import Any

REPEAT_WITHIN_SECONDS = 1.0
"""A second signal within this time counts as a repetition of the first."""
_received_signals: list[tuple[int, float]] = []
"""Number and time of the first signal; empty until it is received."""
_command_started = Event()
"""Set when all imports are done and the command starts."""
_exit_actions: list[Callable[[], None]] = []
"""Called before this module ends the program, which runs no `finally`."""


def install_signal_handlers() -> None:
    """Install handlers that record the first SIGINT or SIGTERM and raise KeyboardInterrupt.

    The signal is recorded because a library may replace the exception by one of its own. A later
    signal ends the program at once, in case it takes long to end. Before `start_raising` the first
    signal does so, too: there is nothing to clean up yet, and the C++ code that torch runs during
    its import aborts on an exception.
    """
    handler_pid = os.getpid()

    def handle_signal(number: int, frame: FrameType | None) -> None:
        if os.getpid() != handler_pid or (
            _received_signals and time.monotonic() - _received_signals[0][1] > REPEAT_WITHIN_SECONDS
        ):
            # A forked worker inherits this handler and must end without a message.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not _received_signals:
            _received_signals.append((number, time.monotonic()))
            # An exception could abort in the C++ code that torch runs during its import.
            if not _command_started.is_set() or _is_importing("torch"):
                _exit_now()
            raise KeyboardInterrupt
        # Otherwise it is the same signal, passed on by a library such as pyarrow.

    signal.signal(signal.SIGINT, handle_signal)
    signal.signal(signal.SIGTERM, handle_signal)
    sys.unraisablehook = _exit_on_unraisable_interrupt


@contextmanager
def call_before_exit(action: Callable[[], None]) -> Iterator[None]:
    """Call a function if a signal ends the program at once while the block runs."""
    _exit_actions.append(action)
    try:
        yield
    finally:
        _exit_actions.remove(action)


def print_interruption(program: str) -> int:
    """Print one line on the signal that ended the program; return the exit code 128 + signal."""
    number = _received_signals[0][0] if _received_signals else signal.SIGINT
    verb = "terminated" if number == signal.SIGTERM else "interrupted"
    print(f"{program}: {verb}", file=sys.stderr)
    return 128 + number


def was_interrupted() -> bool:
    """Return whether a signal was received."""
    return bool(_received_signals)


def start_raising() -> None:
    """Raise an exception at signals from now on, so that the running command can clean up."""
    _command_started.set()


def _is_importing(name: str) -> bool:
    """Return whether a module is being imported at the moment."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def _exit_on_unraisable_interrupt(unraisable: Any) -> None:
    """End the program if an interrupt could not be raised, for instance in a finalizer."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _exit_now()
    sys.__unraisablehook__(unraisable)


def _exit_now() -> None:
    for action in _exit_actions:
        action()
    os._exit(print_interruption("revin-forecast"))
