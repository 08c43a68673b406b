import torch

from revin_forecast.backbones import Backbone
from revin_forecast.shapes import Future, Past


class Constant(Backbone):
    """Forecast the training mean, 0 in standardized units: blind to every shift.

    It wins each ranking by degradation, as it has nothing to lose; that is why there is none.
    No parameters.
    """

    channel_independent = True

    def forward(self, past: Past) -> Future:
        """Return zeros."""
        self.check_past(past)
        return torch.zeros_like(past[:, :1]).expand(-1, self.horizon, -1)
