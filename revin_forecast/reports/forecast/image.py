"""A forecast as a static image: PNG, SVG, PDF, JPEG or WebP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from revin_forecast.data.write_table import atomic_output
from revin_forecast.errors import InputError
from revin_forecast.reports.forecast.fan_chart import FanChart, fan_figure
from revin_forecast.reports.forecast.style import build_layout
from revin_forecast.reports.formatting import format_label

IMAGE_SUFFIXES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")
MAX_SERIES = 12
"""Series drawn in an image; the first ones are kept."""
IMAGE_WIDTH, IMAGE_HEIGHT, ROW_HEIGHT = 1000, 420, 250
"""Pixels: image width; image height with one row of charts; height of each of several rows."""


def write_image(charts: Sequence[FanChart], path: Path) -> None:
    """Draw series into an image file; an existing file is replaced.

    Args:
        charts: charts of the series; the first `MAX_SERIES` are drawn.
        path: file to write; its suffix, one of `IMAGE_SUFFIXES`, selects the format.

    Raises:
        InputError: kaleido or a browser is missing, or the file cannot be written.
    """
    write_figure(build_image(charts), path)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure into an image file; see `write_image`."""
    image_format = path.suffix.removeprefix(".").replace("jpg", "jpeg")
    try:
        image = figure.to_image(format=image_format, scale=2 if image_format != "svg" else 1)
    except (RuntimeError, ValueError) as error:  # raised by plotly without kaleido or a browser
        # Only the first sentence: plotly's message continues with several lines of instructions.
        reason = " ".join(str(error).split(".")[0].split())
        raise InputError(
            f"{path} could not be drawn: {reason}. Images need kaleido (pip install -c "
            'constraints.txt ".[plot]") and Chrome or Chromium; --report page.html needs neither.'
        ) from error
    with atomic_output(path) as partial:
        partial.write_bytes(image)


def build_image(charts: Sequence[FanChart]) -> Figure:
    """Return the image as a figure: one large chart, or a grid of up to three columns."""
    shown = charts[:MAX_SERIES]
    columns = 1 if len(shown) == 1 else 2 if len(shown) <= 4 else 3
    rows = -(-len(shown) // columns)
    cells = [{} if index < len(shown) else None for index in range(rows * columns)]
    figure = make_subplots(
        rows,
        columns,
        specs=[cells[start : start + columns] for start in range(0, len(cells), columns)],
        subplot_titles=[format_label(fan.name) for fan in shown] if len(shown) > 1 else None,
        horizontal_spacing=0.14 / columns,
        vertical_spacing=0.22 / rows,
    )
    height = IMAGE_HEIGHT if rows == 1 else ROW_HEIGHT * rows + 60
    top, right = (56, 24) if len(shown) > 1 else (36, 12)
    layout = build_layout(height)
    del layout["xaxis"], layout["yaxis"]  # each chart brings its own
    figure.update_layout(layout, width=IMAGE_WIDTH, paper_bgcolor="#ffffff")
    figure.update_layout(
        margin={"t": top, "r": right}, legend={"y": 1 + (34 if len(shown) > 1 else 6) / height}
    )
    notes: Any = figure["layout"]["annotations"]
    for note, axis in zip(notes, figure.select_xaxes(), strict=False):
        note.update(x=axis.domain[0], xanchor="left", font={"size": 12, "weight": 700})
    for index, fan in enumerate(shown):
        _add_chart(figure, fan, *divmod(index, columns))
    return figure.update_xaxes(nticks=13 // columns)


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
