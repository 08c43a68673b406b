"""A line chart over time as a self-contained HTML page."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from plotly import graph_objects

from revin_forecast.reports.forecast.style import INK, build_layout, to_plotly_times
from revin_forecast.reports.formatting import format_label
from revin_forecast.reports.templates import render_template
from revin_forecast.utils.files import atomic_write

Line = tuple[pd.DatetimeIndex, np.ndarray]
"""Timestamps and values of a line."""

# Colour-blind readers can distinguish these colours (Okabe & Ito, 2008); the dashes distinguish
# lines printed without colour.
STYLES = (
    {"color": "#444444"},
    {"color": "#0072B2", "width": 3},
    {"color": "#D55E00", "dash": "dash"},
    {"color": "#009E73", "dash": "dot"},
    {"color": "#CC79A7", "dash": "dashdot"},
    {"color": "#56B4E9", "width": 3},
)


def write_line_chart(lines: Mapping[str, Line], title: str, unit: str, path: Path) -> None:
    """Draw named lines over time and write them as a self-contained HTML page.

    Args:
        lines: timestamps and values by name; the first is the measured series.
        title: title above the chart.
        unit: label of the vertical axis.
        path: file to write; an existing one is replaced.
    """
    layout = build_layout(height=520, hovermode="x unified", title=unit)
    figure = graph_objects.Figure(layout=layout)
    for index, (name, (timestamps, values)) in enumerate(lines.items()):
        # The first line has the colour of the page's text, in light and in dark.
        style = STYLES[index % len(STYLES)] if index else {"color": INK}
        times, label = to_plotly_times(timestamps), format_label(name, 60)
        figure.add_trace(
            graph_objects.Scatter(x=times, y=values, name=label, mode="lines", line=style)
        )
    page = render_template(
        "line_chart.html.jinja",
        folder="forecast",
        scripts=["forecast/charts.js"],
        title=title,
        sections=[],
        figure=figure,
    )
    with atomic_write(path) as partial:
        partial.write_text(page, encoding="utf-8")
