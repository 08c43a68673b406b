"""The fan chart: what was measured, what is forecast, and how far the truth may lie from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure, Scatter

from revin_forecast.data.series import Series, TableLayout
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
"""Series drawn; a page of thousands would open slowly, and nobody looks through them."""
MAX_ROWS, MIN_ROWS = 2000, 60
"""Rows of history drawn of one series, and of each where there are many."""
MAX_VALUES = 60_000
"""Rows of history on a page."""
INITIAL_HORIZONS = 6
"""The part of the history shown at first, in horizons; a double click shows all."""


@dataclass(frozen=True, eq=False)
class PastForecast:
    """A forecast made before, and what came."""

    timestamps: pd.DatetimeIndex
    forecast: np.ndarray
    """(horizon,) in the table's units."""
    truth: np.ndarray
    """(horizon,), NaN where unobserved."""


@dataclass(frozen=True, eq=False)
class FanChart:
    """One series: its last rows and its forecast with intervals, in the table's units."""

    name: str
    timestamps: pd.DatetimeIndex
    values: np.ndarray
    """(rows,), NaN where unobserved."""
    future_timestamps: pd.DatetimeIndex
    forecast: np.ndarray
    """(horizon,)."""
    bounds: Mapping[float, tuple[np.ndarray, np.ndarray]]
    """Lower and upper limit (horizon,) by level in percent."""
    past_forecasts: Sequence[PastForecast] = ()
    """What would have been forecast in a backtest."""


def build_fan_charts(
    history: Series,
    forecast: pd.DataFrame,
    levels: Sequence[float | int],
    max_series: int = MAX_SERIES,
) -> list[FanChart]:
    """Return what is drawn of a forecast, series by series, in the table's order.

    Args:
        history: the rows before the forecast.
        forecast: what `Forecaster.predict` returned for it.
        levels: of its intervals, in percent.
        max_series: series, the first ones.
    """
    names = history.targets[:max_series]
    rows = int(np.clip(MAX_VALUES // max(1, len(names)), MIN_ROWS, MAX_ROWS))
    return [_build_fan_chart(history, forecast, name, levels, rows) for name in names]


def _build_fan_chart(
    history: Series, forecast: pd.DataFrame, name: str, levels: Sequence[float | int], rows: int
) -> FanChart:
    stamps, values = history.channel(name)
    seen = np.flatnonzero(np.isfinite(values))
    first = max(int(seen[0]) if len(seen) else 0, len(values) - rows)
    part, column = _select_series_rows(forecast, history.layout, name)
    limits = {
        float(level): (
            part[f"{column}-lo-{level:g}"].to_numpy(),
            part[f"{column}-hi-{level:g}"].to_numpy(),
        )
        for level in levels
    }
    ahead = pd.DatetimeIndex(part[history.layout.time])
    return FanChart(name, stamps[first:], values[first:], ahead, part[column].to_numpy(), limits)


def _select_series_rows(
    forecast: pd.DataFrame, layout: TableLayout, name: str
) -> tuple[pd.DataFrame, str]:
    """Return the rows of a forecast that are of a series, and the column of its values."""
    if layout.id is None:
        return forecast, name
    assert layout.value is not None  # a long table has one
    return forecast.loc[forecast[layout.id] == name], layout.value


def fan_figure(fan: FanChart) -> Figure:
    """Return the chart of one series; transparent, so that it stands on light and dark pages."""
    figure = Figure(layout=build_layout(height=420, hovermode="x unified"))
    figure.add_traces(
        [
            *_interval_bands(fan),
            *_past_forecast_traces(fan),
            _history_trace(fan),
            _connecting_trace(fan),
            _forecast_trace(fan),
        ]
    )
    shown = max(0, len(fan.timestamps) - INITIAL_HORIZONS * len(fan.forecast))
    whole = pd.DatetimeIndex(fan.timestamps[shown:].append(fan.future_timestamps))
    figure.update_xaxes(range=to_plotly_times(whole[[0, -1]]), hoverformat=timestamp_format(whole))
    figure.update_yaxes(range=_value_range(fan, shown))
    return figure


def _interval_bands(fan: FanChart) -> list[Scatter]:
    """Return the intervals as areas, the widest behind."""
    traces, stamps = [], to_plotly_times(fan.future_timestamps)
    for number, level in enumerate(sorted(fan.bounds, reverse=True)):
        low, high = fan.bounds[level]
        name = f"{level:g} % interval"
        plain: dict[str, Any] = {"x": stamps, "mode": "lines", "line": {"width": 0}}
        traces.append(Scatter(y=low, hoverinfo="skip", showlegend=False, legendgroup=name, **plain))
        traces.append(
            Scatter(
                y=high,
                name=name,
                legendgroup=name,
                fill="tonexty",
                fillcolor=to_rgba(BLUE, 0.16 + 0.1 * number),
                customdata=np.stack([low, high], axis=1),
                hovertemplate="%{customdata[0]:.5~g} to %{customdata[1]:.5~g}",
                **plain,
            )
        )
    return traces


def _past_forecast_traces(fan: FanChart) -> list[Scatter]:
    """Return the backtest's forecasts as one broken line."""
    if not fan.past_forecasts:
        return []
    x: list[str | None] = []
    y: list[float | None] = []
    for path in fan.past_forecasts:
        x += [*to_plotly_times(path.timestamps), None]
        y += [*path.forecast.tolist(), None]
    return [
        Scatter(
            x=x,
            y=y,
            name="forecast in the backtest",
            mode="lines",
            line={"color": ORANGE, "width": 1.4, "dash": "dot"},
            hovertemplate="%{y:.5~g}",
        )
    ]


def _history_trace(fan: FanChart) -> Scatter:
    lone = _is_isolated(fan.values)
    return Scatter(
        x=to_plotly_times(fan.timestamps),
        y=fan.values,
        name="measured",
        mode="lines+markers" if lone.any() else "lines",
        marker={"size": np.where(lone, 4, 0), "color": INK, "line": {"width": 0}},
        line={"color": INK, "width": 1.6},
        hovertemplate="%{y:.5~g}",
    )


def _is_isolated(values: np.ndarray) -> np.ndarray:
    """Tell values with a gap on both sides: no line leads to them."""
    seen = np.concatenate([[False], np.isfinite(values), [False]])
    return seen[1:-1] & ~seen[:-2] & ~seen[2:]


def _connecting_trace(fan: FanChart) -> Scatter:
    """Return a thin line from the last value to the first forecast."""
    seen = np.flatnonzero(np.isfinite(fan.values))
    last = seen[-1:]
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
    """Return the range of values within what is shown at first."""
    limits = [limit for both in fan.bounds.values() for limit in both]
    parts = [fan.values[first_row:], fan.forecast, *limits]
    values = np.concatenate([part[np.isfinite(part)] for part in parts])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    pad = 0.06 * (high - low) or 0.06 * max(1.0, abs(high))
    return [low - pad, high + pad]
