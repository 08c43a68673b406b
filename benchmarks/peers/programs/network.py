"""The small network of the recipes."""

from torch import Tensor, nn


class Net(nn.Module):
    """One small MLP for all channels."""

    def __init__(self, lookback: int, horizon: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(lookback, 64), nn.ReLU(), nn.Linear(64, horizon))

    def forward(self, past: Tensor) -> Tensor:
        """Return the forecast, (batch, horizon, channels)."""
        return self.layers(past.mT).mT
