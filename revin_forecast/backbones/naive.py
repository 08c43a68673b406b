"""Naive baselines without parameters."""

import torch

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Past


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
