"""Weights of a combination, chosen greedily on validation windows."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

GREEDY_ROUNDS = 12

Forecasts = Float[Tensor, "candidates windows horizon channels"]
Truth = Float[Tensor, "windows horizon channels"]
Errors = Float[Tensor, "candidates channels"]


def absolute_errors(forecasts: Forecasts, truth: Truth) -> Errors:
    """Return each candidate's mean absolute error in each channel, 0 where nothing was observed."""
    seen = truth.isfinite()
    count = seen.sum((0, 1)).clamp(min=1)
    known = torch.where(seen, truth, 0)
    errors = [(torch.where(seen, one - known, 0)).abs().sum((0, 1)) for one in forecasts]
    return torch.stack(errors) / count


def common_weights(
    forecasts: Forecasts, truth: Truth, scale: Float[Tensor, " channels"]
) -> Float[Tensor, " candidates"]:
    """Return weights, the same for all channels, by greedy selection with replacement.

    Begin with the best; add, again and again, the forecast that makes the mean's error least;
    stop where it was least (Caruana et al., ICML 2004). The error of the result on these windows
    is never above that of any single candidate.

    Args:
        forecasts: of the validation windows.
        truth: what came, NaN where unobserved.
        scale: of each channel's error; infinite for channels that do not count.
    """
    counts = _greedy_counts(forecasts, truth, scale, together=True)
    return counts[:, 0] / counts[:, 0].sum()


def channel_weights(
    forecasts: Forecasts, truth: Truth, common: Float[Tensor, " candidates"]
) -> Float[Tensor, "candidates channels"]:
    """Return weights for each channel; those all share where its own are not clearly better.

    Half of a channel's weight stays with the common ones, so that few windows can't lead it far
    astray. Its own choice must beat them by a standard error of the difference, which is taken
    over blocks of windows because neighbours overlap.

    Args:
        forecasts: of the validation windows, in time order.
        truth: what came, NaN where unobserved.
        common: weights of all channels together.
    """
    scale = torch.ones(truth.shape[2])
    counts = _greedy_counts(forecasts, truth, scale, together=False)
    own = (counts / counts.sum(0) + common.unsqueeze(1)) / 2
    gain, doubt = _gain_and_standard_error(forecasts, truth, own, common)
    return torch.where(gain > doubt, own, common.unsqueeze(1).expand_as(own))


def _greedy_counts(
    forecasts: Tensor, truth: Tensor, scale: Tensor, together: bool
) -> Int[Tensor, "candidates channels"]:
    """Return how often each candidate is taken until the error was least."""
    count, channels = len(forecasts), truth.shape[2]
    taken = torch.zeros(count, channels, dtype=torch.long)
    total = torch.zeros_like(truth)
    best, least = taken.clone(), torch.full((channels,), torch.inf)
    every = torch.arange(channels)
    for size in range(1, GREEDY_ROUNDS + 1):
        errors = _errors_with_each(forecasts, total, size, truth) / scale
        if together:
            errors = errors.sum(1, keepdim=True).expand(-1, channels)
        chosen = errors.argmin(0)
        taken[chosen, every] += 1
        total = total + forecasts[chosen, :, :, every].permute(1, 2, 0)
        reached = errors[chosen, every]
        better = reached < least
        best = torch.where(better, taken, best)
        least = torch.where(better, reached, least)
    return best


def _errors_with_each(forecasts: Tensor, total: Tensor, size: int, truth: Tensor) -> Tensor:
    """Return the errors of the mean if one more candidate were in it."""
    seen = truth.isfinite()
    known = torch.where(seen, truth, 0)
    counted = seen.sum((0, 1)).clamp(min=1)
    rest = total / size - known
    errors = [torch.where(seen, rest + one / size, 0).abs().sum((0, 1)) for one in forecasts]
    return torch.stack(errors) / counted


def _gain_and_standard_error(
    forecasts: Tensor, truth: Tensor, own: Tensor, common: Tensor
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Return how much less error the own weights have, and the standard error of that."""
    seen = truth.isfinite()
    with_own = torch.einsum("mwhc,mc->whc", forecasts, own)
    with_common = torch.einsum("mwhc,m->whc", forecasts, common)
    known = torch.where(seen, truth, 0)
    gain = torch.where(seen, (with_common - known).abs() - (with_own - known).abs(), 0)
    blocks = gain.mean(1).tensor_split(min(8, len(gain)))
    means = torch.stack([block.mean(0) for block in blocks])
    if len(means) < 4:
        return torch.zeros(truth.shape[2]), torch.ones(truth.shape[2])
    return means.mean(0), means.std(0) / len(means) ** 0.5
