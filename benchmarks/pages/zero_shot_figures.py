"""Figures of the pretrained network."""

from plotly import graph_objects

from benchmarks.evidence import Row
from benchmarks.pages.dot_plot import DotPlot, Rows

MODELS = ("AutoETS", "AutoARIMA", "fracast", "Chronos-Bolt-base", "default", "Pretrained")
CHANGES = ("synthetic / full", "tables / full", "GIFT / full")


def draw_zero_shot(rows: Rows) -> graph_objects.Figure:
    """Draw the error of the network and of other models over that of the seasonal naive one."""
    groups: dict[tuple[str, str, int | None], Row] = {}
    for row in rows:
        origin = "" if row["origin"] is None else f", origin {row['origin']}"
        label = f"{row['set']}: {row['group']}{origin}"
        group = groups.setdefault((row["set"], row["group"], row["origin"]), {"group": label})
        if row["/ naive"] is not None:
            group[row["model"]] = read_estimate(row["/ naive"])
    plot = DotPlot("{group}", MODELS, "MASE / seasonal naive", log=True, line=1)
    return plot.draw(list(groups.values()))


def draw_ablations(rows: Rows) -> graph_objects.Figure:
    """Draw the error of each variant over that of the full design."""
    drawn = [
        {"variant": row["variant"]} | {name: read_estimate(row[name]) for name in CHANGES}
        for row in rows
    ]
    plot = DotPlot("{variant}", CHANGES, "MASE / that of the full design", log=True, line=1)
    return plot.draw(drawn)


def read_estimate(cell: float | str) -> float:
    """Return the number of a cell, without the interval that may follow it.

    >>> read_estimate("0.7 [0.6, 0.8]"), read_estimate(0.5)
    (0.7, 0.5)
    """
    return float(str(cell).split()[0])
