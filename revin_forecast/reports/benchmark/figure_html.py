"""A plot as HTML: its list of choices, legend, box, caption and data."""

import math
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.plots.plot import Plot
from revin_forecast.reports.benchmark.style import DARK_COLOURS, Style
from revin_forecast.reports.templates import render_template

# plotly's dash names as SVG dash patterns, in pixels; "solid" has none.
SVG_DASHES = {"dash": "5 3", "dot": "1.5 2.5", "dashdot": "5 2.5 1.5 2.5", "longdash": "8 3"}


def render_figure(plot: Plot) -> Markup:
    """Return the figure element of a plot, which page.js draws, or the reason why it is missing."""
    if not plot.figures:
        return render_template("missing.html.jinja", text=f"Not drawn. {plot.missing_reason}")
    return render_template(
        "benchmark/figure.html.jinja",
        plot=plot,
        figures=list(plot.figures.values()),
        legend=[_legend_entry(name, style) for name, style in plot.legend.items()],
    )


def _legend_entry(name: str, style: Style) -> dict[str, Any]:
    """Return the parts of a drawing of a line and its symbol, 34 by 12 pixels."""
    # plotly's modifiers follow the name of a symbol: circle-open, circle-dot, circle-open-dot.
    symbol, *modifiers = style.symbol.split("-open")
    symbol, has_dot = symbol.removesuffix("-dot"), style.symbol.endswith("-dot")
    return {
        "name": name,
        "colour": style.colour,
        "dark_colour": DARK_COLOURS.get(style.colour.lower(), style.colour),
        "has_line": bool(style.dash),
        "dash": SVG_DASHES.get(style.dash, ""),
        "path": _symbol_path(symbol) if symbol else "",
        "is_open": bool(modifiers),
        "has_dot": has_dot,
    }


# Corners in pixels from the centre of the symbol; y points down.
_SYMBOL_CORNERS = {
    "square": [(-4, -4), (4, -4), (4, 4), (-4, 4)],
    "diamond": [(0, -5), (5, 0), (0, 5), (-5, 0)],
    "triangle-up": [(0, -5), (5, 4), (-5, 4)],
    "triangle-down": [(0, 5), (5, -4), (-5, -4)],
    "hourglass": [(-4, -4), (4, -4), (-4, 4), (4, 4)],
}


def _symbol_path(symbol: str) -> str:
    """Return the SVG path of a symbol, centred at (17, 6)."""
    if symbol == "circle":
        return "M13 6a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"
    corners = _SYMBOL_CORNERS.get(symbol) or _star_corners(symbol)
    points = "L".join(f"{17 + x:g} {6 + y:g}" for x, y in corners)
    return f"M{points}Z"


def _star_corners(symbol: str) -> list[tuple[float, float]]:
    """Return the corners of a cross, an x, a star, a hexagram or a pentagon."""
    if symbol in ("cross", "x"):
        arms = [(-1.6, -5), (1.6, -5), (1.6, -1.6), (5, -1.6), (5, 1.6), (1.6, 1.6)]
        arms += [(-x, -y) for x, y in arms]
        angle = math.pi / 4 if symbol == "x" else 0.0  # an x is a rotated cross
        sine, cosine = math.sin(angle), math.cos(angle)
        return [(round(x * cosine - y * sine, 2), round(x * sine + y * cosine, 2)) for x, y in arms]
    tips = 6 if symbol == "hexagram" else 5
    # The inner corners of the pentagon are nearly on its edges.
    inner_radius = 4.3 if symbol == "pentagon" else 2.3
    corners = []
    for number in range(2 * tips):
        angle, radius = math.pi * number / tips, inner_radius if number % 2 else 5.2
        corners.append((round(radius * math.sin(angle), 2), round(-radius * math.cos(angle), 2)))
    return corners
