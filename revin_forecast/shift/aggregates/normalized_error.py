"""Errors in units of the twin's error, by shift (nCE) and over shifts (mCE)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import (
    NO_ESTIMATE,
    Estimate,
    add_interval,
    iter_groups,
    mean_estimate,
    select_rows,
)
from revin_forecast.shift.aggregates.lacking import ConditionMasks, describe_lacking
from revin_forecast.shift.aggregates.leaderboard import twin_indices
from revin_forecast.shift.aggregates.panel import FILL_PLACEMENT, UNSHIFTED_PLACEMENTS, Panel

SHIFT_COLUMNS = ["semantics", "placement", "shift", "arm"]
NAIVE_BACKBONE = "SeasonalNaive"
MIN_ADDED_SHARE = 1e-4
"""Share of the twin's error that a shift must add to it; a smaller one may be rounding."""
NORMALIZED_ERROR_COLUMNS = [
    *("backbone", "normalizer", *SHIFT_COLUMNS, "nce", "lo", "hi", "nce_naive", "relative"),
    *("n", "n_failed", "note"),
]
MEAN_CORRUPTION_COLUMNS = [
    *("backbone", "normalizer", "semantics", "placement", "mce", "lo", "hi", "n_shifts", "note"),
]


def normalized_error(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error under each shift in units of its twin's, the normalized error.

    nce = exp of the mean of log(E / E_twin) over severities, ages and seeds, then over data sets;
    the twin is the same backbone and seed without a normalizer: below 1 the normalizer helps
    (Hendrycks & Dietterich, ICLR 2019, with means of logarithms instead of ratios of sums).
    nce_naive has SeasonalNaive in place of the twin. relative compares the added errors: mean
    (E - E_0) divided by the twin's. It is NaN if the shift adds nothing to the twin's error. Naive
    baselines have no twin. n counts the cells. A model that lacks a cell, or whose twin does, has
    no figures, and its note names the cells.
    """
    shifts, rows = _masks_by_shift(panels), []
    for number in range(len(panels[0].models) if panels else 0):
        for names, masks in shifts:
            model = panels[0].models[number]
            shift = (model.backbone, model.normalizer, *names)
            figures = _normalized_figures(panels, number, masks)
            rows.append(dict(zip(NORMALIZED_ERROR_COLUMNS, shift + figures, strict=True)))
    return pd.DataFrame(rows, columns=NORMALIZED_ERROR_COLUMNS)


def mean_corruption_error(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return the geometric mean of `nce` over arms, then over shifts, for each placement.

    n_shifts counts the shifts, the same ones for all models. A model that lacks a cell of one of
    them, or whose twin does, has no figure, and its note names the cells.
    """
    shifts, rows = _masks_by_shift(panels), []
    twins = twin_indices(panels[0].models) if panels else []
    blocks = sorted({names[:2] for names, _ in shifts})
    for number, twin in enumerate(twins):
        if twin is None:
            continue
        for block in blocks:
            members = [(names, masks) for names, masks in shifts if names[:2] == block]
            # Arms first: a shift with three arms must not have three times the weight.
            arms: dict[str, list[Estimate | None]] = {}
            for names, masks in members:
                arms.setdefault(names[2], []).append(_mean_ratio(panels, number, twin, masks))
            mean = mean_estimate([mean_estimate(estimates) for estimates in arms.values()])
            figures = NO_ESTIMATE if mean is None else add_interval(mean).exp()
            union = [np.any(masks, axis=0) for masks in zip(*(m for _, m in members), strict=True)]
            note = _explain_gap(panels, number, twin, union)
            model = panels[0].models[number]
            names = model.backbone, model.normalizer, *block
            rows.append((*names, *figures, len(arms), note))
    return pd.DataFrame(rows, columns=MEAN_CORRUPTION_COLUMNS).sort_values(
        MEAN_CORRUPTION_COLUMNS[:4], ignore_index=True
    )


def _masks_by_shift(panels: Sequence[Panel]) -> list[tuple[tuple[str, ...], ConditionMasks]]:
    """Return each shift and arm by placement, with the mask of its conditions in each panel."""
    masks: dict[tuple[str, ...], ConditionMasks] = {}
    placements = (*UNSHIFTED_PLACEMENTS, FILL_PLACEMENT)
    for number, panel in enumerate(panels):
        conditions = panel.conditions
        is_shifted = ~conditions.placement.isin(placements) & (conditions.severity > 0)
        for names, part in iter_groups(select_rows(conditions, is_shifted), SHIFT_COLUMNS):
            empty = [np.zeros(len(other.conditions), dtype=bool) for other in panels]
            masks.setdefault(names, empty)[number][part.index] = True
    # A shift that no model has finished has no figures, and takes none away from a mean.
    return sorted(
        (names, parts)
        for names, parts in masks.items()
        if any(panel.has_cells(mask) for panel, mask in zip(panels, parts, strict=True))
    )


def _mean_ratio(
    panels: Sequence[Panel], number: int, other: int, masks: ConditionMasks
) -> Estimate | None:
    """Return the mean over data sets of log(error / other's error); None if a cell is lacking."""
    return mean_estimate(
        [
            panel.log_ratio(number, other, mask)
            for panel, mask in zip(panels, masks, strict=True)
            if panel.has_cells(mask)
        ]
    )


def _explain_gap(panels: Sequence[Panel], number: int, twin: int, masks: ConditionMasks) -> str:
    own, others = (describe_lacking(panels, index, masks) for index in (number, twin))
    return own or (f"its twin {others}" if others else "")


def _normalized_figures(
    panels: Sequence[Panel], number: int, masks: ConditionMasks
) -> tuple[Any, ...]:
    models = panels[0].models
    twin = twin_indices(models)[number]
    naive = next(
        (index for index, model in enumerate(models) if model.backbone == NAIVE_BACKBONE), None
    )
    failed = sum(int(p.failed_counts[number][m].sum()) for p, m in zip(panels, masks, strict=True))
    ratio = None if naive is None else _mean_ratio(panels, number, naive, masks)
    against_naive = float(np.exp(ratio.value)) if ratio is not None else np.nan
    if twin is None:
        note = describe_lacking(panels, number, masks)
        return (*NO_ESTIMATE, against_naive, np.nan, 0, failed, note)
    ratio = _mean_ratio(panels, number, twin, masks)
    summary = NO_ESTIMATE if ratio is None else add_interval(ratio).exp()
    relative, count = _relative_added_error(panels, number, twin, masks)
    note = _explain_gap(panels, number, twin, masks)
    return (*summary, against_naive, np.nan if note else relative, count, failed, note)


def _relative_added_error(
    panels: Sequence[Panel], number: int, twin: int, masks: ConditionMasks
) -> tuple[float, int]:
    """Return the added error divided by the twin's, and the number of cells."""
    added, count = [], 0
    for panel, mask in zip(panels, masks, strict=True):
        pairs = panel.pair(number, mask, twin)
        count += len(pairs.rows)
        if len(pairs.rows):
            both = [panel.added_errors[rows].mean() for rows in (pairs.rows, pairs.other_rows)]
            added.append((*both, panel.errors[pairs.other_rows].mean()))
    model_added, twin_added, twin_error = np.mean(added, axis=0) if added else (np.nan,) * 3
    # A ratio of two rounding errors would look like a result.
    is_costly = twin_added > MIN_ADDED_SHARE * twin_error
    return (float(model_added / twin_added) if is_costly else np.nan), count
