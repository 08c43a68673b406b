"""Small suites for the tests of the benchmark, and backbones that fail."""

import ctypes
import os
import signal
import time
from pathlib import Path

import torch

from revin_forecast.backbones import Backbone, Ridge
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift.suite.suite import (
    DatasetConfig,
    ModelGrid,
    ShiftProtocol,
    Suite,
    WindowConfig,
)
from revin_forecast.shift.suite.suite_yaml import parse_shifts
from revin_forecast.training.settings import TrainingSettings


class Broken(Backbone):
    """Forecasts NaN, but only for windows far from the training data."""

    def forward(self, past):
        future = past[:, -1:].expand(-1, self.horizon, -1)
        return torch.where(future.abs() > 6, float("nan"), future)


class Unbuildable(Backbone):
    """Raises in its constructor."""

    def __init__(self, lookback, horizon, channels):
        raise ValueError("this backbone can never be built")

    def forward(self, past):
        return past


class Hanging(Backbone):
    """Hangs with alarms blocked, as a deadlock in a library would."""

    def forward(self, past):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        time.sleep(3600)
        return past


class Crashing(Backbone):
    """Kills its process."""

    def forward(self, past):
        os.kill(os.getpid(), signal.SIGKILL)
        return past


class Exiting(Backbone):
    """Ends its process as if all were well."""

    def forward(self, past):
        os._exit(0)


class ExitingConstructor(Backbone):
    """Ends its process while it is built."""

    def __init__(self, lookback, horizon, channels):
        os._exit(1)

    def forward(self, past):
        return past


class SleepingConstructor(Backbone):
    """Takes an hour to be built."""

    def __init__(self, lookback, horizon, channels):
        time.sleep(3600)

    def forward(self, past):
        return past


class Sleeping(Backbone):
    """Takes an hour for a forecast, and lets nobody interrupt it by an ordinary exception."""

    def forward(self, past):
        try:
            time.sleep(3600)
        except Exception:
            time.sleep(3600)
        return past


class Faulty(Backbone):
    """Reads memory that is not its own, as a bug in a compiled extension does."""

    def forward(self, past):
        ctypes.string_at(0)
        return past


class Raising(Backbone):
    """Raises in its forecast, by sys.exit."""

    def forward(self, past):
        raise SystemExit("no forecast today")


class Interrupting(Backbone):
    """Raises in its forecast as Ctrl-C would."""

    def forward(self, past):
        raise KeyboardInterrupt


class Meddling(Ridge):
    """Changes settings of the whole process."""

    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon, channels)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)


class KilledOnce(Ridge):
    """Is killed in its first forecast of clean data, as when memory is short for a moment."""

    def __init__(self, lookback, horizon, channels, marker):
        super().__init__(lookback, horizon, channels)
        self.marker = Path(marker)

    def forward(self, past):
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(past)


class Damped(Backbone):
    """Forecasts half the last value: a smaller error than others where no model is accurate."""

    def forward(self, past):
        return 0.5 * past[:, -1:].expand(-1, self.horizon, -1)


class Slow(Backbone):
    """Sleeps a minute in steps that an alarm can interrupt."""

    def forward(self, past):
        for _ in range(6000):
            time.sleep(0.01)
        return past


def make_spec(kind, **parameters):
    return ModuleSpec(f"{kind.__module__}.{kind.__qualname__}", parameters)


def make_small_suite(
    backbones=(Ridge,), shifts=("level", "sensor_offset"), datasets=("ar",), normalizers=None
):
    normalizers = (Identity, RevIN) if normalizers is None else normalizers
    return Suite(
        name="small",
        datasets=tuple(DatasetConfig(name) for name in datasets),
        models=(
            ModelGrid(
                tuple(make_spec(kind) for kind in backbones),
                tuple(make_spec(kind) for kind in normalizers),
            ),
        ),
        shifts=parse_shifts(list(shifts)),
        windows=WindowConfig(lookback=24, horizon=12, stride=12),
        protocol=ShiftProtocol(severities=(1, 5), ages=(0.0, 0.5), resamples=50),
        training=TrainingSettings(max_epochs=2, batch_size=512),
    )
