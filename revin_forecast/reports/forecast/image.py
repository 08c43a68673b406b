"""A forecast as a static image: PNG, SVG, PDF, JPEG or WebP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from plotly.graph_objects import Figure

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
    image_format = path.suffix.removeprefix(".").replace("jpg", "jpeg")
    try:
        image = build_image(charts).to_image(
            format=image_format, scale=2 if image_format != "svg" else 1
        )
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
    height = IMAGE_HEIGHT if rows == 1 else ROW_HEIGHT * rows + 60
    figure = Figure(layout=build_layout(height))
    figure.update_layout(
        width=IMAGE_WIDTH,
        paper_bgcolor="#ffffff",
        margin={"t": 56 if len(shown) > 1 else 36},
        legend={"y": 1 + (34 if len(shown) > 1 else 6) / height},
    )
    axes: dict[str, Any] = {}
    for index, fan in enumerate(shown):
        axes |= _add_chart(figure, fan, index, (rows, columns))
    return figure.update_layout(axes)


def _add_chart(figure: Figure, fan: FanChart, index: int, grid: tuple[int, int]) -> dict[str, Any]:
    """Add the traces of a series in its grid cell; return its axes."""
    rows, columns = grid
    row, column = divmod(index, columns)
    suffix = "" if not index else str(index + 1)  # plotly calls its first axes x and y
    chart = fan_figure(fan)
    for trace in cast(Sequence[Any], chart.data):
        trace.update(xaxis=f"x{suffix}", yaxis=f"y{suffix}")
        # All charts have the same lines: the legend of the first one serves them all.
        trace.update(showlegend=False if index else trace.showlegend, legendgroup=None)
        figure.add_trace(trace)
    width, height = 1 / columns, 1 / rows
    left, top = column * width, 1 - row * height
    layout: Any = chart["layout"]  # the stubs of plotly lack its axes
    x = {**layout.xaxis.to_plotly_json(), "domain": [left, left + width * 0.86]}
    y = {**layout.yaxis.to_plotly_json(), "domain": [max(0, top - height * 0.78), top]}
    if grid == (1, 1):
        x["domain"], y["domain"] = [0, 1], [0, 1]
    else:
        figure.add_annotation(
            text=f"<b>{format_label(fan.name)}</b>",
            **{"xref": "paper", "yref": "paper", "x": left, "y": top, "showarrow": False},
            **{"xanchor": "left", "yanchor": "bottom"},
        )
    x |= {"anchor": f"y{suffix}", "nticks": 13 // columns}
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": {**y, "anchor": f"x{suffix}"}}
