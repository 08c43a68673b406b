"""Theorems on processes: lower bounds on the error of a class of forecasts."""

from collections.abc import Iterator

import numpy as np

from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift.generators import ConceptFilter
from revin_forecast.shift.measuring.baselines import Constant
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.processes import AR, LevelDependent, RandomWalk
from revin_forecast.shift.theory.level import mean_square
from revin_forecast.shift.theory.trial import (
    TRIAL_WINDOWS,
    TheoryCheck,
    fit_ridge_trial,
    make_untrained_trial,
)


def check_level_dependence() -> Iterator[TheoryCheck]:
    """T9: where the future depends on the level, a model that removes the level has error d^2."""
    for severity in (2, 4):
        strength = LevelDependent.strengths[severity]
        floor = strength**2
        for normalizer, predicted in ((RevIN, floor), (Identity, 0.0)):
            trial = fit_ridge_trial(normalizer, severity=severity)
            measured = mean_square(trial.forecast_errors()) - LevelDependent.noise**2
            claim = f"level-dependent, d = {strength:g}, {normalizer.__name__}: floor of the MSE"
            yield TheoryCheck("T9", claim, predicted, measured, 0.06)


def check_concept_change() -> Iterator[TheoryCheck]:
    """T10: an AR(1) model with phi has one-step error 1 - phi'^2 + (phi - phi')^2 under phi'."""
    phi, shift = 0.9, ConceptFilter()
    trial = fit_ridge_trial(Identity, AR(rows=40000, phi=phi, channels=8))
    for severity in (2, 5):
        other = (1 - 2 * shift.knobs[severity]) * phi
        predicted = 1 - other**2 + (phi - other) ** 2
        first = trial.forecast_errors(Cell(shift, "steady", severity))[:, 0]
        claim = f"concept, phi {phi:g} -> {other:.2f}: MSE one step ahead"
        yield TheoryCheck("T10", claim, predicted, mean_square(first), 0.06)


def check_random_walk() -> Iterator[TheoryCheck]:
    """T11: the window mean forecasts a random walk with q^2 (h + (L - 1)(2 L - 1) / (6 L))."""
    process = RandomWalk(rows=60000, channels=8)
    sizes = TRIAL_WINDOWS.lookback, TRIAL_WINDOWS.horizon, process.channels
    model = Reversible(Constant(*sizes), RevIN(process.channels, affine=False))
    lookback = TRIAL_WINDOWS.lookback
    # The expected square at each step ahead, in units of the step variance q^2.
    steps = np.arange(1, TRIAL_WINDOWS.horizon + 1) + (lookback - 1) * (2 * lookback - 1) / (
        6 * lookback
    )
    measured = (
        mean_square(make_untrained_trial(model, process).forecast_errors())
        / process.step_deviation**2
    )
    claim = "random walk, mean of the window: MSE / q^2, mean over the horizon"
    yield TheoryCheck("T11", claim, float(steps.mean()), measured, 0.08)
