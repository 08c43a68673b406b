"""The forecast that a plot or a report of a forecaster shows, and the rows before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.reading.rows.new_rows import read_new_rows
from revin_forecast.data.series import Series
from revin_forecast.forecasting.forecast_summary import ForecastSummary, predict_with_summary
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.reports.forecast.interval_levels import choose_levels
from revin_forecast.utils.arguments import check_levels

Levels = Sequence[float | int] | float | int | None
"""Interval levels in percent; None: 80 and 95 where the model has them."""


@dataclass(frozen=True, eq=False)
class ShownForecast:
    """A forecast with its rows."""

    rows: Series
    """Rows before the forecast, as many as are known."""
    new_rows: Series | None
    """The rows that were passed; None: the forecast follows the rows of the fit."""
    table: pd.DataFrame
    """The result of `predict`."""
    summary: ForecastSummary
    levels: Sequence[float]
    """Levels of its intervals in percent."""
    hidden_levels: Sequence[float]
    """Default levels that are left out; see `choose_levels`."""


def make_shown_forecast(
    forecaster: Forecaster, table: TableLike | None, future: TableLike | None, level: Levels
) -> ShownForecast:
    """Forecast as `predict` does, with intervals to be shown.

    Raises:
        InputError: as for `predict`.
    """
    fitted, known = forecaster.fitted, forecaster.known_table
    requested = None if level is None else check_levels(level)
    levels, hidden = ([], []) if requested == () else choose_levels(fitted, requested)
    new_rows = None
    if table is not None:
        read = partial(read_series, table, like=fitted.history.format, seen=fitted.seen_values)
        new_rows = read_new_rows(lambda frequency: read(frequency=frequency), fitted.history)
    rows = new_rows if new_rows is not None else known.series if known else fitted.history
    frame, summary = predict_with_summary(
        fitted, rows.select(fitted.history.names), new_rows, future, levels
    )
    return ShownForecast(rows, new_rows, frame, summary, levels, hidden)
