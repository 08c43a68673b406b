"""A forecast as a picture that stays as it is: PNG, SVG, PDF."""

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
"""Series in one picture, the first ones."""
IMAGE_WIDTH, IMAGE_HEIGHT, ROW_HEIGHT = 1000, 420, 250
"""Pixels: of the picture; its height with one series; the height of each row of many."""


def write_image(charts: Sequence[FanChart], path: Path) -> None:
    """Draw series into one picture; an older one is replaced.

    Args:
        charts: of them the first `MOST`.
        path: its ending says what kind of picture.

    Raises:
        InputError: kaleido or a browser is not there, or it can't be written.
    """
    kind = path.suffix.removeprefix(".").replace("jpg", "jpeg")
    try:
        image = build_image(charts).to_image(format=kind, scale=2 if kind != "svg" else 1)
    except (RuntimeError, ValueError) as error:  # plotly's where kaleido or its browser is absent
        why = " ".join(str(error).split(".")[0].split())
        raise InputError(
            f"{path} can't be drawn: {why}. Pictures take kaleido (pip install -c constraints.txt "
            '".[plot]") and Chrome or Chromium; --report page.html takes neither.'
        ) from error
    with atomic_output(path) as partial:
        partial.write_bytes(image)


def build_image(charts: Sequence[FanChart]) -> Figure:
    """Return the picture: one series large, several side by side."""
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
    for place, fan in enumerate(shown):
        axes |= _add_chart(figure, fan, place, (rows, columns))
    return figure.update_layout(axes)


def _add_chart(figure: Figure, fan: FanChart, index: int, grid: tuple[int, int]) -> dict[str, Any]:
    """Add a series' traces in its place; return its axes."""
    rows, columns = grid
    row, column = divmod(index, columns)
    number = "" if not index else str(index + 1)
    one = fan_figure(fan)
    for trace in cast(Sequence[Any], one.data):
        trace.update(xaxis=f"x{number}", yaxis=f"y{number}")
        trace.update(showlegend=False if index else trace.showlegend, legendgroup=None)
        figure.add_trace(trace)
    wide, tall = 1 / columns, 1 / rows
    left, top = column * wide, 1 - row * tall
    x = {**one.layout.xaxis.to_plotly_json(), "domain": [left, left + wide * 0.86]}
    y = {**one.layout.yaxis.to_plotly_json(), "domain": [max(0, top - tall * 0.78), top]}
    if grid == (1, 1):
        x["domain"], y["domain"] = [0, 1], [0, 1]
    else:
        figure.add_annotation(
            text=f"<b>{format_label(fan.name)}</b>",
            **{"xref": "paper", "yref": "paper", "x": left, "y": top, "showarrow": False},
            **{"xanchor": "left", "yanchor": "bottom"},
        )
    x |= {"anchor": f"y{number}", "nticks": 13 // columns}
    return {f"xaxis{number}": x, f"yaxis{number}": {**y, "anchor": f"x{number}"}}
