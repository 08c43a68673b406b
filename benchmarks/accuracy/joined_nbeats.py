"""N-BEATS over all channels joined to one series."""

from revin_forecast.backbones import NBEATS, Backbone
from revin_forecast.utils.shapes import Future, Past


class JoinedNBEATS(Backbone):
    """N-BEATS that reads all channels as one long series and forecasts them as one.

    One network mixes the channels instead of being shared by them. Many multivariate baselines of
    its time were built in this way.

    Args:
        lookback: number of past steps.
        horizon: number of forecast steps.
        channels: number of channels.
        blocks: blocks in each of the two generic stacks.
        width: width of the layers.
    """

    def __init__(
        self, lookback: int, horizon: int, channels: int, blocks: int = 1, width: int = 256
    ):
        super().__init__(lookback, horizon, channels)
        sizes = (lookback * channels, horizon * channels, 1)
        self.net = NBEATS(*sizes, blocks=blocks, width=width)

    def forward(self, past: Past) -> Future:
        """Forecast all channels from all channels."""
        self.check_past(past)
        forecast = self.net(past.flatten(1).unsqueeze(-1))
        return forecast.reshape(len(past), self.horizon, self.channels)
