"""Figure of the risks of the level's treatments."""

from plotly import graph_objects
from plotly.subplots import make_subplots

from benchmarks.pages.dot_plot import COLOURS, Rows, apply_style

TREATMENTS = ("taken", "kept", "pretest", "shrunk")
MAX_MEMORIES = 20
"""Largest c that is drawn; the table has more."""


def draw_level_risk(rows: Rows) -> graph_objects.Figure:
    """Draw the risk of each treatment over c, with twice its standard error."""
    rows = [row for row in rows if row["+- c"] is None and row["c"] <= MAX_MEMORIES]
    titles = list(dict.fromkeys((row["scored"], row["levels"]) for row in rows))
    # The fewest and the most levels; risks with a number between are alike.
    shown = list(dict.fromkeys([titles[0], *titles[-2:]]))
    figure = make_subplots(
        1,
        len(shown),
        subplot_titles=[f"{scored}, n = {levels:,}" for scored, levels in shown],
        horizontal_spacing=0.05,
    )
    for column, title in enumerate(shown, start=1):
        part = [row for row in rows if (row["scored"], row["levels"]) == title]
        for number, name in enumerate(TREATMENTS):
            colour = COLOURS[number]
            figure.add_scatter(
                x=[row["c"] for row in part],
                y=[row[name] for row in part],
                error_y={"array": [2 * row[f"+- {name}"] for row in part], "width": 4},
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                mode="lines",
                line={"color": colour, "width": 1.5},
                row=1,
                col=column,
            )
    figure.update_xaxes(title="c", nticks=6)
    return apply_style(figure, 12)
