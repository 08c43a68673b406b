"""Ranks by regret, among models with skill, of errors that damping can't lower."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from revin_forecast.shift.aggregates.estimates import (
    NO_ESTIMATE,
    Estimate,
    PooledEstimate,
    pool_estimates,
)
from revin_forecast.shift.aggregates.panel import Panel

RANK_COLUMNS = [
    *("undamped", "regret", "regret_lo", "regret_hi"),
    *("skilled", "on_front", "ranked", "rank"),
]
CONSTANT_BACKBONE = "Constant"
MIN_SKILL_SHARE = 0.5
"""Share of the best model's skill on clean data that a model needs to be ranked by its error."""
TIE_TOLERANCE = 1e-5
"""Difference of two log-errors that may be rounding."""
NO_SKILL = "no skill over the constant forecast on clean data"
LITTLE_SKILL = "less than half of the best model's skill on clean data"
UNKNOWN_SKILL = "no rank: the skill over the constant forecast on clean data is not known"


def judge_skill(panels: Sequence[Panel]) -> list[str]:
    """Return the reason why each model has no skill on clean data; empty if it has.

    A model has skill if its undamped error is below the error of the constant forecast, by an
    interval that excludes 0, and by at least half of the best model's log-ratio. Without skill a
    model has nothing to lose to a shift. In a table without the constant forecast all have skill.
    """
    models = panels[0].models
    constant = next(
        (number for number, model in enumerate(models) if model.backbone == CONSTANT_BACKBONE), None
    )
    if constant is None:
        return [""] * len(models)
    baseline = undamped_means(panels, constant, "clean")
    ratios = [
        _pool_differences(undamped_means(panels, number, "clean"), baseline)
        for number in range(len(models))
    ]
    gains = np.array([-ratio.value for ratio in ratios])
    trained = gains[[model.role == "model" for model in models]]
    best = np.max(trained[np.isfinite(trained)], initial=0.0)
    return [_explain_skill(ratio, best) for ratio in ratios]


def _explain_skill(ratio: PooledEstimate, best: float) -> str:
    if np.isnan(ratio.value):
        return UNKNOWN_SKILL
    if ratio.value >= -TIE_TOLERANCE or ratio.hi >= 0:
        return NO_SKILL
    return LITTLE_SKILL if -ratio.value < MIN_SKILL_SHARE * best else ""


def rank_column(panels: Sequence[Panel], column: str, reasons: Sequence[str]) -> dict[str, Any]:
    """Return regret, Pareto front and rank of every model in a placement, by `RANK_COLUMNS`.

    Ranks compare undamped errors: the forecasts of a model are scaled around the training mean by
    the factor that is best on its validation windows, so that a damped copy of a model has the
    error of that model. regret is log(undamped error / that of the best model with skill), with
    the same model in every draw of the interval. Models without skill share the last rank. Of
    models with equal undamped errors (copies of one) the least damped is first, then that with the
    smaller clean error. on_front marks the models with skill that no other one beats on clean data
    and in the placement at once.

    Args:
        panels: the data sets.
        column: the placement.
        reasons: from `judge_skill`.
    """
    models = panels[0].models
    means = [undamped_means(panels, number, column) for number in range(len(models))]
    values = np.array([pool_estimates(part).value for part in means])
    has_known_skill = np.array([reason != UNKNOWN_SKILL for reason in reasons])
    is_model = np.array([model.role == "model" for model in models])
    ranked = is_model & np.isfinite(values) & has_known_skill
    skilled = ranked & np.array([not reason for reason in reasons])
    candidates = np.flatnonzero(skilled if skilled.any() else ranked)
    regrets = [NO_ESTIMATE] * len(models)
    if len(candidates):
        best = candidates[np.argmin(values[candidates])]
        regrets = [_pool_differences(part, means[best]) for part in means]
    able = np.flatnonzero(skilled).tolist()
    rank, on_front = np.where(ranked, float(ranked.sum()), np.nan), np.zeros(len(models), bool)
    clean_values = _pooled_values(panels, able, "clean")
    rank[able] = order_models(values[able], *_tie_keys(panels, able))
    on_front[able] = pareto_front(clean_values, values[able], rank[able])
    figures = np.exp(values), *np.array(regrets).T, skilled, on_front, ranked, rank
    return dict(zip(RANK_COLUMNS, figures, strict=True))


def undamped_means(panels: Sequence[Panel], number: int, column: str) -> list[Estimate | None]:
    """Return a model's mean of log(undamped error), for each data set that has the placement."""
    masks = [panel.placement_mask(column) for panel in panels]
    return [
        panel.undamped_log_mean(number, mask)
        for panel, mask in zip(panels, masks, strict=True)
        if panel.has_cells(mask)
    ]


def order_models(
    errors: Float[np.ndarray, " models"],
    factors: Float[np.ndarray, " models"],
    clean_errors: Float[np.ndarray, " models"],
) -> Float[np.ndarray, " models"]:
    """Return ranks by error; ties by the factor that undoes the damping, then by clean error.

    Args:
        errors: logarithms; differences up to `TIE_TOLERANCE` are ties.
        factors: smallest for the model that is least damped; NaN if unknown.
        clean_errors: any measure of the clean error.

    >>> order_models(np.log([2, 1, 1]), np.array([1.0, 3.0, 1.0]), np.ones(3))
    array([3., 2., 1.])
    """
    order = np.argsort(errors, kind="stable")
    group = np.empty(len(errors))
    group[order] = np.cumsum(np.diff(errors[order], prepend=-np.inf) > TIE_TOLERANCE)
    keys = np.stack([group, np.round(np.nan_to_num(factors), 5), clean_errors], axis=1)
    counts = [sum(tuple(other) < tuple(key) for other in keys) for key in keys]
    return 1.0 + np.array(counts, dtype=float)


def pareto_front(
    clean_errors: Float[np.ndarray, " models"],
    errors: Float[np.ndarray, " models"],
    ranks: Float[np.ndarray, " models"],
) -> Bool[np.ndarray, " models"]:
    """Return the models that no other one beats in both errors; of equal ones the first by rank.

    Args:
        clean_errors: logarithms of the clean errors.
        errors: logarithms of the errors under the shift.
        ranks: decide between models whose errors differ by rounding only.

    >>> pareto_front(np.log([1, 2, 3]), np.log([3, 2, 2.5]), np.array([3.0, 1, 2]))
    array([ True,  True, False])
    """
    gaps = [values[None, :] - values[:, None] for values in (clean_errors, errors)]
    is_not_worse = (gaps[0] <= TIE_TOLERANCE) & (gaps[1] <= TIE_TOLERANCE)
    is_better = (gaps[0] < -TIE_TOLERANCE) | (gaps[1] < -TIE_TOLERANCE)
    is_first = ranks[None, :] < ranks[:, None]
    is_beaten = is_not_worse & (is_better | is_first)
    return np.array([not row.any() for row in is_beaten], dtype=bool)


def _tie_keys(panels: Sequence[Panel], numbers: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor of each model on clean data and its own clean error, mean logarithms."""
    factors, errors = np.full(len(numbers), np.nan), np.full(len(numbers), np.nan)
    for position, number in enumerate(numbers):
        rows = [panel.pair(number, panel.placement_mask("clean")).rows for panel in panels]
        pairs = list(zip(panels, rows, strict=True))
        factors[position] = np.mean([panel.undamping[part].mean() for panel, part in pairs])
        errors[position] = np.mean([panel.log_errors[part].mean() for panel, part in pairs])
    return factors, errors


def _pooled_values(panels: Sequence[Panel], numbers: Sequence[int], column: str) -> np.ndarray:
    means = [undamped_means(panels, number, column) for number in numbers]
    return np.array([pool_estimates(part).value for part in means])


def _pool_differences(
    means: Sequence[Estimate | None], others: Sequence[Estimate | None]
) -> PooledEstimate:
    pairs = zip(means, others, strict=True)
    return pool_estimates([None if a is None or b is None else a.minus(b) for a, b in pairs])
