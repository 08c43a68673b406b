"""Evidence for or against the level of a channel in the rows before the test part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.normalizers.level_shares import estimate_level_shares
from revin_forecast.shift.card.level_trials import LevelMaps, LevelTrial, LevelWindows

TRIAL_ENDS = (0.4, 0.6, 0.8, 1.0)
"""Shares of the rows at which the trials end."""
FITTED_SHARE = 0.8
"""Share of a trial's rows that its maps are fitted on; the rest compares them."""
SPARE_WINDOWS = 5
"""Windows that a fit needs at least."""
CHANNELS_AT_ONCE = 16
"""Channels whose windows are in memory at the same time."""


@dataclass(frozen=True)
class LevelEvidence:
    """Evidence from the rows before the test part of a channel. Logs are natural."""

    trials: tuple[float, ...]
    """Logs of (error with the level kept / error with it taken away) on rows not used for the
    fit, the earliest first; positive where taking the level away helped."""
    price: float
    """The same log on the training rows that the maps were fitted on: the worth of a known level,
    usually negative."""
    trend: float
    """Absolute correlation of the training rows with time, 0 to 1."""
    share: float
    """Share of the level that all rows can vouch for, 0 to 1; see `estimate_level_shares`."""
    displacement: float
    """Mean of the last look-back before the test rows, from the training mean, in training
    deviations; NaN if nothing of it is observed."""


def gather_evidence(
    values: np.ndarray, train: int, lookback: int, horizon: int
) -> list[LevelEvidence | None]:
    """Return the evidence of each channel; None where no trial fits or nothing is observed.

    Two linear maps, one that sees the level of its look-back and one that does not, are compared
    in up to five trials. Four of them are fitted on the first 80 % of the first 40, 60, 80 and
    100 % of the rows and compared on what follows, the fifth on training and validation rows.

    Args:
        values: (time, channels), standardized by the training rows; NaN is unobserved. Rows after
            the last one that may be seen are cut off.
        train: number of training rows, from the first row on; the rest are validation rows.
        lookback: look-back steps.
        horizon: forecast steps.
    """
    return [
        evidence
        for rows in split_groups(values)
        for evidence in _gather_group_evidence(rows, train, (lookback, horizon))
    ]


def split_groups(values: np.ndarray) -> Sequence[Tensor]:
    """Return float64 rows (time, channels) of groups of channels that fit into memory."""
    return torch.from_numpy(np.asarray(values, np.float64)).split(CHANNELS_AT_ONCE, dim=1)


def run_trial(fitted: Tensor, compared: Tensor, sizes: tuple[int, int]) -> LevelTrial:
    """Fit both maps on rows (time, channels) and compare them on other rows.

    Args:
        fitted: rows of the fit.
        compared: rows of the comparison; the first look-back only serves as such.
        sizes: look-back and horizon.
    """
    return LevelMaps.solve(LevelWindows.cut(fitted, *sizes)).compare(
        LevelWindows.cut(compared, *sizes)
    )


def _gather_group_evidence(
    rows: Tensor, train: int, sizes: tuple[int, int]
) -> Iterator[LevelEvidence | None]:
    training, last = rows[:train], rows[-sizes[0] :]
    trials = list(_run_trials(rows, train, sizes))
    if train < sum(sizes) + SPARE_WINDOWS - 1 or not trials:
        yield from [None] * rows.shape[1]
        return
    windows = LevelWindows.cut(training, *sizes)
    price = LevelMaps.solve(windows).compare(windows).log_ratio()
    # From all rows: a level that has just broken with its past does not return to it.
    shares = estimate_level_shares(rows, sizes[0])
    trends = _correlate_with_time(training)
    columns = zip(
        torch.stack(trials, dim=1).tolist(),
        price.tolist(),
        trends.tolist(),
        shares.tolist(),
        last.nanmean(dim=0).tolist(),
        strict=True,
    )
    for logs, *others in columns:
        usable = tuple(log for log in logs if np.isfinite(log))
        yield LevelEvidence(usable, *others) if usable and np.isfinite(others[0]) else None


def _run_trials(rows: Tensor, train: int, sizes: tuple[int, int]) -> Iterator[Tensor]:
    """Yield the log ratios (channels,) of each trial that has enough rows."""
    ends = [int(share * len(rows)) for share in TRIAL_ENDS]
    for end, fitted in [*((end, int(FITTED_SHARE * end)) for end in ends), (len(rows), train)]:
        if fitted >= sum(sizes) + SPARE_WINDOWS - 1 and end - fitted >= sizes[1]:
            compared = rows[fitted - sizes[0] : end]
            yield run_trial(rows[:fitted], compared, sizes).log_ratio()


def _correlate_with_time(rows: Tensor) -> Tensor:
    """Return the absolute correlation with time of each column, 0 for a constant one."""
    observed = rows.isfinite()
    count = observed.sum(dim=0).clamp(min=1)
    time = torch.arange(len(rows), dtype=rows.dtype).unsqueeze(1).expand_as(rows)
    values, time = (
        torch.where(observed, part - torch.where(observed, part, 0).sum(dim=0) / count, 0)
        for part in (rows, time)
    )
    product = (values * time).sum(dim=0)
    scale = (values.square().sum(dim=0) * time.square().sum(dim=0)).sqrt()
    return torch.where(scale > 0, product / scale, 0).abs()
