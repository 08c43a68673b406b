"""What a jump d of the level does to a linear forecast, to its error e = forecast - truth.

W is the map (horizon, look-back), s_h the sum of its row h.
"""

from collections.abc import Iterator

import numpy as np

from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.generators import Level, SensorOffset
from revin_forecast.shift.sources import AR
from revin_forecast.shift.theory.check import EXACT, Check
from revin_forecast.shift.theory.trial import GRID, ridge, worst

SEVERITIES = range(1, 6)
LEVEL, SENSOR = Level(), SensorOffset()


def mean_square(error: np.ndarray) -> float:
    """Return the mean squared error."""
    return float(np.mean(np.square(error)))


def steady_level() -> Iterator[Check]:
    """T2: without normalizer (e + d (s - 1))^2; with RevIN nothing changes."""
    for normalizer, claim in (
        (Identity, "level, no normalizer: MSE = mean (e + d (s_h - 1))^2"),
        (RevIN, "level, RevIN: MSE stays the clean one"),
    ):
        trial, pairs = ridge(normalizer), []
        clean = trial.error()
        for severity in SEVERITIES:
            moved = trial.offset(LEVEL, severity) * (trial.sums - 1)
            predicted = mean_square(clean + (moved if normalizer is Identity else 0.0))
            measured = trial.measured(Cell(LEVEL, "steady", severity))["mse_raw"]
            pairs.append((predicted, measured))
        yield Check("T2", claim, *worst(pairs), EXACT)


def break_even() -> Iterator[Check]:
    """T5: both are equally good at |d| = s / sqrt((1 - phi) (L - (L - 2) phi)), AR(1)."""
    phi, lookback = 0.7, GRID.lookback
    process = AR(rows=60000, phi=phi, channels=2)
    without, within = ridge(Identity, process), ridge(RevIN, process)
    innovation = np.sqrt(1 - phi**2)
    predicted = innovation / np.sqrt((1 - phi) * (lookback - (lookback - 2) * phi))
    cells = [Cell(LEVEL, "steady", severity) for severity in SEVERITIES]
    squares = np.array([LEVEL.knobs[cell.severity] ** 2 for cell in cells])
    losses = np.array([without.measured(cell)["mse_raw"] for cell in cells])
    price = mean_square(within.error()) - mean_square(without.error())
    slope = float(np.polyfit(squares, losses, 1)[0])  # of the loss over d^2
    claim = "break-even level d* of RevIN on AR(1), from the measured losses"
    yield Check("T5", claim, predicted, float(np.sqrt(max(price, 0.0) / slope)), 0.1)


def young_jump() -> Iterator[Check]:
    """T6: d in the last k steps and the horizon adds W (J - c) + c - d, c what is taken off."""
    for normalizer, name in ((Identity, "no normalizer"), (RevIN, "RevIN"), (LastValue, "last")):
        trial, pairs = ridge(normalizer), []
        clean = trial.error()
        for age in (1, GRID.lookback // 4, GRID.lookback // 2, GRID.lookback):
            jump = (np.arange(GRID.lookback) >= GRID.lookback - age).astype(float)
            taken = {Identity: 0.0, RevIN: jump.mean(), LastValue: jump[-1]}[normalizer]
            unit = trial.weight @ (jump - taken) + taken - 1
            added = unit[:, None] * trial.offset(LEVEL, 3)
            cell = Cell(LEVEL, "transition", 3, age)
            pairs.append((mean_square(clean + added), trial.measured(cell)["mse_raw"]))
        claim = f"level jump of age k, {name}: adds W (J - c) + c - d"
        yield Check("T6", claim, *worst(pairs), EXACT)


def unforeseen_jump() -> Iterator[Check]:
    """T7: a jump at the forecast's first step costs d^2 - 2 d mean e, whoever forecasts."""
    for normalizer, name in ((Identity, "no normalizer"), (RevIN, "RevIN"), (LastValue, "last")):
        trial = ridge(normalizer)
        jump, clean = trial.offset(LEVEL, 3), trial.error()
        predicted = float(np.mean(jump**2 - 2 * jump * clean))
        excess = trial.measured(Cell(LEVEL, "horizon", 3, 0))["mse_raw"] - mean_square(clean)
        claim = f"jump in the horizon alone, {name}: excess d^2 - 2 d mean e; less would be a leak"
        yield Check("T7", claim, predicted, excess, EXACT)


def lying_sensor() -> Iterator[Check]:
    """T8: an offset of the sensor costs RevIN d^2 + 2 d mean e, others d^2 s^2 + 2 d mean e s."""
    for normalizer, claim in (
        (RevIN, "sensor offset, RevIN: excess d^2 + 2 d mean e"),
        (Identity, "sensor offset, no normalizer: excess d^2 mean s^2 + 2 d mean (e s)"),
    ):
        trial, pairs = ridge(normalizer), []
        clean = trial.error()
        sums = np.ones((1, 1)) if normalizer is RevIN else trial.sums
        for severity in SEVERITIES:
            offset = trial.offset(SENSOR, severity)
            predicted = float(np.mean((offset * sums) ** 2 + 2 * offset * sums * clean))
            measured = trial.measured(Cell(SENSOR, "observation", severity))["mse_raw"]
            pairs.append((predicted, measured - mean_square(clean)))
        yield Check("T8", claim, *worst(pairs), EXACT)
