"""SparseTSF: one small map over seasons for all phases."""

import torch
from torch import nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Past


class SparseTSF(Backbone):
    """One small map over seasons, shared by all phases of the season (SparseTSF).

    Lin et al., ICML 2024. Each step is first smoothed by a learned sum over one season around it.
    Then the values at one phase of the season are mapped from past to future seasons, with the same
    weights for all phases and channels. The oldest steps that do not fill a season are ignored.
    Left out: the paper's subtraction of the mean, which is the task of a normalizer. Difference
    from the authors' code: the initial map is the mean of the seasons, not random. Smoothing and
    map are a product, and on ETTh1 two of four random initializations ended in a minimum with a
    tenth more error.

    With s = lookback // season and f = ceil(horizon / season): 2 (season // 2) + 1 + s * f
    parameters, or with a width 2 (season // 2) + 1 + (s + 1) width + (width + 1) f.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        season: steps in a season.
        width: width of a hidden ReLU layer in the map over seasons; None: the map is linear.

    Raises:
        ValueError: the look-back is shorter than a season.
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
        past_seasons, future_seasons = lookback // season, -(-horizon // season)
        reach = season // 2
        self.smooth = nn.Conv1d(1, 1, 2 * reach + 1, padding=reach, bias=False)
        # Smoothing is added to the series, so zeros leave the series as it is.
        nn.init.zeros_(self.smooth.weight)
        self.map = _build_season_map(past_seasons, future_seasons, width)

    def forward(self, past: Past) -> Future:
        """Map each phase of the season from past to future seasons."""
        self.check_past(past)
        series = past.mT.flatten(0, 1).unsqueeze(1)
        series = series + functional.conv1d(series, self.smooth.weight, padding=self.smooth.padding)
        whole_seasons = self.lookback // self.season * self.season
        seasons = torch.unflatten(series[:, 0, -whole_seasons:], -1, (-1, self.season))
        forecast = self.map(seasons.mT).mT.flatten(1)[:, : self.horizon]
        return forecast.unflatten(0, (-1, self.channels)).mT


def _build_season_map(past_seasons: int, future_seasons: int, width: int | None) -> nn.Module:
    """Return the map from past to future seasons, initialized to their mean if linear."""
    if width is not None:
        layers = nn.Linear(past_seasons, width), nn.ReLU(), nn.Linear(width, future_seasons)
        return nn.Sequential(*layers)
    mean = nn.Linear(past_seasons, future_seasons, bias=False)
    nn.init.constant_(mean.weight, 1 / past_seasons)
    return mean
