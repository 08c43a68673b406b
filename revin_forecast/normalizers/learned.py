"""What normalizers with something to learn of their own declare, by subclassing."""

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.base import Normalizer, Stats
from revin_forecast.shapes import Future


class LearnedNormalizer(Normalizer[Stats]):
    """A normalizer with a loss of its own, which training adds to the forecast's."""

    @abstractmethod
    def auxiliary_loss(
        self, stats: Stats, future: Future, forecast: Future | None = None
    ) -> Tensor:
        """Return the loss of what was predicted about the horizon, a scalar.

        Args:
            stats: what `normalize` returned.
            future: the truth, (batch, horizon, targets), data units; NaN is unobserved.
            forecast: the backbone's forecast on the common scale, before `denormalize`; None
                where there is none yet, in a stage that trains the normalizer alone.
        """


class PretrainedNormalizer(LearnedNormalizer[Stats]):
    """A normalizer that is trained first, alone, on its auxiliary loss, and frozen afterwards."""

    @property
    @abstractmethod
    def pretraining_epochs(self) -> int:
        """Passes over the training windows at most; the best on validation is kept."""

    @property
    @abstractmethod
    def pretraining_learning_rate(self) -> float:
        """Learning rate of that stage."""


class InitializedFromData(Normalizer[Stats]):
    """A normalizer whose starting point is computed from the training rows."""

    @abstractmethod
    def initialize_from(self, values: Tensor, lookback: int) -> None:
        """Set the parameters to where training starts.

        Args:
            values: (time, channels), the training rows; NaN is unobserved.
            lookback: steps of the windows.
        """


class FullPrecisionLinear(nn.Linear):
    """A linear map in its input's dtype, also under autocast: statistics are never in half."""

    def forward(self, input: Tensor) -> Tensor:
        """Map the last axis."""
        bias = None if self.bias is None else self.bias.to(input.dtype)
        with disable_autocast(input):
            return nn.functional.linear(input, self.weight.to(input.dtype), bias)


def disable_autocast(like: Tensor) -> AbstractContextManager[object]:
    """Return a context without autocast on the tensor's device."""
    device = like.device.type
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


def require_size(name: str, size: int | None, owner: str) -> int:
    """Return a size that a normalizer can't do without.

    It may be left out where the package builds the normalizer, and is passed on from the model.

    Raises:
        ValueError: it is missing or below 1.
    """
    if size is None or size < 1:
        raise ValueError(f"{owner} needs {name} >= 1 but got {size}. Pass {name}=..., in steps.")
    return size


def check_lookback(past: Tensor, lookback: int, owner: str) -> None:
    """Refuse windows of another length than the normalizer was built for."""
    if past.shape[1] != lookback:
        raise ValueError(
            f"{owner} was built for a look-back of {lookback} but got {past.shape[1]} steps. "
            f"Build it with lookback={past.shape[1]}."
        )
