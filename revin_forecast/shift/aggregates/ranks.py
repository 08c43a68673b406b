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
from revin_forecast.shift.aggregates.ranked_errors import TIE_TOLERANCE, RankedErrors

RANK_COLUMNS = [
    *("undamped", "regret", "regret_lo", "regret_hi"),
    *("skilled", "on_front", "ranked", "rank"),
]
CONSTANT_BACKBONE = "Constant"
MIN_SKILL = 0.01
"""Smallest skill: log(error of the constant forecast / own error) on clean data. Among many models
without any, the interval of one excludes 0 by chance, but hardly this far."""
MIN_SKILL_SHARE = 0.25
"""Share of the best model's skill that a model needs to be ranked by its error."""
NO_SKILL = "no skill over the constant forecast"
LITTLE_SKILL = "less than a quarter of the best model's skill over the constant forecast"
UNKNOWN_SKILL = "no rank: the skill over the constant forecast is not known"


def judge_skill(errors: RankedErrors, column: str) -> list[str]:
    """Return the reason why each model has no skill in a placement; empty if it has.

    A model has skill if its error is below that of the constant forecast, on clean data or in the
    placement: by 1 %, by an interval that excludes 0, and by a quarter of the best model's
    log-ratio. Without skill a model has nothing to lose to a shift. In a table without the constant
    forecast all have skill.
    """
    backbones = [model.backbone for model in errors.models]
    if CONSTANT_BACKBONE not in backbones:
        return [""] * len(backbones)
    constant = backbones.index(CONSTANT_BACKBONE)
    reasons = _judge_column(errors, "clean", constant)
    if column == "clean":
        return reasons
    others = _judge_column(errors, column, constant)
    return ["" if not other else own for own, other in zip(reasons, others, strict=True)]


def _judge_column(errors: RankedErrors, column: str, constant: int) -> list[str]:
    means = errors.means(column)
    ratios = [_pool_differences(part, means[constant]) for part in means]
    gains = np.array([-ratio.value for ratio in ratios])
    trained = gains[[model.role == "model" for model in errors.models]]
    best = np.max(trained[np.isfinite(trained)], initial=0.0)
    return [_explain_skill(ratio, best) for ratio in ratios]


def _explain_skill(ratio: PooledEstimate, best: float) -> str:
    if np.isnan(ratio.value):
        return UNKNOWN_SKILL
    if ratio.value > -MIN_SKILL or ratio.hi >= 0:
        return NO_SKILL
    return LITTLE_SKILL if -ratio.value < MIN_SKILL_SHARE * best else ""


def rank_column(errors: RankedErrors, column: str, reasons: Sequence[str]) -> dict[str, Any]:
    """Return regret, Pareto front and rank of every model in a placement, by `RANK_COLUMNS`.

    Ranks compare `RankedErrors`, by which nothing is won by damping forecasts towards the training
    mean. regret is log(error / that of the best model with skill), with the same model in every
    draw of the interval. Models without skill share the last rank. on_front marks the models with
    skill that no other one beats on clean data and in the placement at once.

    Args:
        errors: the errors.
        column: the placement.
        reasons: from `judge_skill`.
    """
    means, values = errors.means(column), errors.values(column)
    is_model = np.array([model.role == "model" for model in errors.models])
    has_known_skill = np.array([reason != UNKNOWN_SKILL for reason in reasons])
    ranked = is_model & np.isfinite(values) & has_known_skill
    skilled = ranked & np.array([not reason for reason in reasons])
    candidates = np.flatnonzero(skilled if skilled.any() else ranked)
    regrets = [NO_ESTIMATE] * len(values)
    if len(candidates):
        best = candidates[np.argmin(values[candidates])]
        regrets = [_pool_differences(part, means[best]) for part in means]
    able = np.flatnonzero(skilled)
    rank, on_front = np.where(ranked, float(ranked.sum()), np.nan), np.zeros(len(values), bool)
    rank[able] = order_models(values[able], errors.factors[able], errors.clean_errors[able])
    on_front[able] = pareto_front(errors.values("clean")[able], values[able], rank[able])
    undamped = np.exp(errors.undamped_values(column))
    figures = undamped, *np.array(regrets).T, skilled, on_front, ranked, rank
    return dict(zip(RANK_COLUMNS, figures, strict=True))


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


def _pool_differences(
    means: Sequence[Estimate | None], others: Sequence[Estimate | None]
) -> PooledEstimate:
    pairs = zip(means, others, strict=True)
    return pool_estimates([None if a is None or b is None else a.minus(b) for a, b in pairs])
