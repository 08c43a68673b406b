"""The leaderboard: each model's error by placement, with ranks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import NO_ESTIMATE, pool_estimates
from revin_forecast.shift.aggregates.panel import MODEL_COLUMNS, ModelKey, Panel

PLACEMENTS = ("clean", "steady", "transition", "observation")
"""Columns of the leaderboard. The horizon placement is not one: it is a control, not a skill."""
MAX_CLEAN_RATIO = 1.1
"""Clean error relative to the best one, above which a model is listed without a rank."""
LEADERBOARD_COLUMNS = [
    *(
        *MODEL_COLUMNS,
        "column",
        "mase",
        "lo",
        "hi",
        "degradation",
        "against_twin",
        "twin_lo",
        "twin_hi",
    ),
    *("ranked", "rank", "note", "n_datasets", "n_failed"),
]


def leaderboard(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error, degradation and comparison with its twin in each placement.

    mase is the geometric mean over data sets of the mean over a data set's cells; degradation the
    mean of log(E_s / E_0); against_twin the mean of log(E / E_twin), the twin being the same
    backbone and seed without a normalizer: below 0 the normalizer helps.

    Ranks are by mase, 1 the best. Only models with a clean error within 10 % of the best model's
    and with results on every data set are ranked. A model that can't degrade, such as a constant,
    therefore does not lead.
    """
    models = panels[0].models if panels else ()
    rows = [
        _leaderboard_row(panels, number, column)
        for number in range(len(models))
        for column in PLACEMENTS
    ]
    table = pd.DataFrame(rows, columns=LEADERBOARD_COLUMNS)
    clean = table[table.column == "clean"].set_index(MODEL_COLUMNS).mase
    # The best clean error of a model: a baseline must not set the limit.
    limit = MAX_CLEAN_RATIO * clean[clean.index.get_level_values("role") == "model"].min()
    clean_errors = table.set_index(MODEL_COLUMNS).index.map(clean).to_numpy()
    dataset_counts = table.groupby("column").n_datasets.transform("max")
    reasons = [
        _unranked_reasons(row, clean_error, limit, count)
        for (_, row), clean_error, count in zip(
            table.iterrows(), clean_errors, dataset_counts, strict=True
        )
    ]
    table["ranked"] = [not row_reasons for row_reasons in reasons]
    table["rank"] = table.mase.where(table.ranked).groupby(table.column).rank(method="min")
    is_twinless = table.against_twin.isna() & (table.role == "model") & (table.n_datasets > 0)
    twin_notes = {True: ["no result of the same backbone without a normalizer"], False: []}
    table["note"] = [
        "; ".join(row_reasons + twin_notes[twinless])
        for row_reasons, twinless in zip(reasons, is_twinless, strict=True)
    ]
    return table


def baseline_indices(models: Sequence[ModelKey]) -> list[int | None]:
    """Return the index of each model's twin without a normalizer; None if it has none."""
    indices = {model: index for index, model in enumerate(models)}
    return [
        indices.get(model._replace(normalizer="Identity")) if model.role == "model" else None
        for model in models
    ]


def _leaderboard_row(panels: Sequence[Panel], number: int, column: str) -> dict[str, Any]:
    model, twin = panels[0].models[number], baseline_indices(panels[0].models)[number]
    errors, ratios, degradations, failed = [], [], [], 0
    for panel in panels:
        mask = panel.placement_mask(column)
        failed += int(panel.failed_counts[number][mask].sum())
        pairs = panel.pair(number, mask)
        if not len(pairs.rows):
            continue
        errors.append(panel.log_mean(pairs))
        degradations.append(panel.table.r_log.to_numpy()[pairs.rows])
        ratio = None if twin is None else panel.log_ratio(panel.pair(number, mask, twin))
        ratios += [] if ratio is None else [ratio]
    error = pool_estimates(errors).exp()
    # Ratios on some of the data sets must not appear in one row with errors on all of them.
    against = pool_estimates(ratios) if len(ratios) == len(errors) else NO_ESTIMATE
    # On clean data log(E_s / E_0) is 0 by definition.
    degradation = 0.0 if column == "clean" and errors else _mean_of_means(degradations)
    figures = (*error, degradation, *against, False, np.nan, "", len(errors), failed)
    return dict(zip(LEADERBOARD_COLUMNS, (*model, column, *figures), strict=True))


def _mean_of_means(degradations: Sequence[np.ndarray]) -> float:
    finite = [values[np.isfinite(values)] for values in degradations]
    means = [values.mean() for values in finite if len(values)]
    return float(np.mean(means)) if means else np.nan


def _unranked_reasons(row: pd.Series, clean: float, limit: float, dataset_count: int) -> list[str]:
    """Return the reasons why a row has no rank; empty if it has one."""
    if row.n_datasets == 0:
        return ["no result that can be compared"]
    reasons = []
    if row.role == "zero-shot":
        reasons.append("a zero-shot reference: no training")
    elif row.role != "model":
        reasons.append("a reference")
    elif np.isnan(clean):
        reasons.append("no clean error")
    elif clean > limit:
        reasons.append(
            f"clean error {100 * (clean / limit * MAX_CLEAN_RATIO - 1):.0f} % above the best"
        )
    if row.n_datasets < dataset_count:
        reasons.append(f"results on {row.n_datasets} of {dataset_count} data sets")
    return reasons
