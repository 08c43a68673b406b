"""P8b: mean ranks over data sets, and who can't be told apart; only with enough data sets."""

from collections.abc import Sequence
from typing import Any

from revin_forecast.report.benchmark.looks import Styles
from revin_forecast.report.benchmark.plots.base import Plot, build_legend
from revin_forecast.report.benchmark.plots.grid import PanelSizes, axis_names, make_panels
from revin_forecast.report.benchmark.reading import LEADERBOARD_COLUMNS, BASELINE, Column, Frame, Tables
from revin_forecast.report.benchmark.twins import ratios_to_baseline
from revin_forecast.report.wording import format_label

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
        figure.add_traces([*_rank_traces(means, styles, number), *_group_bar_traces(means, groups, number)])
    return Plot(*RANK_TEXT, figures={"": figure}, legend=build_legend([*pairs["normalizer"], BASELINE], styles))


def mean_ranks(pairs: Frame) -> Column:
    """Return normalizer -> mean rank, best first, over the data sets that all have."""
    ratios = pairs.pivot_table(index="dataset", columns="normalizer", values="log_ratio").dropna()
    ratios[BASELINE] = 0.0
    return ratios.rank(axis=1).mean().sort_values()


def indistinguishable_groups(means: Column, tests: Frame, alpha: float = 0.05) -> list[tuple[str, str]]:
    """Return first and last of each longest run of ranks without a significant pair in it.

    Args:
        means: mean ranks, best first.
        tests: normalizer_a, normalizer_b, p_holm; a pair that wasn't tested is not told apart.
        level: of significance.
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


def _group_bar_traces(means: Column, groups: Sequence[tuple[str, str]], panel: int) -> list[dict[str, Any]]:
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
