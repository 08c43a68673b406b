"""Theorems on a level jump d: its effect on the error e = forecast - truth of a linear forecast.

W is the linear map (horizon, look-back) and s_h the sum of its row h.
"""

from collections.abc import Iterator

import numpy as np

from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.shift.generators import Level, SensorOffset
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.processes import AR
from revin_forecast.shift.theory.trial import (
    EXACT_TOLERANCE,
    TRIAL_WINDOWS,
    TheoryCheck,
    fit_ridge_trial,
    largest_gap,
)

SEVERITIES = range(1, 6)
"""All severities with a shift."""
LEVEL, SENSOR = Level(), SensorOffset()


def mean_square(error: np.ndarray) -> float:
    """Return the mean squared error."""
    return float(np.mean(np.square(error)))


def check_level_shift() -> Iterator[TheoryCheck]:
    """T2: without a normalizer MSE = mean (e + d (s_h - 1))^2; with RevIN the MSE is unchanged."""
    for normalizer, claim in (
        (Identity, "level, no normalizer: MSE = mean (e + d (s_h - 1))^2"),
        (RevIN, "level, RevIN: MSE stays the clean one"),
    ):
        trial, pairs = fit_ridge_trial(normalizer), []
        clean = trial.forecast_errors()
        for severity in SEVERITIES:
            added = trial.channel_offsets(LEVEL, severity) * (trial.row_sums - 1)
            predicted = mean_square(clean + (added if normalizer is Identity else 0.0))
            measured = trial.measure(Cell(LEVEL, "steady", severity))["mse_raw"]
            pairs.append((predicted, measured))
        yield TheoryCheck("T2", claim, *largest_gap(pairs), EXACT_TOLERANCE)


def check_break_even_level() -> Iterator[TheoryCheck]:
    """T5: on AR(1), RevIN breaks even at |d| = s / sqrt((1 - phi) (L - (L - 2) phi))."""
    phi, lookback = 0.7, TRIAL_WINDOWS.lookback
    process = AR(rows=60000, phi=phi, channels=2)
    without, within = fit_ridge_trial(Identity, process), fit_ridge_trial(RevIN, process)
    innovation = np.sqrt(1 - phi**2)
    predicted = innovation / np.sqrt((1 - phi) * (lookback - (lookback - 2) * phi))
    cells = [Cell(LEVEL, "steady", severity) for severity in SEVERITIES]
    squares = np.array([LEVEL.knobs[cell.severity] ** 2 for cell in cells])
    losses = np.array([without.measure(cell)["mse_raw"] for cell in cells])
    price = mean_square(within.forecast_errors()) - mean_square(without.forecast_errors())
    slope = float(np.polyfit(squares, losses, 1)[0])  # the loss is linear in d^2
    claim = "break-even level d* of RevIN on AR(1), from the measured losses"
    # Both sides are sampled: the tolerance covers the error of 60,000 rows.
    yield TheoryCheck("T5", claim, predicted, float(np.sqrt(max(price, 0.0) / slope)), 0.1)


def check_recent_jump() -> Iterator[TheoryCheck]:
    """T6: d in the last k steps and the horizon adds W (J - c) + c - d; c is subtracted from x."""
    for normalizer, name in ((Identity, "no normalizer"), (RevIN, "RevIN"), (LastValue, "last")):
        trial, pairs = fit_ridge_trial(normalizer), []
        clean = trial.forecast_errors()
        for age in (
            1,
            TRIAL_WINDOWS.lookback // 4,
            TRIAL_WINDOWS.lookback // 2,
            TRIAL_WINDOWS.lookback,
        ):
            jump = (np.arange(TRIAL_WINDOWS.lookback) >= TRIAL_WINDOWS.lookback - age).astype(float)
            subtracted = {Identity: 0.0, RevIN: jump.mean(), LastValue: jump[-1]}[normalizer]
            unit = trial.weight @ (jump - subtracted) + subtracted - 1
            added = unit[:, None] * trial.channel_offsets(LEVEL, 3)
            cell = Cell(LEVEL, "transition", 3, age)
            pairs.append((mean_square(clean + added), trial.measure(cell)["mse_raw"]))
        claim = f"level jump of age k, {name}: adds W (J - c) + c - d"
        yield TheoryCheck("T6", claim, *largest_gap(pairs), EXACT_TOLERANCE)


def check_jump_at_forecast() -> Iterator[TheoryCheck]:
    """T7: a jump at the forecast's first step costs every causal model d^2 - 2 d mean e."""
    for normalizer, name in ((Identity, "no normalizer"), (RevIN, "RevIN"), (LastValue, "last")):
        trial = fit_ridge_trial(normalizer)
        jump, clean = trial.channel_offsets(LEVEL, 3), trial.forecast_errors()
        predicted = float(np.mean(jump**2 - 2 * jump * clean))
        excess = trial.measure(Cell(LEVEL, "horizon", 3, 0))["mse_raw"] - mean_square(clean)
        claim = f"jump in the horizon alone, {name}: excess d^2 - 2 d mean e; less would be a leak"
        yield TheoryCheck("T7", claim, predicted, excess, EXACT_TOLERANCE)


def check_sensor_offset() -> Iterator[TheoryCheck]:
    """T8: a sensor offset costs RevIN d^2 + 2 d mean e, no normalizer d^2 s^2 + 2 d mean (e s)."""
    for normalizer, claim in (
        (RevIN, "sensor offset, RevIN: excess d^2 + 2 d mean e"),
        (Identity, "sensor offset, no normalizer: excess d^2 mean s^2 + 2 d mean (e s)"),
    ):
        trial, pairs = fit_ridge_trial(normalizer), []
        clean = trial.forecast_errors()
        sums = np.ones((1, 1)) if normalizer is RevIN else trial.row_sums
        for severity in SEVERITIES:
            offset = trial.channel_offsets(SENSOR, severity)
            predicted = float(np.mean((offset * sums) ** 2 + 2 * offset * sums * clean))
            measured = trial.measure(Cell(SENSOR, "observation", severity))["mse_raw"]
            pairs.append((predicted, measured - mean_square(clean)))
        yield TheoryCheck("T8", claim, *largest_gap(pairs), EXACT_TOLERANCE)
