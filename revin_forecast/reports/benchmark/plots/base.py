"""What every plot has, and the house style of its figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.style import Style, Styles

FONT = {"family": "system-ui, -apple-system, Segoe UI, sans-serif", "size": 12, "color": "#222"}
AXIS_STYLE: Mapping[str, Any] = {
    "showline": True,
    "linecolor": "#999",
    "gridcolor": "#e8e8e8",
    "zeroline": False,
    "ticks": "outside",
    "ticklen": 3,
    "tickcolor": "#999",
    "tickfont": {"size": 11},
    "tickangle": 0,
}
REFERENCE_LINE_STYLE: Mapping[str, Any] = {"color": "#666", "width": 1.2, "dash": "dot"}
"""A line to compare with: y = x, no effect, the boundary of a window."""


@dataclass(frozen=True)
class Plot:
    """A plot with all its words; without figures it says why."""

    key: str
    """P1, P2, ...: also the address in the page."""
    title: str
    caption: str
    """What it shows, its sign conventions and what good looks like."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Name of a choice -> its figure; a single one needs no name."""
    choice_label: str = "Shown"
    """What the names of the figures are names of."""
    legend: Styles = field(default_factory=dict)
    missing_reason: str = ""
    """Why there is no figure."""


def build_legend(names: Iterable[str], styles: Styles) -> dict[str, Style]:
    """Return the looks of the names that are drawn, in the order of the looks."""
    drawn = set(names)
    return {name: look for name, look in styles.items() if name in drawn}


def build_layout(height: int, margin: Mapping[str, int]) -> dict[str, Any]:
    """Return what the layouts of all figures share; legends are the page's, not plotly's."""
    return {
        "template": {"layout": {"xaxis": AXIS_STYLE, "yaxis": AXIS_STYLE}},
        "font": FONT,
        "height": height,
        "margin": {**margin, "pad": 0},
        "showlegend": False,
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "hoverlabel": {"font": {"size": 12}},
        "dragmode": False,
    }


def round_values(values: Iterable[float], digits: int = 5) -> list[float]:
    """Return floats of few digits: a page holds many."""
    return [float(f"{value:.{digits}g}") for value in values]
