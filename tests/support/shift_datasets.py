"""Small data sets for the tests of shifts, and onsets to shift them at."""

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.processes import (
    AR,
    LevelDependent,
    RandomWalk,
    RegimeSwitching,
    SineMixture,
)
from revin_forecast.shift.shift import ShiftOnset

LOOKBACK, HORIZON = 24, 12
WIDTH = LOOKBACK + HORIZON


def make_dataset(values, name, season, process=None, train=500, start=700):
    return ShiftDataset(name, values, train, start, LOOKBACK, HORIZON, season, process)


def make_real_dataset(channels=7, gaps=True, name="real", rows=1300):
    """Return season, memory and a slow wave with gaps, standardized by 500 training rows."""
    random = np.random.default_rng(5)
    time = np.arange(rows)[:, None]
    values = random.normal(size=(rows, channels))
    for row in range(1, rows):
        values[row] += 0.7 * values[row - 1]
    values += 2 * np.sin(2 * np.pi * time / 24 + np.arange(channels)) + np.sin(time / 150)
    if gaps:
        values[random.random(values.shape) < 0.02] = np.nan
        values[690:705, -1] = np.nan
    values -= np.nanmean(values[:500], axis=0)
    return make_dataset(values / np.nanstd(values[:500], axis=0), name, 24)


def make_synthetic_dataset(process, name):
    values = process.simulate()
    if isinstance(process, LevelDependent):
        return make_dataset(values, name, 1, process, WIDTH, 2 * WIDTH)
    return make_dataset(values, name, process.season, process)


DATASETS = {
    "real": make_real_dataset(),
    "one": make_real_dataset(channels=1),
    "sine": make_synthetic_dataset(SineMixture(rows=1300), "sine"),
    "ar": make_synthetic_dataset(AR(rows=1300, correlation=0.6), "ar"),
    "random_walk": make_synthetic_dataset(RandomWalk(rows=1300), "random_walk"),
    "regime": make_synthetic_dataset(RegimeSwitching(rows=1300), "regime"),
    "level_dependent": make_synthetic_dataset(
        LevelDependent(lookback=LOOKBACK, horizon=HORIZON, channels=5), "level_dependent"
    ),
}


def shifted_severities(shift):
    """Return the severities of a shift without 0, the clean data."""
    return range(1, len(shift.knobs))


def steady_onset(dataset):
    """Return the onset at the first test look-back, with all rows from there on."""
    return ShiftOnset.from_test_start(dataset, dataset.steps)


def window_onset(dataset, age):
    """Return windows at every seventh row, shifted in the last `age` look-back steps."""
    last = len(dataset.values) - WIDTH
    return ShiftOnset.from_windows(dataset, np.arange(dataset.start, last + 1, 7), age)


def is_identical(left, right):
    """Return whether two arrays are equal bit for bit, NaN included."""
    return left.shape == right.shape and left.tobytes() == right.tobytes()
