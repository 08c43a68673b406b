import inspect
from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from revin_forecast.shapes import DestationaryFactors, Future, Known, Past


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

    channel_independent: ClassVar[bool] = False
    """True: the class promises that a channel's forecast depends on no other channel."""

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

    def check_past(self, past: Tensor) -> None:
        """Refuse windows of another shape than the backbone was built for."""
        if past.ndim != 3 or past.shape[1:] != (self.lookback, self.channels):
            raise ValueError(
                f"{type(self).__name__} was built for (batch, {self.lookback}, {self.channels}) "
                f"but got {tuple(past.shape)}. Pass windows of (batch, lookback, channels)."
            )

    def extra_repr(self) -> str:
        """Show the three sizes."""
        return f"{self.lookback} -> {self.horizon}, channels={self.channels}"


class DestationaryBackbone(Backbone):
    """A backbone whose attention can take de-stationary factors (Liu et al., NeurIPS 2022).

    `Reversible` passes those of its normalizer, None where it has none.
    """

    @abstractmethod
    def forward(self, past: Past, factors: DestationaryFactors | None = None) -> Future:
        """Forecast the next `horizon` steps of every channel."""


class CovariateBackbone(Backbone):
    """A backbone that can use what is known of every step beforehand, such as the hour.

    `Reversible` passes it on; other backbones are refused there if known inputs are given.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        covariates: known inputs of a step; 0: none, and `known` is not passed.
    """

    required_covariates: ClassVar[tuple[str, ...]] = ()
    """Names of the known inputs it is built on, if no others will do; they needn't be asked for."""

    def __init__(self, lookback: int, horizon: int, channels: int, covariates: int):
        super().__init__(lookback, horizon, channels)
        if covariates < 0:
            raise ValueError(f"{type(self).__name__} needs covariates >= 0 but got {covariates}.")
        self.covariates = covariates

    @abstractmethod
    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Forecast the next `horizon` steps of every channel.

        Args:
            past: (batch, lookback, channels).
            known: (batch, lookback + horizon, covariates), finite and of common size: it isn't
                normalized.
        """

    def check_known(self, past: Tensor, known: Tensor | None) -> Tensor | None:
        """Refuse known inputs that are absent, superfluous or of another shape than built for."""
        name, wanted = type(self).__name__, self.covariates
        if known is None and wanted == 0:
            return None
        steps = self.lookback + self.horizon
        if known is None or wanted == 0 or known.shape != (past.shape[0], steps, wanted):
            got = "none" if known is None else tuple(known.shape)
            raise ValueError(
                f"{name} was built for {wanted} known inputs of each of {steps} steps but got "
                f"{got}. Pass known=(batch, lookback + horizon, covariates), and build it with "
                "covariates=... to match."
            )
        return known
