"""Comparisons of two normalizers: ratios by data set, and tests over data sets."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from revin_forecast.data.catalog.dated.dated_shift import find_family
from revin_forecast.shift.aggregates.estimates import add_interval, iter_groups, select_rows
from revin_forecast.shift.aggregates.lacking import describe_lacking
from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS
from revin_forecast.shift.aggregates.panel import ModelKey, Panel
from revin_forecast.shift.aggregates.power import power_analysis
from revin_forecast.shift.statistics import MIN_DATASETS, holm_adjust, wilcoxon_p

NORMALIZER_COLUMNS = ["normalizer_a", "normalizer_b"]
PAIR_COLUMNS = [*NORMALIZER_COLUMNS, "backbone", "column", "dataset", "log_ratio", "lo", "hi"]
PAIR_COLUMNS += ["note"]
TEST_COLUMNS = [
    *NORMALIZER_COLUMNS,
    *("column", "n_datasets", "median_log_ratio", "p", "p_holm", "needed", "detectable", "note"),
]


def pairwise_ratios(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return the mean of log(E_a / E_b) for each pair of normalizers, by backbone and data set.

    The mean is over the cells of a placement, the same for all models; below 0 the first normalizer
    is better. Identity, no normalizer, is always the second. If either model lacks a cell there is
    no ratio, and the note names the cells.
    """
    models = panels[0].models if panels else ()
    indices = {model: index for index, model in enumerate(models) if model.role == "model"}
    backbones = sorted({model.backbone for model in indices})
    rows = []
    for first, second in _ordered_pairs({model.normalizer for model in indices}):
        for backbone in backbones:
            first_index = indices.get(ModelKey(backbone, first, "model"))
            second_index = indices.get(ModelKey(backbone, second, "model"))
            if first_index is None or second_index is None:
                continue
            for column in PLACEMENTS:
                for panel in panels:
                    names = first, second, backbone, column, panel.dataset
                    figures = _ratio_figures(panel, column, first_index, second_index)
                    rows += [(*names, *figures)] if figures else []
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def _ratio_figures(
    panel: Panel, column: str, first: int, second: int
) -> tuple[float, float, float, str] | None:
    """Return ratio, interval and note; None if the data set has no cell of the placement."""
    mask = panel.placement_mask(column)
    if not panel.has_cells(mask):
        return None
    ratio = panel.log_ratio(first, second, mask)
    if ratio is not None:
        value, lo, hi = add_interval(ratio)
        return value, lo, hi, ""
    texts = {index: describe_lacking([panel], index, [mask]) for index in (first, second)}
    notes = [f"{panel.models[index].normalizer} {text}" for index, text in texts.items() if text]
    return np.nan, np.nan, np.nan, "; ".join(notes)


def pairwise_tests(ratios: pd.DataFrame) -> pd.DataFrame:
    """Test over data sets whether two normalizers differ, with one number a data set.

    That number is the mean over backbones of `pairwise_ratios`; dated shifts of one file are one
    family and count as one data set. The test is Wilcoxon's two-sided
    signed-rank test with Holm's adjustment over the pairs of a placement. There is no test below
    six data sets, where p could not be below .05, nor for a pair with a lacking ratio: it would
    rest on other data than the other tests. In the adjustment such a pair counts as p = 1.

    needed and detectable are from `power_analysis`: the data sets that a test of this family needs
    to find the observed median with probability .8, and the log-ratio that it finds with these data
    sets.
    """
    if not len(ratios):
        return pd.DataFrame(columns=TEST_COLUMNS)
    family_sizes = ratios.drop_duplicates([*NORMALIZER_COLUMNS, "column"]).column.value_counts()
    rows = []
    for key, part in iter_groups(ratios, [*NORMALIZER_COLUMNS, "column"]):
        lacking = select_rows(part, part.log_ratio.isna())
        # Dated shifts of one file are not independent: each family counts once.
        families = [find_family(dataset) for dataset in part.dataset]
        means = part.log_ratio.groupby(families).mean().to_numpy()
        if len(lacking):
            places = ", ".join(sorted(set(lacking.dataset)))
            note = f"no test: cells are lacking on {places}; the table of pairs names them"
            rows.append((*key, len(means), np.nan, np.nan, np.nan, np.nan, np.nan, note))
            continue
        note = f"no test below {MIN_DATASETS} data sets" if len(means) < MIN_DATASETS else ""
        power = power_analysis(means, tests=int(family_sizes[key[-1]]))
        figures = float(np.median(means)), wilcoxon_p(means), np.nan, *power
        rows.append((*key, len(means), *figures, note))
    table = pd.DataFrame(rows, columns=TEST_COLUMNS)
    is_tested = table.n_datasets >= MIN_DATASETS
    # A pair without a test keeps its place in the family: it can't make the others significant.
    probabilities = table.p.where(table.p.notna() | ~is_tested, 1.0)
    adjusted = probabilities.groupby(table.column).transform(
        lambda family: holm_adjust(family.to_list())
    )
    table["p_holm"] = adjusted.where(table.p.notna())
    return table


def _ordered_pairs(normalizers: set[str]) -> list[tuple[str, str]]:
    # Identity last, so that a ratio below 1 always means that the normalizer helps.
    names = sorted(normalizers, key=lambda name: (name == "Identity", name))
    return list(combinations(names, 2))
