from revin_forecast.backbones import NBEATS, Backbone
from revin_forecast.shapes import Future, Past


class JoinedNBEATS(Backbone):
    """N-BEATS that sees all channels as one long series, and forecasts them as one.

    Its network is not shared by the channels but mixes them, as many multivariate baselines of the
    time did.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        blocks: of each of two generic stacks.
        width: of the layers.
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
        ahead = self.net(past.flatten(1).unsqueeze(-1))
        return ahead.reshape(len(past), self.horizon, self.channels)
