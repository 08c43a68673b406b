"""Evaluate a sweep of closed-form maps: select before the test part, score on all of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from revin_forecast.closed_form.fit_ridge import ridge_mse
from revin_forecast.closed_form.seasonal_profile import DeseasonalizedModel, repeat_profile
from revin_forecast.closed_form.sweep import sweep_ridge
from revin_forecast.closed_form.sweep_result import SweepGrid, SweepModel, SweepResult
from revin_forecast.closed_form.transform_trial import DataUnits
from revin_forecast.closed_form.value_transform import TransformedModel
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import Scores, build_naive_baselines, score
from revin_forecast.evaluation.sweep_scores import (
    forecast_model,
    forecast_repeat,
    forecast_season,
    score_horizons,
)
from revin_forecast.models.reversible import Reversible
from revin_forecast.utils.progress import progress
from revin_forecast.utils.threads import thread_map


@dataclass(frozen=True, eq=False)
class HorizonResult:
    """Model and test scores of one horizon, with the scores of the naive baselines."""

    horizon: int
    model: SweepModel
    scores: Scores
    closed_form_mse: float | None
    """MSE from the sums of the test part, without building a window; equals `scores.mse` up to
    rounding. None: the test part has gaps, or the values are transformed."""
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
    split: ChronologicalSplit,
    sweep: SweepGrid,
    season: int,
    refit: bool = True,
    transforms: bool = False,
) -> SweepEvaluation:
    """Select on training and validation rows, solve, and score every test window.

    Args:
        split: chronological split; values are z-scored by its training rows.
        sweep: the settings to try.
        season: steps of SeasonalNaive.
        refit: solve on training and validation rows; otherwise on training rows only. The selection
            is the same.
        transforms: try the logarithm and the square root of a table of positive values.

    Raises:
        InputError: too few rows, too few windows without a gap, or a split with independent parts.
    """
    if split.has_independent_parts:
        raise InputError(
            "a sweep takes one chronological table, but this split's parts are separate tables."
        )
    standardizer = split.standardizer
    values = torch.from_numpy(standardizer.transform(split.values[: split.validation]))
    units = None
    if transforms:
        scales = (standardizer.mean, standardizer.scale)
        units = DataUnits(*map(torch.from_numpy, scales))
    start = time.perf_counter()
    with progress("choosing look-backs, penalties and additions"):
        sweep_result = sweep_ridge(values, sweep, units)
    seconds = time.perf_counter() - start
    return replace(evaluate_result(split, sweep_result, season, refit), choose_seconds=seconds)


def evaluate_result(
    split: ChronologicalSplit, sweep_result: SweepResult, season: int, refit: bool = True
) -> SweepEvaluation:
    """Solve selected maps, without selecting again, and score every test window.

    Args:
        split: chronological split.
        sweep_result: the selected maps.
        season: steps of SeasonalNaive.
        refit: solve on training and validation rows; otherwise on training rows only.
    """
    values = torch.from_numpy(split.standardizer.transform(split.values[: split.test]))
    start = time.perf_counter()
    with progress("solving the selected maps"):
        models = sweep_result.solve(values[: split.validation if refit else split.train])
    seconds = time.perf_counter() - start
    with progress("scoring all test windows"):
        results = _evaluate_models(split, values, models, season)
    return SweepEvaluation(sweep_result, results, choose_seconds=0.0, solve_seconds=seconds)


def _evaluate_models(
    split: ChronologicalSplit, values: Tensor, models: Mapping[int, SweepModel], season: int
) -> tuple[HorizonResult, ...]:
    """Return the test scores of the models and of the baselines.

    Args:
        split: the split.
        values: (time, channels) float64, standardized rows up to the end of the test part.
        models: model of each horizon.
        season: steps of SeasonalNaive.
    """
    horizons = sorted(models)
    longest = models[horizons[-1]]
    lookback = _find_lookback(longest)
    # The baselines see a whole season, however short the selected look-back is.
    first_row = split.validation - max(lookback, season)
    if first_row < 0 or not bool(values[first_row:].isfinite().all()):
        return tuple(_evaluate_horizon(split, h, models[h], season) for h in horizons)
    rows, first = values[first_row:], split.validation - first_row
    single = rows.float()
    scores = [
        score_horizons(single, first, horizons, forecast)
        for forecast in (
            forecast_model(longest, rows, first_row),
            forecast_repeat(single, horizons[-1]),
            forecast_season(single, horizons[-1], season),
        )
    ]
    exact = thread_map(
        lambda h: _closed_form_mse(models[h], values[split.validation - lookback :], split),
        horizons,
    )
    return tuple(
        HorizonResult(horizon, models[horizon], own, mse, repeat, naive)
        for horizon, mse, own, repeat, naive in zip(horizons, exact, *scores, strict=True)
    )


def _unwrap(model: SweepModel) -> Reversible:
    """Return the Ridge inside its normalizer."""
    while not isinstance(model, Reversible):
        model = model.model
    return model


def _find_lookback(model: SweepModel) -> int:
    lookback = _unwrap(model).backbone.lookback
    assert isinstance(lookback, int)  # the backbone is a Ridge
    return lookback


def _closed_form_mse(model: SweepModel, rows: Tensor, split: ChronologicalSplit) -> float | None:
    """Return a model's MSE from sums; None if rows have gaps or the values are transformed."""
    if isinstance(model, TransformedModel) or not bool(rows.isfinite().all()):
        return None
    if isinstance(model, DeseasonalizedModel):
        lookback = _find_lookback(model)
        rows = _subtract_profile(rows, model.profile, split.validation - lookback)
    return ridge_mse(_unwrap(model), rows)


def _evaluate_horizon(
    split: ChronologicalSplit, horizon: int, model: SweepModel, season: int
) -> HorizonResult:
    """Return the scores of one horizon with gaps in the table, window by window."""
    lookback, model_split = _find_lookback(model), split
    rows = torch.from_numpy(split.standardizer.transform(split.select_part("test", lookback)))
    inner = model.model if isinstance(model, TransformedModel) else model
    if isinstance(inner, DeseasonalizedModel):
        # The model takes the row number as known input, to look up the phase of its profile.
        row_numbers = np.arange(len(split.values), dtype=np.float64)[:, None]
        model_split = replace(split, known=row_numbers)
    baseline_lookback = max(lookback, season)
    baselines = build_naive_baselines(baseline_lookback, horizon, split.values.shape[1], season)
    baseline_windows = split.make_windows("test", baseline_lookback, horizon)
    return HorizonResult(
        horizon=horizon,
        model=model,
        scores=score(model, model_split.make_windows("test", lookback, horizon)),
        closed_form_mse=_closed_form_mse(model, rows, split),
        repeat=score(baselines["repeat"], baseline_windows),
        seasonal_naive=score(baselines["seasonal_naive"], baseline_windows),
    )


def _subtract_profile(values: Tensor, profile: Tensor, first: int) -> Tensor:
    """Return rows of a table minus its seasonal profile; they begin at row `first` of the table."""
    return values - repeat_profile(profile.double(), first + len(values))[first:]
