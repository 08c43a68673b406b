"""P8: every normalizer against no normalizer, data set by data set."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.looks import Styles
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, build_legend, round_values
from revin_forecast.report.benchmark.plots.grid import PanelSizes, axis_names, make_panels
from revin_forecast.report.benchmark.plots.traces import reference_line, error_bars
from revin_forecast.report.benchmark.reading import (
    LEADERBOARD_COLUMNS,
    Frame,
    Tables,
    list_backbone_names,
    order_names,
)
from revin_forecast.report.benchmark.twins import ratios_to_baseline
from revin_forecast.report.wording import format_label, truncate

PAIRWISE_TEXT = (
    "P8",
    "Paired differences, data set by data set",
    "E/E_twin of each normalizer, log scale, with 95 % intervals of the paired log ratio; below 1 "
    "(left of the dotted line) the normalizer has less error than no normalizer on the same "
    "windows and seeds. A claim about normalizers in general needs the same side on most data "
    "sets, not narrow intervals on one. Good: left of the line in clean, steady and transition, "
    "and not far right of it under observation. Each panel has its own scale.",
)


def plot_pairwise_ratios(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel a column of the headline; choose the backbone."""
    pairs = ratios_to_baseline(tables["pairs"])
    if pairs.empty:
        return Plot(
            *PAIRWISE_TEXT, missing_reason="No model and its twin without a normalizer were both finished."
        )
    figures = {
        model: _pairwise_figure(own, styles)
        for model in list_backbone_names(tables)
        if len(own := pairs[pairs["backbone"] == model])
    }
    legend = build_legend(pairs["normalizer"], styles)
    return Plot(*PAIRWISE_TEXT, figures=figures, choice_label="Backbone", legend=legend)


def _pairwise_figure(pairs: Frame, styles: Styles) -> Figure:
    columns = [column for column in LEADERBOARD_COLUMNS if (pairs["column"] == column).any()]
    names = order_names(pairs["dataset"], ())
    lines = [name for name in styles if (pairs["normalizer"] == name).any()]
    row = max(22, 11 * len(lines))
    left = 24 + 7 * max(len(truncate(name, 16)) for name in names)
    rows = {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [format_label(name, 16) for name in names],
    }
    figure = make_panels(
        columns,
        {"title": "E / E_twin, log scale"},
        {"title": "", **rows},
        PanelSizes(height=row * len(names) + 12, margin_left=left, min_width=130),
    )
    for number, column in enumerate(columns):
        own = pairs[pairs["column"] == column]
        _draw_pairwise_panel(figure, own, number, (names, lines), styles)
        nth = number + 1 if number else ""
        reach = pd.concat([np.exp(own["lo"]), np.exp(own["hi"]), np.exp(own["log_ratio"])])
        figure.layout[f"xaxis{nth}"].update(log_axis([*reach, 1.0], max_ticks=4))
    return figure


def _draw_pairwise_panel(
    figure: Figure,
    rows: Frame,
    panel: int,
    order: tuple[Sequence[str], Sequence[str]],
    styles: Styles,
) -> None:
    names, lines = order
    figure.add_trace(reference_line((1.0, 1.0), (-0.5, len(names) - 0.5), panel))
    for number, line in enumerate(lines):
        own = rows[rows["normalizer"] == line]
        if own.empty:
            continue
        aside = 0.72 * ((number + 0.5) / len(lines) - 0.5)
        value, low, high = (np.exp(own[column]) for column in ("log_ratio", "lo", "hi"))
        look = styles[line]
        figure.add_trace(
            {
                "type": "scatter",
                "x": round_values(value),
                "y": round_values(names.index(name) + aside for name in own["dataset"]),
                "error_x": error_bars(value, low, high, look.to_rgba(0.7)),
                "mode": "markers",
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 7},
                "meta": [line],
                "name": format_label(line),
                "customdata": [format_label(name) for name in own["dataset"]],
                "hovertemplate": "%{customdata}: %{x:.3g}",
                **axis_names(panel),
            }
        )
