"""The share of a channel's level that its training rows can vouch for."""

import torch
from torch import Tensor

SHRINKAGE = 9.0
"""k in s = max(0, 1 - k / tau^2): a |tau| of 3 or less keeps nothing of the level."""

MIN_PAIRS = 6
"""Consecutive levels that a share needs: with fewer, more than a tenth of random walks get one."""

MIN_OBSERVED_SHARE = 0.5
"""Share of a window's values that must be observed, or its level counts as missing."""


def estimate_level_shares(values: Tensor, lookback: int, shrinkage: float = SHRINKAGE) -> Tensor:
    """Return the share of each channel's level that may be kept, (channels,) in [0, 1].

    s = max(0, 1 - k / tau^2) if tau < 0, else 0, where tau is the Dickey-Fuller t statistic of the
    channel's window means. RevIN takes the level away, which is right for a unit root; a level that
    reverts is better kept, and its effect estimated. Near a unit root, an average of the two is
    better than a test that selects one of them (Hansen, Journal of Econometrics 158, 2010, with
    other weights). This average is cautious: with 20 memories or more, a test has a smaller risk.
    It takes no validation rows.

    Args:
        values: (time, channels) float64, the training rows; NaN is unobserved.
        lookback: steps of the windows.
        shrinkage: k; a larger one keeps less.
    """
    tau = compute_dickey_fuller_t(compute_window_levels(values, lookback))
    share = (1 - shrinkage / tau.square()).clamp(min=0)
    # A comparison with NaN is False: too few levels keep nothing.
    return torch.where(tau < 0, share, 0)


def compute_window_levels(values: Tensor, lookback: int) -> Tensor:
    """Return the means of the windows that follow each other without overlap, (windows, channels).

    Windows are counted from the last row, and a shorter rest in front is left out. A window with
    fewer observed values than half its steps has the level NaN.

    Args:
        values: (time, channels); NaN and infinities are unobserved.
        lookback: steps of the windows.
    """
    rows = values[len(values) % lookback :]
    windows = rows.reshape(-1, lookback, values.shape[1])
    level = windows.mean(dim=1)
    if level.isfinite().all():  # without gaps, the usual case, which takes no masks
        return level
    observed = windows.isfinite()
    count = observed.sum(dim=1)
    level = torch.where(observed, windows, 0).sum(dim=1) / count.clamp(min=1)
    return torch.where(count >= MIN_OBSERVED_SHARE * lookback, level, torch.nan)


def compute_dickey_fuller_t(levels: Tensor) -> Tensor:
    """Return the Dickey-Fuller t statistic of each column, (channels,), with a constant.

    It is the t statistic of rho in level[t] - level[t - 1] = a + rho level[t - 1] + noise (Dickey &
    Fuller, JASA 74, 1979): near 0 for a random walk, far below for levels that revert to a mean.
    A pair with a missing level is left out. It is NaN with fewer than `MIN_PAIRS` pairs or if all
    levels are equal, and infinite if the equation holds exactly.

    Args:
        levels: (time, channels) float64; NaN is missing.
    """
    before, change = levels[:-1], levels.diff(dim=0)
    paired = change.isfinite()
    count = paired.sum(dim=0)
    before, change = (
        torch.where(paired, part - _mean_over(part, paired, count), 0) for part in (before, change)
    )
    squares = before.square().sum(dim=0)
    slope = (before * change).sum(dim=0) / squares
    residual = (change - slope * before).square().sum(dim=0) / (count - 2)
    return torch.where(count >= MIN_PAIRS, slope / (residual / squares).sqrt(), torch.nan)


def _mean_over(values: Tensor, used: Tensor, count: Tensor) -> Tensor:
    """Return the mean of the used values of each column."""
    return torch.where(used, values, 0).sum(dim=0) / count.clamp(min=1)
