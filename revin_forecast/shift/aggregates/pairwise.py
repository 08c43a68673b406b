"""Comparisons of two normalizers: ratios by data set, and tests over data sets."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import iter_groups
from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS
from revin_forecast.shift.aggregates.panel import ModelKey, Panel
from revin_forecast.shift.statistics import (
    MIN_DATASETS,
    holm_adjust,
    percentile_interval,
    wilcoxon_p,
)

NORMALIZER_COLUMNS = ["normalizer_a", "normalizer_b"]
PAIR_COLUMNS = [*NORMALIZER_COLUMNS, "backbone", "column", "dataset", "log_ratio", "lo", "hi"]
TEST_COLUMNS = [
    *NORMALIZER_COLUMNS,
    "column",
    "n_datasets",
    "median_log_ratio",
    "p",
    "p_holm",
    "note",
]


def pairwise_ratios(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return the mean of log(E_a / E_b) for each pair of normalizers, by backbone and data set.

    The mean is over the comparable cells of a placement; below 0 the first normalizer is better.
    Identity, no normalizer, is always the second.
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
                    pairs = panel.pair(first_index, panel.placement_mask(column), second_index)
                    ratio = panel.log_ratio(pairs)
                    if ratio is not None:
                        figures = ratio.value, *percentile_interval(ratio.draws.astype(np.float64))
                        rows.append((first, second, backbone, column, panel.dataset, *figures))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def pairwise_tests(ratios: pd.DataFrame) -> pd.DataFrame:
    """Test over data sets whether two normalizers differ, with one number a data set.

    That number is the mean over backbones of `pairwise_ratios`. The test is Wilcoxon's two-sided
    signed-rank test with Holm's adjustment over the pairs of a placement. There is no test below
    six data sets, where p could not be below .05.
    """
    if not len(ratios):
        return pd.DataFrame(columns=TEST_COLUMNS)
    rows = []
    for key, part in iter_groups(ratios, [*NORMALIZER_COLUMNS, "column"]):
        means = part.groupby("dataset").log_ratio.mean().to_numpy()
        few = len(means) < MIN_DATASETS
        note = f"no test below {MIN_DATASETS} data sets" if few else ""
        rows.append((*key, len(means), float(np.median(means)), wilcoxon_p(means), np.nan, note))
    table = pd.DataFrame(rows, columns=TEST_COLUMNS)
    table["p_holm"] = table.groupby("column").p.transform(
        lambda family: holm_adjust(family.to_list())
    )
    return table


def _ordered_pairs(normalizers: set[str]) -> list[tuple[str, str]]:
    # Identity last, so that a ratio below 1 always means that the normalizer helps.
    names = sorted(normalizers, key=lambda name: (name == "Identity", name))
    return list(combinations(names, 2))
