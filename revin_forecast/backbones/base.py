"""Base classes of the backbones and the checks of their inputs."""

import inspect
from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from revin_forecast.utils.shapes import DestationaryFactors, Future, Known, Past


class Backbone(nn.Module, ABC):
    """Base class of the forecasting networks.

    A backbone maps (batch, lookback, channels) -> (batch, horizon, channels). It does not
    normalize; `Reversible` wraps it in a normalizer. Any nn.Module class whose constructor begins
    with (lookback, horizon, channels) counts as a subclass, so the command line accepts user
    classes without inheritance.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.

    Raises:
        ValueError: one of the three sizes is below 1.
    """

    channel_independent: ClassVar[bool] = False
    """Whether a channel's forecast is guaranteed not to depend on the other channels."""

    accepts_levels: ClassVar[bool] = False
    """Whether its constructor takes `levels`, so that it has quantiles without training for them.

    A model with loss quantile passes its levels and a horizon of `len(levels) * steps`. The
    backbone returns what `quantiles.monotone_quantiles` maps to its quantiles."""

    def __init__(self, lookback: int, horizon: int, channels: int):
        super().__init__()
        for name, size in (("lookback", lookback), ("horizon", horizon), ("channels", channels)):
            if size < 1:
                raise ValueError(f"{type(self).__name__} needs {name} >= 1 but got {size}.")
        self.lookback = lookback
        self.horizon = horizon
        self.channels = channels

    @classmethod
    def __subclasshook__(cls, other: type):
        if cls is not Backbone or not issubclass(other, nn.Module):
            return NotImplemented
        # Parameter names are the interface: a user class need not inherit or be registered.
        names = list(inspect.signature(other.__init__).parameters)[1:4]
        return True if names == ["lookback", "horizon", "channels"] else NotImplemented

    @abstractmethod
    def forward(self, past: Past) -> Future:
        """Forecast the next `horizon` steps of every channel."""

    def check_past(self, past: Tensor) -> None:
        """Raise ValueError unless the windows have the shape that the backbone was built for."""
        if past.ndim != 3 or past.shape[1:] != (self.lookback, self.channels):
            raise ValueError(
                f"{type(self).__name__} was built for (batch, {self.lookback}, {self.channels}) "
                f"but got {tuple(past.shape)}. Pass windows of (batch, lookback, channels)."
            )

    def check_observed(self, past: Tensor, observed: Tensor | None) -> None:
        """Raise ValueError unless there is one mark of observed values for each value."""
        if observed is not None and observed.shape != past.shape:
            raise ValueError(
                f"{type(self).__name__} got windows of {tuple(past.shape)} but observed of "
                f"{tuple(observed.shape)}. Pass observed of the same shape, True where measured."
            )

    def extra_repr(self) -> str:
        """Show the three sizes."""
        return f"{self.lookback} -> {self.horizon}, channels={self.channels}"


class DestationaryBackbone(Backbone):
    """A backbone whose attention accepts de-stationary factors (Liu et al., NeurIPS 2022).

    `Reversible` passes the factors of its normalizer, or None if the normalizer defines none.
    """

    @abstractmethod
    def forward(self, past: Past, factors: DestationaryFactors | None = None) -> Future:
        """Forecast the next `horizon` steps of every channel."""


class CovariateBackbone(Backbone):
    """A backbone that accepts covariates known in advance, such as the hour of each step.

    `Reversible` passes known inputs to these backbones and raises an error for all others.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        covariates: number of known inputs per step; 0: none, and `known` is not passed.

    Raises:
        ValueError: covariates is negative, or one of the sizes is below 1.
    """

    required_covariates: ClassVar[tuple[str, ...]] = ()
    """Names of the known inputs that the backbone needs, if it needs specific ones.

    `Forecaster` and the commands supply them without being asked."""

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
            known: (batch, lookback + horizon, covariates), finite and of order 1, since known
                inputs are not normalized.
        """

    def check_known(self, past: Tensor, known: Tensor | None) -> Tensor | None:
        """Return the known inputs, or raise ValueError if they are missing, extra or misshapen."""
        count = self.covariates
        if known is None and count == 0:
            return None
        steps = self.lookback + self.horizon
        if known is None or count == 0 or known.shape != (past.shape[0], steps, count):
            got = "none" if known is None else tuple(known.shape)
            raise ValueError(
                f"{type(self).__name__} was built for {count} known inputs of each of {steps} "
                f"steps but got {got}. Pass known=(batch, lookback + horizon, covariates), and "
                "build it with covariates=... to match."
            )
        return known
