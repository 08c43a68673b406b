"""TQNet: attention between channels whose queries are learned cycles."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.backbones.cycle_net import cycle_values
from revin_forecast.backbones.layers import Attention, Dropout
from revin_forecast.utils.shapes import Future, Known, Past

MAX_HEADS = 4
"""Number of attention heads in the paper; less if it does not divide the look-back."""
ATTENTION_DROPOUT = 0.5
"""Dropout rate of the attention weights in the authors' code."""


class TQNet(CovariateBackbone):
    """Attention between channels whose queries are learned cycles, and an MLP (TQNet).

    Lin et al., ICML 2025. A table has one value per phase of the cycle and channel. Its values at
    the window's steps are the queries of an attention between channels, whose keys and values are
    the windows themselves. The result is added to the windows, and an MLP with a residual
    connection maps the sum to the horizon. The only known input, the running number of the step
    ("step"), determines the phase; `Forecaster` and the commands supply it without being asked.
    With one channel there is a single key, so the table has no effect.

    The number of heads is the largest divisor of the look-back up to 4; the authors' code has 4 and
    needs a look-back that is a multiple of 4. The authors begin the queries at the phase of the
    first step ahead, which is the same function with the rows of the table moved. Left out: the
    authors' own normalization.

    cycle * channels + 4 lookback² + 4 lookback + (lookback + 1) width + 2 (width + 1) width
    + (width + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        cycle: steps in the cycle, for instance 24 or 168 for hourly data.
        width: width of the MLP.
        dropout: dropout rate of the MLP's last hidden layer.
        covariates: number of known inputs, always 1: the running number of the step.

    Raises:
        ValueError: the cycle or the width is below 1, or covariates is not 1.
    """

    required_covariates = ("step",)

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        cycle: int = 24,
        width: int = 128,
        dropout: float = 0.5,
        covariates: int = 1,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        if cycle < 1 or width < 1:
            raise ValueError(f"TQNet needs cycle >= 1 and width >= 1 but got {cycle} and {width}.")
        if covariates != 1:
            raise ValueError(
                "TQNet needs the running number of the steps as its 1 known input but got "
                f"covariates={covariates}. Leave covariates out."
            )
        self.cycle = cycle
        self.table = nn.Parameter(torch.zeros(cycle, channels))
        heads = max(count for count in range(1, MAX_HEADS + 1) if lookback % count == 0)
        self.attention = Attention(lookback, heads)
        self.embed = nn.Linear(lookback, width)
        self.hidden = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.map = nn.Sequential(Dropout(dropout), nn.Linear(width, horizon))

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Mix the channels and map them; `known` holds each step's running number."""
        self.check_past(past)
        known = self.check_known(past, known)
        assert known is not None  # covariates is 1
        cycle = cycle_values(self.table, known[:, : self.lookback])
        series = past.mT
        tokens = self.embed(series + self._attend(cycle.mT, series))
        return self.map(tokens + self.hidden(tokens)).mT

    def _attend(self, cycles: Tensor, series: Tensor) -> Tensor:
        """Attend from the cycles to the windows, both (batch, channels, lookback)."""
        query, keys, values = self.attention.project(cycles, series)
        # Weights are dropped, although only the slower kernel supports it: the tokens are few.
        dropout = ATTENTION_DROPOUT if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, keys, values, dropout_p=dropout)
        return self.attention.merge_heads(mixed)
