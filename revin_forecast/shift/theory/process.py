"""What holds of processes: floors that no forecast of a kind can pass."""

from collections.abc import Iterator

import numpy as np

from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.reversible import Reversible
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.generators import ConceptFilter
from revin_forecast.shift.references import Constant
from revin_forecast.shift.sources import AR, LevelDependent, RandomWalk
from revin_forecast.shift.theory.check import Check
from revin_forecast.shift.theory.level import mean_square
from revin_forecast.shift.theory.trial import GRID, ridge, untrained


def level_dependence() -> Iterator[Check]:
    """T9: where the future depends on the level, who takes it off is left with d^2."""
    for severity in (2, 4):
        strength = LevelDependent.strengths[severity]
        floor = strength**2
        for normalizer, predicted in ((RevIN, floor), (Identity, 0.0)):
            trial = ridge(normalizer, severity=severity)
            measured = mean_square(trial.error()) - LevelDependent.noise**2
            claim = f"level-dependent, d = {strength:g}, {normalizer.__name__}: floor of the MSE"
            yield Check("T9", claim, predicted, measured, 0.06)


def concept() -> Iterator[Check]:
    """T10: a model of AR(1) with phi meets phi': one step ahead 1 - phi'^2 + (phi - phi')^2."""
    phi, shift = 0.9, ConceptFilter()
    trial = ridge(Identity, AR(rows=40000, phi=phi, channels=8))
    for severity in (2, 5):
        other = (1 - 2 * shift.knobs[severity]) * phi
        predicted = 1 - other**2 + (phi - other) ** 2
        first = trial.error(Cell(shift, "steady", severity))[:, 0]
        claim = f"concept, phi {phi:g} -> {other:.2f}: MSE one step ahead"
        yield Check("T10", claim, predicted, mean_square(first), 0.06)


def random_walk() -> Iterator[Check]:
    """T11: forecasting a random walk by its mean: q^2 (h + (L - 1)(2 L - 1) / (6 L))."""
    process = RandomWalk(rows=60000, channels=8)
    sizes = GRID.lookback, GRID.horizon, process.channels
    model = Reversible(Constant(*sizes), RevIN(process.channels, affine=False))
    lookback = GRID.lookback
    steps = np.arange(1, GRID.horizon + 1) + (lookback - 1) * (2 * lookback - 1) / (6 * lookback)
    measured = mean_square(untrained(model, process).error()) / process.step**2
    claim = "random walk, mean of the window: MSE / q^2, mean over the horizon"
    yield Check("T11", claim, float(steps.mean()), measured, 0.08)
