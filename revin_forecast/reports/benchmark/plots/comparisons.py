"""P8 and P8b: each normalizer against no normalizer on every data set, and mean ranks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    Column,
    Frame,
    Tables,
    list_backbone_names,
    order_names,
    ratios_to_baseline,
)
from revin_forecast.reports.benchmark.plots.panels import (
    PanelSizes,
    axis_names,
    log_axis,
    make_panels,
)
from revin_forecast.reports.benchmark.plots.plot import Plot, build_legend, round_values
from revin_forecast.reports.benchmark.plots.traces import error_bars, reference_line
from revin_forecast.reports.benchmark.style import Styles
from revin_forecast.reports.formatting import format_label, truncate

PAIRWISE_TEXT = (
    "P8",
    "Paired differences, data set by data set",
    "Error relative to no normalizer on each data set, log scale, with 95 % intervals. Left of "
    "the dotted line the normalizer helps. A claim about normalizers in general needs the same "
    "side on most data sets, not a narrow interval on one. Good: left of the line on clean data, "
    "in steady and transition, and not far right of it under observation. Each panel has its own "
    "scale.",
)


def plot_pairwise_ratios(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel for each column of the headline, and a figure for each backbone."""
    pairs = ratios_to_baseline(tables["pairs"])
    if pairs.empty:
        return Plot(
            *PAIRWISE_TEXT,
            missing_reason="No model was finished together with its twin without a normalizer.",
        )
    figures = {
        backbone: _pairwise_figure(rows, styles)
        for backbone in list_backbone_names(tables)
        if len(rows := pairs[pairs["backbone"] == backbone])
    }
    legend = build_legend(pairs["normalizer"], styles)
    return Plot(*PAIRWISE_TEXT, figures=figures, choice_label="Backbone", legend=legend)


def _pairwise_figure(pairs: Frame, styles: Styles) -> Figure:
    columns = [column for column in LEADERBOARD_COLUMNS if (pairs["column"] == column).any()]
    names = order_names(pairs["dataset"], ())
    lines = [name for name in styles if (pairs["normalizer"] == name).any()]
    row_height = max(22, 11 * len(lines))
    margin_left = 24 + 7 * max(len(truncate(name, 16)) for name in names)  # 7 pixels a letter
    row_axis = {
        # Reversed, so that the first data set is at the top.
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [format_label(name, 16) for name in names],
    }
    figure = make_panels(
        columns,
        {"title": "E / E_twin, log scale"},
        {"title": "", **row_axis},
        PanelSizes(height=row_height * len(names) + 12, margin_left=margin_left, min_width=130),
    )
    for number, column in enumerate(columns):
        rows = pairs[pairs["column"] == column]
        _draw_pairwise_panel(figure, rows, number, (names, lines), styles)
        suffix = number + 1 if number else ""
        ratios = pd.concat([np.exp(rows["lo"]), np.exp(rows["hi"]), np.exp(rows["log_ratio"])])
        figure.layout[f"xaxis{suffix}"].update(log_axis([*ratios, 1.0], max_ticks=4))
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
        line_rows = rows[rows["normalizer"] == line]
        if line_rows.empty:
            continue
        offset = 0.72 * ((number + 0.5) / len(lines) - 0.5)  # spreads the points of a data set
        value, low, high = (np.exp(line_rows[column]) for column in ("log_ratio", "lo", "hi"))
        style = styles[line]
        figure.add_trace(
            {
                "type": "scatter",
                "x": round_values(value),
                "y": round_values(names.index(name) + offset for name in line_rows["dataset"]),
                "error_x": error_bars(value, low, high, style.to_rgba(0.7)),
                "mode": "markers",
                "marker": {"color": style.colour, "symbol": style.symbol, "size": 7},
                "meta": [line],
                "name": format_label(line),
                "customdata": [format_label(name) for name in line_rows["dataset"]],
                "hovertemplate": "%{customdata}: %{x:.3g}",
                **axis_names(panel),
            }
        )


MIN_DATASETS = 6
"""Fewest data sets of a rank diagram: with five, the smallest two-sided p is .0625."""

RANK_TEXT = (
    "P8b",
    "Ranks over data sets",
    "Mean rank of each normalizer over the data sets (1 is best), from the ratios of figure P8, "
    "as a mean over backbones. A bar joins normalizers without a significant difference at 5 % "
    "(pairwise Wilcoxon signed-rank tests, Holm's correction). Good: far to the left, without a "
    "bar to the next. A rank hides how large a difference is.",
)


def plot_ranks(tables: Tables, styles: Styles) -> Plot:
    """Draw a rank diagram for each column of the headline."""
    pairs, tests = ratios_to_baseline(tables["pairs"]), tables["tests"]
    count = pairs["dataset"].nunique()
    if count < MIN_DATASETS:
        reason = (
            f"Ranks need {MIN_DATASETS} data sets or more, this suite has {count} with twins; "
            "see P8."
        )
        return Plot(*RANK_TEXT, missing_reason=reason)
    columns = [column for column in LEADERBOARD_COLUMNS if (pairs["column"] == column).any()]
    ranks = {column: mean_ranks(pairs[pairs["column"] == column]) for column in columns}
    line_count = max(map(len, ranks.values()))
    figure = make_panels(
        columns,
        {"title": "mean rank (1 is best)", "range": [0.6, line_count + 0.9], "dtick": 1},
        {
            "title": "",
            "range": [line_count + 0.4, -0.8],
            "showgrid": False,
            "ticks": "",
            "tickvals": [],
        },
        PanelSizes(max_columns=2, height=34 * line_count + 20, margin_left=20, min_width=280),
    )
    for number, (column, means) in enumerate(ranks.items()):
        groups = indistinguishable_groups(means, tests[tests["column"] == column])
        figure.add_traces(
            [*_rank_traces(means, styles, number), *_group_bar_traces(means, groups, number)]
        )
    return Plot(
        *RANK_TEXT,
        figures={"": figure},
        legend=build_legend([*pairs["normalizer"], BASELINE], styles),
    )


def mean_ranks(pairs: Frame) -> Column:
    """Return the mean rank by normalizer, best first, over the data sets that all of them have."""
    ratios = pairs.pivot_table(index="dataset", columns="normalizer", values="log_ratio").dropna()
    ratios[BASELINE] = 0.0  # log(1): no normalizer against itself
    return ratios.rank(axis=1).mean().sort_values()


def indistinguishable_groups(
    means: Column, tests: Frame, alpha: float = 0.05
) -> list[tuple[str, str]]:
    """Return the first and last name of each maximal run of ranks without a significant pair.

    Args:
        means: mean ranks, best first.
        tests: normalizer_a, normalizer_b, p_holm; an untested pair is not significant.
        alpha: significance level.
    """
    significant_pairs = {
        frozenset((str(a), str(b)))
        for a, b, p in zip(
            tests["normalizer_a"], tests["normalizer_b"], tests["p_holm"], strict=True
        )
        if p < alpha
    }
    names = [str(name) for name in means.index]
    runs: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = first
        while last + 1 < len(names) and not any(
            frozenset((names[last + 1], names[other])) in significant_pairs
            for other in range(first, last + 1)
        ):
            last += 1
        # A run inside the one before it is not maximal.
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return [(names[first], names[last]) for first, last in runs]


def _rank_traces(means: Column, styles: Styles, panel: int) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "x": [round(float(mean), 3)],
            "y": [number],
            "mode": "markers+text",
            "text": [format_label(str(name), 14)],
            "textposition": "middle right" if mean <= means.mean() else "middle left",
            "textfont": {"size": 11},
            "marker": {
                "color": styles[str(name)].colour,
                "symbol": styles[str(name)].symbol,
                "size": 9,
            },
            "meta": [str(name)],
            "name": format_label(str(name)),
            "hovertemplate": "mean rank %{x:.2f}",
            **axis_names(panel),
        }
        for number, (name, mean) in enumerate(means.items())
    ]


def _group_bar_traces(
    means: Column, groups: Sequence[tuple[str, str]], panel: int
) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "x": [float(means[first]) - 0.05, float(means[last]) + 0.05],
            "y": [-0.3 - 0.18 * (number % 3)] * 2,
            "mode": "lines",
            "line": {"color": "#222222", "width": 4},
            "hoverinfo": "skip",
            **axis_names(panel),
        }
        for number, (first, last) in enumerate(groups)
    ]
