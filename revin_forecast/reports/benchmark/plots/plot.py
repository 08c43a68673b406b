"""The `Plot` type and the layout shared by all figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.style import Style, Styles

FONT = {"family": "system-ui, -apple-system, Segoe UI, sans-serif", "size": 12, "color": "#222222"}
AXIS_STYLE: Mapping[str, Any] = {
    "showline": True,
    "linecolor": "#999999",
    "gridcolor": "#e8e8e8",
    "zeroline": False,
    "ticks": "outside",
    "ticklen": 3,
    "tickcolor": "#999999",
    "tickfont": {"size": 11},
    "tickangle": 0,
}
REFERENCE_LINE_STYLE: Mapping[str, Any] = {"color": "#666666", "width": 1.2, "dash": "dot"}
"""Style of reference lines: y = x, no effect, the boundary of a window."""


@dataclass(frozen=True)
class Plot:
    """A plot with its texts, and either its figures or the reason why it has none."""

    key: str
    """P1a, P1b, ...; in lower case also its anchor in the page."""
    title: str
    caption: str
    """Content of the plot, sign conventions and the appearance of a good result."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Figures by name of a choice; a single figure needs no name."""
    choice_label: str = "Shown"
    """Label of the list of choices."""
    legend: Styles = field(default_factory=dict)
    """Styles by name, in legend order."""
    missing_reason: str = ""
    """Why there is no figure."""


def build_legend(names: Iterable[str], styles: Styles) -> dict[str, Style]:
    """Return the styles of the names drawn, in the order of `styles`."""
    drawn_names = set(names)
    return {name: style for name, style in styles.items() if name in drawn_names}


def build_layout(height: int, margin: Mapping[str, int]) -> dict[str, Any]:
    """Return the layout shared by all figures.

    Args:
        height: height in pixels.
        margin: margins in pixels, by plotly's names of the sides.
    """
    return {
        "template": {"layout": {"xaxis": AXIS_STYLE, "yaxis": AXIS_STYLE}},
        "font": FONT,
        "height": height,
        "margin": {**margin, "pad": 0},
        "showlegend": False,  # the page draws one legend for all panels
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "hoverlabel": {"font": {"size": 12}},
        "dragmode": False,
    }


def round_values(values: Iterable[float], digits: int = 5) -> list[float]:
    """Round to significant digits, which keeps the page small."""
    return [float(f"{value:.{digits}g}") for value in values]
