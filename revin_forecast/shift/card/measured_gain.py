"""The gain of taking the level away that the test rows show, for a linear map."""

import numpy as np
import pandas as pd

from revin_forecast.data.scaling import Standardizer
from revin_forecast.shift.card.gain_estimate import GainPercent, percent_saved
from revin_forecast.shift.card.level_evidence import split_groups
from revin_forecast.shift.card.level_trials import LevelMaps, LevelWindows
from revin_forecast.shift.statistics import log_ratio_interval

MIN_BLOCKS = 5
"""Blocks of look-back and horizon in the test rows below which there is no interval."""


def add_measured_gains(
    card: pd.DataFrame,
    values: np.ndarray,
    train: int,
    test_start: int,
    lookback: int,
    horizon: int,
) -> pd.DataFrame:
    """Return the card with the columns `gain_after`, `gain_after_low` and `gain_after_high`.

    Args:
        card: one row per channel.
        values: (time, channels) in the unit of the data; NaN is unobserved.
        train: number of training rows, from the first row on.
        test_start: first test row.
        lookback: look-back steps.
        horizon: forecast steps.
    """
    scaled = Standardizer.fit(values[:train]).transform(values)
    gains = measure_gains(scaled, train, test_start, lookback, horizon)
    columns = {"gain_after_low": 0, "gain_after": 1, "gain_after_high": 2}
    return card.assign(**{name: [gain[end] for gain in gains] for name, end in columns.items()})


def measure_gains(
    values: np.ndarray, train: int, test_start: int, lookback: int, horizon: int
) -> list[GainPercent]:
    """Return by how many percent the test error of a linear map falls without the level.

    Both twins are solved on the training rows of the channel alone and have an intercept. The
    interval (95 %) is that of a moving-block bootstrap, NaN if fewer than `MIN_BLOCKS` blocks fit;
    the gain is NaN without a usable test window. This describes the test rows; it predicts nothing.

    Args:
        values: (time, channels), standardized by the training rows; NaN is unobserved.
        train: number of training rows, from the first row on.
        test_start: first test row.
        lookback: look-back steps.
        horizon: forecast steps.
    """
    gains: list[GainPercent] = []
    steps = len(values) - test_start
    for rows in split_groups(values):
        maps = LevelMaps.solve(LevelWindows.cut(rows[:train], lookback, horizon))
        windows = LevelWindows.cut(rows[test_start - lookback :], lookback, horizon)
        trial = maps.compare(windows)
        # Windows may be thinned out, and a block then holds fewer of them.
        share = windows.past.shape[1] / (steps - horizon + 1)
        block = max(1, round(share * (lookback + horizon)))
        has_interval = steps >= MIN_BLOCKS * (lookback + horizon)
        for kept, taken, weight in zip(*(part.numpy() for part in trial.tensors), strict=True):
            gains.append(_measure_channel(kept[weight > 0], taken[weight > 0], block, has_interval))
    return gains


def _measure_channel(
    kept: np.ndarray, taken: np.ndarray, block: int, has_interval: bool
) -> GainPercent:
    if not len(kept) or not kept.any():
        return GainPercent(np.nan, np.nan, np.nan)
    if not has_interval or len(kept) < MIN_BLOCKS * block:
        middle = float(np.log(kept.mean() / max(taken.mean(), 1e-12)))
        return GainPercent(np.nan, percent_saved(middle), np.nan)
    ratio = log_ratio_interval(kept, taken, block)
    return GainPercent(*(percent_saved(log) for log in (ratio.lo, ratio.estimate, ratio.hi)))
