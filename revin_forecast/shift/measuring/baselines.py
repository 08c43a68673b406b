"""A baseline that no shift can affect."""

import torch

from revin_forecast.backbones import Backbone
from revin_forecast.utils.shapes import Future, Past


class Constant(Backbone):
    """Forecast the training mean, 0 in standardized units. It ignores every shift.

    It would win any ranking by degradation, as it does not degrade. The benchmark therefore ranks
    by absolute error. No parameters.
    """

    channel_independent = True

    def forward(self, past: Past) -> Future:
        """Return zeros."""
        self.check_past(past)
        return torch.zeros_like(past[:, :1]).expand(-1, self.horizon, -1)
