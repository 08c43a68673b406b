"""Small worlds to move, and how the tests look at them."""

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


def world_of(values, name, season, source=None, train=500, start=700):
    return ShiftDataset(name, values, train, start, LOOKBACK, HORIZON, season, source)


def real(channels=7, gaps=True, name="real", rows=1300):
    """Season, memory and a slow wave, standardized by 500 training rows, with gaps."""
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
    return world_of(values / np.nanstd(values[:500], axis=0), name, 24)


def synthetic(source, name):
    start = 700
    if isinstance(source, LevelDependent):
        return world_of(source.simulate(), name, 1, source, WIDTH, 2 * WIDTH)
    return world_of(source.simulate(), name, source.season, source, 500, start)


WORLDS = {
    "real": real(),
    "one": real(channels=1),
    "sine": synthetic(SineMixture(rows=1300), "sine"),
    "ar": synthetic(AR(rows=1300, correlation=0.6), "ar"),
    "random_walk": synthetic(RandomWalk(rows=1300), "random_walk"),
    "regime": synthetic(RegimeSwitching(rows=1300), "regime"),
    "level_dependent": synthetic(
        LevelDependent(lookback=LOOKBACK, horizon=HORIZON, channels=5), "level_dependent"
    ),
}


def severities(shift):
    return range(1, len(shift.knobs))


def whole(world):
    return ShiftOnset.from_test_start(world, world.steps)


def windows(world, age):
    last = len(world.values) - WIDTH
    return ShiftOnset.from_windows(world, np.arange(world.start, last + 1, 7), age)


def same(left, right):
    return left.shape == right.shape and left.tobytes() == right.tobytes()
