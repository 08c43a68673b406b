"""Charts of contributions to a forecast: a bar for each lag, in the colour of its age."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from plotly.graph_objects import Bar, Figure
from plotly.subplots import make_subplots

from revin_forecast.forecasting.contribution_rows import (
    EARLIER_SEASONS,
    LAG_GROUPS,
    LAST_SEASON,
    LAST_VALUE,
    OLDER,
    ONE_SEASON,
    OTHER_SERIES,
)
from revin_forecast.forecasting.describe_contributions import (
    Rows,
    find_shown_resolution,
    format_shown,
    split_parts,
    sum_forecast,
)
from revin_forecast.reports.forecast.image import IMAGE_WIDTH, add_title, write_figure
from revin_forecast.reports.forecast.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    build_layout,
    empty_figure,
    to_plotly_times,
)
from revin_forecast.reports.formatting import format_label

NOT_DRAWN_MESSAGE = "The contributions to this series were not computed."
COLOURS = {
    LAST_VALUE: BLUE,
    ONE_SEASON: ORANGE,
    EARLIER_SEASONS: "#BF8400",
    LAST_SEASON: GREEN,
    OLDER: GREY,
    OTHER_SERIES: "#CC79A7",
}
MAX_PANELS = 6
"""Most panels of an image: series times steps."""
PANEL_HEIGHT, MARGIN_HEIGHT = 190, 96
"""Pixels of a panel, and of legend and axis."""
PANEL_GAP = 62
"""Pixels between panels, for the axis of one and the title of the next."""
MAX_BARS = 800
"""Most lags drawn, the last ones."""
HIDDEN_SHARE = 0.05
"""Share of the sum of absolute contributions that older lags may have without being drawn."""


def contribution_figure(panels: Sequence[Rows]) -> Figure:
    """Return the bars of some steps or series, one panel below the other.

    Args:
        panels: all rows of a series and step, for each panel.
    """
    titles = [_describe_panel(rows) for rows in panels]
    spacing = PANEL_GAP / (PANEL_HEIGHT * len(panels))
    figure = make_subplots(len(panels), 1, subplot_titles=titles, vertical_spacing=spacing)
    layout = build_layout(PANEL_HEIGHT * len(panels) + MARGIN_HEIGHT)
    axes = {"xaxis": layout.pop("xaxis"), "yaxis": layout.pop("yaxis")}
    figure.update_layout(layout, margin={"t": 64}, barmode="relative", bargap=0.1)
    height = layout["height"]
    figure.update_layout(legend={"y": 1 + 26 / height})
    notes: Any = figure["layout"]["annotations"]
    for note in notes:
        note.update(x=0, xanchor="left", font={"size": 12})
    legend: set[str] = set()
    for index, rows in enumerate(panels):
        for trace in _build_bars(rows):
            trace.update(showlegend=str(trace["name"]) not in legend)
            legend.add(str(trace["name"]))
            figure.add_trace(trace, row=index + 1, col=1)
    return figure.update_xaxes(axes["xaxis"]).update_yaxes(axes["yaxis"])


def build_contribution_figures(parts: pd.DataFrame, chart_count: int) -> list[Figure]:
    """Return the chart of each series explained, and an empty one for those that follow.

    Args:
        parts: the result of `Forecaster.explain`.
        chart_count: number of series that the page draws.
    """
    by_series: dict[str, list[Rows]] = {}
    for (name, _), rows in split_parts(parts):
        by_series.setdefault(name, []).append(rows)
    figures = [contribution_figure(panels) for panels in by_series.values()]
    missing = chart_count > len(figures)
    return [*figures, empty_figure(NOT_DRAWN_MESSAGE)] if missing else figures


def write_contribution_image(
    parts: pd.DataFrame, series: Sequence[str], path: Path, title: str
) -> str:
    """Draw the contributions to some series into an image file.

    Args:
        parts: the result of `Forecaster.explain`; the first panels are drawn.
        series: names of the series to draw.
        path: file to write; its suffix selects the format.
        title: title of the image.

    Returns:
        A sentence on the panels that were left out; empty if all were drawn.

    Raises:
        InputError: see `write_image`.
    """
    panels = [rows for (name, _), rows in split_parts(parts) if name in series]
    drawn = panels[:MAX_PANELS]
    figure = contribution_figure(drawn)
    figure.update_layout(width=IMAGE_WIDTH, paper_bgcolor="#ffffff")
    add_title(figure, title)
    write_figure(figure, path)
    if len(drawn) == len(panels):
        return ""
    return (
        f"The image has {len(drawn)} of {len(panels):,} pairs of a series and a step; --out writes "
        "all."
    )


def _describe_panel(rows: Rows) -> str:
    """Return series, step, level and forecast, for the title of a panel."""
    resolution = find_shown_resolution(rows)
    total = format_shown(sum_forecast(rows), resolution)
    levels = [row for row in rows if row["source"] == "level"]
    start = format_shown(levels[0]["contribution"], resolution) if levels else "0"
    name = format_label(str(rows[0]["series"]))
    return f"{name}, step {rows[0]['step']}: level {start}, forecast {total}"


def _build_bars(rows: Rows) -> list[Bar]:
    """Return the bars of each group of lags."""
    lags = _select_drawn_lags([row for row in rows if row["source"] == "lag"])
    resolution = find_shown_resolution(rows)
    bars: list[Bar] = []
    for group in LAG_GROUPS:
        members = [row for row in lags if row["group"] == group]
        if not members:
            continue
        bars.append(
            Bar(
                x=to_plotly_times(pd.DatetimeIndex([row["lag_time"] for row in members])),
                y=[float(f"{row['contribution']:.4g}") for row in members],
                name=group,
                marker={"color": COLOURS[group], "line": {"width": 0}},
                text=[_describe_lag(row, resolution) for row in members],
                textposition="none",
                hovertemplate="%{x}<br>%{text}<extra></extra>",
            )
        )
    return bars


def _select_drawn_lags(lags: Rows) -> Rows:
    """Return the last lags, up to those that are too old to contribute much."""
    ordered = sorted(lags, key=lambda row: row["lag"])[:MAX_BARS]
    hidden = HIDDEN_SHARE * sum(abs(row["contribution"]) for row in ordered)
    while len(ordered) > 1 and abs(ordered[-1]["contribution"]) <= hidden:
        hidden -= abs(ordered[-1]["contribution"])
        ordered.pop()
    return ordered


def _describe_lag(row: dict[str, Any], resolution: float) -> str:
    """Return value, weight and contribution of a lag."""
    value = format_shown(row["value"], resolution)
    change = format_shown(row["contribution"], resolution, "+")
    return f"{row['lag']} back: {value}, weight {row['weight']:.3f}, contributes {change}"
