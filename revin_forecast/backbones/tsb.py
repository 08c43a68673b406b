"""TSB: the mean rate of an intermittent series, whose values are mostly zero."""

from collections.abc import Sequence

import torch
from torch import Tensor

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Observed, Past

SIZE_SMOOTHING = (0.05, 0.1, 0.2, 0.3)
"""Grid of the smoothing weight of sizes, alpha."""
OCCURRENCE_SMOOTHING = (0.02, 0.05, 0.1, 0.2)
"""Grid of the smoothing weight of occurrences, beta."""
MIN_START_STEPS = 8
"""Fewest steps at the start of a window whose mean starts the recursion of the occurrence."""
MIN_START_SIZES = 2
"""Fewest sizes whose mean starts the recursion of the size."""
WEIGHT_TEMPER = 4.0
"""Divisor of the criterion in the weights exp(-J / 4), half as sharp as Akaike's."""
MIN_PROBABILITY = 1e-3
"""Least likelihood of one step, so that a surprise does not rule a weight out for good."""


class TSB(Backbone):
    """Mean rate of an intermittent series: probability times size of an occurrence (TSB).

    Teunter, Syntetos & Babai, Eur. J. Oper. Res. 2011. A value above zero is an occurrence, d = 1,
    of a size. Probability and size are smoothed, the size at occurrences only:

    p_t = p_{t-1} + beta (d_t - p_{t-1}), z_t = z_{t-1} + alpha d_t (x_t - z_{t-1}), f = p z.

    The forecast is flat. It is a mean, while most series of zeros have the median 0. Unlike
    Croston's method (Oper. Res. Q. 1972) the rate falls while nothing occurs. Instead of one
    smoothing weight, those of a grid are averaged, each with the weight exp(-(J - min J) / 4): for
    beta, J is -2 log likelihood of the occurrences one step ahead, for alpha n log of the mean
    squared error of the next size. Zero is the smallest observed value of a window, so that any
    normalizer will do; unobserved steps are left out.

    No parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        size_smoothing: the grid of alpha, each above 0 and below 1.
        occurrence_smoothing: the grid of beta.

    Raises:
        ValueError: a smoothing weight is not between 0 and 1, or there is none.

    >>> past = torch.tensor([0.0, 0, 4, 0, 0, 0, 2, 0]).reshape(1, 8, 1)
    >>> TSB(8, 2, 1, size_smoothing=[0.5], occurrence_smoothing=[0.1])(past).flatten()
    tensor([0.7387, 0.7387])
    """

    channel_independent = True
    accepts_observed = True
    size_powers: Tensor
    occurrence_powers: Tensor

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        size_smoothing: Sequence[float] = SIZE_SMOOTHING,
        occurrence_smoothing: Sequence[float] = OCCURRENCE_SMOOTHING,
    ):
        super().__init__(lookback, horizon, channels)
        for name, grid in (("size", size_smoothing), ("occurrence", occurrence_smoothing)):
            if not grid or not all(0 < weight < 1 for weight in grid):
                raise ValueError(
                    f"TSB needs {name}_smoothing between 0 and 1 but got {list(grid)}. Pass "
                    "weights such as 0.1."
                )
        for name, grid in (("size", size_smoothing), ("occurrence", occurrence_smoothing)):
            powers = smoothing_powers(grid, lookback)
            self.register_buffer(f"{name}_powers", powers, persistent=False)

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Return the rate, `horizon` times; `observed` is True where the past was measured."""
        self.check_past(past)
        observed = torch.ones_like(past, dtype=torch.bool) if observed is None else observed
        zero = torch.where(observed, past, torch.inf).amin(1, keepdim=True)
        zero = torch.where(zero.isfinite(), zero, 0)
        size = torch.where(observed, past - zero, 0)
        probability = smooth_occurrence(size > 0, observed, self.occurrence_powers)
        rate = zero + (probability * smooth_size(size, self.size_powers)).unsqueeze(1)
        return rate.expand(-1, self.horizon, -1)


def smoothing_powers(grid: Sequence[float], steps: int) -> Tensor:
    """Return the weights of exponential smoothing after 0 to `steps` values.

    Row k of (grid, steps + 1, steps + 1) has the weights of the start, (1 - a)^k, and of the
    values, a (1 - a)^(k - 1 - j) for j < k: one product replaces the recursion.

    Args:
        grid: smoothing weights between 0 and 1.
        steps: most values.

    >>> smoothing_powers([0.5], 2)
    tensor([[[1.0000, 0.0000, 0.0000],
             [0.5000, 0.5000, 0.0000],
             [0.2500, 0.2500, 0.5000]]])
    """
    weight = torch.tensor(list(grid), dtype=torch.float64).reshape(-1, 1, 1)
    row = torch.arange(steps + 1).unsqueeze(1)
    age = row - torch.arange(steps + 1)
    powers = torch.where(age >= 0, weight * (1 - weight) ** age.clamp(min=0), 0)
    powers[:, :, :1] = (1 - weight) ** row
    return powers.float()


def smooth_occurrence(occurs: Tensor, observed: Tensor, powers: Tensor) -> Tensor:
    """Return the probability of an occurrence after each window, (batch, channels).

    Args:
        occurs: (batch, time, channels) True where a value is above zero.
        observed: (batch, time, channels) True where it was measured.
        powers: `smoothing_powers` of the grid, for that many steps.
    """
    dtype = powers.dtype
    values, count = _compress(occurs.to(dtype), observed)
    steps = values.shape[1]
    slot = torch.arange(steps, device=values.device).reshape(1, -1, 1)
    start_steps = min(max(MIN_START_STEPS, steps // 4), steps)
    is_start = slot < count.unsqueeze(1).clamp(max=start_steps)
    start_count = count.clamp(max=start_steps)
    # Half an occurrence in one more step: a start of exactly 0 or 1 would rule the other out.
    start = ((values * is_start).sum(1) + 0.5) / (start_count + 1)
    states = _run_smoothing(values, start, powers)
    ahead = states[:, :, :-1]
    likelihood = torch.where(values > 0, ahead, 1 - ahead).clamp(min=MIN_PROBABILITY)
    is_scored = (slot >= start_steps) & (slot < count.unsqueeze(1))
    criterion = -2 * torch.where(is_scored, likelihood.log(), 0).sum(2)
    return _average_last(states, criterion, count)


def smooth_size(size: Tensor, powers: Tensor) -> Tensor:
    """Return the size of an occurrence after each window, (batch, channels); 0 without any.

    Args:
        size: (batch, time, channels) distance from zero, 0 where nothing occurred.
        powers: `smoothing_powers` of the grid, for that many steps.
    """
    values, count = _compress(size.to(powers.dtype), size > 0)
    slot = torch.arange(values.shape[1], device=values.device).reshape(1, -1, 1)
    start_count = (count // 4).clamp(min=MIN_START_SIZES).minimum(count).unsqueeze(1)
    start_total = torch.where(slot < start_count, values, 0).sum(1)
    start = start_total / start_count.squeeze(1).clamp(min=1)
    states = _run_smoothing(values, start, powers)
    is_scored = (slot >= start_count) & (slot < count.unsqueeze(1))
    # Relative to the start, so that the unit of the values does not matter.
    unit = torch.where(start > 0, start, 1).unsqueeze(1)
    squares = torch.where(is_scored, ((values - states[:, :, :-1]) / unit).square(), 0).sum(2)
    scored = is_scored.sum(1).to(squares.dtype)
    tiny = torch.finfo(squares.dtype).eps
    criterion = scored * (squares / scored.clamp(min=1) + tiny).log()
    return _average_last(states, criterion, count)


def _compress(values: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Return the kept values of each window at its front, zeros after them, and their number."""
    count = keep.sum(1)
    steps = values.shape[1]
    # Values that are not kept go to one more slot, which is cut off.
    slot = torch.where(keep, keep.long().cumsum(1) - 1, steps)
    target = torch.zeros_like(values[:, :1]).repeat(1, steps + 1, 1)
    return target.scatter(1, slot, torch.where(keep, values, 0))[:, :steps], count


def _run_smoothing(values: Tensor, start: Tensor, powers: Tensor) -> Tensor:
    """Return the states after 0 to all values, (grid, batch, steps + 1, channels)."""
    return torch.einsum("gks,bsc->gbkc", powers, torch.cat([start.unsqueeze(1), values], 1))


def _average_last(states: Tensor, criterion: Tensor, count: Tensor) -> Tensor:
    """Return the last state of each window, averaged over the grid by the criterion."""
    index = count.reshape(1, count.shape[0], 1, count.shape[1]).expand(len(states), -1, -1, -1)
    last = states.gather(2, index).squeeze(2)
    weight = torch.softmax(-criterion / WEIGHT_TEMPER, dim=0)
    return (weight * last).sum(0)
