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
    """Return the mean of log(E_a / E_b) for each two normalizers of a backbone, by data set.

    Over the cells of a placement that are compared; below 0 the first is better. Where one is none,
    Identity, it is the second.
    """
    models = panels[0].models if panels else ()
    places = {model: place for place, model in enumerate(models) if model.role == "model"}
    backbones = sorted({model.backbone for model in places})
    rows = []
    for first, second in _ordered_pairs({model.normalizer for model in places}):
        for backbone in backbones:
            chosen = [places.get(ModelKey(backbone, name, "model")) for name in (first, second)]
            if chosen[0] is None or chosen[1] is None:
                continue
            for column in PLACEMENTS:
                for panel in panels:
                    ratio = panel.log_ratio(
                        panel.pair(chosen[0], panel.placement_mask(column), chosen[1])
                    )
                    if ratio is not None:
                        figures = ratio.value, *percentile_interval(ratio.draws.astype(np.float64))
                        rows.append((first, second, backbone, column, panel.dataset, *figures))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def pairwise_tests(ratios: pd.DataFrame) -> pd.DataFrame:
    """Test over data sets whether two normalizers differ; one number a data set.

    That number is the mean over backbones of the log ratios of `pairs`. Wilcoxon's signed-rank
    test, two-sided; Holm's adjustment over the pairs of a placement. Below six data sets there is
    no test, as none could come out below .05.
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
    names = sorted(normalizers, key=lambda name: (name == "Identity", name))
    return list(combinations(names, 2))
