"""Errors in units of the twin's error, by shift (nCE) and over shifts (mCE)."""

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
"""Share of the twin's error that a shift must add to it; a smaller one may be rounding."""
ConditionMasks = list[np.ndarray]
"""Mask of conditions for each panel."""
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
    nce_naive has SeasonalNaive in place of the twin. relative compares the added errors: mean
    (E - E_0) divided by the twin's. It is NaN if the shift adds nothing to the twin's error. Naive
    baselines have no twin. n counts the cells.
    """
    shifts, rows = _masks_by_shift(panels), []
    for number in range(len(panels[0].models) if panels else 0):
        for names, masks in shifts:
            model = panels[0].models[number]
            shift = (model.backbone, model.normalizer, *names)
            figures = _normalized_figures(panels, number, masks)
            rows.append(dict(zip(NORMALIZED_ERROR_COLUMNS, shift + figures, strict=True)))
    return pd.DataFrame(rows, columns=NORMALIZED_ERROR_COLUMNS)


def mean_corruption_error(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the geometric mean of `nce` over arms, then over shifts, for each placement.

    Only shifts that all models of the placement have are averaged; models without any result there
    are left out. n_shifts counts the shifts.
    """
    rows = []
    for (semantics, placement), part in iter_groups(errors, ["semantics", "placement"]):
        # Arms first: a shift with three arms must not have three times the weight.
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
    """Return each shift and arm by placement, with the mask of its conditions in each panel."""
    masks: dict[tuple[str, ...], ConditionMasks] = {}
    for number, panel in enumerate(panels):
        conditions = panel.conditions
        is_shifted = ~conditions.placement.isin(UNSHIFTED_PLACEMENTS) & (conditions.severity > 0)
        for names, part in iter_groups(select_rows(conditions, is_shifted), SHIFT_COLUMNS):
            empty = [np.zeros(len(other.conditions), dtype=bool) for other in panels]
            masks.setdefault(names, empty)[number][part.index] = True
    return sorted(masks.items())


def _normalized_figures(
    panels: Sequence[Panel], number: int, masks: ConditionMasks
) -> tuple[Any, ...]:
    models = panels[0].models
    twin = baseline_indices(models)[number]
    naive = next(
        (index for index, model in enumerate(models) if model.backbone == NAIVE_BACKBONE), None
    )
    ratios, naive_ratios, added, datasets, count, failed = [], [], [], 0, 0, 0
    for panel, mask in zip(panels, masks, strict=True):
        failed += int(panel.failed_counts[number][mask].sum())
        datasets += bool(len(panel.pair(number, mask).rows))
        if naive is not None:
            log_ratios = panel.cell_log_ratios(panel.pair(number, mask, naive))
            naive_ratios += [log_ratios.mean()] if len(log_ratios) else []
        if twin is None:
            continue
        pairs = panel.pair(number, mask, twin)
        ratio = panel.log_ratio(pairs)
        if ratio is not None:
            ratios.append(ratio)
            count += len(pairs.rows)
            model_added, twin_added = (
                panel.added_errors[pairs.rows].mean(),
                panel.added_errors[pairs.other_rows].mean(),
            )
            added.append((model_added, twin_added, panel.errors[pairs.other_rows].mean()))
    # A mean over some of the data sets is not comparable with one over all of them.
    summary = pool_estimates(ratios).exp() if len(ratios) == datasets else NO_ESTIMATE
    model_added, twin_added, twin_error = np.mean(added, axis=0) if added else (np.nan,) * 3
    against_naive = float(np.exp(np.mean(naive_ratios))) if naive_ratios else np.nan
    # A ratio of two rounding errors would look like a result.
    is_costly = twin_added > MIN_ADDED_SHARE * twin_error
    relative = float(model_added / twin_added) if is_costly else np.nan
    return (*summary, against_naive, relative, count, failed)
