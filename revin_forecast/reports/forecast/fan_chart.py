"""The fan chart of a series: its measured values, its forecast and the forecast's intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure, Scatter

from revin_forecast.data.key_names import split_key
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import TableFormat
from revin_forecast.reports.forecast.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    build_layout,
    timestamp_format,
    to_plotly_times,
    to_rgba,
)

MAX_SERIES = 50
"""Series drawn on a page; with thousands it would open slowly and be of no use."""
MAX_ROWS, MIN_ROWS = 2000, 60
"""Rows of history drawn per series, with one series and with many."""
MAX_VALUES = 40_000
"""Values of history drawn on a page."""
INITIAL_HORIZONS = 6
"""Length of the history shown initially, in horizons; a double click shows all of it."""


@dataclass(frozen=True, eq=False)
class PastForecast:
    """A forecast of the backtest and the true values."""

    timestamps: pd.DatetimeIndex
    forecast: np.ndarray
    """Shape (horizon,), in the table's units."""
    truth: np.ndarray
    """Shape (horizon,), NaN where unobserved."""


@dataclass(frozen=True, eq=False)
class FanChart:
    """The data drawn for one series, in the table's units."""

    name: str
    timestamps: pd.DatetimeIndex
    """Timestamps (rows,) of the last rows."""
    values: np.ndarray
    """Values (rows,) of the last rows, NaN where unobserved."""
    future_timestamps: pd.DatetimeIndex
    forecast: np.ndarray
    """Shape (horizon,)."""
    bounds: Mapping[float, tuple[np.ndarray, np.ndarray]]
    """Lower and upper bound, each (horizon,), by interval level in percent."""
    past_forecasts: Sequence[PastForecast] = ()
    """Forecasts of the backtest that fall into the rows drawn."""


def build_fan_charts(
    history: Series,
    forecast: pd.DataFrame,
    levels: Sequence[float | int],
    max_series: int = MAX_SERIES,
) -> list[FanChart]:
    """Return the fan chart of each series, in the table's order.

    Args:
        history: the rows before the forecast.
        forecast: the result of `Forecaster.predict` for these rows.
        levels: levels of its intervals, in percent.
        max_series: number of charts; the first series are kept.
    """
    names = history.targets[:max_series]
    # The more series, the fewer rows of each, so that the page keeps its size.
    rows = int(np.clip(MAX_VALUES // max(1, len(names)), MIN_ROWS, MAX_ROWS))
    return [_build_fan_chart(history, forecast, name, levels, rows) for name in names]


def _build_fan_chart(
    history: Series, forecast: pd.DataFrame, name: str, levels: Sequence[float | int], rows: int
) -> FanChart:
    timestamps, values = history.channel(name)
    observed_rows = np.flatnonzero(np.isfinite(values))
    # Rows before the first observed value would only draw an empty axis.
    first = max(int(observed_rows[0]) if len(observed_rows) else 0, len(values) - rows)
    frame, column = _select_series_rows(forecast, history.format, name)
    bounds = {
        float(level): (
            frame[f"{column}-lo-{level:g}"].to_numpy(),
            frame[f"{column}-hi-{level:g}"].to_numpy(),
        )
        for level in levels
    }
    return FanChart(
        name,
        timestamps[first:],
        values[first:],
        pd.DatetimeIndex(frame[history.format.time_name]),
        frame[column].to_numpy(),
        bounds,
    )


def _select_series_rows(
    forecast: pd.DataFrame, format: TableFormat, name: str
) -> tuple[pd.DataFrame, str]:
    """Return the rows of a forecast that belong to a series, and the column with its values."""
    if format.id is None:
        return forecast, name
    assert format.value is not None  # every long table has a value column
    is_row = np.ones(len(forecast), dtype=bool)
    for column, cell in zip(
        format.id_columns, split_key(name, len(format.id_columns)), strict=True
    ):
        is_row &= (forecast[column] == cell).to_numpy()
    return forecast.loc[is_row], format.value


def fan_figure(fan: FanChart) -> Figure:
    """Return the chart of one series, transparent so that it suits light and dark pages."""
    figure = Figure(layout=build_layout(height=420, hovermode="x unified", title=fan.name))
    figure.add_traces(
        [
            # Later traces cover earlier ones: the forecast is drawn on top of its intervals.
            *_interval_bands(fan),
            *_past_forecast_traces(fan),
            _history_trace(fan),
            _connecting_trace(fan),
            _forecast_trace(fan),
        ]
    )
    first_shown = max(0, len(fan.timestamps) - INITIAL_HORIZONS * len(fan.forecast))
    shown = pd.DatetimeIndex(fan.timestamps[first_shown:].append(fan.future_timestamps))
    figure.update_xaxes(range=to_plotly_times(shown[[0, -1]]), hoverformat=timestamp_format(shown))
    figure.update_yaxes(range=_value_range(fan, first_shown))
    return figure


def _interval_bands(fan: FanChart) -> list[Scatter]:
    """Return the intervals as areas, the widest at the back."""
    traces, times = [], to_plotly_times(fan.future_timestamps)
    for index, level in enumerate(sorted(fan.bounds, reverse=True)):
        low, high = fan.bounds[level]
        name = f"{level:g} % interval"
        edge: dict[str, Any] = {"x": times, "mode": "lines", "line": {"width": 0}}
        traces.append(Scatter(y=low, hoverinfo="skip", showlegend=False, legendgroup=name, **edge))
        traces.append(
            Scatter(
                y=high,
                name=name,
                legendgroup=name,
                fill="tonexty",  # the area down to the lower edge, the trace before
                fillcolor=to_rgba(BLUE, 0.16 + 0.1 * index),
                customdata=np.stack([low, high], axis=1),
                hovertemplate="%{customdata[0]:.5~g} to %{customdata[1]:.5~g}",
                **edge,
            )
        )
    return traces


def _past_forecast_traces(fan: FanChart) -> list[Scatter]:
    """Return the forecasts of the backtest as one trace; None separates its lines."""
    if not fan.past_forecasts:
        return []
    x: list[str | None] = []
    y: list[float | None] = []
    for past in fan.past_forecasts:
        x += [*to_plotly_times(past.timestamps), None]
        y += [*shorten_values(past.forecast), None]
    return [
        Scatter(
            x=x,
            y=y,
            name="forecast in the backtest",
            mode="lines",
            line={"color": ORANGE, "width": 1.4, "dash": "dash"},
            hovertemplate="%{y:.5~g}",
        )
    ]


def _history_trace(fan: FanChart) -> Scatter:
    # Markers of size 0 leave the line plain; only isolated values need one.
    isolated = _is_isolated(fan.values)
    return Scatter(
        x=to_plotly_times(fan.timestamps),
        y=shorten_values(fan.values),
        name="measured",
        mode="lines+markers" if isolated.any() else "lines",
        marker={
            "size": np.where(isolated, 4, 0) if isolated.any() else 0,
            "color": INK,
            "line": {"width": 0},
        },
        line={"color": INK, "width": 1.6},
        hovertemplate="%{y:.5~g}",
    )


def shorten_values(values: np.ndarray) -> list[float]:
    """Return values with as many digits as a chart can show, which halves a page.

    A value keeps five digits, or more if the chart's range is small compared with the value.

    >>> shorten_values(np.array([401.23456789, np.nan, 301.0, 0.012345678]))
    [401.23, nan, 301.0, 0.012346]
    """
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        spread = float(np.ptp(finite.astype(float))) if len(finite) else 0.0
    finest = 4 - math.floor(math.log10(spread)) if 0 < spread < math.inf else -400
    return [
        # An infinite value or NaN stays as it is, and so does zero.
        round(value, max(finest, 4 - math.floor(math.log10(abs(value)))))
        if value and math.isfinite(value)
        else value
        for value in values.tolist()
    ]


def _is_isolated(values: np.ndarray) -> np.ndarray:
    """Return a mask of values with a gap on both sides, which no line would show."""
    observed = np.concatenate([[False], np.isfinite(values), [False]])
    return observed[1:-1] & ~observed[:-2] & ~observed[2:]


def _connecting_trace(fan: FanChart) -> Scatter:
    """Return a thin line from the last value to the first forecast."""
    last = np.flatnonzero(np.isfinite(fan.values))[-1:]  # empty if nothing is observed
    return Scatter(
        x=[*to_plotly_times(fan.timestamps[last]), *to_plotly_times(fan.future_timestamps[:1])],
        y=[*fan.values[last], *fan.forecast[:1]],
        mode="lines",
        line={"color": GREY, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _forecast_trace(fan: FanChart) -> Scatter:
    return Scatter(
        x=to_plotly_times(fan.future_timestamps),
        y=fan.forecast,
        name="forecast",
        mode="lines+markers" if len(fan.future_timestamps) < 3 else "lines",
        line={"color": BLUE, "width": 2.4},
        hovertemplate="%{y:.5~g}",
    )


def _value_range(fan: FanChart, first_row: int) -> list[float]:
    """Return the range of the values shown initially, with a margin."""
    # plotly would fit the axis to all rows, including those outside the initial range.
    bounds = [bound for both in fan.bounds.values() for bound in both]
    parts = [fan.values[first_row:], fan.forecast, *bounds]
    values = np.concatenate([part[np.isfinite(part)] for part in parts])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    pad = 0.06 * (high - low) or 0.06 * max(1.0, abs(high))
    return [low - pad, high + pad]
