"""Weights of a combination of forecasts, selected greedily on validation windows."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

GREEDY_ROUNDS = 12
"""Members a combination may hold, repetitions included."""
MAX_ERROR_BLOCKS, MIN_ERROR_BLOCKS = 8, 4
"""Blocks of windows over which a standard error is estimated."""

Forecasts = Float[Tensor, "candidates windows horizon channels"]
Truth = Float[Tensor, "windows horizon channels"]
Errors = Float[Tensor, "candidates channels"]


def absolute_errors(forecasts: Forecasts, truth: Truth) -> Errors:
    """Return each candidate's mean absolute error in each channel; 0 if nothing was observed."""
    observed = truth.isfinite()
    count = observed.sum((0, 1)).clamp(min=1)
    known_truth = torch.where(observed, truth, 0)
    errors = [
        torch.where(observed, forecast - known_truth, 0).abs().sum((0, 1)) for forecast in forecasts
    ]
    return torch.stack(errors) / count


def common_weights(
    forecasts: Forecasts, truth: Truth, scale: Float[Tensor, " channels"]
) -> Float[Tensor, " candidates"]:
    """Return weights common to all channels, by greedy selection with replacement.

    Selection starts with the best candidate, repeatedly adds the forecast with which the mean has
    the least error, and returns the weights of the best round (Caruana et al., ICML 2004). On these
    windows the error is therefore never above that of any single candidate.

    Args:
        forecasts: forecasts of the validation windows.
        truth: observed values, NaN where unobserved.
        scale: unit of each channel's error; infinite for channels that do not count.
    """
    counts = _count_greedy_picks(forecasts, truth, scale, together=True)
    return counts[:, 0] / counts[:, 0].sum()


def channel_weights(
    forecasts: Forecasts, truth: Truth, common: Float[Tensor, " candidates"]
) -> Float[Tensor, "candidates channels"]:
    """Return weights per channel; the common ones where a channel's own are not clearly better.

    Half of a channel's weight stays with the common weights, so that a few windows can't mislead
    it. A channel's own weights must beat the common ones by one standard error of the difference,
    estimated over blocks of windows because neighbouring windows overlap.

    Args:
        forecasts: forecasts of the validation windows, in time order.
        truth: observed values, NaN where unobserved.
        common: weights common to all channels.
    """
    # Channels are selected separately, so that the unit of their errors does not matter.
    scale = torch.ones(truth.shape[2])
    counts = _count_greedy_picks(forecasts, truth, scale, together=False)
    own_weights = (counts / counts.sum(0) + common.unsqueeze(1)) / 2
    gain, standard_error = _gain_and_standard_error(forecasts, truth, own_weights, common)
    return torch.where(
        gain > standard_error, own_weights, common.unsqueeze(1).expand_as(own_weights)
    )


def _count_greedy_picks(
    forecasts: Tensor, truth: Tensor, scale: Tensor, together: bool
) -> Int[Tensor, "candidates channels"]:
    """Return how often each candidate is picked up to the round with the least error."""
    candidates, channels = len(forecasts), truth.shape[2]
    counts = torch.zeros(candidates, channels, dtype=torch.long)
    total = torch.zeros_like(truth)
    best_counts, least_error = counts.clone(), torch.full((channels,), torch.inf)
    all_channels = torch.arange(channels)
    for size in range(1, GREEDY_ROUNDS + 1):
        errors = _errors_with_each(forecasts, total, size, truth) / scale
        if together:
            errors = errors.sum(1, keepdim=True).expand(-1, channels)
        picks = errors.argmin(0)
        counts[picks, all_channels] += 1
        total = total + forecasts[picks, :, :, all_channels].permute(1, 2, 0)
        error = errors[picks, all_channels]
        is_better = error < least_error
        best_counts = torch.where(is_better, counts, best_counts)
        least_error = torch.where(is_better, error, least_error)
    return best_counts


def _errors_with_each(forecasts: Tensor, total: Tensor, size: int, truth: Tensor) -> Tensor:
    """Return the errors of the mean of `size` members if each candidate were the last of them."""
    observed = truth.isfinite()
    known_truth = torch.where(observed, truth, 0)
    count = observed.sum((0, 1)).clamp(min=1)
    difference = total / size - known_truth
    errors = [
        torch.where(observed, difference + forecast / size, 0).abs().sum((0, 1))
        for forecast in forecasts
    ]
    return torch.stack(errors) / count


def _gain_and_standard_error(
    forecasts: Tensor, truth: Tensor, own_weights: Tensor, common: Tensor
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Return the error that own weights save per channel, and the standard error of that."""
    observed = truth.isfinite()
    with_own = torch.einsum("mwhc,mc->whc", forecasts, own_weights)
    with_common = torch.einsum("mwhc,m->whc", forecasts, common)
    known_truth = torch.where(observed, truth, 0)
    gain = (with_common - known_truth).abs() - (with_own - known_truth).abs()
    gain = torch.where(observed, gain, 0)
    blocks = gain.mean(1).tensor_split(min(MAX_ERROR_BLOCKS, len(gain)))
    means = torch.stack([block.mean(0) for block in blocks])
    if len(means) < MIN_ERROR_BLOCKS:
        # Too few to estimate a standard error: a gain of 0 below an error of 1 keeps the common.
        return torch.zeros(truth.shape[2]), torch.ones(truth.shape[2])
    return means.mean(0), means.std(0) / len(means) ** 0.5
