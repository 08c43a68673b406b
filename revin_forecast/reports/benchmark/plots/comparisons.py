"""P8: every normalizer against no normalizer, data set by data set."""

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
from revin_forecast.reports.benchmark.plots.base import Plot, build_legend, round_values
from revin_forecast.reports.benchmark.plots.panels import (
    PanelSizes,
    axis_names,
    log_axis,
    make_panels,
)
from revin_forecast.reports.benchmark.plots.traces import error_bars, reference_line
from revin_forecast.reports.benchmark.style import Styles
from revin_forecast.reports.formatting import format_label, truncate

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
            *PAIRWISE_TEXT,
            missing_reason="No model and its twin without a normalizer were both finished.",
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


MIN_DATASETS = 6
"""With five data sets the smallest two-sided p of the signed-rank test is .0625."""

RANK_TEXT = (
    "P8b",
    "Ranks over data sets",
    "Mean rank of each normalizer over the data sets (1 is best), from its paired log ratio to no "
    "normalizer, mean over backbones. A bar joins normalizers that pairwise Wilcoxon signed-rank "
    "tests with Holm's correction can't tell apart at 5 %. Good: far to the left, with no bar to "
    "the next. Read P8 first: a rank hides how large a difference is.",
)


def plot_ranks(tables: Tables, styles: Styles) -> Plot:
    """Draw a diagram a column of the headline."""
    pairs, tests = ratios_to_baseline(tables["pairs"]), tables["tests"]
    count = pairs["dataset"].nunique()
    if count < MIN_DATASETS:
        words = f"Ranks need {MIN_DATASETS} data sets or more, this suite has {count} with twins; see P8."
        return Plot(*RANK_TEXT, missing_reason=words)
    columns = [column for column in LEADERBOARD_COLUMNS if (pairs["column"] == column).any()]
    ranks = {column: mean_ranks(pairs[pairs["column"] == column]) for column in columns}
    lines = max(map(len, ranks.values()))
    figure = make_panels(
        columns,
        {"title": "mean rank (1 is best)", "range": [0.6, lines + 0.9], "dtick": 1},
        {"title": "", "range": [lines + 0.4, -0.8], "showgrid": False, "ticks": "", "tickvals": []},
        PanelSizes(max_columns=2, height=34 * lines + 20, margin_left=20, min_width=280),
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
    """Return normalizer -> mean rank, best first, over the data sets that all have."""
    ratios = pairs.pivot_table(index="dataset", columns="normalizer", values="log_ratio").dropna()
    ratios[BASELINE] = 0.0
    return ratios.rank(axis=1).mean().sort_values()


def indistinguishable_groups(
    means: Column, tests: Frame, alpha: float = 0.05
) -> list[tuple[str, str]]:
    """Return first and last of each longest run of ranks without a significant pair in it.

    Args:
        means: mean ranks, best first.
        tests: normalizer_a, normalizer_b, p_holm; a pair that wasn't tested is not told apart.
        alpha: of significance.
    """
    told_apart = {
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
            frozenset((names[last + 1], names[other])) in told_apart
            for other in range(first, last + 1)
        ):
            last += 1
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
            "line": {"color": "#222", "width": 4},
            "hoverinfo": "skip",
            **axis_names(panel),
        }
        for number, (first, last) in enumerate(groups)
    ]
