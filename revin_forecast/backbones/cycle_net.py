"""CycleNet: a learned cycle plus a linear map of the residual."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.utils.shapes import Future, Known, Past


class CycleNet(CovariateBackbone):
    """A learned cycle is subtracted, the residual forecast and the cycle added back (CycleNet).

    Lin et al., NeurIPS 2024. The cycle is a table with one value per phase and channel. The only
    known input, the running number of the step ("step"), determines the phase of a step;
    `Forecaster` and the commands supply it without being asked. All channels share the map of the
    residual. Left out: the paper's own normalization.

    cycle * channels + (lookback + 1) horizon parameters, or with a width
    cycle * channels + (lookback + 1) width + (width + 1) horizon.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        cycle: steps in the cycle, for instance 24 or 168 for hourly data.
        width: width of a hidden ReLU layer in the map; None: the map is linear.
        covariates: number of known inputs, always 1: the running number of the step.

    Raises:
        ValueError: the cycle is below 1, or covariates is not 1.
    """

    channel_independent = True
    required_covariates = ("step",)

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        cycle: int = 24,
        width: int | None = None,
        covariates: int = 1,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        if cycle < 1 or covariates != 1:
            raise ValueError(
                f"CycleNet needs cycle >= 1 and the running number of the steps as its 1 known "
                f"input but got cycle {cycle} and {covariates} known inputs."
            )
        self.cycle = cycle
        self.table = nn.Parameter(torch.zeros(cycle, channels))
        self.map: nn.Module = nn.Linear(lookback, horizon)
        if width is not None:
            layers = nn.Linear(lookback, width), nn.ReLU(), nn.Linear(width, horizon)
            self.map = nn.Sequential(*layers)

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Forecast the residual and add the cycle; `known` holds each step's running number."""
        self.check_past(past)
        known = self.check_known(past, known)
        assert known is not None  # covariates is 1
        cycle = cycle_values(self.table, known)
        residual = self.map((past - cycle[:, : self.lookback]).mT).mT
        return residual + cycle[:, self.lookback :]


def cycle_values(table: Tensor, known: Tensor) -> Tensor:
    """Return the row of the cycle's table at each step, (batch, steps, channels).

    Args:
        table: (cycle, channels).
        known: (batch, steps, 1): running numbers of the steps.
    """
    # Rounded, as known inputs arrive as floating-point numbers.
    phases = known[..., 0].round().long().remainder(len(table))
    return nn.functional.embedding(phases, table)
