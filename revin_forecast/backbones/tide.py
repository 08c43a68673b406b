"""TiDE: a dense encoder and decoder with known inputs."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.utils.shapes import Future, Known, Past

PROJECTION_WIDTH, DECODER_WIDTH, STEP_WIDTH = 4, 8, 32
"""Values per step after the projection of known inputs, after the decoder and in hidden layers."""


class TiDE(CovariateBackbone):
    """A dense encoder and decoder with known inputs for each step (TiDE; Das et al., TMLR 2023).

    The known inputs of every step are projected to 4 values. Encoder and decoder map the window and
    all projections to 8 values per step of the horizon. A small network maps those and the step's
    own projection to the forecast of the step. A linear map of the window is added. All channels
    share the network. Left out: static attributes of a channel; the layer norm of the last block,
    where it would normalize a single value. The layer norms add 1e-5 to the variance, the authors'
    code 1e-3.

    A residual block from i to o values with hidden width w has (i + 1) w + (w + 1) o + (i + 1) o
    parameters, plus 2 o with a layer norm. There is one block from covariates to 4 (w = 32) if
    there are any, `layers` blocks in the encoder (the first from lookback + 4 (lookback + horizon)
    with covariates, else from lookback), `layers` blocks in the decoder (the last to 8 horizon) and
    one from 8 (+ 4) to 1 (w = 32). The linear map has (lookback + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        covariates: number of known inputs per step; 0: none.
        width: width of the hidden layers.
        layers: number of residual blocks in the encoder, and in the decoder.
        dropout: dropout rate of each block's output.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        covariates: int = 0,
        width: int = 256,
        layers: int = 1,
        dropout: float = 0.3,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        steps = lookback + horizon
        projection = PROJECTION_WIDTH if covariates else 0
        self.project = (
            _ResidualBlock(covariates, STEP_WIDTH, PROJECTION_WIDTH, dropout)
            if covariates
            else None
        )
        inputs = lookback + projection * steps
        sizes = [inputs, *[width] * (2 * layers - 1), DECODER_WIDTH * horizon]
        self.dense = nn.Sequential(
            *(_ResidualBlock(before, width, after, dropout) for before, after in pairwise(sizes))
        )
        self.step = _ResidualBlock(
            DECODER_WIDTH + projection, STEP_WIDTH, 1, dropout, has_norm=False
        )
        self.map = nn.Linear(lookback, horizon)

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Forecast each channel from its window and the known inputs."""
        self.check_past(past)
        known = self.check_known(past, known)
        known = None if known is None else known.to(past.dtype)
        series = past.mT
        inputs, future_known = series, None
        if known is not None and self.project is not None:
            projected = self.project(known)
            all_known = projected.flatten(1).unsqueeze(1).expand(-1, self.channels, -1)
            inputs = torch.cat([series, all_known], dim=-1)
            future_known = projected[:, None, self.lookback :].expand(-1, self.channels, -1, -1)
        decoded = self.dense(inputs).unflatten(-1, (self.horizon, DECODER_WIDTH))
        if future_known is not None:
            decoded = torch.cat([decoded, future_known], dim=-1)
        return (self.step(decoded).squeeze(-1) + self.map(series)).mT


class _ResidualBlock(nn.Module):
    """Residual block, norm(dropout(W2 relu(W1 x)) + W3 x)."""

    def __init__(
        self, inputs: int, width: int, outputs: int, dropout: float, has_norm: bool = True
    ):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs), Dropout(dropout)
        )
        self.skip = nn.Linear(inputs, outputs)
        self.norm = nn.LayerNorm(outputs) if has_norm else nn.Identity()

    def forward(self, values: Tensor) -> Tensor:
        return self.norm(self.layers(values) + self.skip(values))
