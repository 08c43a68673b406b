"""The fan chart: what was measured, what is forecast, and how far the truth may lie from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure, Scatter

from revin_forecast.data.layout import Layout
from revin_forecast.data.series import Series
from revin_forecast.report.forecast.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    faded,
    form_of,
    layout,
    times,
)

MOST_SERIES = 50
"""Series drawn; a page of thousands would open slowly, and nobody looks through them."""
MOST_ROWS, FEWEST_ROWS = 2000, 60
"""Rows of history drawn of one series, and of each where there are many."""
MOST_VALUES = 60_000
"""Rows of history on a page."""
HORIZONS = 6
"""The part of the history shown at first, in horizons; a double click shows all."""


@dataclass(frozen=True, eq=False)
class EarlierForecast:
    """A forecast made before, and what came."""

    stamps: pd.DatetimeIndex
    forecast: np.ndarray
    """(horizon,) in the table's units."""
    truth: np.ndarray
    """(horizon,), NaN where unobserved."""


@dataclass(frozen=True, eq=False)
class Fan:
    """One series: its last rows and its forecast with intervals, in the table's units."""

    name: str
    stamps: pd.DatetimeIndex
    values: np.ndarray
    """(rows,), NaN where unobserved."""
    ahead: pd.DatetimeIndex
    forecast: np.ndarray
    """(horizon,)."""
    limits: Mapping[float, tuple[np.ndarray, np.ndarray]]
    """Lower and upper limit (horizon,) by level in percent."""
    before: Sequence[EarlierForecast] = ()
    """What would have been forecast in a backtest."""


def fans(
    history: Series,
    table: pd.DataFrame,
    levels: Sequence[float | int],
    most: int = MOST_SERIES,
) -> list[Fan]:
    """Return what is drawn of a forecast, series by series, in the table's order.

    Args:
        history: the rows before the forecast.
        table: what `Forecaster.predict` returned for it.
        levels: of its intervals, in percent.
        most: series, the first ones.
    """
    names = history.targets[:most]
    rows = int(np.clip(MOST_VALUES // max(1, len(names)), FEWEST_ROWS, MOST_ROWS))
    return [_fan(history, table, name, levels, rows) for name in names]


def _fan(
    history: Series, table: pd.DataFrame, name: str, levels: Sequence[float | int], rows: int
) -> Fan:
    stamps, values = history.track(name)
    seen = np.flatnonzero(np.isfinite(values))
    first = max(int(seen[0]) if len(seen) else 0, len(values) - rows)
    part, column = _columns_of(table, history.layout, name)
    limits = {
        float(level): (
            part[f"{column}-lo-{level:g}"].to_numpy(),
            part[f"{column}-hi-{level:g}"].to_numpy(),
        )
        for level in levels
    }
    ahead = pd.DatetimeIndex(part[history.layout.time])
    return Fan(name, stamps[first:], values[first:], ahead, part[column].to_numpy(), limits)


def _columns_of(table: pd.DataFrame, layout: Layout, name: str) -> tuple[pd.DataFrame, str]:
    """Return the rows of a forecast that are of a series, and the column of its values."""
    if layout.id is None:
        return table, name
    assert layout.value is not None  # a long table has one
    return table.loc[table[layout.id] == name], layout.value


def fan_figure(fan: Fan) -> Figure:
    """Return the chart of one series; transparent, so that it stands on light and dark pages."""
    figure = Figure(layout=layout(height=420, hovermode="x unified"))
    figure.add_traces([*_bands(fan), *_before(fan), _measured(fan), _joint(fan), _ahead(fan)])
    shown = max(0, len(fan.stamps) - HORIZONS * len(fan.forecast))
    whole = pd.DatetimeIndex(fan.stamps[shown:].append(fan.ahead))
    figure.update_xaxes(range=times(whole[[0, -1]]), hoverformat=form_of(whole))
    figure.update_yaxes(range=_reach(fan, shown))
    return figure


def _bands(fan: Fan) -> list[Scatter]:
    """Return the intervals as areas, the widest behind."""
    traces, stamps = [], times(fan.ahead)
    for number, level in enumerate(sorted(fan.limits, reverse=True)):
        low, high = fan.limits[level]
        name = f"{level:g} % interval"
        plain: dict[str, Any] = {"x": stamps, "mode": "lines", "line": {"width": 0}}
        traces.append(Scatter(y=low, hoverinfo="skip", showlegend=False, legendgroup=name, **plain))
        traces.append(
            Scatter(
                y=high,
                name=name,
                legendgroup=name,
                fill="tonexty",
                fillcolor=faded(BLUE, 0.16 + 0.1 * number),
                customdata=np.stack([low, high], axis=1),
                hovertemplate="%{customdata[0]:.5~g} to %{customdata[1]:.5~g}",
                **plain,
            )
        )
    return traces


def _before(fan: Fan) -> list[Scatter]:
    """Return the backtest's forecasts as one broken line."""
    if not fan.before:
        return []
    x: list[str | None] = []
    y: list[float | None] = []
    for path in fan.before:
        x += [*times(path.stamps), None]
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


def _measured(fan: Fan) -> Scatter:
    lone = _lone(fan.values)
    return Scatter(
        x=times(fan.stamps),
        y=fan.values,
        name="measured",
        mode="lines+markers" if lone.any() else "lines",
        marker={"size": np.where(lone, 4, 0), "color": INK, "line": {"width": 0}},
        line={"color": INK, "width": 1.6},
        hovertemplate="%{y:.5~g}",
    )


def _lone(values: np.ndarray) -> np.ndarray:
    """Tell values with a gap on both sides: no line leads to them."""
    seen = np.concatenate([[False], np.isfinite(values), [False]])
    return seen[1:-1] & ~seen[:-2] & ~seen[2:]


def _joint(fan: Fan) -> Scatter:
    """Return a thin line from the last value to the first forecast."""
    seen = np.flatnonzero(np.isfinite(fan.values))
    last = seen[-1:]
    return Scatter(
        x=[*times(fan.stamps[last]), *times(fan.ahead[:1])],
        y=[*fan.values[last], *fan.forecast[:1]],
        mode="lines",
        line={"color": GREY, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _ahead(fan: Fan) -> Scatter:
    return Scatter(
        x=times(fan.ahead),
        y=fan.forecast,
        name="forecast",
        mode="lines+markers" if len(fan.ahead) < 3 else "lines",
        line={"color": BLUE, "width": 2.4},
        hovertemplate="%{y:.5~g}",
    )


def _reach(fan: Fan, shown: int) -> list[float]:
    """Return the range of values within what is shown at first."""
    limits = [limit for both in fan.limits.values() for limit in both]
    parts = [fan.values[shown:], fan.forecast, *limits]
    values = np.concatenate([part[np.isfinite(part)] for part in parts])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    pad = 0.06 * (high - low) or 0.06 * max(1.0, abs(high))
    return [low - pad, high + pad]
