"""Select a combination of candidates, fit it on all rows and collect its calibration residuals."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity
from revin_forecast.selection.calibration_residuals import (
    iter_pre_validation_residuals,
    limit_block_errors,
)
from revin_forecast.selection.candidates import EvaluatedCandidate
from revin_forecast.selection.naive_comparison import NaiveComparison, compare_with_naive
from revin_forecast.selection.refit_members import RefitSettings
from revin_forecast.selection.result import CalibrationWindows, SelectionResult, ValidationForecast
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.validation import ValidationWindows
from revin_forecast.selection.weights import absolute_errors, channel_weights, common_weights
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

MIN_SCALE_STEPS = 48
"""Least look-back of the combination if the rows allow it, to estimate the scale of a window.

Intervals are in units of that scale."""
MIN_CALIBRATION_WINDOWS = 60
"""Number of validation windows below which intervals are also calibrated on earlier rows."""
NAIVE_BACKBONES = ("Repeat", "SeasonalNaive")
"""Names of the backbones that repeat earlier values."""
MIN_CHANNEL_WEIGHT_WINDOWS = 8
"""Number of validation windows below which all channels share their weights."""


def select_model(selector: Selector, training: TrainingSettings) -> SelectionResult:
    """Evaluate candidates on validation windows and combine them by their errors there.

    The validation error of the combination is never above that of the best naive forecast or of
    any other single candidate.

    Args:
        selector: the selector, with the values and the candidates to try.
        training: settings of trained backbones, for effort "thorough".
    """
    evaluated = selector.run(training)
    forecasts = torch.stack([entry.forecast for entry in evaluated])
    weights = compute_weights(forecasts, selector.validation)
    # The members of the combination are the candidates with weight in any channel.
    indices = [index for index in range(len(evaluated)) if bool((weights[index] > 0).any())]
    members, member_weights = [evaluated[index] for index in indices], weights[indices]
    config = _build_model_config(members, selector, training)
    model = _fit_combination(config, members, member_weights, selector)
    # On validation windows, with the candidates as they were fitted on the training rows.
    forecast = torch.einsum("mwhc,mc->whc", forecasts, weights)
    errors = absolute_errors(forecast.unsqueeze(0), selector.validation.truth)[0]
    past = selector.validation.past[:, -config.lookback :]
    residuals = selector.validation.truth - forecast
    stride = selector.validation.stride
    if len(residuals) < MIN_CALIBRATION_WINDOWS:
        with progress("calibrating intervals on earlier rows"):
            blocks = iter_pre_validation_residuals(
                selector, members, member_weights, config.lookback
            )
            blocks = limit_block_errors(blocks, residuals, past)
        # Origins within an earlier block are one step apart.
        stride = 1.0
        residuals, past = (
            torch.cat(parts) for parts in zip(*blocks, (residuals, past), strict=True)
        )
    return SelectionResult(
        config=config,
        model=model,
        leaderboard=_build_leaderboard(evaluated, weights),
        mase=selector.validation.mase(errors),
        window_count=len(forecast),
        season=selector.season,
        skipped_candidates=selector.skipped_candidates,
        calibration=CalibrationWindows(
            select_targets(model, residuals), select_targets(model, past), stride
        ),
        validation=ValidationForecast(
            selector.validation.origins, forecast, selector.validation.scale
        ),
        comparison=_compare_with_naive(evaluated, forecast, selector),
        refit=RefitSettings(tuple(np.array(member.penalties) for member in members)),
    )


def _compare_with_naive(
    evaluated: Sequence[EvaluatedCandidate], forecast: Tensor, selector: Selector
) -> NaiveComparison:
    """Compare the combination with the naive candidates on the validation windows."""
    truth = selector.validation.truth
    naive_errors = {
        int(entry.candidate.backbone.parameters.get("season", 1)): truth - entry.forecast
        for entry in evaluated
        if entry.candidate.backbone.name in NAIVE_BACKBONES
    }
    return compare_with_naive(truth - forecast, naive_errors, selector.season)


def compute_weights(forecasts: Tensor, validation: ValidationWindows) -> Tensor:
    """Return (candidates, channels) weights that sum to 1 for each channel.

    Args:
        forecasts: (candidates, windows, horizon, channels).
        validation: the windows they forecast.
    """
    common = common_weights(forecasts, validation.truth, validation.scale)
    if forecasts.shape[1] < MIN_CHANNEL_WEIGHT_WINDOWS:
        return common.unsqueeze(1).repeat(1, forecasts.shape[3])
    return channel_weights(forecasts, validation.truth, common)


def _fit_combination(
    config: ModelConfig,
    members: Sequence[EvaluatedCandidate],
    weights: Tensor,
    selector: Selector,
) -> Reversible:
    """Return the combination in evaluation mode, each member refitted on all rows."""
    model = config.build(selector.task.channels)
    combination = unwrap(model.backbone)
    assert isinstance(combination, WeightedCombination)
    combination.weights.copy_(weights)
    with progress("fitting the selected models", len(members)) as advance:
        for module, member in zip(combination.members, members, strict=True):
            advance(0, member.candidate.title)
            fitted_member = member.refit(len(selector.task.values))
            assert fitted_member is not None  # only fewer rows can return None
            module.load_state_dict(fitted_member.state_dict())
            advance()
    return model.eval()


def _build_model_config(
    members: Sequence[EvaluatedCandidate], selector: Selector, training: TrainingSettings
) -> ModelConfig:
    """Return the configuration of the combination, with the longest look-back of its members."""
    member_specs = [member.candidate.description for member in members]
    longest = max(member.candidate.lookback for member in members)
    # Long enough to estimate a window's scale, but at most a third of the training rows.
    scale_lookback = min(
        selector.max_lookback, max(MIN_SCALE_STEPS, 2 * selector.season), selector.task.train // 3
    )
    return ModelConfig(
        ModuleSpec.from_class(partial(WeightedCombination, members=member_specs)),
        # The members normalize their own windows.
        ModuleSpec.from_class(Identity),
        max(longest, scale_lookback),
        selector.task.horizon,
        training,
        targets=selector.task.targets,
    )


def _build_leaderboard(
    evaluated: Sequence[EvaluatedCandidate], weights: Tensor
) -> list[dict[str, Any]]:
    """Return a row for each candidate, best first; its share is its mean weight over channels."""
    rows = [
        {
            "model": entry.candidate.model_name,
            "normalizer": entry.candidate.centring,
            "lookback": entry.candidate.lookback,
            "mase": round(entry.mase, 4),
            "share": round(float(share), 4),
            "seconds": round(entry.seconds, 3),
        }
        for entry, share in zip(evaluated, weights.mean(1), strict=True)
    ]
    return sorted(rows, key=lambda row: row["mase"])
