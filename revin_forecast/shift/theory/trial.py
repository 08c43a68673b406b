"""Fit models for the theory checks and measure them with the code of the benchmark."""

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Normalizer
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.evaluator import Evaluator
from revin_forecast.shift.measuring.windows import clean_windows, forecast_windows, shifted_windows
from revin_forecast.shift.processes import AR, Process
from revin_forecast.shift.shift import AffineShift, ShiftOnset
from revin_forecast.shift.suite.datasets import PreparedDataset, prepare_dataset, prepare_process
from revin_forecast.shift.suite.suite import DatasetConfig, WindowConfig
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig

TRIAL_WINDOWS = WindowConfig(lookback=24, horizon=12, stride=3)
PENALTY = 1e-10
"""Ridge penalty: small enough for the least-squares solution."""
PROCESS = AR(rows=6000, phi=0.9)
RESAMPLES = 50
"""Few: the checks use no intervals."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One model on one data set, in float64."""

    data: PreparedDataset
    model: Reversible

    def forecast_errors(self, cell: Cell | None = None) -> np.ndarray:
        """Return forecast - truth (windows, horizon, channels) in a cell; None: the clean data."""
        dataset, stride = self.data.shift_dataset, TRIAL_WINDOWS.stride
        if cell is None:
            windows = clean_windows(dataset, stride, torch.float64)
        else:
            windows = shifted_windows(dataset, cell, stride, torch.float64)
        return forecast_windows(self.model, windows.past) - windows.targets

    def measure(self, cell: Cell) -> dict[str, Any]:
        """Return the benchmark's row of a cell."""
        dataset = self.data.shift_dataset
        evaluator = Evaluator(self.model, dataset, TRIAL_WINDOWS.stride, RESAMPLES, torch.float64)
        return evaluator.measure(cell)[0].row

    def channel_offsets(self, shift: AffineShift, severity: int) -> np.ndarray:
        """Return the offset that a shift adds to each channel, (channels,)."""
        dataset = self.data.shift_dataset
        onset, knob = ShiftOnset.from_test_start(dataset, 1), shift.knobs[severity]
        rng = dataset.random_generator(shift.name, 0)
        return shift.gain_and_offset(dataset, onset, knob, rng)[1]

    @cached_property
    def weight(self) -> np.ndarray:
        """(horizon, lookback) linear map W."""
        assert isinstance(self.model.backbone, Ridge)
        return self.model.backbone.weight.detach().numpy()

    @cached_property
    def row_sums(self) -> np.ndarray:
        """(horizon, 1) row sums s_h of W."""
        return self.weight.sum(axis=1, keepdims=True)


@lru_cache(maxsize=8)
def prepare_trial_data(process: Process, name: str = "ar") -> PreparedDataset:
    """Simulate a process and split it as the benchmark does."""
    return prepare_process(DatasetConfig(name), TRIAL_WINDOWS, process)


@lru_cache(maxsize=16)
def fit_ridge_trial(
    normalizer: type[Normalizer], process: Process = PROCESS, severity: int = -1
) -> Trial:
    """Solve a linear map inside a normalizer by least squares.

    Args:
        normalizer: class of the normalizer.
        process: simulated process.
        severity: severity of level-dependent data, which then replace the process; -1: not used.
    """
    data = prepare_trial_data(process)
    if severity >= 0:
        data = prepare_dataset(DatasetConfig("level_dependent", severity=severity), TRIAL_WINDOWS)
    sizes = TRIAL_WINDOWS.lookback, TRIAL_WINDOWS.horizon
    backbone = ModuleSpec.from_class(partial(Ridge, penalties=[PENALTY]))
    model, _ = fit_model(
        ModelConfig(backbone, ModuleSpec.from_class(normalizer), *sizes), data.split
    )
    return Trial(data, model.double())


def make_untrained_trial(model: Reversible, process: Process) -> Trial:
    """Return a trial of a model with random parameters, away from its initial values."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for parameter in model.parameters():
            # Away from the initial values: zero weights or biases could hide a broken equivariance.
            parameter.add_(0.3 * torch.randn_like(parameter))
    return Trial(prepare_trial_data(process), model.double().eval())


def largest_gap(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the pair (predicted, measured) with the largest difference, relative to predicted."""
    return max(pairs, key=lambda pair: abs(pair[0] - pair[1]) / max(1.0, abs(pair[0])))


EXACT_TOLERANCE = 1e-9
"""Tolerance for two expressions of the same number, which differ by rounding only."""


@dataclass(frozen=True)
class TheoryCheck:
    """A theoretical claim with its predicted and its measured value."""

    name: str
    claim: str
    predicted: float
    measured: float
    tol: float
    """Largest accepted difference: relative to the prediction, absolute below 1."""
    is_upper_bound: bool = False
    """Whether the prediction is an upper bound of the measured value."""

    @property
    def has_passed(self) -> bool:
        """Whether the measured value agrees with the prediction."""
        tolerance = self.tol * max(1.0, abs(self.predicted))
        if self.is_upper_bound:
            return bool(self.measured <= self.predicted + tolerance)
        return bool(abs(self.measured - self.predicted) <= tolerance)
