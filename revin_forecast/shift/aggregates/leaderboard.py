from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import NO_ESTIMATE, pool_estimates
from revin_forecast.shift.aggregates.panel import MODEL_COLUMNS, ModelKey, Panel

PLACEMENTS = ("clean", "steady", "transition", "observation")
"""The headline's columns. The horizon placement is a control, not a skill: it has none."""
MAX_CLEAN_RATIO = 1.1
"""Models with a clean error above this multiple of the best one's are shown, not ranked."""
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
    """Return each model's error in each placement, how it degrades, and what its twin has.

    mase is the geometric mean over data sets of the mean over a data set's cells; degradation the
    mean of log(E_s / E_0); against_twin the mean of log(E / E_twin), the twin being the same
    backbone and seed without a normalizer: below 0 the normalizer helps.

    Ranks are by mase, 1 the best, and go to models whose clean error is within 10 % of the best
    model's and that have results on every data set. So nobody leads by having nothing to lose.
    """
    models = panels[0].models if panels else ()
    rows = [
        _leaderboard_row(panels, number, column)
        for number in range(len(models))
        for column in PLACEMENTS
    ]
    table = pd.DataFrame(rows, columns=LEADERBOARD_COLUMNS)
    clean = table[table.column == "clean"].set_index(MODEL_COLUMNS).mase
    limit = MAX_CLEAN_RATIO * clean[clean.index.get_level_values("role") == "model"].min()
    own = table.set_index(MODEL_COLUMNS).index.map(clean).to_numpy()
    most = table.groupby("column").n_datasets.transform("max")
    reasons = [
        _unranked_reasons(row, error, limit, wanted)
        for (_, row), error, wanted in zip(table.iterrows(), own, most, strict=True)
    ]
    table["ranked"] = [not one for one in reasons]
    table["rank"] = table.mase.where(table.ranked).groupby(table.column).rank(method="min")
    alone = table.against_twin.isna() & (table.role == "model") & (table.n_datasets > 0)
    told = {True: ["no result of the same backbone without a normalizer"], False: []}
    table["note"] = [
        "; ".join(one + told[twinless]) for one, twinless in zip(reasons, alone, strict=True)
    ]
    return table


def baseline_indices(models: Sequence[ModelKey]) -> list[int | None]:
    """Return the place of each model's twin without a normalizer; None: it has none."""
    places = {model: place for place, model in enumerate(models)}
    return [
        places.get(model._replace(normalizer="Identity")) if model.role == "model" else None
        for model in models
    ]


def _leaderboard_row(panels: Sequence[Panel], number: int, column: str) -> dict[str, Any]:
    model, twin = panels[0].models[number], baseline_indices(panels[0].models)[number]
    errors, ratios, degradations, failed = [], [], [], 0
    for panel in panels:
        where = panel.placement_mask(column)
        failed += int(panel.failed_counts[number][where].sum())
        picked = panel.pair(number, where)
        if not len(picked.rows):
            continue
        errors.append(panel.log_mean(picked))
        degradations.append(panel.table.r_log.to_numpy()[picked.rows])
        ratio = None if twin is None else panel.log_ratio(panel.pair(number, where, twin))
        ratios += [] if ratio is None else [ratio]
    error = pool_estimates(errors).exp()
    # A mean over some of the data sets would stand beside one over all of them.
    against = pool_estimates(ratios) if len(ratios) == len(errors) else NO_ESTIMATE
    degradation = 0.0 if column == "clean" and errors else _mean_of_means(degradations)
    figures = (*error, degradation, *against, False, np.nan, "", len(errors), failed)
    return dict(zip(LEADERBOARD_COLUMNS, (*model, column, *figures), strict=True))


def _mean_of_means(degradations: Sequence[np.ndarray]) -> float:
    finite = [one[np.isfinite(one)] for one in degradations]
    means = [one.mean() for one in finite if len(one)]
    return float(np.mean(means)) if means else np.nan


def _unranked_reasons(row: pd.Series, clean: float, limit: float, dataset_count: int) -> list[str]:
    """Return why a row is not ranked; none: it is."""
    if row.n_datasets == 0:
        return ["no result that can be compared"]
    reasons = []
    if row.role != "model":
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
