"""Dot plots of the rows of a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from plotly import graph_objects
from plotly.subplots import make_subplots

from benchmarks.evidence import Row
from revin_forecast.reports.line_chart import STYLES

Rows = Sequence[Row]
SYMBOLS = ("circle", "diamond", "square", "triangle-down", "triangle-up", "cross")
COLOURS = tuple(str(style["color"]) for style in (*STYLES[1:], STYLES[0]))
MAX_TICKS = {1: 9, 2: 6, 3: 5}
"""Number of panels -> ticks on the axis of each."""


@dataclass(frozen=True)
class DotPlot:
    """A line for each label, with a dot for each column.

    It stays readable with long labels and on a logarithmic axis, unlike bars.
    """

    label: str
    """Label of a row, with the names of columns in braces."""
    columns: tuple[str, ...]
    """Columns of numbers: of one unit, unless `separate_axes`."""
    axis: str
    """Title of the axis of numbers."""
    panel: str = ""
    """Title of a row's panel, with the names of columns in braces."""
    log: bool = False
    """Use a logarithmic axis if the largest number is more than three times the smallest."""
    separate_axes: bool = False
    """Give each column, with its own unit, a panel and an axis of its own."""
    line: float | None = None
    """Position of a vertical line."""
    keep: Callable[[Row], bool] = lambda row: True
    """Selects the rows to draw."""

    def draw(self, rows: Rows) -> graph_objects.Figure:
        """Draw rows, the first one on top."""
        rows = [row for row in rows if self.keep(row)]
        labels = list(dict.fromkeys(self.label.format(**row) for row in rows))
        columns = [name for name in self.columns if any(row.get(name) is not None for row in rows)]
        titles = list(dict.fromkeys(self._format_panel(row) for row in rows))
        panels = columns if self.separate_axes else titles
        figure = make_subplots(
            1,
            len(panels),
            shared_yaxes=True,
            subplot_titles=panels,
            horizontal_spacing=0.06 if len(panels) > 1 else 0,
        )
        has_legend = not self.separate_axes and len(columns) > 1
        for index, panel in enumerate(panels):
            inside = [row for row in rows if self.separate_axes or self._format_panel(row) == panel]
            for number, name in enumerate([panel] if self.separate_axes else columns):
                trace = self._build_trace(inside, name, number)
                trace.showlegend = has_legend and index == 0
                figure.add_trace(trace, row=1, col=1 + index)
        return self._lay_out(figure, labels, MAX_TICKS.get(len(panels), 3))

    def _format_panel(self, row: Row) -> str:
        return self.panel.format(**row)

    def _build_trace(self, rows: Rows, name: str, number: int) -> graph_objects.Scatter:
        rows = [row for row in rows if row.get(name) is not None]
        marker = {"size": 9, "symbol": SYMBOLS[number % 6], "color": COLOURS[number % 6]}
        return graph_objects.Scatter(
            x=[float(row[name]) for row in rows],
            y=[self.label.format(**row) for row in rows],
            name=name,
            legendgroup=name,
            mode="markers",
            marker=marker,
        )

    def _lay_out(
        self, figure: graph_objects.Figure, labels: list[str], ticks: int
    ) -> graph_objects.Figure:
        figure.update_xaxes(showline=True, tickangle=0, nticks=ticks)
        if self.separate_axes:
            figure.update_xaxes(rangemode="tozero")
        else:
            figure.update_xaxes(title=self.axis)
        traces: Any = figure.data  # plotly's stubs say str
        values = [value for trace in traces for value in trace.x]
        if self.log and max(values) > 3 * min(values) > 0:
            figure.update_xaxes(type="log", dtick="D2", tickformat="~g")
        figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], ticks="")
        if self.line is not None:
            figure.add_vline(x=self.line, line={"color": "#888888", "dash": "dot"})
        return apply_style(figure, sum(1 + label.count("<br>") for label in labels))


def apply_style(figure: graph_objects.Figure, lines: int) -> graph_objects.Figure:
    """Set the size of a figure of so many lines, its light background and a legend above."""
    traces: Any = figure.data  # plotly's stubs say str
    top = 80 if any(trace.showlegend is not False for trace in traces) else 40
    return figure.update_layout(
        template="plotly_white",
        width=900,
        height=80 + top + 22 * max(lines, 3),
        font={"size": 13},
        margin={"l": 20, "r": 20, "t": top, "b": 50},
        legend={"orientation": "h", "y": 0.995, "yanchor": "top", "yref": "container", "x": 0},
    ).update_yaxes(automargin=True)
