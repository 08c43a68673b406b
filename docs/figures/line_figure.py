"""Figures of lines in panels, as SVG with the reader's own light or dark colours."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

# Placeholders that plotly accepts; `_apply_colour_scheme` replaces them by variables.
INK, GRID = "#010203", "#010204"
COLOURS = {
    "ink": (INK, "#333333", "#dddddd"),
    "grid": (GRID, "#e4e4e4", "#3c404a"),
    "blue": ("#010205", "#0072b2", "#6cc0f0"),
    "orange": ("#010206", "#d55e00", "#ff9a55"),
    "green": ("#010207", "#00805c", "#35c795"),
}
"""Name -> placeholder, colour on light pages, colour on dark pages."""
RECORD = re.compile(r"<!-- drawn from (.*) -->\n?$")
"""Last line of a file: the numbers that it shows."""


@dataclass(frozen=True)
class Line:
    """A named line of one panel."""

    name: str
    y: Sequence[float]
    colour: str = "ink"
    start: float = 0
    """Horizontal position of the first value."""
    step: float = 1
    """Distance to the next value."""
    dash: str = "solid"
    width: float = 2
    filled: bool = False
    """Whether the area below the line is filled."""
    x: Sequence[float] = ()
    """Horizontal positions, if they are not evenly spaced."""
    errors: Sequence[float] = ()
    """Half the height of each value's error bar; none if empty."""


@dataclass(frozen=True)
class Panel:
    """A panel with its title, its lines and the title of its horizontal axis."""

    title: str
    lines: Sequence[Line]
    axis: str = ""


@dataclass(frozen=True)
class LineFigure:
    """Panels side by side."""

    panels: Sequence[Panel]
    same_range: bool = False
    """Whether the panels share their vertical axis."""
    height: int = 330

    def list_numbers(self) -> dict[str, list[float]]:
        """Return everything that is drawn, with four digits: panel and line -> values."""
        return {
            f"{number}: {line.name}": [_round_value(value) for value in line.y]
            for number, panel in enumerate(self.panels, start=1)
            for line in panel.lines
        }

    def build_figure(self) -> Figure:
        """Return plotly's figure."""
        titles = [panel.title for panel in self.panels]
        figure = make_subplots(
            1,
            len(titles),
            subplot_titles=titles,
            shared_yaxes=self.same_range,
            horizontal_spacing=0.05,
        )
        in_legend: set[str] = set()
        for column, panel in enumerate(self.panels, start=1):
            for line in panel.lines:
                _add_line(figure, line, column, line.name not in in_legend)
                in_legend.add(line.name)
            figure.update_xaxes(title={"text": panel.axis, "font_size": 13}, row=1, col=column)
        axes = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "nticks": 6}
        figure.update_annotations(font_size=13 if len(titles) > 2 else 14)
        return figure.update_layout(
            width=900,
            height=self.height,
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"size": 13, "color": INK},
            margin={"l": 45, "r": 10, "t": 62, "b": 45},
            legend={"orientation": "h", "y": 1, "yref": "container", "yanchor": "top", "x": 0},
        ).update_layout({key: axes for key in figure.to_dict()["layout"] if "axis" in key})

    def render_svg(self) -> str:
        """Return the content of the file: the figure, then the numbers that it shows."""
        svg = _apply_colour_scheme(self.build_figure().to_image(format="svg").decode())
        return f"{svg}\n<!-- drawn from {json.dumps(self.list_numbers())} -->\n"


def find_difference(figure: LineFigure, svg: str) -> str | None:
    """Return how the numbers of a file differ from a figure's; None if they do not.

    Numbers may differ by a fiftieth of the range of their line, because machines round differently.
    """
    record = RECORD.search(svg)
    recorded, expected = json.loads(record[1]) if record else {}, figure.list_numbers()
    if recorded.keys() != expected.keys():
        return f"lines {sorted(recorded.keys() ^ expected.keys())} are only in one of the two"
    for name, values in expected.items():
        tolerance = 0.02 * (max(values) - min(values)) + 1e-9
        pairs = zip(values, recorded[name], strict=False)
        is_near = all(math.isclose(a, b, abs_tol=tolerance) for a, b in pairs)
        if len(values) != len(recorded[name]) or not is_near:
            return f"{name} has other numbers"
    return None


def _add_line(figure: Figure, line: Line, column: int, is_first: bool) -> None:
    placeholder = COLOURS[line.colour][0]
    bars = {"array": list(line.errors), "thickness": 1.5, "width": 4, "color": placeholder}
    figure.add_scatter(
        x=list(line.x) or [line.start + index * line.step for index in range(len(line.y))],
        y=[_round_value(value) for value in line.y],
        name=line.name,
        legendgroup=line.name,
        showlegend=is_first,
        mode="lines",
        error_y=bars if line.errors else None,
        line={"color": placeholder, "dash": line.dash, "width": line.width},
        fill="tozeroy" if line.filled else None,
        fillcolor=f"rgba(1,2,{placeholder[-1]},0.25)" if line.filled else None,
        row=1,
        col=column,
    )


def _apply_colour_scheme(svg: str) -> str:
    """Replace placeholders by variables, and add a style sheet that follows the reader's scheme."""
    for name, (placeholder, _, _) in COLOURS.items():
        red, green, blue = (int(placeholder[first : first + 2], 16) for first in (1, 3, 5))
        svg = svg.replace(f"rgb({red}, {green}, {blue})", f"var(--{name})")
    light, dark = (
        "".join(f"--{name}:{colours[index]};" for name, colours in COLOURS.items())
        for index in (1, 2)
    )
    style = f"svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}"
    return svg.replace(">", f"><style>{style}</style>", 1)


def _round_value(value: float) -> float:
    return float(f"{value:.4g}")
