"""The headline: each model's error by placement, its ratio to its twin, and its rank."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import (
    NO_ESTIMATE,
    Estimate,
    PooledEstimate,
    pool_estimates,
)
from revin_forecast.shift.aggregates.lacking import column_masks, count_lacking, describe_lacking
from revin_forecast.shift.aggregates.panel import MODEL_COLUMNS, ModelKey, Panel
from revin_forecast.shift.aggregates.ranked_errors import RankedErrors
from revin_forecast.shift.aggregates.ranks import RANK_COLUMNS, judge_skill, rank_column

PLACEMENTS = ("clean", "steady", "transition", "observation")
"""Columns of the headline. The horizon placement is not one: it is a control, not a skill."""
FIGURE_COLUMNS = [
    *("mase", "lo", "hi", "degradation", "against_twin", "twin_lo", "twin_hi"),
    *("clean_gain", "clean_gain_lo", "clean_gain_hi"),
    *("shift_effect", "shift_effect_lo", "shift_effect_hi"),
]
COUNT_COLUMNS = ["note", "n_datasets", "n_failed", "n_lacking"]
LEADERBOARD_COLUMNS = [*MODEL_COLUMNS, "column", *FIGURE_COLUMNS, *RANK_COLUMNS, *COUNT_COLUMNS]
REFERENCE_NOTES = {
    "reference": "a reference",
    "zero-shot": "a zero-shot reference: no training",
    "online": "an online baseline: it learns from the test rows",
}
NO_RESULT = "no result that can be compared"
NO_TWIN = "no result of the same backbone without a normalizer"


def leaderboard(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error, comparison with its twin and rank in each placement.

    mase is the geometric mean: exp of the mean over data sets of the mean over a data set's cells
    of log MASE*. All models have the same cells; a model that lacks one has no figures, and its
    note names the cells. degradation is the mean of log(E_s / E_0).

    against_twin is the mean of log(E / E_twin) over the same cells, the twin being the same
    backbone and seed without a normalizer: below 0 the normalizer helps. It is log(mase) minus
    log(mase) of the twin, exactly. against_twin = clean_gain + shift_effect: the same ratio on the
    clean data of the same data sets, and the effect of the shift alone.

    Ranks: see `rank_column`.
    """
    if not panels:
        return pd.DataFrame(columns=LEADERBOARD_COLUMNS)
    errors = RankedErrors(panels)
    reasons = {column: judge_skill(errors, column) for column in PLACEMENTS}
    ranks = {column: rank_column(errors, column, reasons[column]) for column in PLACEMENTS}
    rows = []
    for number, model in enumerate(panels[0].models):
        for column in PLACEMENTS:
            row = _leaderboard_row(panels, number, column)
            row |= {name: values[number] for name, values in ranks[column].items()}
            if model.role == "model" and np.isfinite(row["mase"]):
                row["note"] = "; ".join(filter(None, (row["note"], reasons[column][number])))
            rows.append(row)
    return pd.DataFrame(rows, columns=LEADERBOARD_COLUMNS)


def twin_indices(models: Sequence[ModelKey]) -> list[int | None]:
    """Return the index of each model's twin without a normalizer; None if it has none."""
    indices = {model: index for index, model in enumerate(models)}
    return [
        indices.get(model._replace(normalizer="Identity")) if model.role == "model" else None
        for model in models
    ]


def _leaderboard_row(panels: Sequence[Panel], number: int, column: str) -> dict[str, Any]:
    model, twin = panels[0].models[number], twin_indices(panels[0].models)[number]
    masks = column_masks(panels, column)
    used = [panel for panel, mask in zip(panels, masks, strict=True) if panel.has_cells(mask)]
    complete = [panel for panel in used if panel.has_all(number, panel.placement_mask(column))]
    note = describe_lacking(panels, number, masks)
    figures: list[float] = [np.nan] * len(FIGURE_COLUMNS)
    if used and not note:
        error = pool_estimates([_column_mean(panel, number, column) for panel in used]).exp()
        figures = [*error, _mean_degradation(used, number, column)]
        against = _compare_with_twin(used, number, twin, column)
        figures += [value for estimate in against for value in estimate]
        note = _explain_twin(panels, twin, masks) if model.role == "model" else ""
    notes = [REFERENCE_NOTES.get(model.role, ""), note] if used else [NO_RESULT]
    failed = sum(int(p.failed_counts[number][m].sum()) for p, m in zip(panels, masks, strict=True))
    counts = len(complete), failed, count_lacking(panels, number, masks)
    row = dict(zip(FIGURE_COLUMNS, figures, strict=True))
    row |= dict(zip(COUNT_COLUMNS, ("; ".join(filter(None, notes)), *counts), strict=True))
    return dict(zip(MODEL_COLUMNS, model, strict=True)) | {"column": column} | row


def _column_mean(panel: Panel, number: int, column: str) -> Estimate | None:
    return panel.log_mean(number, panel.placement_mask(column))


def _explain_twin(panels: Sequence[Panel], twin: int | None, masks: list[np.ndarray]) -> str:
    if twin is None:
        return NO_TWIN
    text = describe_lacking(panels, twin, masks)
    return f"{NO_TWIN}: it {text}" if text else ""


def _compare_with_twin(
    panels: Sequence[Panel], number: int, twin: int | None, column: str
) -> tuple[PooledEstimate, PooledEstimate, PooledEstimate]:
    """Return the log-ratio to the twin, that on clean data, and their difference."""
    if twin is None:
        return NO_ESTIMATE, NO_ESTIMATE, NO_ESTIMATE
    shifted = [panel.log_ratio(number, twin, panel.placement_mask(column)) for panel in panels]
    clean = [panel.log_ratio(number, twin, panel.placement_mask("clean")) for panel in panels]
    effects = [
        None if ratio is None or gain is None else ratio.minus(gain)
        for ratio, gain in zip(shifted, clean, strict=True)
    ]
    return pool_estimates(shifted), pool_estimates(clean), pool_estimates(effects)


def _mean_degradation(panels: Sequence[Panel], number: int, column: str) -> float:
    # On clean data log(E_s / E_0) is 0 by definition.
    if column == "clean":
        return 0.0
    means = []
    for panel in panels:
        rows = panel.pair(number, panel.placement_mask(column)).rows
        ratios = panel.table.r_log.to_numpy()[rows]
        finite = ratios[np.isfinite(ratios)]
        means += [finite.mean()] if len(finite) else []
    return float(np.mean(means)) if means else np.nan
