"""Style shared by all charts of a forecast: colours for light and dark pages, axes, timestamps."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.formatting import format_label

# Okabe & Ito (2008): distinguishable by colour-blind readers. The blue is lightened so that it is
# visible on white and on black.
BLUE, ORANGE, GREEN = "#1f86d0", "#D55E00", "#009E73"
GREY = "#888888"
INK = "#3b3b3b"
"""Colour of measured values; charts.js replaces it by the page's text colour."""
GRID_COLOUR = "#d4d4d4"
"""Colour of grid lines; charts.js replaces it by the page's line colour."""
FONT = "system-ui, -apple-system, Segoe UI, sans-serif"


def to_rgba(colour: str, opacity: float) -> str:
    """Return a translucent colour for an area behind a line.

    >>> to_rgba("#0072B2", 0.2)
    'rgba(0,114,178,0.2)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def build_layout(height: int, hovermode: str = "closest", title: str = "") -> dict[str, Any]:
    """Return the plotly layout shared by all charts.

    Args:
        height: height in pixels.
        hovermode: plotly's hover mode.
        title: title of the vertical axis, as plain text.
    """
    axis = {"gridcolor": GRID_COLOUR, "linecolor": GREY, "zeroline": False, "ticks": "outside"}
    axis |= {"tickcolor": GREY, "automargin": True}
    return {
        "template": "none",  # the default one would be several kilobytes of unused styles per chart
        "height": height,
        "margin": {"l": 56, "r": 12, "t": 12, "b": 40, "pad": 0},
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": hovermode,
        "dragmode": "zoom",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
        "xaxis": {**axis, "spikethickness": 1, "spikecolor": GREY, "spikedash": "dot"},
        "yaxis": {**axis, "title": {"text": format_label(title, 60)}},
    }


def empty_figure(message: str) -> Figure:
    """Return an empty chart with the reason why it is empty.

    Args:
        message: the reason; <br> separates lines.
    """
    figure = Figure(layout=build_layout(height=300))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(
        text=message, showarrow=False, **{"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    )


def timestamp_format(timestamps: pd.DatetimeIndex) -> str:
    """Return the shortest strftime format that keeps all timestamps exact."""
    # Local midnight, not UTC midnight, decides whether the time of day can be omitted.
    index = timestamps.tz_localize(None)
    if (index == index.normalize()).all():
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M:%S" if (index == index.floor("s")).all() else "%Y-%m-%d %H:%M:%S.%f"


def to_plotly_times(timestamps: pd.DatetimeIndex) -> Sequence[str]:
    """Return timestamps as strings for plotly, in local time and the shortest exact format.

    >>> to_plotly_times(pd.DatetimeIndex(["2024-01-01", "2024-01-02"]))
    ['2024-01-01', '2024-01-02']
    """
    # plotly ignores time zones: dropping the zone keeps the wall-clock time of the table.
    return timestamps.tz_localize(None).strftime(timestamp_format(timestamps)).tolist()
