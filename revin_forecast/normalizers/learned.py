"""Base classes and layers of normalizers that learn parameters or start from the data."""

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import AffineNormalizer
from revin_forecast.normalizers.base import Normalizer, Stats
from revin_forecast.utils.shapes import Future, Past


class LearnedNormalizer(Normalizer[Stats]):
    """A normalizer with a loss of its own, which training adds to the forecast loss."""

    @abstractmethod
    def auxiliary_loss(
        self, stats: Stats, future: Future, forecast: Future | None = None
    ) -> Tensor:
        """Return the loss of the statistics predicted for the horizon, a scalar.

        Args:
            stats: what `normalize` returned.
            future: the truth, (batch, horizon, targets), data units; NaN is unobserved.
            forecast: the backbone's forecast on the common scale, before `denormalize`; None
                in the stage that trains the normalizer alone.
        """


class PretrainedNormalizer(LearnedNormalizer[Stats]):
    """A normalizer that is trained alone first, on its auxiliary loss, and then frozen."""

    @property
    @abstractmethod
    def pretraining_epochs(self) -> int:
        """Maximum number of passes over the training windows; the best on validation is kept."""

    @property
    @abstractmethod
    def pretraining_learning_rate(self) -> float:
        """Learning rate of the first stage."""


class PredictedStatistics(AffineNormalizer[Stats], LearnedNormalizer[Stats]):
    """A normalizer whose forecast gets predicted statistics, not those of the window.

    It is built for windows of `lookback` steps.
    """

    lookback: int

    @property
    def is_invertible(self) -> bool:
        """No: the two directions use different statistics."""
        return False

    def _check_past(self, past: Past) -> None:
        super()._check_past(past)
        check_lookback(past, self.lookback, type(self).__name__)

    def _select_targets(self, statistic: Tensor) -> Tensor:
        """Return the targets' part of a statistic, (batch, steps, channels)."""
        if self.target_index is None:
            return statistic
        return statistic.index_select(2, self.target_index)


class InitializedFromData(Normalizer[Stats]):
    """A normalizer whose initial parameters are computed from the training rows."""

    @abstractmethod
    def initialize_from(self, values: Tensor, lookback: int) -> None:
        """Set the initial parameters.

        Args:
            values: (time, channels), the training rows; NaN is unobserved.
            lookback: steps of the windows.
        """


class FullPrecisionLinear(nn.Linear):
    """A linear map in the dtype of its input, also under autocast.

    Statistics must not be rounded to half precision.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map the last axis."""
        # Declared as a Parameter by torch, but None with bias=False.
        bias = None if self.bias is None else self.bias.to(input.dtype)  # pyright: ignore[reportUnnecessaryComparison]
        with disable_autocast(input):
            return nn.functional.linear(input, self.weight.to(input.dtype), bias)


def disable_autocast(like: Tensor) -> AbstractContextManager[object]:
    """Return a context that disables autocast on the tensor's device."""
    device = like.device.type
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


def require_size(name: str, size: int | None, owner: str) -> int:
    """Return a size that a normalizer requires.

    It is optional where the package builds the normalizer: the model's size is passed on.

    Raises:
        ValueError: it is missing or below 1.
    """
    if size is None or size < 1:
        raise ValueError(f"{owner} needs {name} >= 1 but got {size}. Pass {name}=..., in steps.")
    return size


def check_lookback(past: Tensor, lookback: int, owner: str) -> None:
    """Check that windows have the length that the normalizer was built for.

    Raises:
        ValueError: they don't.
    """
    if past.shape[1] != lookback:
        raise ValueError(
            f"{owner} was built for a look-back of {lookback} but got {past.shape[1]} steps. "
            f"Build it with lookback={past.shape[1]}."
        )
