"""Images of plotly figures without a browser: matplotlib draws the lines, areas and bars of charts.

Only the parts of plotly that the charts of forecasts use are drawn: scatter and bar traces, axes
with ranges, titles, annotations and one legend above.
"""

import html
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIXELS_PER_INCH = 100
"""Pixels of the plotly figure in an inch of the drawing."""
SCALE = 2
"""Pixels of the image per pixel of the figure, as for images drawn by a browser."""
FONT_POINTS = 8.0
LEFT_MARGIN = 64
"""Pixels; plotly widens the margin of the figure itself for long numbers."""
MAX_LEGEND_COLUMNS = 6
DASHES = {"dash": (4, 3), "dot": (1, 2), "dashdot": (4, 2, 1, 2)}
"""Lengths of dashes and gaps, in line widths, by plotly's name."""
SETTINGS: Any = {
    "text.parse_math": False,  # a name of a series may contain $
    "font.size": FONT_POINTS,
    "axes.formatter.limits": (-4, 6),
    "axes.formatter.useoffset": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "forecast",  # equal figures give equal files
}


def draw_figure(figure: Figure, image_format: str) -> bytes:
    """Return an image of a figure.

    Args:
        figure: a figure with a width and a height.
        image_format: png, svg, pdf, jpeg or webp.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    layout: Any = figure.layout
    size = layout.width / PIXELS_PER_INCH, layout.height / PIXELS_PER_INCH
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks becomes a box
        drawing = Drawing(size, dpi=PIXELS_PER_INCH * SCALE, facecolor="white")
        axes = {name: _add_axes(drawing, layout, name) for name in _list_axes(figure)}
        labels: dict[str, Any] = {}
        all_traces: Any = figure.data
        for name, panel in axes.items():
            traces = [trace for trace in all_traces if (trace["xaxis"] or "x") == name]
            _draw_lines(panel, [trace for trace in traces if trace["type"] == "scatter"], labels)
            _draw_bars(panel, [trace for trace in traces if trace["type"] == "bar"], labels)
            _set_ranges(panel, layout, name)
        _write_texts(drawing, layout, labels)
        image, date = io.BytesIO(), {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        drawing.savefig(image, format=image_format, metadata=date.get(image_format))
    return image.getvalue()


def _list_axes(figure: Figure) -> list[str]:
    """Return the horizontal axes with traces, by plotly's short name: x, x2, ..."""
    traces: Any = figure.data
    return list(dict.fromkeys(trace["xaxis"] or "x" for trace in traces))


def _find_axis(layout: Any, name: str) -> Any:
    """Return an axis of a layout by plotly's short name."""
    return layout[f"{name[0]}axis{name[1:]}"]


def _find_box(layout: Any, x: Sequence[float], y: Sequence[float]) -> tuple[float, ...]:
    """Return left, bottom, width and height in the drawing of a box in the plot area."""
    margin, width, height = layout.margin, layout.width, layout.height
    left = max(margin.l or 0, LEFT_MARGIN)
    across, up = width - left - margin.r, height - margin.t - margin.b
    return (
        (left + x[0] * across) / width,
        (margin.b + y[0] * up) / height,
        (x[1] - x[0]) * across / width,
        (y[1] - y[0]) * up / height,
    )


def _add_axes(drawing: Any, layout: Any, name: str) -> "Axes":
    """Return the axes of a panel, with grid lines and labels in the colours of the figure."""
    horizontal, vertical = _find_axis(layout, name), _find_axis(layout, f"y{name[1:]}")
    box = _find_box(layout, horizontal.domain or (0.0, 1.0), vertical.domain or (0.0, 1.0))
    panel = drawing.add_axes(box)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(horizontal.linecolor)
    panel.grid(visible=True, color=horizontal.gridcolor, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(color=horizontal.tickcolor, labelcolor=layout.font.color, length=4)
    panel.set_xlabel(html.unescape(horizontal.title.text or ""), color=layout.font.color)
    panel.set_ylabel(html.unescape(vertical.title.text or ""), color=layout.font.color)
    return panel


def _to_positions(values: Iterable[Any]) -> np.ndarray:
    """Return positions as dates where the figure has texts, and as numbers otherwise."""
    listed = list(values)
    if any(isinstance(value, str) for value in listed):
        return pd.to_datetime(pd.Series(listed), format="ISO8601").to_numpy()
    return np.array([np.nan if value is None else value for value in listed], dtype=float)


def _to_numbers(values: Iterable[Any]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _draw_lines(panel: "Axes", traces: Sequence[Any], labels: dict[str, Any]) -> None:
    """Draw lines and the areas between a trace and the one before; collect the legend."""
    lower = np.array([])
    for trace in traces:
        x, y = _to_positions(trace.x), _to_numbers(trace.y)
        if trace.fill == "tonexty":
            drawn: Any = panel.fill_between(x, lower, y, color=_to_colour(trace.fillcolor), lw=0)
        else:
            drawn = _draw_line(panel, trace, x, y)
        lower = y
        if trace.name and trace.showlegend is not False:
            labels.setdefault(trace.name, drawn)


def _draw_line(panel: "Axes", trace: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """Draw the line of a trace, and points where it has markers."""
    if trace.line.width == 0:  # an edge of an area
        return None
    dashes = DASHES.get(trace.line.dash or "")
    style: Any = (0, dashes) if dashes else "-"
    # Widths are in pixels; matplotlib counts in points, of which 72 are an inch.
    width = (trace.line.width or 2) * 72 / PIXELS_PER_INCH
    colour = trace.line.color
    drawn = panel.plot(x, y, color=colour, linewidth=width, linestyle=style)[0]
    if "markers" in (trace.mode or ""):
        sizes = np.broadcast_to(
            np.asarray(6 if trace.marker.size is None else trace.marker.size), y.shape
        )
        panel.scatter(x, y, s=(0.72 * sizes) ** 2, color=colour, linewidths=0, zorder=3)
    return drawn


def _draw_bars(panel: "Axes", traces: Sequence[Any], labels: dict[str, Any]) -> None:
    """Draw stacked bars: those above zero upwards, those below zero downwards."""
    if not traces:
        return
    positions = np.unique(np.concatenate([_to_positions(trace.x) for trace in traces]))
    gaps = np.diff(positions)
    width: Any = gaps.min() * 0.9 if len(gaps) else 0.9
    ends: dict[tuple[Any, bool], float] = {}
    for trace in traces:
        x, y = _to_positions(trace.x), _to_numbers(trace.y)
        keys = [(position, value > 0) for position, value in zip(x.tolist(), y, strict=True)]
        bottoms = [ends.get(key, 0.0) for key in keys]
        ends |= {key: bottom + value for key, bottom, value in zip(keys, bottoms, y, strict=True)}
        drawn = panel.bar(x, y, width, bottom=bottoms, color=_to_colour(trace.marker.color))
        if trace.name and trace.showlegend is not False:
            labels.setdefault(trace.name, drawn)


def _set_ranges(panel: "Axes", layout: Any, name: str) -> None:
    """Set the ranges of a panel's axes and the number of ticks, and shorten dates."""
    from matplotlib import dates, ticker

    horizontal, vertical = _find_axis(layout, name), _find_axis(layout, f"y{name[1:]}")
    if horizontal.range:
        panel.set_xlim(*_to_positions(horizontal.range))
    if vertical.range:
        panel.set_ylim(*vertical.range)
    count = horizontal.nticks or 10
    if isinstance(panel.xaxis.get_major_locator(), dates.AutoDateLocator):
        locator = dates.AutoDateLocator(minticks=2, maxticks=max(3, count))
        panel.xaxis.set_major_locator(locator)
        panel.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    else:
        panel.xaxis.set_major_locator(ticker.MaxNLocator(count, integer=True))
    panel.yaxis.set_major_locator(ticker.MaxNLocator(5))


def _write_texts(drawing: Any, layout: Any, labels: Mapping[str, Any]) -> None:
    """Write title, titles of panels and legend."""
    left, bottom, width, height = _find_box(layout, (0.0, 1.0), (0.0, 1.0))
    colour = layout.font.color
    title = layout.title.text
    if title:
        top = 1 - 10 / layout.height
        drawing.text(
            left, top, html.unescape(title), va="top", weight="bold", size=11, color=colour
        )
    for note in layout.annotations:
        drawing.text(
            left + note.x * width,
            bottom + note.y * height + 3 / layout.height,
            html.unescape(note.text),
            va="bottom",
            weight="bold",
            color=colour,
        )
    drawing.legend(
        list(labels.values()),
        list(labels),
        loc="lower left",
        bbox_to_anchor=(left, bottom + (layout.legend.y or 1) * height),
        borderaxespad=0,
        frameon=False,
        ncols=MAX_LEGEND_COLUMNS,
        labelcolor=colour,
    )


def _to_colour(colour: str) -> Any:
    """Return a colour of plotly in the form that matplotlib reads."""
    if not colour.startswith("rgba("):
        return colour
    *channels, opacity = (float(part) for part in colour[5:-1].split(","))
    return (*(channel / 255 for channel in channels), opacity)
