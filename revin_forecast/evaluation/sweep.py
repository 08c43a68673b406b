"""A sweep of closed-form maps over a split: chosen before the test part, scored on all of it."""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from revin_forecast.closed_form.fit_ridge import ridge_mse
from revin_forecast.closed_form.seasonal_profile import DeseasonalizedModel, repeat_profile
from revin_forecast.closed_form.sweep import sweep_ridge
from revin_forecast.closed_form.sweep_result import SweepGrid, SweepResult
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import Scores, build_naive_baselines, score
from revin_forecast.models.reversible import Reversible
from revin_forecast.utils.progress import progress


@dataclass(frozen=True, eq=False)
class HorizonResult:
    """A horizon's model and its errors on every test window, beside the naive ones."""

    horizon: int
    model: Reversible | DeseasonalizedModel
    scores: Scores
    closed_form_mse: float | None
    """From the test part's own sums, without a window: `scores.mse` up to rounding. None: gaps."""
    repeat: Scores
    seasonal_naive: Scores


@dataclass(frozen=True, eq=False)
class SweepEvaluation:
    """What was chosen, what it came to, and how long choosing and solving took."""

    sweep_result: SweepResult
    horizons: tuple[HorizonResult, ...]
    choose_seconds: float
    solve_seconds: float


def evaluate_sweep(
    split: ChronologicalSplit, sweep: SweepGrid, season: int, refit: bool = True
) -> SweepEvaluation:
    """Choose on training and validation rows, solve, and score every test window.

    Args:
        split: chronological; values are z-scored by its training rows.
        sweep: what is tried.
        season: steps of SeasonalNaive.
        refit: solve on training and validation rows; else on training rows only.

    Raises:
        InputError: too few rows, too few windows without a gap, or a test part that stands apart.
    """
    if split.has_independent_parts:
        raise InputError("a sweep takes one chronological table; this split's parts stand apart.")
    values = torch.from_numpy(split.standardizer.transform(split.values[: split.test]))
    start = time.perf_counter()
    with progress("choosing look-backs and penalties"):
        swept = sweep_ridge(values[: split.validation], sweep)
    chosen = time.perf_counter()
    with progress("solving what was chosen"):
        models = swept.solve(values[: split.validation if refit else split.train])
    solved = time.perf_counter()
    results = []
    with progress("scoring horizons", len(models)) as advance:
        for horizon, model in models.items():
            advance(0, str(horizon))
            results.append(_horizon_result(split, horizon, model, season))
            advance()
    return SweepEvaluation(swept, tuple(results), chosen - start, solved - chosen)


def _horizon_result(
    split: ChronologicalSplit, horizon: int, model: Reversible | DeseasonalizedModel, season: int
) -> HorizonResult:
    inner = model.model if isinstance(model, DeseasonalizedModel) else model
    lookback = inner.backbone.lookback
    assert isinstance(lookback, int)  # a Ridge has one
    rows = torch.from_numpy(split.standardizer.transform(split.select_part("test", lookback)))
    told = split
    if isinstance(model, DeseasonalizedModel):
        rows = _subtract_profile(rows, model.profile, split.validation - lookback)
        told = replace(split, known=np.arange(len(split.values), dtype=np.float64)[:, None])
    # The naive ones see a whole season, however short the look-back that was chosen.
    seen = max(lookback, season)
    naive = build_naive_baselines(seen, horizon, split.values.shape[1], season)
    longer = split.make_windows("test", seen, horizon)
    return HorizonResult(
        horizon=horizon,
        model=model,
        scores=score(model, told.make_windows("test", lookback, horizon)),
        closed_form_mse=ridge_mse(inner, rows) if bool(rows.isfinite().all()) else None,
        repeat=score(naive["repeat"], longer),
        seasonal_naive=score(naive["seasonal_naive"], longer),
    )


def _subtract_profile(values: Tensor, profile: Tensor, first: int) -> Tensor:
    """Return rows of a table less its profile; the first of them is row `first` there."""
    return values - repeat_profile(profile.double(), first + len(values))[first:]
