import torch

from revin_forecast.backbones.base import Backbone
from revin_forecast.shapes import Future, Past


class Repeat(Backbone):
    """Repeat the last value: the forecast that every other must beat.

    No parameters. Also called naive or persistence.
    """

    channel_independent = True

    def forward(self, past: Past) -> Future:
        """Return the last value of each channel, `horizon` times."""
        self.check_past(past)
        return past[:, -1:].expand(-1, self.horizon, -1)


class SeasonalNaive(Backbone):
    """Repeat the last season, y_h = x at the same place of the season before.

    No parameters.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        season: steps in a season, 24 for a day of hours. None: the whole look-back. A season
            longer than the look-back can't be seen; the last value is repeated then.
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
