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
MIN_SKILL = 0.01
"""Smallest skill: log(error of the constant forecast / own error) on clean data. Among many models
without any, the interval of one excludes 0 by chance, but hardly this far."""
MIN_SKILL_SHARE = 0.25
"""Share of the best model's skill that a model needs to be ranked by its error."""
TIE_TOLERANCE = 1e-6
"""Difference of two log-errors that may be rounding."""
NEAR_CLEAN_ERROR = 0.25
"""Largest log-ratio of the clean errors of a model and of its best damped copy."""
NO_SKILL = "no skill over the constant forecast"
LITTLE_SKILL = "less than a quarter of the best model's skill over the constant forecast"
UNKNOWN_SKILL = "no rank: the skill over the constant forecast is not known"


def judge_skill(panels: Sequence[Panel], column: str) -> list[str]:
    """Return the reason why each model has no skill in a placement; empty if it has.

    A model has skill if its error is below that of the constant forecast, on clean data or in the
    placement: by 1 %, by an interval that excludes 0, and by a quarter of the best model's
    log-ratio. Without skill a model has nothing to lose to a shift. In a table without the constant
    forecast all have skill.
    """
    models = panels[0].models
    constant = next(
        (number for number, model in enumerate(models) if model.backbone == CONSTANT_BACKBONE), None
    )
    if constant is None:
        return [""] * len(models)
    reasons = _judge_column(panels, "clean", constant)
    if column == "clean":
        return reasons
    others = _judge_column(panels, column, constant)
    return ["" if not other else own for own, other in zip(reasons, others, strict=True)]


def _judge_column(panels: Sequence[Panel], column: str, constant: int) -> list[str]:
    models, originals = panels[0].models, _find_originals(panels)
    means = [_means_of_copy(panels, n, originals[n], column) for n in range(len(models))]
    ratios = [_pool_differences(part, means[constant]) for part in means]
    gains = np.array([-ratio.value for ratio in ratios])
    trained = gains[[model.role == "model" for model in models]]
    best = np.max(trained[np.isfinite(trained)], initial=0.0)
    return [_explain_skill(ratio, best) for ratio in ratios]


def _explain_skill(ratio: PooledEstimate, best: float) -> str:
    if np.isnan(ratio.value):
        return UNKNOWN_SKILL
    if ratio.value > -MIN_SKILL or ratio.hi >= 0:
        return NO_SKILL
    return LITTLE_SKILL if -ratio.value < MIN_SKILL_SHARE * best else ""


def rank_column(panels: Sequence[Panel], column: str, reasons: Sequence[str]) -> dict[str, Any]:
    """Return regret, Pareto front and rank of every model in a placement, by `RANK_COLUMNS`.

    Ranks compare the larger of two errors: a model's own one, and the undamped one, with the
    forecasts scaled around the training mean by the factors (one a channel and step) that are best
    on clean data. So nothing is won by damping forecasts towards the training mean. A damped copy
    of a model, with the same undamped forecasts, never ranks before it. regret is log(error / that
    of the best model with skill), with the same model in every draw of the interval. Models without
    skill share the last rank. on_front marks the models with skill that no other one beats on clean
    data and in the placement at once.

    Args:
        panels: the data sets.
        column: the placement.
        reasons: from `judge_skill`.
    """
    models = panels[0].models
    numbers = range(len(models))
    originals = _find_originals(panels)
    means = [_means_of_copy(panels, number, originals[number], column) for number in numbers]
    values = np.array([pool_estimates(part).value for part in means])
    clean = [_means_of_copy(panels, number, originals[number], "clean") for number in numbers]
    clean_values = np.array([pool_estimates(part).value for part in clean])
    is_model = np.array([model.role == "model" for model in models])
    has_known_skill = np.array([reason != UNKNOWN_SKILL for reason in reasons])
    ranked = is_model & np.isfinite(values) & has_known_skill
    skilled = ranked & np.array([not reason for reason in reasons])
    candidates = np.flatnonzero(skilled if skilled.any() else ranked)
    regrets = [NO_ESTIMATE] * len(models)
    if len(candidates):
        best = candidates[np.argmin(values[candidates])]
        regrets = [_pool_differences(part, means[best]) for part in means]
    able = np.flatnonzero(skilled).tolist()
    rank, on_front = np.where(ranked, float(ranked.sum()), np.nan), np.zeros(len(models), bool)
    factors, clean_errors = _tie_keys(panels)
    rank[able] = order_models(values[able], factors[able], clean_errors[able])
    on_front[able] = pareto_front(clean_values[able], values[able], rank[able])
    undamped = [_pooled_value(_undamped_means(panels, number, column)) for number in numbers]
    figures = np.exp(undamped), *np.array(regrets).T, skilled, on_front, ranked, rank
    return dict(zip(RANK_COLUMNS, figures, strict=True))


def ranked_means(panels: Sequence[Panel], number: int, column: str) -> list[Estimate | None]:
    """Return the means of log(error) that ranks compare, for each data set of the placement.

    Those of the undamped or of the own errors, whichever are larger over all data sets.
    """
    undamped = _undamped_means(panels, number, column)
    own = [panel.log_mean(number, mask) for panel, mask in _used_panels(panels, column)]
    return own if _pooled_value(own) > _pooled_value(undamped) else undamped


def _undamped_means(panels: Sequence[Panel], number: int, column: str) -> list[Estimate | None]:
    used = _used_panels(panels, column)
    return [panel.undamped_log_mean(number, mask) for panel, mask in used]


def _used_panels(panels: Sequence[Panel], column: str) -> list[tuple[Panel, np.ndarray]]:
    """Return the data sets that have cells of a placement, with the mask of its conditions."""
    pairs = [(panel, panel.placement_mask(column)) for panel in panels]
    return [(panel, mask) for panel, mask in pairs if panel.has_cells(mask)]


def _pooled_value(means: Sequence[Estimate | None]) -> float:
    return pool_estimates(means).value


def _means_of_copy(
    panels: Sequence[Panel], number: int, original: int, column: str
) -> list[Estimate | None]:
    """Return `ranked_means` of a model, or of its original if those are larger."""
    own, others = (ranked_means(panels, index, column) for index in (number, original))
    return others if _pooled_value(others) > _pooled_value(own) else own


def _find_originals(panels: Sequence[Panel]) -> list[int]:
    """Return the index of the model that each one is a damped copy of; its own index if of none.

    Copies have equal undamped errors on clean data. The original is the least damped one whose own
    clean error is near the smallest: a copy with too large forecasts is not the original of all.
    """
    factors, errors = _tie_keys(panels)
    undamped = np.array(
        [_pooled_value(_undamped_means(panels, n, "clean")) for n in range(len(errors))]
    )
    originals = list(range(len(errors)))
    for number in np.flatnonzero(np.isfinite(undamped)).tolist():
        copies = np.flatnonzero(np.abs(undamped - undamped[number]) < TIE_TOLERANCE)
        good = copies[errors[copies] <= errors[copies].min() + NEAR_CLEAN_ERROR]
        original = int(good[np.argmin(factors[good])])
        if factors[original] < factors[number] - TIE_TOLERANCE:
            originals[number] = original
    return originals


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


def _tie_keys(panels: Sequence[Panel]) -> tuple[np.ndarray, np.ndarray]:
    """Return the undamping factor of each model, and log(own clean error); NaN if unknown."""
    factors, errors = np.full((2, len(panels[0].models)), np.nan)
    used = _used_panels(panels, "clean")
    for number in range(len(factors)):
        rows = [panel.pair(number, mask).rows for panel, mask in used]
        if rows and all(len(part) for part in rows):
            pairs = list(zip(used, rows, strict=True))
            factors[number] = np.mean([panel.undamping[part].mean() for (panel, _), part in pairs])
            errors[number] = np.mean([panel.log_errors[part].mean() for (panel, _), part in pairs])
    return factors, errors


def _pool_differences(
    means: Sequence[Estimate | None], others: Sequence[Estimate | None]
) -> PooledEstimate:
    pairs = zip(means, others, strict=True)
    return pool_estimates([None if a is None or b is None else a.minus(b) for a, b in pairs])
