"""Ctrl-C and SIGTERM end the program with one line and no traceback, whenever they come."""

import os
import signal
import sys
import time
from threading import Event
from types import FrameType
from typing import Any

PATIENCE = 1.0
"""Seconds."""
_received: list[tuple[int, float]] = []
_begun = Event()
"""Set once everything is imported and the command begins."""


def watch() -> None:
    """Have the first SIGINT or SIGTERM raise KeyboardInterrupt and be remembered.

    Remembered, because a library may turn the exception into one of its own. Another one that
    comes later, to a program that takes its time to end, ends it at once; so does the first one
    before `begin`: nothing is at work yet, and what torch imports in C++ aborts where it raises.
    """
    home = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != home or (_received and time.monotonic() - _received[0][1] > PATIENCE):
            signal.signal(number, signal.SIG_DFL)  # a worker, which inherited this, says nothing
            os.kill(os.getpid(), number)
        elif not _received:
            _received.append((number, time.monotonic()))
            if not _begun.is_set():
                os._exit(told("revin-forecast"))
            raise KeyboardInterrupt
        # One more in the same moment is the same one, passed on by a library (pyarrow does).

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    sys.unraisablehook = _unraisable


def told(program: str) -> int:
    """Say in one line what ended the program; return its exit code, as shells have them."""
    number = _received[0][0] if _received else signal.SIGINT
    what = "terminated" if number == signal.SIGTERM else "interrupted"
    print(f"{program}: {what}", file=sys.stderr)
    return 128 + number


def received() -> bool:
    """Return whether a signal came."""
    return bool(_received)


def begin() -> None:
    """Let an interrupt raise from here on, so that what is at work can tidy up."""
    _begun.set()


def _unraisable(problem: Any) -> None:
    """End the program where an interrupt could not be raised, such as while memory is freed."""
    if isinstance(problem.exc_value, KeyboardInterrupt):
        os._exit(told("revin-forecast"))
    sys.__unraisablehook__(problem)
