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
TICKS = {1: 9, 2: 6, 3: 5}
"""At most so many on the axis of each of some panels."""


@dataclass(frozen=True)
class Dots:
    """A line for each label and a dot on it for each column: legible with long names and logs."""

    label: str
    """Names a row, its columns in braces."""
    columns: tuple[str, ...]
    """Numbers of one unit, or of their own where they stand `apart`."""
    axis: str
    """Title of the axis of numbers."""
    panel: str = ""
    """Rows of one such text share a panel; as `label`."""
    log: bool = False
    """Where the largest number is more than thrice the smallest."""
    apart: bool = False
    """Each column has a panel of its own, and its own axis: other units."""
    line: float | None = None
    """Where to draw a vertical line."""
    keep: Callable[[Row], bool] = lambda row: True

    def figure(self, rows: Rows) -> graph_objects.Figure:
        """Draw rows, the first one on top."""
        kept = [row for row in rows if self.keep(row)]
        labels = list(dict.fromkeys(self.label.format(**row) for row in kept))
        columns = [name for name in self.columns if any(row.get(name) is not None for row in kept)]
        panels = columns if self.apart else list(dict.fromkeys(self._panel(row) for row in kept))
        drawn = make_subplots(
            1,
            len(panels),
            shared_yaxes=True,
            subplot_titles=panels,
            horizontal_spacing=0.06 if len(panels) > 1 else 0,
        )
        for place, panel in enumerate(panels):
            for number, name in enumerate([panel] if self.apart else columns):
                inside = [row for row in kept if self.apart or self._panel(row) == panel]
                trace = self._trace(inside, name, 0 if self.apart else number)
                trace.showlegend = place == 0 and not self.apart and len(columns) > 1
                drawn.add_trace(trace, row=1, col=1 + place)
        return self._laid_out(drawn, labels, TICKS.get(len(panels), 3))

    def _panel(self, row: Row) -> str:
        return self.panel.format(**row)

    def _trace(self, rows: Rows, name: str, number: int) -> graph_objects.Scatter:
        shown = [row for row in rows if row.get(name) is not None]
        marker = {"size": 9, "symbol": SYMBOLS[number % 6], "color": COLOURS[number % 6]}
        return graph_objects.Scatter(
            x=[float(row[name]) for row in shown],
            y=[self.label.format(**row) for row in shown],
            name=name,
            legendgroup=name,
            mode="markers",
            marker=marker,
        )

    def _laid_out(
        self, drawn: graph_objects.Figure, labels: list[str], ticks: int
    ) -> graph_objects.Figure:
        drawn.update_xaxes(showline=True, tickangle=0, nticks=ticks)
        if self.apart:
            drawn.update_xaxes(rangemode="tozero")
        traces: Any = drawn.data  # its stubs say str
        values = [value for trace in traces for value in trace.x]
        if self.log and max(values) > 3 * min(values) > 0:
            drawn.update_xaxes(type="log", dtick="D2", tickformat="~g")
        drawn.update_yaxes(categoryorder="array", categoryarray=labels[::-1], ticks="")
        if not self.apart:
            drawn.update_xaxes(title=self.axis)
        if self.line is not None:
            drawn.add_vline(x=self.line, line={"color": "#888888", "dash": "dot"})
        return framed(drawn, sum(1 + label.count("<br>") for label in labels))


def framed(drawn: graph_objects.Figure, lines: int) -> graph_objects.Figure:
    """Give a figure of so many lines its size, its light ground and a legend above."""
    traces: Any = drawn.data  # its stubs say str
    top = 80 if any(trace.showlegend is not False for trace in traces) else 40
    return drawn.update_layout(
        template="plotly_white",
        width=900,
        height=80 + top + 22 * max(lines, 3),
        font={"size": 13},
        margin={"l": 20, "r": 20, "t": top, "b": 50},
        legend={"orientation": "h", "y": 0.995, "yanchor": "top", "yref": "container", "x": 0},
    ).update_yaxes(automargin=True)
