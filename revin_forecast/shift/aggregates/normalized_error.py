from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import (
    NO_ESTIMATE,
    iter_groups,
    pool_estimates,
    select_rows,
)
from revin_forecast.shift.aggregates.leaderboard import baseline_indices
from revin_forecast.shift.aggregates.panel import UNSHIFTED_PLACEMENTS, Panel

SHIFT_COLUMNS = ["semantics", "placement", "shift", "arm"]
NAIVE_BACKBONE = "SeasonalNaive"
MIN_ADDED_SHARE = 1e-4
"""Share of its error that a shift must cost the twin; less may be rounding."""
ConditionMasks = list[np.ndarray]
"""For each panel, which specs."""
NORMALIZED_ERROR_COLUMNS = [
    *("backbone", "normalizer", *SHIFT_COLUMNS, "nce", "lo", "hi", "nce_naive", "relative"),
    *("n", "n_failed"),
]
MEAN_CORRUPTION_COLUMNS = ["backbone", "normalizer", "semantics", "placement", "mce", "n_shifts"]


def normalized_error(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error under each shift in units of its twin's, the normalized error.

    nce = exp of the mean of log(E / E_twin) over severities, ages and seeds, then over data sets;
    the twin is the same backbone and seed without a normalizer: below 1 the normalizer helps
    (Hendrycks & Dietterich, ICLR 2019, with means of logarithms instead of ratios of sums).
    nce_naive has SeasonalNaive in the twin's place. relative compares what the shift adds: the mean
    of E - E_0 over that of the twin, NaN unless the shift costs the twin something. Models that are
    references have no twin. n counts the cells.
    """
    shifts, rows = _masks_by_shift(panels), []
    for number in range(len(panels[0].models) if panels else 0):
        for names, places in shifts:
            model = panels[0].models[number]
            shift = (model.backbone, model.normalizer, *names)
            figures = _normalized_figures(panels, number, places)
            rows.append(dict(zip(NORMALIZED_ERROR_COLUMNS, shift + figures, strict=True)))
    return pd.DataFrame(rows, columns=NORMALIZED_ERROR_COLUMNS)


def mean_corruption_error(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the geometric mean of `nce` over arms, then over shifts; placements stay apart.

    Over those shifts that every model of the placement has, models without any apart; n_shifts
    counts them.
    """
    rows = []
    for (semantics, placement), part in iter_groups(errors, ["semantics", "placement"]):
        # Arms are of one shift: three of them shall not weigh three times.
        logs = np.log(part.set_index(["backbone", "normalizer", "shift", "arm"]).nce)
        wide = logs.unstack(["shift", "arm"]).dropna(how="all").dropna(axis=1)
        means = wide.T.groupby(level="shift").mean()
        rows += [
            (*model, semantics, placement, float(np.exp(means[model].mean())), len(means))
            for model in sorted(wide.index)
            if len(means)
        ]
    return pd.DataFrame(rows, columns=MEAN_CORRUPTION_COLUMNS).sort_values(
        MEAN_CORRUPTION_COLUMNS[:4], ignore_index=True
    )


def _masks_by_shift(panels: Sequence[Panel]) -> list[tuple[tuple[str, ...], ConditionMasks]]:
    """Return each shift and arm by placement, and where its specs are in each panel."""
    found: dict[tuple[str, ...], ConditionMasks] = {}
    for number, panel in enumerate(panels):
        specs = panel.conditions
        moved = ~specs.placement.isin(UNSHIFTED_PLACEMENTS) & (specs.severity > 0)
        for names, part in iter_groups(select_rows(specs, moved), SHIFT_COLUMNS):
            nowhere = [np.zeros(len(one.conditions), dtype=bool) for one in panels]
            found.setdefault(names, nowhere)[number][part.index] = True
    return sorted(found.items())


def _normalized_figures(
    panels: Sequence[Panel], number: int, masks: ConditionMasks
) -> tuple[Any, ...]:
    models = panels[0].models
    twin = baseline_indices(models)[number]
    naive = next(
        (place for place, model in enumerate(models) if model.backbone == NAIVE_BACKBONE), None
    )
    ratios, naive_ratios, added, datasets, count, failed = [], [], [], 0, 0, 0
    for panel, where in zip(panels, masks, strict=True):
        failed += int(panel.failed_counts[number][where].sum())
        datasets += bool(len(panel.pair(number, where).rows))
        if naive is not None:
            beside = panel.cell_log_ratios(panel.pair(number, where, naive))
            naive_ratios += [beside.mean()] if len(beside) else []
        if twin is None:
            continue
        picked = panel.pair(number, where, twin)
        ratio = panel.log_ratio(picked)
        if ratio is not None:
            ratios.append(ratio)
            count += len(picked.rows)
            mine, theirs = (
                panel.added_errors[picked.rows].mean(),
                panel.added_errors[picked.other_rows].mean(),
            )
            added.append((mine, theirs, panel.errors[picked.other_rows].mean()))
    # A mean over some of the data sets would stand beside one over all of them.
    summary = pool_estimates(ratios).exp() if len(ratios) == datasets else NO_ESTIMATE
    mine, theirs, error = np.mean(added, axis=0) if added else (np.nan,) * 3
    against_naive = float(np.exp(np.mean(naive_ratios))) if naive_ratios else np.nan
    relative = float(mine / theirs) if theirs > MIN_ADDED_SHARE * error else np.nan
    return (*summary, against_naive, relative, count, failed)
