"""A plot as HTML: its list of choices, legend, box, caption and data."""

import math
from html import escape

from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.plots.plot import Plot
from revin_forecast.reports.benchmark.style import Style
from revin_forecast.reports.formatting import truncate
from revin_forecast.reports.html import render_paragraph

# plotly's dash names as SVG dash patterns, in pixels; "solid" has none.
SVG_DASHES = {"dash": "5 3", "dot": "1.5 2.5", "dashdot": "5 2.5 1.5 2.5", "longdash": "8 3"}


def figure_html(plot: Plot) -> str:
    """Return the figure element of a plot, which page.js draws, or the reason why it is missing."""
    if not plot.figures:
        return render_paragraph(f"Not drawn. {plot.missing_reason}", "missing")
    key = plot.key.lower()
    # The box gets its height here, before plotly draws into it.
    height = next(iter(plot.figures.values()))["layout"]["height"]
    return (
        f'<figure data-plot="{key}">{_render_choices(plot)}{_render_legend(plot)}'
        f'<div class="scroll" tabindex="0"><div class="plot" role="img" '
        f'style="height:{height}px" aria-label="{escape(plot.title)}"></div></div>'
        f"<figcaption>{escape(plot.caption)}</figcaption>"
        f'<script type="application/json">{_figures_json(list(plot.figures.values()))}</script>'
        "</figure>"
    )


def _figures_json(figures: list[Figure]) -> str:
    text = f"[{','.join(str(figure.to_json()) for figure in figures)}]"
    # A name may contain </script>. plotly escapes it today, but does not promise to.
    return text.replace("<", "\\u003c")


def _render_choices(plot: Plot) -> str:
    if len(plot.figures) < 2:
        return ""
    options = "".join(f"<option>{escape(name)}</option>" for name in plot.figures)
    return f"<label>{escape(plot.choice_label)}: <select>{options}</select></label>"


def _render_legend(plot: Plot) -> str:
    buttons = "".join(
        f'<button type="button" aria-pressed="true" data-name="{escape(name)}">'
        f"{_legend_symbol_svg(style)}{escape(truncate(name, 32))}</button>"
        for name, style in plot.legend.items()
    )
    return f'<div class="legend">{buttons}</div>' if buttons else ""


def _legend_symbol_svg(style: Style) -> str:
    """Return a drawing of a line and its symbol, 34 by 12 pixels."""
    line = ""
    if style.dash:
        dash = f' stroke-dasharray="{SVG_DASHES[style.dash]}"' if style.dash in SVG_DASHES else ""
        line = f'<path d="M0 6H34" stroke="{style.colour}" stroke-width="2"{dash}/>'
    # plotly's modifiers follow the name of a symbol: circle-open, circle-dot, circle-open-dot.
    symbol, _, modifier = style.symbol.partition("-open")
    if symbol.endswith("-dot"):
        symbol, modifier = symbol.removesuffix("-dot"), "-dot"
    point = ""
    if symbol:
        is_open = "-open" in style.symbol
        fill = "#fff" if is_open else style.colour
        paint = f'fill="{fill}" stroke="{style.colour}" stroke-width="1.5"'
        point = f'<path d="{_symbol_path(symbol)}" {paint}/>'
        if modifier.endswith("-dot"):
            dot_fill = style.colour if is_open else "#fff"
            point += f'<circle cx="17" cy="6" r="1.3" fill="{dot_fill}"/>'
    return f'<svg width="34" height="12" aria-hidden="true">{line}{point}</svg>'


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
