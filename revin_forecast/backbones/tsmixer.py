"""TSMixer: alternating mixing over time and over channels."""

from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout, apply_batch_norm
from revin_forecast.utils.shapes import Future, Past


class TSMixer(Backbone):
    """Blocks that mix over time and over channels, then one map to the horizon (TSMixer).

    Chen et al., TMLR 2023. Both kinds of mixing are residual and begin with a batch norm of each
    step and channel. Left out: the extension with auxiliary inputs. The batch norms add 1e-5 to the
    variance, the authors' code 1e-3.

    blocks * (lookback (lookback + 1) + 2 * channels * width + width + channels
    + 4 * lookback * channels) + (lookback + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        blocks: number of blocks, each mixing over time and over channels.
        width: hidden width of the channel mixing.
        dropout: dropout rate of the hidden values.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        blocks: int = 2,
        width: int = 32,
        dropout: float = 0.5,
    ):
        super().__init__(lookback, horizon, channels)
        self.blocks = nn.Sequential(
            *(_Block(lookback, channels, width, dropout) for _ in range(blocks))
        )
        self.map = nn.Linear(lookback, horizon)

    def forward(self, past: Past) -> Future:
        """Apply the mixing blocks, then map each channel's window to its horizon."""
        self.check_past(past)
        return self.map(self.blocks(past.mT)).mT


class _Block(nn.Module):
    """Time mixing followed by channel mixing, (batch, channels, lookback) -> the same shape."""

    def __init__(self, lookback: int, channels: int, width: int, dropout: float):
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm1d(lookback * channels) for _ in range(2))
        self.time = nn.Sequential(nn.Linear(lookback, lookback), nn.ReLU(), Dropout(dropout))
        self.channels = nn.Sequential(
            nn.Linear(channels, width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, channels),
            Dropout(dropout),
        )

    def forward(self, series: Tensor) -> Tensor:
        series = series + self.time(self._apply_norm(0, series))
        return series + self.channels(self._apply_norm(1, series).mT).mT

    def _apply_norm(self, index: int, series: Tensor) -> Tensor:
        return apply_batch_norm(self.norms[index], series.flatten(1)).view_as(series)
