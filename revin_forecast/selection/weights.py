"""Weights of a combination of forecasts, selected greedily on validation windows."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from revin_forecast.metrics.error_sums import BY_SERIES, ErrorSums

GREEDY_ROUNDS = 12
"""Members a combination may hold, repetitions included."""
MAX_ERROR_BLOCKS, MIN_ERROR_BLOCKS = 8, 4
"""Blocks of windows over which a standard error is estimated."""
MAX_BLOCK_VALUES = 2**16
"""Most targets whose errors are computed at once, so that they stay in the processor's caches."""

Forecasts = Float[Tensor, "candidates windows horizon channels"]
Truth = Float[Tensor, "windows horizon channels"]
Errors = Float[Tensor, "candidates channels"]


def absolute_errors(forecasts: Forecasts, truth: Truth) -> Errors:
    """Return each candidate's mean absolute error in each channel; 0 if nothing was observed."""
    sums = ErrorSums(BY_SERIES)
    windows = max(1, MAX_BLOCK_VALUES // truth[0].numel())
    for block, block_truth in zip(
        forecasts.split(windows, dim=1), truth.split(windows), strict=True
    ):
        candidates = enumerate(block)
        sums.add(block_truth, ((str(row), (one - block_truth).abs_()) for row, one in candidates))
    return torch.stack([*sums.totals.values()]) / sums.count.clamp(min=1)


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
    best_counts, least_error = (
        counts.clone(),
        torch.full((channels,), torch.inf, dtype=torch.float64),
    )
    all_channels = torch.arange(channels)
    for size in range(1, GREEDY_ROUNDS + 1):
        # Error of the mean of `size` members if each candidate were the last of them:
        # |(total + forecast) / size - truth|.
        errors = absolute_errors(forecasts, size * truth - total) / size / scale
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
