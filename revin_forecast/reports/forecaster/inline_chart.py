"""A small chart of a series and its forecast as inline SVG, without a script."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from revin_forecast.data.amounts import find_resolution, format_amount

WIDTH, HEIGHT = 560, 132
"""Size of a chart in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 8, 22
"""Margins in pixels, for the labels of the axes."""
FORECAST_COLOUR = "#1f86d0"
"""A blue with a contrast of 3 : 1 or more on white and on black."""


@dataclass(frozen=True, eq=False)
class InlineChart:
    """The values that a chart shows."""

    title: str
    """Text for readers who do not see the chart."""
    past: np.ndarray
    """(rows,) measured values, NaN where unobserved."""
    forecast: np.ndarray
    """(horizon,) forecast; empty: only measured values are drawn."""
    low: np.ndarray
    """(horizon,) lower limits; empty without intervals."""
    high: np.ndarray
    """(horizon,) upper limits."""
    labels: tuple[str, str, str]
    """Time of the first row, of the last row and of the last step of the forecast."""


def draw_inline_chart(chart: InlineChart) -> Markup:
    """Return a chart as SVG; its lines have the colour of the text around it."""
    values = np.concatenate([chart.past, chart.forecast, chart.low, chart.high])
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    spread = high - low or max(1.0, abs(high))
    count = len(chart.past) + len(chart.forecast)
    across = np.linspace(LEFT, WIDTH - RIGHT, max(2, count))[:count]
    down = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (values - low) / spread
    rows, steps = len(chart.past), len(chart.forecast)
    past, ahead = (across[:rows], down[:rows]), (across[rows:], down[rows : rows + steps])
    parts = [_draw_axes(chart, low, high, float(across[rows - 1]))]
    if len(chart.low):
        below, above = down[rows + steps : rows + 2 * steps], down[rows + 2 * steps :]
        outline = zip(
            np.concatenate([ahead[0], ahead[0][::-1]]),
            np.concatenate([below, above[::-1]]),
            strict=True,
        )
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in outline if np.isfinite(y))
        parts.append(
            Markup('<polygon points="{}" fill="{}" fill-opacity="0.25"/>').format(
                points, FORECAST_COLOUR
            )
        )
    parts.append(_draw_line(*past, "currentColor", 1.2))
    parts.append(_draw_line(*ahead, FORECAST_COLOUR, 2.0))
    return Markup(
        '<svg role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}" '
        'style="max-width:100%;height:auto;display:block" xmlns="http://www.w3.org/2000/svg">'
        "{}</svg>"
    ).format(chart.title, WIDTH, HEIGHT, WIDTH, HEIGHT, Markup("").join(parts))


def _draw_axes(chart: InlineChart, low: float, high: float, last: float) -> Markup:
    """Return the limits of the values and the times below the chart."""
    resolution = find_resolution(max(abs(low), abs(high)), high - low)
    bottom = HEIGHT - BOTTOM
    texts: list[tuple[float, int, str, str]] = [
        (LEFT - 6, TOP + 8, "end", format_amount(high, resolution)),
        (LEFT - 6, bottom, "end", format_amount(low, resolution)),
        (LEFT, HEIGHT - 5, "start", chart.labels[0]),
        (WIDTH - RIGHT, HEIGHT - 5, "end", chart.labels[2]),
    ]
    if len(chart.forecast) and LEFT + 90 < last < WIDTH - RIGHT - 90:
        texts.append((last, HEIGHT - 5, "middle", chart.labels[1]))
    shown = [
        Markup('<text x="{:.0f}" y="{}" text-anchor="{}">{}</text>').format(*text) for text in texts
    ]
    line = Markup(
        '<path d="M{:.1f},{}V{}M{},{}H{}" stroke="currentColor" stroke-opacity="0.35" fill="none"/>'
    ).format(last, TOP, bottom, LEFT, bottom, WIDTH - RIGHT)
    return line + Markup(
        '<g font-size="11" font-family="sans-serif" fill="currentColor">{}</g>'
    ).format(Markup("").join(shown))


def _draw_line(across: np.ndarray, down: np.ndarray, colour: str, width: float) -> Markup:
    """Return a line with gaps where no value is known; a value between two gaps is a dot."""
    path, starts = "", True
    for x, y in zip(across.tolist(), down.tolist(), strict=True):
        if not np.isfinite(y):
            starts = True
            continue
        # A line of no length with round ends is a dot.
        path += f"M{x:.1f},{y:.1f}l0,0" if starts else f"L{x:.1f},{y:.1f}"
        starts = False
    return Markup(
        '<path d="{}" fill="none" stroke="{}" stroke-width="{}" stroke-linecap="round"/>'
    ).format(path, colour, width)
