"""Base class of normalizers whose forecast follows a part of a change of level."""

from abc import abstractmethod

from torch import Tensor

from revin_forecast.normalizers.base import Normalizer, Stats


class PartialShift(Normalizer[Stats]):
    """A normalizer whose forecast follows a known share of a change of level.

    With any backbone f inside it, for any b and any a > 0, each per channel:
    f(x + b) = f(x) + share * b, and f(c + a (x - c)) = c + a (f(x) - c) with c the centre. `checks`
    verifies both after `initialize_from`.
    """

    @property
    @abstractmethod
    def shift_shares(self) -> Tensor:
        """Followed share of a change of level, (horizon, channels), from 0 to 1."""

    @property
    @abstractmethod
    def centre(self) -> Tensor:
        """Level about which forecasts follow a change of scale, (channels,), data units."""
