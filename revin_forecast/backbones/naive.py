"""Naive baselines without parameters."""

import torch
from torch import Tensor

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Observed, Past


class Repeat(Backbone):
    """Naive baseline: repeat the last value. Also called persistence.

    No parameters.
    """

    channel_independent = True

    def forward(self, past: Past) -> Future:
        """Return the last value of each channel, `horizon` times."""
        self.check_past(past)
        return past[:, -1:].expand(-1, self.horizon, -1)


class SeasonalNaive(Backbone):
    """Seasonal naive baseline: repeat the last season, y_h = x at the same phase of that season.

    No parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        season: steps in a season, for instance 24 for hourly data; None: the whole look-back. If
            the season is longer than the look-back, the last value is repeated.

    Raises:
        ValueError: the season is below 1.
    """

    channel_independent = True

    def __init__(self, lookback: int, horizon: int, channels: int, season: int | None = None):
        super().__init__(lookback, horizon, channels)
        if season is not None and season < 1:
            raise ValueError(f"SeasonalNaive needs season >= 1 but got {season}.")
        period = lookback if season is None else season
        self.season = period if period <= lookback else 1

    def forward(self, past: Past) -> Future:
        """Return the last `season` values, repeated to the horizon."""
        self.check_past(past)
        steps = torch.arange(self.horizon, device=past.device) % self.season
        return past[:, self.lookback - self.season + steps]


class Drift(Backbone):
    """Random walk with drift: x_T + h (x_T - x_1) / (T - 1), a line through both ends.

    The ends are the first and the last observed value. Hyndman & Athanasopoulos (Forecasting:
    Principles and Practice, 3rd ed., 2021, section 5.2) describe it as the drift method.

    No parameters.

    >>> past = torch.tensor([1.0, 5.0, 2.0, 7.0]).reshape(1, 4, 1)
    >>> Drift(4, 3, 1)(past).flatten().tolist()
    [9.0, 11.0, 13.0]
    """

    channel_independent = True
    accepts_observed = True

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Continue the line of each channel; `observed` is True where measured."""
        self.check_past(past)
        self.check_observed(past, observed)
        return _extend_phases(past, observed, self.horizon, 1)


class SeasonalDrift(Backbone):
    """Seasonal naive forecast with drift: the last season, changed as seasons changed on average.

    y_h = x at the same phase of the last season + ceil(h / m) d, where d is the mean change
    x_t - x_{t-m} from one season of m steps to the next. Over gaps, d is the sum of the changes
    from the first to the last observed value of each phase, divided by the number of seasons
    between them. A phase without an observed value is forecast by `Drift`.

    No parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        season: steps in a season, for instance 24 for hourly data; None: the whole look-back, which
            has no change. If the season is longer than the look-back, this is `Drift`.

    Raises:
        ValueError: the season is below 1.

    >>> past = torch.tensor([1.0, 5.0, 2.0, 8.0]).reshape(1, 4, 1)
    >>> SeasonalDrift(4, 3, 1, season=2)(past).flatten().tolist()
    [4.0, 10.0, 6.0]
    """

    channel_independent = True
    accepts_observed = True

    def __init__(self, lookback: int, horizon: int, channels: int, season: int | None = None):
        super().__init__(lookback, horizon, channels)
        if season is not None and season < 1:
            raise ValueError(f"SeasonalDrift needs season >= 1 but got {season}.")
        period = lookback if season is None else season
        self.season = period if period <= lookback else 1

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Continue the seasons of each channel; `observed` is True where measured."""
        self.check_past(past)
        self.check_observed(past, observed)
        forecast = _extend_phases(past, observed, self.horizon, self.season)
        if observed is None or self.season == 1:
            return forecast
        phases = torch.stack(
            [observed[:, phase :: self.season].any(1) for phase in range(self.season)], dim=1
        )
        steps = torch.arange(self.horizon, device=past.device) + self.lookback
        line = _extend_phases(past, observed, self.horizon, 1)
        return torch.where(phases[:, steps % self.season], forecast, line)


def _extend_phases(past: Past, observed: Observed | None, horizon: int, season: int) -> Future:
    """Continue each phase of the season from its last value by the mean change of all phases.

    A phase without an observed value gets the change alone; windows without any are forecast as 0.
    """
    batch, lookback, channels = past.shape
    known = torch.ones_like(past, dtype=torch.bool) if observed is None else observed
    # Whole seasons (batch, seasons, phases, channels), of which the first may begin with a gap.
    gap = -lookback % season
    shape = batch, -1, season, channels
    values = _prepend_zeros(torch.where(known, past, 0), gap).reshape(shape)
    rows = _prepend_zeros(known.to(torch.int32), gap).reshape(shape)
    count = rows.shape[1]
    first = rows.argmax(1, keepdim=True)
    last = count - 1 - rows.flip(1).argmax(1, keepdim=True)
    has_value = rows.amax(1, keepdim=True) > 0
    latest = values.gather(1, last)
    changes = torch.where(has_value, latest - values.gather(1, first), 0)
    between = torch.where(has_value, last - first, 0).sum(2, keepdim=True)
    change = changes.sum(2, keepdim=True) / between.clamp(min=1)
    steps = torch.arange(horizon, device=past.device)
    ahead = (steps // season + 1).reshape(1, -1, 1)
    phases = steps % season
    missed = (count - 1 - last)[:, 0, phases]
    return latest[:, 0, phases] + (ahead + missed) * change[:, 0]


def _prepend_zeros(values: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, 0, count, 0))
