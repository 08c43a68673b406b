"""A line chart over time as a self-contained HTML page."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from plotly import graph_objects

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
    figure = graph_objects.Figure()
    for index, (name, (timestamps, values)) in enumerate(lines.items()):
        style = STYLES[index % len(STYLES)]
        figure.add_trace(
            graph_objects.Scatter(x=timestamps, y=values, name=name, mode="lines", line=style)
        )
    figure.update_layout(
        title=title,
        yaxis_title=unit,
        template="plotly_white",
        autosize=True,
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.12},
        margin={"l": 60, "r": 20, "t": 60, "b": 40},
    )
    # plotly is embedded, so the page opens without a network.
    with atomic_write(path) as partial:
        figure.write_html(
            partial, default_height="85vh", config={"responsive": True, "displayModeBar": False}
        )
