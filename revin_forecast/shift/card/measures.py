"""Measures of how far the test rows of a channel have shifted from its training rows.

All take standardized values, NaN where unobserved. They return NaN where too little is observed,
or where there is no spread to divide by.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from revin_forecast.shift.card.energy_distance import sample_starts

QUANTILE_COUNT = 256


def level_change(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return (mean of test - mean of train) / deviation of train for (time, channels)."""
    (before, spread), (after, _) = _mean_and_deviation(train), _mean_and_deviation(test)
    return _divide(after - before, spread)


def spread_change(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return log(deviation of test / deviation of train) for (time, channels)."""
    ratio = _divide(_mean_and_deviation(test)[1], _mean_and_deviation(train)[1])
    return np.log(ratio, where=ratio > 0, out=np.full(ratio.shape, np.nan))


def quantile_distance(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the 1-Wasserstein distance by the deviation of train for (time, channels).

    mean `|Q_test(p) - Q_train(p)|` over the middles p of 256 equal parts of [0, 1].
    """
    quantiles = (np.arange(QUANTILE_COUNT) + 0.5) / QUANTILE_COUNT
    before, after = (_channel_quantiles(values, quantiles) for values in (train, test))
    return _divide(np.abs(after - before).mean(axis=0), _mean_and_deviation(train)[1])


def displacement(shifted: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return the root mean squared shifted - clean for standardized (time, channels).

    The mean is over the steps observed in both. It is the common axis of all shifts.
    """
    squares = (shifted - clean) ** 2
    observed = np.isfinite(squares)
    return np.sqrt(_divide(np.where(observed, squares, 0).sum(axis=0), observed.sum(axis=0)))


def horizon_gap(values: np.ndarray, lookback: int, horizon: int) -> tuple[float, float]:
    """Return the distance between look-back and horizon of the windows of a channel (time,).

    median `|ybar - xbar| / s_x` and median `|log(s_y / s_x)|`, with means and deviations of
    look-back x and horizon y: the error of a normalizer that applies the look-back's statistics to
    the horizon (Dish-TS calls it the inter-space shift). Constant look-backs are left out.
    """
    width = lookback + horizon
    if len(values) < width:
        return float("nan"), float("nan")
    all_windows = sliding_window_view(values, width)
    windows = all_windows[sample_starts(len(all_windows))].T
    (mean_x, spread_x), (mean_y, spread_y) = (
        _mean_and_deviation(part) for part in (windows[:lookback], windows[lookback:])
    )
    level = np.abs(_divide(mean_y - mean_x, spread_x))
    ratio = _divide(spread_y, spread_x)
    spread = np.abs(np.log(ratio, where=ratio > 0, out=np.full(ratio.shape, np.nan)))
    return _finite_median(level), _finite_median(spread)


def _mean_and_deviation(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and population deviation of the observed values of each column."""
    observed = np.isfinite(values)
    count = observed.sum(axis=0)
    mean = _divide(np.where(observed, values, 0).sum(axis=0), count)
    centred = np.where(observed, values - mean, 0)
    deviation = np.sqrt(_divide((centred**2).sum(axis=0), count))
    # A constant column must have deviation 0, not the rounding error of its mean.
    size = np.abs(np.where(observed, values, 0)).max(axis=0, initial=0)
    return mean, np.where(deviation <= 1e-12 * size, 0, deviation)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return numerator / denominator, NaN where the denominator is not positive."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    empty = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, where=denominator > 0, out=empty)


def _channel_quantiles(values: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return (quantiles, channels) of the observed values; NaN for a channel without any."""
    columns = [column[np.isfinite(column)] for column in values.T]
    return np.column_stack(
        [
            np.quantile(column, quantiles) if len(column) else np.full(len(quantiles), np.nan)
            for column in columns
        ]
    )


def _finite_median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")
