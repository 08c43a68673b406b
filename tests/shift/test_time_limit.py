"""A unit over its time limit is a time-out, whatever its code makes of the interruption."""

import signal
import time

import pytest

from revin_forecast.shift.runner.time_limit import (
    ModelInterruptError,
    TimeLimitError,
    time_limit,
)


def swallow():
    try:
        time.sleep(60)
    except BaseException:
        return


def replace():
    try:
        time.sleep(60)
    except BaseException as error:
        raise NameError("_signal_api") from error  # as half an import does


@pytest.mark.parametrize("work", [swallow, replace, lambda: time.sleep(60)])
def test_a_late_end_is_a_time_out(work):
    with pytest.raises(TimeLimitError, match=r"took longer than 0\.05 s"), time_limit(0.05):
        work()
    time.sleep(0.06)  # no alarm is left


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), time_limit(60.0):
        raise ZeroDivisionError


@pytest.mark.parametrize("seconds", [60.0, float("inf")])
def test_an_interrupt_is_the_models_own_in_a_worker_only(seconds):
    with pytest.raises(KeyboardInterrupt), time_limit(seconds):
        raise KeyboardInterrupt
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as workers do
    try:
        with pytest.raises(ModelInterruptError, match="the model raised"), time_limit(seconds):
            raise KeyboardInterrupt
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
