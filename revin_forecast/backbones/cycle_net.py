import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.shapes import Future, Known, Past


class CycleNet(CovariateBackbone):
    """A learned cycle is taken off the window, the rest forecast, the cycle put back (CycleNet).

    Lin et al., NeurIPS 2024. The cycle is a table of one value a place and channel. Where a window
    stands in it is the one known input: the running number of each step, "step", which `Forecaster`
    and the commands make unasked. One map of the rest for all channels. Left out: the paper's own
    normalization.

    cycle * channels + (lookback + 1) horizon parameters, or with a width
    cycle * channels + (lookback + 1) width + (width + 1) horizon.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        cycle: steps in the cycle: 24 or 168 for hours.
        width: of a ReLU layer in the map; None: it is linear.
        covariates: the running number, so 1.
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
        """Forecast the rest beside the cycle; `known` is each step's running number."""
        self.check_past(past)
        known = self.check_known(past, known)
        assert known is not None  # covariates is 1
        cycle = cycle_values(self.table, known)
        rest = self.map((past - cycle[:, : self.lookback]).mT).mT
        return rest + cycle[:, self.lookback :]


def cycle_values(table: Tensor, known: Tensor) -> Tensor:
    """Return the row of a cycle at each step, (batch, steps, channels).

    Args:
        table: (cycle, channels).
        known: (batch, steps, 1): running numbers.
    """
    places = known[..., 0].round().long().remainder(len(table))
    return nn.functional.embedding(places, table)
