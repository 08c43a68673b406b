"""Pictures of lines in panels, as SVG with the reader's own light or dark colours."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

INK, GRID = "#010203", "#010204"  # stand for what the style sheet says, see `_coloured`
COLOURS = {
    "ink": (INK, "#333333", "#dddddd"),
    "grid": (GRID, "#e4e4e4", "#3c404a"),
    "blue": ("#010205", "#0072b2", "#6cc0f0"),
    "orange": ("#010206", "#d55e00", "#ff9a55"),
    "green": ("#010207", "#00805c", "#35c795"),
}
"""Name -> what plotly is told, what is shown on light and on dark pages."""
RECORD = re.compile(r"<!-- drawn from (.*) -->\n?$")


@dataclass(frozen=True)
class Line:
    """A named line of one panel."""

    name: str
    y: Sequence[float]
    colour: str = "ink"
    start: float = 0
    """Place of the first value; those that follow stand `step` apart."""
    step: float = 1
    dash: str = "solid"
    width: float = 2
    filled: bool = False


@dataclass(frozen=True)
class Panel:
    """A panel: its title, its lines, what its axis counts."""

    title: str
    lines: Sequence[Line]
    axis: str = ""


@dataclass(frozen=True)
class Picture:
    """Panels side by side."""

    panels: Sequence[Panel]
    same_range: bool = False
    """All panels show the same values."""
    height: int = 330

    def numbers(self) -> dict[str, list[float]]:
        """Return all that is drawn, four digits of each: panel and line -> values."""
        return {
            f"{place}: {line.name}": [_rounded(value) for value in line.y]
            for place, panel in enumerate(self.panels, start=1)
            for line in panel.lines
        }

    def figure(self) -> Figure:
        """Draw it."""
        titles = [panel.title for panel in self.panels]
        drawn = make_subplots(
            1,
            len(titles),
            subplot_titles=titles,
            shared_yaxes=self.same_range,
            horizontal_spacing=0.05,
        )
        told: set[str] = set()
        for column, panel in enumerate(self.panels, start=1):
            for line in panel.lines:
                _add(drawn, line, column, line.name not in told)
                told.add(line.name)
            drawn.update_xaxes(title={"text": panel.axis, "font_size": 13}, row=1, col=column)
        axes = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "nticks": 6}
        drawn.update_annotations(font_size=13 if len(titles) > 2 else 14)
        return drawn.update_layout(
            width=900,
            height=self.height,
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"size": 13, "color": INK},
            margin={"l": 45, "r": 10, "t": 62, "b": 45},
            legend={"orientation": "h", "y": 1, "yref": "container", "yanchor": "top", "x": 0},
        ).update_layout({key: axes for key in drawn.to_dict()["layout"] if "axis" in key})

    def svg(self) -> str:
        """Return the file: the picture, then the numbers that it was drawn from."""
        svg = _coloured(self.figure().to_image(format="svg").decode())
        return f"{svg}\n<!-- drawn from {json.dumps(self.numbers())} -->\n"


def difference(picture: Picture, svg: str) -> str | None:
    """Return in what a file shows other numbers than a picture; None if in nothing.

    Numbers may differ by a fiftieth of their line's range: other machines round otherwise.
    """
    found = RECORD.search(svg)
    kept, wanted = json.loads(found[1]) if found else {}, picture.numbers()
    if kept.keys() != wanted.keys():
        return f"lines {sorted(kept.keys() ^ wanted.keys())} are only in one of the two"
    for name, values in wanted.items():
        slack = 0.02 * (max(values) - min(values)) + 1e-9
        near = [math.isclose(a, b, abs_tol=slack) for a, b in zip(values, kept[name], strict=False)]
        if len(values) != len(kept[name]) or not all(near):
            return f"{name} has other numbers"
    return None


def _add(drawn: Figure, line: Line, column: int, first: bool) -> None:
    drawn.add_scatter(
        x=[line.start + place * line.step for place in range(len(line.y))],
        y=[_rounded(value) for value in line.y],
        name=line.name,
        legendgroup=line.name,
        showlegend=first,
        mode="lines",
        line={"color": COLOURS[line.colour][0], "dash": line.dash, "width": line.width},
        fill="tozeroy" if line.filled else None,
        fillcolor=f"rgba(1,2,{COLOURS[line.colour][0][-1]},0.25)" if line.filled else None,
        row=1,
        col=column,
    )


def _coloured(svg: str) -> str:
    """Put variables for the colours, with a style sheet that follows the reader's scheme."""
    for name, (told, _, _) in COLOURS.items():
        red, green, blue = (int(told[place : place + 2], 16) for place in (1, 3, 5))
        svg = svg.replace(f"rgb({red}, {green}, {blue})", f"var(--{name})")
    light, dark = (
        "".join(f"--{name}:{shown[place]};" for name, shown in COLOURS.items()) for place in (1, 2)
    )
    style = f"svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}"
    return svg.replace(">", f"><style>{style}</style>", 1)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
