"""P8: every normalizer against no normalizer, data set by data set."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.looks import Looks
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, legend_of, rounded
from revin_forecast.report.benchmark.plots.grid import Sizes, axes, panels
from revin_forecast.report.benchmark.plots.traces import guide, spread
from revin_forecast.report.benchmark.reading import (
    SCORED_COLUMNS,
    Frame,
    Tables,
    backbones,
    in_order,
)
from revin_forecast.report.benchmark.twins import against_twin
from revin_forecast.report.wording import label, trimmed

WORDS = (
    "P8",
    "Paired differences, data set by data set",
    "E/E_twin of each normalizer, log scale, with 95 % intervals of the paired log ratio; below 1 "
    "(left of the dotted line) the normalizer has less error than no normalizer on the same "
    "windows and seeds. A claim about normalizers in general needs the same side on most data "
    "sets, not narrow intervals on one. Good: left of the line in clean, steady and transition, "
    "and not far right of it under observation. Each panel has its own scale.",
)


def paired_dots(tables: Tables, looks: Looks) -> Plot:
    """Draw a panel a column of the headline; choose the backbone."""
    pairs = against_twin(tables["pairs"])
    if pairs.empty:
        return Plot(
            *WORDS, missing="No model and its twin without a normalizer were both finished."
        )
    figures = {
        model: _figure(own, looks)
        for model in backbones(tables)
        if len(own := pairs[pairs["backbone"] == model])
    }
    legend = legend_of(pairs["normalizer"], looks)
    return Plot(*WORDS, figures=figures, choice="Backbone", legend=legend)


def _figure(pairs: Frame, looks: Looks) -> Figure:
    columns = [column for column in SCORED_COLUMNS if (pairs["column"] == column).any()]
    names = in_order(pairs["dataset"], ())
    lines = [name for name in looks if (pairs["normalizer"] == name).any()]
    row = max(22, 11 * len(lines))
    left = 24 + 7 * max(len(trimmed(name, 16)) for name in names)
    rows = {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [label(name, 16) for name in names],
    }
    figure = panels(
        columns,
        {"title": "E / E_twin, log scale"},
        {"title": "", **rows},
        Sizes(height=row * len(names) + 12, left=left, narrowest=130),
    )
    for number, column in enumerate(columns):
        own = pairs[pairs["column"] == column]
        _draw_panel(figure, own, number, (names, lines), looks)
        nth = number + 1 if number else ""
        reach = pd.concat([np.exp(own["lo"]), np.exp(own["hi"]), np.exp(own["log_ratio"])])
        figure.layout[f"xaxis{nth}"].update(log_axis([*reach, 1.0], most=4))
    return figure


def _draw_panel(
    figure: Figure,
    rows: Frame,
    panel: int,
    order: tuple[Sequence[str], Sequence[str]],
    looks: Looks,
) -> None:
    names, lines = order
    figure.add_trace(guide((1.0, 1.0), (-0.5, len(names) - 0.5), panel))
    for number, line in enumerate(lines):
        own = rows[rows["normalizer"] == line]
        if own.empty:
            continue
        aside = 0.72 * ((number + 0.5) / len(lines) - 0.5)
        value, low, high = (np.exp(own[column]) for column in ("log_ratio", "lo", "hi"))
        look = looks[line]
        figure.add_trace(
            {
                "type": "scatter",
                "x": rounded(value),
                "y": rounded(names.index(name) + aside for name in own["dataset"]),
                "error_x": spread(value, low, high, look.faded(0.7)),
                "mode": "markers",
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 7},
                "meta": [line],
                "name": label(line),
                "customdata": [label(name) for name in own["dataset"]],
                "hovertemplate": "%{customdata}: %{x:.3g}",
                **axes(panel),
            }
        )
