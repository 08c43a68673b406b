import inspect
from abc import ABC, abstractmethod

from torch import Tensor, nn

from revin_forecast.shapes import Factors, Future, Past


class Backbone(nn.Module, ABC):
    """A forecaster of windows: (batch, lookback, channels) -> (batch, horizon, channels).

    It normalizes nothing itself; `Reversible` puts a normalizer around it. Any other nn.Module
    class whose constructor begins with (lookback, horizon, channels) counts as a subclass, so
    the command line takes people's own classes as they are.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.

    Raises:
        ValueError: any of them below 1.
    """

    def __init__(self, lookback: int, horizon: int, channels: int):
        super().__init__()
        for name, size in (("lookback", lookback), ("horizon", horizon), ("channels", channels)):
            if size < 1:
                raise ValueError(f"{type(self).__name__} needs {name} >= 1 but got {size}.")
        self.lookback = lookback
        self.horizon = horizon
        self.channels = channels

    @classmethod
    def __subclasshook__(cls, other):
        if cls is not Backbone or not issubclass(other, nn.Module):
            return NotImplemented
        names = list(inspect.signature(other.__init__).parameters)[1:4]
        return True if names == ["lookback", "horizon", "channels"] else NotImplemented

    @abstractmethod
    def forward(self, past: Past) -> Future:
        """Forecast the next `horizon` steps of every channel."""

    def check(self, past: Tensor) -> None:
        """Refuse windows of another shape than the backbone was built for."""
        if past.ndim != 3 or past.shape[1:] != (self.lookback, self.channels):
            raise ValueError(
                f"{type(self).__name__} was built for (batch, {self.lookback}, {self.channels}) "
                f"but got {tuple(past.shape)}. Pass windows of (batch, lookback, channels)."
            )

    def extra_repr(self) -> str:
        """Show the three sizes."""
        return f"{self.lookback} -> {self.horizon}, channels={self.channels}"


class FactorBackbone(Backbone):
    """A backbone whose attention can take de-stationary factors (Liu et al., NeurIPS 2022).

    `Reversible` passes those of its normalizer, None where it has none.
    """

    @abstractmethod
    def forward(self, past: Past, factors: Factors | None = None) -> Future:
        """Forecast the next `horizon` steps of every channel."""
