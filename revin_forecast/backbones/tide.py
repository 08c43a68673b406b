from itertools import pairwise

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.shapes import Future, Known, Past

PROJECTION_WIDTH, DECODER_WIDTH, STEP_WIDTH = 4, 8, 32


class TiDE(CovariateBackbone):
    """A dense encoder and decoder, with known inputs for each step (TiDE; Das et al., TMLR 2023).

    The known inputs of every step are projected to 4 numbers; encoder and decoder map the window
    and all projections to 8 numbers for each step of the horizon; a small network of each step
    makes its forecast from those and from the step's own known inputs; a linear map of the window
    is added. One network for all channels. Left out: static attributes of a channel; layer norm
    in the last of all blocks, where it would norm a single number.

    A residual block from i to o numbers with w between has (i + 1) w + (w + 1) o + (i + 1) o
    parameters, and 2 o where it is normed: one from covariates to 4 (w = 32) if there are any,
    `layers` in the encoder (the first from lookback + 4 (lookback + horizon) if there are
    covariates, else from lookback), `layers` in the decoder (the last to 8 horizon), one from
    8 (+ 4) to 1 (w = 32); and (lookback + 1) horizon of the linear map.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        covariates: known inputs of a step; 0: none.
        width: of the layers.
        layers: residual blocks in the encoder, and as many in the decoder.
        dropout: share of each block's output dropped in training.
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
        projected = PROJECTION_WIDTH if covariates else 0
        self.project = (
            _ResidualBlock(covariates, STEP_WIDTH, PROJECTION_WIDTH, dropout)
            if covariates
            else None
        )
        sizes = [lookback + projected * steps, *[width] * (2 * layers - 1), DECODER_WIDTH * horizon]
        self.dense = nn.Sequential(
            *(
                _ResidualBlock(inputs, width, outputs, dropout)
                for inputs, outputs in pairwise(sizes)
            )
        )
        self.step = _ResidualBlock(
            DECODER_WIDTH + projected, STEP_WIDTH, 1, dropout, has_norm=False
        )
        self.map = nn.Linear(lookback, horizon)

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Forecast each channel from its window and the known inputs."""
        self.check_past(past)
        known = self.check_known(past, known)
        known = None if known is None else known.to(past.dtype)
        series = past.mT
        inputs, ahead = series, None
        if known is not None and self.project is not None:
            projected = self.project(known)
            every = projected.flatten(1).unsqueeze(1).expand(-1, self.channels, -1)
            inputs = torch.cat([series, every], dim=-1)
            ahead = projected[:, None, self.lookback :].expand(-1, self.channels, -1, -1)
        decoded = self.dense(inputs).unflatten(-1, (self.horizon, DECODER_WIDTH))
        if ahead is not None:
            decoded = torch.cat([decoded, ahead], dim=-1)
        return (self.step(decoded).squeeze(-1) + self.map(series)).mT


class _ResidualBlock(nn.Module):
    """norm(dropout(W2 relu(W1 x)) + W3 x)."""

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
