"""Fracast, a small pretrained network of another package, as a zero-shot reference."""

from functools import lru_cache
from typing import Any, ClassVar

import torch

from revin_forecast.backbones import Backbone
from revin_forecast.errors import InputError
from revin_forecast.utils.shapes import Future, Observed, Past

MIN_OBSERVED = 8
"""Fewest values of a window that Fracast forecasts."""


class Fracast(Backbone):
    """Median forecast of Fracast-0, whose weights are in the package `fracast` (Apache-2.0).

    It was trained on other series (85,001 parameters, 2026) and is not trained here. It normalizes
    inside, forecasts 48 steps at once, and goes on from its own medians. A call takes about a
    twentieth of a second of one core for each channel of each window and 48 steps, so measure it
    with few windows.

    A window with fewer than 8 observed values is forecast by the last of them, 0 without any.

    Args:
        lookback: steps in the input window; the last 2,048 of them are read.
        horizon: steps to forecast.
        channels: number of series.

    Raises:
        InputError: the package `fracast` is not installed.
    """

    channel_independent = True
    accepts_observed = True
    is_zero_shot: ClassVar[bool] = True
    """Whether suites measure the class as a reference that is not trained."""

    def __init__(self, lookback: int, horizon: int, channels: int):
        super().__init__(lookback, horizon, channels)
        load_network()  # here, so that a missing package is reported before anything runs

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Return the medians; `observed` is True where measured."""
        self.check_past(past)
        self.check_observed(past, observed)
        network = load_network()
        median = network.quantiles.index(0.5)
        values = past if observed is None else past.masked_fill(~observed, float("nan"))
        rows = values.mT.reshape(-1, self.lookback)
        is_usable = rows.isfinite().sum(dim=1) >= MIN_OBSERVED
        future = _last_values(rows).unsqueeze(1).repeat(1, self.horizon)
        if is_usable.any():
            quantiles = network.forecast_batch(rows[is_usable].numpy(), horizon=self.horizon)
            future[is_usable] = torch.from_numpy(quantiles[:, :, median]).to(future.dtype)
        return future.reshape(len(past), self.channels, self.horizon).mT


def _last_values(rows: torch.Tensor) -> torch.Tensor:
    """Return the last finite value of each row (rows, time); 0 without any."""
    is_finite = rows.isfinite()
    steps = torch.arange(rows.shape[1]).expand_as(rows)
    last = torch.where(is_finite, steps, 0).amax(dim=1, keepdim=True)
    return rows.nan_to_num().gather(1, last).squeeze(1)


@lru_cache(maxsize=1)
def load_network() -> Any:
    """Return the network with the weights in its package; read once a process.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from fracast import FracastModel  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]
    except ImportError as error:
        raise InputError(
            "Fracast needs the package fracast. Install it with "
            'pip install -c constraints.txt ".[zero-shot]", or leave Fracast out of the suite.'
        ) from error
    # Full precision: the other weights in the package are the same ones in eight bits.
    return FracastModel.from_pretrained(weights="fp32")
