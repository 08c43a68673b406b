from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.headline import PLACEMENTS
from revin_forecast.shift.aggregates.panel import Model, Panel
from revin_forecast.shift.aggregates.tables import groups
from revin_forecast.shift.statistics import FEWEST_DATASETS, holm, interval, signed_rank

NAMES = ["normalizer_a", "normalizer_b"]
PAIRS = [*NAMES, "backbone", "column", "dataset", "log_ratio", "lo", "hi"]
TESTS = [*NAMES, "column", "n_datasets", "median_log_ratio", "p", "p_holm", "note"]


def pairs(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return the mean of log(E_a / E_b) for each two normalizers of a backbone, by data set.

    Over the cells of a placement that are compared; below 0 the first is better. Where one is none,
    Identity, it is the second.
    """
    models = panels[0].models if panels else ()
    places = {model: place for place, model in enumerate(models) if model.role == "model"}
    backbones = sorted({model.backbone for model in places})
    rows = []
    for first, second in _ordered({model.normalizer for model in places}):
        for backbone in backbones:
            chosen = [places.get(Model(backbone, name, "model")) for name in (first, second)]
            if chosen[0] is None or chosen[1] is None:
                continue
            for column in PLACEMENTS:
                for panel in panels:
                    ratio = panel.log_ratio(panel.pick(chosen[0], panel.place(column), chosen[1]))
                    if ratio is not None:
                        figures = ratio.value, *interval(ratio.drawn.astype(np.float64))
                        rows.append((first, second, backbone, column, panel.dataset, *figures))
    return pd.DataFrame(rows, columns=PAIRS)


def tests(ratios: pd.DataFrame) -> pd.DataFrame:
    """Test over data sets whether two normalizers differ; one number a data set.

    That number is the mean over backbones of the log ratios of `pairs`. Wilcoxon's signed-rank
    test, two-sided; Holm's adjustment over the pairs of a placement. Below six data sets there is
    no test, as none could come out below .05.
    """
    if not len(ratios):
        return pd.DataFrame(columns=TESTS)
    rows = []
    for key, part in groups(ratios, [*NAMES, "column"]):
        means = part.groupby("dataset").log_ratio.mean().to_numpy()
        few = len(means) < FEWEST_DATASETS
        note = f"no test below {FEWEST_DATASETS} data sets" if few else ""
        rows.append((*key, len(means), float(np.median(means)), signed_rank(means), np.nan, note))
    table = pd.DataFrame(rows, columns=TESTS)
    table["p_holm"] = table.groupby("column").p.transform(lambda family: holm(family.to_list()))
    return table


def _ordered(normalizers: set[str]) -> list[tuple[str, str]]:
    names = sorted(normalizers, key=lambda name: (name == "Identity", name))
    return list(combinations(names, 2))
