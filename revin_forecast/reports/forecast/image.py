"""A forecast as a static image: PNG, SVG, PDF, JPEG or WebP."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from revin_forecast.data.write_table import atomic_output
from revin_forecast.errors import InputError
from revin_forecast.reports.forecast.fan_chart import FanChart, fan_figure
from revin_forecast.reports.forecast.style import build_layout
from revin_forecast.reports.formatting import format_label

IMAGE_SUFFIXES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")
MAX_SERIES = 50
"""Series drawn in an image, as many as on a page; the first ones are kept."""
COLUMN_STEPS = (1, 4, 12)
"""Most series in an image with one, two and three columns of charts; more have four."""
IMAGE_WIDTH, WIDE_IMAGE_WIDTH = 1000, 1300
"""Image width in pixels: with up to three columns of charts, and with four."""
IMAGE_HEIGHT, ROW_HEIGHT = 450, 250
"""Pixels: image height with one row of charts; height of each of several rows."""
TITLE_HEIGHT, LEGEND_HEIGHT = 30, 36
"""Pixels above the charts."""
Engine = Literal["kaleido", "matplotlib"]
"""Library that draws an image: kaleido, in Chrome, or matplotlib."""


def choose_image_engine(path: str | Path) -> Engine:
    """Return the library that draws images: kaleido if it finds a browser, otherwise matplotlib.

    Args:
        path: the image, for the message.

    Raises:
        InputError: neither is available.
    """
    has_kaleido = find_spec("kaleido") is not None
    if has_kaleido and _has_browser():
        return "kaleido"
    if find_spec("matplotlib") is not None:
        return "matplotlib"
    missing = "Chrome or Chromium is not installed" if has_kaleido else "kaleido is not installed"
    raise _report_missing_engine(path, f"{missing}, nor is matplotlib")


def write_image(
    charts: Sequence[FanChart], path: Path, title: str = "", series_count: int = 0
) -> None:
    """Draw series into an image file; an existing file is replaced.

    Args:
        charts: charts of the series; the first `MAX_SERIES` are drawn.
        path: file to write; its suffix, one of `IMAGE_SUFFIXES`, selects the format.
        title: title of the image.
        series_count: number of series that were forecast, if it is larger than that of the charts.

    Raises:
        InputError: no library can draw images, or the file cannot be written.
    """
    write_figure(build_image(charts, title, series_count), path)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure into an image file; see `write_image`."""
    image = _draw(figure, path, path.suffix.removeprefix(".").replace("jpg", "jpeg"))
    with atomic_output(path) as partial:
        partial.write_bytes(image)


def describe_undrawn(series_count: int) -> str:
    """Return a sentence on the series that an image leaves out; empty if it draws all."""
    if series_count <= MAX_SERIES:
        return ""
    return f"The image has the first {MAX_SERIES} of {series_count:,} series; --out writes all."


def build_image(charts: Sequence[FanChart], title: str = "", series_count: int = 0) -> Figure:
    """Return the image as a figure: one large chart, or a grid of up to four columns.

    Args:
        charts: charts of the series; the first `MAX_SERIES` are drawn.
        title: title of the image; if series are left out, it ends with their number.
        series_count: number of series that were forecast, if it is larger than that of the charts.
    """
    shown = charts[:MAX_SERIES]
    count = max(series_count, len(charts))
    if count > len(shown):
        title = f"{title} (the first {len(shown)} of {count:,} series)".strip()
    columns = 1 + sum(len(shown) > most for most in COLUMN_STEPS)
    rows = -(-len(shown) // columns)
    is_grid = len(shown) > 1
    cells = [{} if index < len(shown) else None for index in range(rows * columns)]
    figure = make_subplots(
        rows,
        columns,
        specs=[cells[start : start + columns] for start in range(0, len(cells), columns)],
        subplot_titles=[format_label(fan.name) for fan in shown] if is_grid else None,
        horizontal_spacing=0.14 / columns,
        vertical_spacing=0.22 / rows,
    )
    top = (TITLE_HEIGHT if title else 0) + LEGEND_HEIGHT + (20 if is_grid else 0)
    height = IMAGE_HEIGHT if rows == 1 else ROW_HEIGHT * rows + top
    layout = build_layout(height)
    del layout["xaxis"], layout["yaxis"]  # each chart brings its own
    margin = {"t": top, "r": 24 if is_grid else 12}
    figure.update_layout(
        layout,
        width=WIDE_IMAGE_WIDTH if columns > len(COLUMN_STEPS) else IMAGE_WIDTH,
        paper_bgcolor="#ffffff",
    )
    gap = (26 if is_grid else 6) / (height - top - layout["margin"]["b"])
    figure.update_layout(margin=margin, legend={"y": 1 + gap})
    if title:
        _place_title(figure, title)
    notes: Any = figure["layout"]["annotations"]
    for note, axis in zip(notes, figure.select_xaxes(), strict=False):
        note.update(x=axis.domain[0], xanchor="left", font={"size": 12, "weight": 700})
    for index, fan in enumerate(shown):
        _add_chart(figure, fan, *divmod(index, columns))
    if is_grid:
        figure.update_yaxes(title={"text": ""})  # each chart has its name above
    return figure.update_xaxes(nticks=13 // columns)


def add_title(figure: Figure, title: str) -> None:
    """Add a title to a figure that has no room for one yet."""
    layout: Any = figure.layout
    height = layout.height + TITLE_HEIGHT
    figure.update_layout(height=height, margin={"t": layout.margin.t + TITLE_HEIGHT})
    _place_title(figure, title)


def _place_title(figure: Figure, title: str) -> None:
    layout: Any = figure.layout
    place: Any = {"xref": "paper", "x": 0, "yref": "container", "y": 1 - 10 / layout.height}
    place |= {"xanchor": "left", "yanchor": "top", "font": {"size": 16, "weight": 700}}
    figure.update_layout(title={"text": format_label(title, 110), **place})


def _add_chart(figure: Figure, fan: FanChart, row: int, column: int) -> None:
    """Add the traces and the axes of a series in its grid cell, counted from 0."""
    chart: Any = fan_figure(fan)
    cell: Any = {"row": row + 1, "col": column + 1}
    for trace in chart.data:
        # All charts have the same lines: the legend of the first one serves them all.
        trace.update(showlegend=False if row or column else trace.showlegend, legendgroup=None)
        figure.add_trace(trace, **cell)
    figure.update_xaxes(chart.layout.xaxis.to_plotly_json(), **cell)
    figure.update_yaxes(chart.layout.yaxis.to_plotly_json(), **cell)


def _draw(figure: Figure, path: Path, image_format: str) -> bytes:
    """Return the bytes of an image; matplotlib draws it if a browser does not start."""
    has_matplotlib = find_spec("matplotlib") is not None
    if choose_image_engine(path) == "kaleido":
        try:
            return figure.to_image(format=image_format, scale=2 if image_format != "svg" else 1)
        except (RuntimeError, ValueError) as error:  # raised by plotly without a working browser
            if not has_matplotlib:
                # Only the first sentence: plotly's message continues with lines of instructions.
                reason = " ".join(str(error).split(".")[0].split())
                raise _report_missing_engine(path, reason) from error
    from revin_forecast.reports.forecast.matplotlib_figure import draw_figure

    return draw_figure(figure, image_format)


def _has_browser() -> bool:
    """Return whether kaleido finds a browser."""
    from choreographer.browsers.chromium import Chromium

    if os.environ.get("BROWSER_PATH"):
        return True
    return Chromium.find_browser(skip_local=False) is not None


def _report_missing_engine(path: str | Path, reason: str) -> InputError:
    return InputError(
        f"{path} cannot be drawn: {reason}. Install matplotlib, or kaleido and Chrome (pip install "
        '-c constraints.txt ".[plot]" brings both libraries); --report page.html needs neither.'
    )
