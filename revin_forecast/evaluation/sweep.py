"""Evaluate a sweep of closed-form maps: select before the test part, score on all of it."""

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
    """Model and test scores of one horizon, with the scores of the naive baselines."""

    horizon: int
    model: Reversible | DeseasonalizedModel
    scores: Scores
    closed_form_mse: float | None
    """MSE from the sums of the test part, without building a window; equals `scores.mse` up to
    rounding. None: the test part has gaps."""
    repeat: Scores
    seasonal_naive: Scores


@dataclass(frozen=True, eq=False)
class SweepEvaluation:
    """The selected settings, their test scores, and the time to select and to solve."""

    sweep_result: SweepResult
    horizons: tuple[HorizonResult, ...]
    choose_seconds: float
    solve_seconds: float


def evaluate_sweep(
    split: ChronologicalSplit, sweep: SweepGrid, season: int, refit: bool = True
) -> SweepEvaluation:
    """Select on training and validation rows, solve, and score every test window.

    Args:
        split: chronological split; values are z-scored by its training rows.
        sweep: the settings to try.
        season: steps of SeasonalNaive.
        refit: solve on training and validation rows; otherwise on training rows only.

    Raises:
        InputError: too few rows, too few windows without a gap, or a split with independent parts.
    """
    if split.has_independent_parts:
        raise InputError(
            "a sweep takes one chronological table, but this split's parts are separate tables."
        )
    values = torch.from_numpy(split.standardizer.transform(split.values[: split.test]))
    start = time.perf_counter()
    with progress("choosing look-backs and penalties"):
        sweep_result = sweep_ridge(values[: split.validation], sweep)
    chosen_at = time.perf_counter()
    with progress("solving the selected maps"):
        models = sweep_result.solve(values[: split.validation if refit else split.train])
    solved_at = time.perf_counter()
    results = []
    with progress("scoring horizons", len(models)) as advance:
        for horizon, model in models.items():
            advance(0, str(horizon))
            results.append(_evaluate_horizon(split, horizon, model, season))
            advance()
    return SweepEvaluation(sweep_result, tuple(results), chosen_at - start, solved_at - chosen_at)


def _evaluate_horizon(
    split: ChronologicalSplit, horizon: int, model: Reversible | DeseasonalizedModel, season: int
) -> HorizonResult:
    inner = model.model if isinstance(model, DeseasonalizedModel) else model
    lookback = inner.backbone.lookback
    assert isinstance(lookback, int)  # the backbone is a Ridge
    rows = torch.from_numpy(split.standardizer.transform(split.select_part("test", lookback)))
    model_split = split
    if isinstance(model, DeseasonalizedModel):
        rows = _subtract_profile(rows, model.profile, split.validation - lookback)
        # The model takes the row number as known input, to look up the phase of its profile.
        row_numbers = np.arange(len(split.values), dtype=np.float64)[:, None]
        model_split = replace(split, known=row_numbers)
    # The baselines see a whole season, however short the selected look-back is.
    baseline_lookback = max(lookback, season)
    baselines = build_naive_baselines(baseline_lookback, horizon, split.values.shape[1], season)
    baseline_windows = split.make_windows("test", baseline_lookback, horizon)
    return HorizonResult(
        horizon=horizon,
        model=model,
        scores=score(model, model_split.make_windows("test", lookback, horizon)),
        closed_form_mse=ridge_mse(inner, rows) if bool(rows.isfinite().all()) else None,
        repeat=score(baselines["repeat"], baseline_windows),
        seasonal_naive=score(baselines["seasonal_naive"], baseline_windows),
    )


def _subtract_profile(values: Tensor, profile: Tensor, first: int) -> Tensor:
    """Return rows of a table minus its seasonal profile; they begin at row `first` of the table."""
    return values - repeat_profile(profile.double(), first + len(values))[first:]
