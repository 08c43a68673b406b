"""Ctrl-C and SIGTERM end the program with one line and no traceback, whenever they come."""

import os
import signal
import sys
import time
from threading import Event
from types import FrameType
from typing import Any

REPEAT_WITHIN_SECONDS = 1.0
"""Seconds."""
_received_signals: list[tuple[int, float]] = []
_command_started = Event()
"""Set once everything is imported and the command begins."""


def install_signal_handlers() -> None:
    """Have the first SIGINT or SIGTERM raise KeyboardInterrupt and be remembered.

    Remembered, because a library may turn the exception into one of its own. Another one that
    comes later, to a program that takes its time to end, ends it at once; so does the first one
    before `begin`: nothing is at work yet, and what torch imports in C++ aborts where it raises.
    """
    home = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != home or (
            _received_signals and time.monotonic() - _received_signals[0][1] > REPEAT_WITHIN_SECONDS
        ):
            signal.signal(number, signal.SIG_DFL)  # a worker, which inherited this, says nothing
            os.kill(os.getpid(), number)
        elif not _received_signals:
            _received_signals.append((number, time.monotonic()))
            if not _command_started.is_set():
                os._exit(print_interruption("revin-forecast"))
            raise KeyboardInterrupt
        # One more in the same moment is the same one, passed on by a library (pyarrow does).

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    sys.unraisablehook = _exit_on_unraisable_interrupt


def print_interruption(program: str) -> int:
    """Say in one line what ended the program; return its exit code, as shells have them."""
    number = _received_signals[0][0] if _received_signals else signal.SIGINT
    what = "terminated" if number == signal.SIGTERM else "interrupted"
    print(f"{program}: {what}", file=sys.stderr)
    return 128 + number


def was_interrupted() -> bool:
    """Return whether a signal came."""
    return bool(_received_signals)


def start_raising() -> None:
    """Let an interrupt raise from here on, so that what is at work can tidy up."""
    _command_started.set()


def _exit_on_unraisable_interrupt(problem: Any) -> None:
    """End the program where an interrupt could not be raised, such as while memory is freed."""
    if isinstance(problem.exc_value, KeyboardInterrupt):
        os._exit(print_interruption("revin-forecast"))
    sys.__unraisablehook__(problem)
