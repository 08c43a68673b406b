"""A time limit for a user's code in this process, and the exceptions that such code may raise."""

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeLimitError(BaseException):
    """A unit of work exceeded its time limit.

    Not an `Exception`, so that `except Exception` in a model does not swallow it.
    """


class ModelInterruptError(Exception):
    """A model raised KeyboardInterrupt in a worker, which gets no Ctrl-C."""


USER_ERRORS = Exception, SystemExit, TimeLimitError
"""Exceptions of a unit of work that are recorded; an interrupt ends the benchmark."""


@contextmanager
def recording_interrupts() -> Iterator[None]:
    """Raise `ModelInterruptError` for an interrupt that can only be the model's own.

    Ctrl-C interrupts the process that started the workers: in them SIGINT is blocked.

    Raises:
        ModelInterruptError: KeyboardInterrupt in a worker process.
    """
    try:
        yield
    except KeyboardInterrupt:
        if signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            raise
        raise ModelInterruptError("the model raised KeyboardInterrupt") from None


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeLimitError` if the body takes longer, between two steps of Python code.

    Whatever the body makes of it, the error leaves the block: a library that is interrupted during
    an import may raise another exception, such as a NameError. A call of a library that hangs is
    not interrupted; the engine kills such a worker. There is no limit outside the main thread, and
    on systems without interval timers.

    Args:
        seconds: the limit; infinite for none.

    Raises:
        TimeLimitError: the body took longer.
        ModelInterruptError: the body raised KeyboardInterrupt in a worker process.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if seconds == math.inf or not is_main or not hasattr(signal, "setitimer"):
        with recording_interrupts():
            yield
        return
    error = TimeLimitError(f"took longer than {seconds:g} s; raise --timeout to allow more")
    has_expired = False

    def raise_time_limit(number: int, frame: FrameType | None) -> None:
        nonlocal has_expired
        has_expired = True
        raise error

    previous_handler = signal.signal(signal.SIGALRM, raise_time_limit)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with recording_interrupts():
            yield
    except USER_ERRORS as other:
        if has_expired and other is not error:
            raise error from other
        raise
    else:
        if has_expired:
            raise error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous_handler)
