from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import NOTHING, pooled
from revin_forecast.shift.aggregates.panel import MODEL, Model, Panel

PLACEMENTS = ("clean", "steady", "transition", "observation")
"""The headline's columns. The horizon placement is a control, not a skill: it has none."""
WITHIN = 1.1
"""Models with a clean error above this multiple of the best one's are shown, not ranked."""
COLUMNS = [
    *(*MODEL, "column", "mase", "lo", "hi", "degradation", "against_twin", "twin_lo", "twin_hi"),
    *("ranked", "rank", "note", "n_datasets", "n_failed"),
]


def headline(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error in each placement, how it degrades, and what its twin has.

    mase is the geometric mean over data sets of the mean over a data set's cells; degradation the
    mean of log(E_s / E_0); against_twin the mean of log(E / E_twin), the twin being the same
    backbone and seed without a normalizer: below 0 the normalizer helps.

    Ranks are by mase, 1 the best, and go to models whose clean error is within 10 % of the best
    model's and that have results on every data set. So nobody leads by having nothing to lose.
    """
    models = panels[0].models if panels else ()
    rows = [_row(panels, number, column) for number in range(len(models)) for column in PLACEMENTS]
    table = pd.DataFrame(rows, columns=COLUMNS)
    clean = table[table.column == "clean"].set_index(MODEL).mase
    limit = WITHIN * clean[clean.index.get_level_values("role") == "model"].min()
    own = table.set_index(MODEL).index.map(clean).to_numpy()
    most = table.groupby("column").n_datasets.transform("max")
    reasons = [
        _reasons(row, error, limit, wanted)
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


def twins(models: Sequence[Model]) -> list[int | None]:
    """Return the place of each model's twin without a normalizer; None: it has none."""
    places = {model: place for place, model in enumerate(models)}
    return [
        places.get(model._replace(normalizer="Identity")) if model.role == "model" else None
        for model in models
    ]


def _row(panels: Sequence[Panel], number: int, column: str) -> dict[str, Any]:
    model, twin = panels[0].models[number], twins(panels[0].models)[number]
    errors, ratios, degradations, failed = [], [], [], 0
    for panel in panels:
        where = panel.place(column)
        failed += int(panel.failed[number][where].sum())
        picked = panel.pick(number, where)
        if not len(picked.rows):
            continue
        errors.append(panel.log_mean(picked))
        degradations.append(panel.table.r_log.to_numpy()[picked.rows])
        ratio = None if twin is None else panel.log_ratio(panel.pick(number, where, twin))
        ratios += [] if ratio is None else [ratio]
    error = pooled(errors).exp()
    # A mean over some of the data sets would stand beside one over all of them.
    against = pooled(ratios) if len(ratios) == len(errors) else NOTHING
    degradation = 0.0 if column == "clean" and errors else _mean_of_means(degradations)
    figures = (*error, degradation, *against, False, np.nan, "", len(errors), failed)
    return dict(zip(COLUMNS, (*model, column, *figures), strict=True))


def _mean_of_means(degradations: Sequence[np.ndarray]) -> float:
    finite = [one[np.isfinite(one)] for one in degradations]
    means = [one.mean() for one in finite if len(one)]
    return float(np.mean(means)) if means else np.nan


def _reasons(row: pd.Series, clean: float, limit: float, wanted: int) -> list[str]:
    """Return why a row is not ranked; none: it is."""
    if row.n_datasets == 0:
        return ["no result that can be compared"]
    reasons = []
    if row.role != "model":
        reasons.append("a reference")
    elif np.isnan(clean):
        reasons.append("no clean error")
    elif clean > limit:
        reasons.append(f"clean error {100 * (clean / limit * WITHIN - 1):.0f} % above the best")
    if row.n_datasets < wanted:
        reasons.append(f"results on {row.n_datasets} of {wanted} data sets")
    return reasons
