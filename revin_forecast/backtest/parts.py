"""What a backtest parts a table into, and the unit that its errors are in."""

import numpy as np
import torch

from revin_forecast.data.layout import format_names
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.metrics import seasonal_scale


def split_for_backtest(series: Series, share: float, horizon: int) -> tuple[Series, int, tuple[str, ...]]:
    """Return the series that can be fitted, the first row of the test part, and who is left out.

    Args:
        series: the whole table, each channel's own last row its last.
        share: of the rows for the test part, or of a typical channel's where they begin late.
        horizon: steps of a forecast, the least length of that part.

    Raises:
        InputError: no rows are left to fit on.
    """
    rows = len(series)
    typical = np.median(rows - series.first_observed)
    start = rows - max(horizon, int(share * typical))
    if start < 1:
        raise InputError(
            f"{rows} rows are too few for a test part of {rows - start} and rows before it to fit "
            "on. Choose a shorter horizon, or pass more rows."
        )
    unknown = np.flatnonzero(series.first_observed >= start)
    left_out = tuple(series.names[place] for place in unknown)
    left = series.select([name for name in series.names if name not in set(left_out)])
    if not left.targets:
        raise InputError(
            f"{format_names(left_out)} have no value before the test part, which begins at row "
            f"{start + 1} of {rows}. Choose a smaller test share."
        )
    return left, start, left_out


def seasonal_naive_scale(values: np.ndarray, season: int) -> np.ndarray:
    """Return what MASE is relative to, by channel: the mean change from season to season.

    That from row to row where a channel is too short for it, or repeats itself exactly; NaN where
    that is no measure either.

    Args:
        values: (time, channels) of the rows fitted on, NaN where unobserved.
        season: in rows.
    """
    found = np.full(values.shape[1], np.nan)
    for lag in (season, 1):
        if lag < len(values):
            unit = seasonal_scale(torch.from_numpy(values), lag).numpy()
            found = np.where(np.isnan(found) & (unit > 0), unit, found)
    return found
