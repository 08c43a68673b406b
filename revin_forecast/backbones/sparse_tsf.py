from torch import nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.shapes import Future, Past


class SparseTSF(Backbone):
    """One small map over seasons, shared by every place in the season (SparseTSF).

    Lin et al., ICML 2024. Each step is first smoothed by a learned sum over one season around it;
    then the values at one place of the season are mapped from the seasons seen to those forecast,
    by the same weights for every place and channel. The oldest steps beyond whole seasons are not
    seen. Left out: the mean that the paper takes away, which is a normalizer's work. Not as in the
    authors' code: it starts as the mean of the seasons, not at random. Smoothing and map are a
    product, and on ETTh1 two of four random starts ended in a minimum with a tenth more error.

    With s = lookback // season and f = ceil(horizon / season): 2 (season // 2) + 1 + s * f
    parameters, or with a width 2 (season // 2) + 1 + (s + 1) width + (width + 1) f.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        season: steps in a season.
        width: of a ReLU layer in the map over seasons; None: it is linear.

    Raises:
        ValueError: the look-back holds no whole season.
    """

    channel_independent = True

    def __init__(
        self, lookback: int, horizon: int, channels: int, season: int = 24, width: int | None = None
    ):
        super().__init__(lookback, horizon, channels)
        if not 1 <= season <= lookback:
            raise ValueError(
                f"SparseTSF needs a season within its look-back of {lookback} but got {season}. "
                "Choose a longer look-back or a shorter season."
            )
        self.season = season
        seen, ahead = lookback // season, -(-horizon // season)
        reach = season // 2
        self.smooth = nn.Conv1d(1, 1, 2 * reach + 1, padding=reach, bias=False)
        nn.init.zeros_(self.smooth.weight)
        self.map = _build_season_map(seen, ahead, width)

    def forward(self, past: Past) -> Future:
        """Map each place of the season from the seasons seen to those forecast."""
        self.check_past(past)
        series = past.mT.flatten(0, 1).unsqueeze(1)
        # The kernel as a filter of one long axis: one channel in and out, nothing to unfold.
        series = series + functional.conv1d(series, self.smooth.weight, padding=self.smooth.padding)
        whole = self.lookback // self.season * self.season
        places = series[:, 0, -whole:].unflatten(-1, (-1, self.season))
        ahead = self.map(places.mT).mT.flatten(1)[:, : self.horizon]
        return ahead.unflatten(0, (-1, self.channels)).mT


def _build_season_map(seen: int, ahead: int, width: int | None) -> nn.Module:
    if width is not None:
        return nn.Sequential(nn.Linear(seen, width), nn.ReLU(), nn.Linear(width, ahead))
    mean = nn.Linear(seen, ahead, bias=False)
    nn.init.constant_(mean.weight, 1 / seen)
    return mean
