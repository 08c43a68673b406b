"""Choose look-back, normalizer and model on rolling validation windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity
from revin_forecast.selection.calibration_residuals import (
    limit_block_errors,
    pre_validation_residuals,
)
from revin_forecast.selection.selector import EvaluatedCandidate, Selector
from revin_forecast.selection.validation import ValidationWindows
from revin_forecast.selection.weights import absolute_errors, channel_weights, common_weights
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

MIN_SCALE_STEPS = 48
"""The window's scale, which intervals are in, is taken over as many steps at least."""
MIN_CALIBRATION_WINDOWS = 60
"""Windows for intervals that are looked for in earlier rows if validation has fewer."""
MIN_CHANNEL_WEIGHT_WINDOWS = 8
"""Validation windows below which all channels share their weights."""


@dataclass(frozen=True, eq=False)
class SelectionResult:
    """What was chosen, and on which evidence."""

    config: ModelConfig
    model: Reversible
    """A `Combination`, fitted on all rows."""
    leaderboard: list[dict[str, Any]]
    """A row for each candidate, best first: what it is, validation MASE, share, seconds."""
    mase: float
    """Of the combination on the validation windows."""
    window_count: int
    """Of validation."""
    season: int
    skipped_candidates: list[str]
    """Candidates that the time did not suffice for."""
    residuals: Tensor
    """(windows, horizon, targets): truth less forecast on windows that came after what was fitted.

    Those of validation, and if they are few, earlier ones, forecast with maps solved on the rows
    before them.
    """
    past: Tensor
    """(windows, lookback, targets) of them."""
    stride: float
    """Steps from one window's origin to the next's."""


def select_model(selector: Selector, training: TrainingSettings) -> SelectionResult:
    """Try candidates on validation windows, and combine them by what they are worth there.

    The validation error of the combination is never above that of the best naive forecast, nor
    above that of any single candidate.

    Args:
        selector: with the values and what may be tried.
        training: of the backbones that are trained, with effort "thorough".
    """
    tried = selector.run(training)
    forecasts = torch.stack([one.forecast for one in tried])
    weights = combination_weights(forecasts, selector.validation)
    used = [place for place in range(len(tried)) if bool((weights[place] > 0).any())]
    members = [tried[place] for place in used]
    recipe = _model_config(members, selector, training)
    model = recipe.build(selector.task.channels)
    combination = unwrap(model.backbone)
    assert isinstance(combination, WeightedCombination)
    combination.weights.copy_(weights[used])
    with progress("fitting what was chosen", len(members)) as advance:
        for module, member in zip(combination.members, members, strict=True):
            advance(0, member.candidate.title)
            fitted = member.refit(len(selector.task.values))
            assert fitted is not None  # on all rows it is what it was made for
            module.load_state_dict(fitted.state_dict())
            advance()
    forecast = torch.einsum("mwhc,mc->whc", forecasts, weights)
    errors = absolute_errors(forecast.unsqueeze(0), selector.validation.truth)[0]
    past = selector.validation.past[:, -recipe.lookback :]
    residuals = selector.validation.truth - forecast
    stride = selector.validation.stride
    if len(residuals) < MIN_CALIBRATION_WINDOWS:
        with progress("calibrating intervals on earlier rows"):
            more = pre_validation_residuals(selector, members, weights[used], recipe.lookback)
            more = limit_block_errors(more, residuals, past)
        stride = 1.0
        residuals, past = (torch.cat(parts) for parts in zip(*more, (residuals, past), strict=True))
    return SelectionResult(
        recipe,
        model.eval(),
        _leaderboard(tried, weights),
        selector.validation.mase(errors),
        len(forecast),
        selector.season,
        selector.skipped_candidates,
        select_targets(model, residuals),
        select_targets(model, past),
        stride,
    )


def combination_weights(forecasts: Tensor, validation: ValidationWindows) -> Tensor:
    """Return (candidates, channels) weights, summing to 1 for each channel."""
    common = common_weights(forecasts, validation.truth, validation.scale)
    if forecasts.shape[1] < MIN_CHANNEL_WEIGHT_WINDOWS:
        return common.unsqueeze(1).repeat(1, forecasts.shape[3])
    return channel_weights(forecasts, validation.truth, common)


def _model_config(
    members: Sequence[EvaluatedCandidate], selector: Selector, training: TrainingSettings
) -> ModelConfig:
    described = [vars(member.candidate) for member in members]
    longest = max(member.candidate.lookback for member in members)
    least = min(
        selector.max_lookback, max(MIN_SCALE_STEPS, 2 * selector.season), selector.task.train // 3
    )
    return ModelConfig(
        ModuleSpec.from_class(partial(WeightedCombination, members=described)),
        ModuleSpec.from_class(Identity),
        max(longest, least),
        selector.task.horizon,
        training,
        targets=selector.task.targets,
    )


def _leaderboard(tried: Sequence[EvaluatedCandidate], weights: Tensor) -> list[dict[str, Any]]:
    rows = [
        {
            "model": one.candidate.model_name,
            "normalizer": one.candidate.centring,
            "lookback": one.candidate.lookback,
            "mase": round(one.mase, 4),
            "share": round(float(share), 4),
            "seconds": round(one.seconds, 3),
        }
        for one, share in zip(tried, weights.mean(1), strict=True)
    ]
    return sorted(rows, key=lambda row: row["mase"])
