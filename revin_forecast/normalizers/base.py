"""The contract of normalizers: one map of look-back windows, one map back of forecasts."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from revin_forecast.errors import join_words
from revin_forecast.normalizers.statistics_class import (
    find_statistics_class,
    register_for_loading,
    restore_statistics,
)
from revin_forecast.utils.shapes import DestationaryFactors, Future, Observed, Past

Stats = TypeVar("Stats", bound=tuple[Any, ...])

ValueKind = Literal["location", "scale", "variance", "quantile", "sample"]
"""Kind of the values passed to `denormalize`; see `Normalizer.denormalize`."""

VALUE_KINDS: tuple[str, ...] = get_args(ValueKind)

Equivariance = Literal["shift", "scale", "common scale"]
"""Maps of the data that a forecast follows exactly: x + b and a x, a > 0, with a and b per channel;
"common scale" is a x with one a for all channels."""


class Normalizer(nn.Module, ABC, Generic[Stats]):
    """A reversible map of look-back windows to a common scale.

    `normalize` returns the mapped window and the window's statistics; `denormalize` takes a
    forecast and those statistics back to the data's scale. Statistics are values that the caller
    holds, never attributes: one module may serve nested calls, threads and exported programs.

    The class of the statistics is the type argument, as in `Normalizer[LocationScale]`. If it is a
    NamedTuple, `torch.load(weights_only=True)` reads saved statistics once the normalizer's class
    is imported, and a plain tuple with the same parts, such as a traced program returns, is
    accepted in its place.

    Args:
        channels: channels of the look-back window.
        targets: which of those channels the backbone forecasts, in its order; None means all.

    Raises:
        ValueError: no channels, or targets that are not distinct channel numbers.
    """

    statistics_class: ClassVar[type[tuple[Any, ...]] | None] = None
    """Class of the statistics, from the type argument; None accepts any value."""
    target_index: Tensor | None

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if (found := find_statistics_class(cls)) is not None:
            cls.statistics_class = found
            register_for_loading(found)

    def __init__(self, channels: int, targets: Sequence[int] | None = None):
        super().__init__()
        if channels < 1:
            raise ValueError(f"{type(self).__name__} needs at least 1 channel but got {channels}.")
        self.channels = channels
        self.targets = None if targets is None else _validate_targets(targets, channels)
        index = None if targets is None else torch.tensor(self.targets, dtype=torch.long)
        # Not persistent: it is derived from `targets`.
        self.register_buffer("target_index", index, persistent=False)

    @abstractmethod
    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, Stats]:
        """Map windows to the common scale.

        Args:
            past: (batch, lookback, channels), data units. NaN and infinities are unobserved.
            observed: True where measured; None means wherever `past` is finite.

        Returns:
            The mapped windows, always finite and in the dtype of `past`, and their statistics.
        """

    @abstractmethod
    def denormalize(self, future: Future, stats: Stats, kind: ValueKind = "location") -> Future:
        """Map a forecast back to the data's scale, with the statistics of its own window.

        Args:
            future: (batch, horizon, targets), optionally with a trailing axis of levels or samples.
            stats: the statistics that `normalize` returned for the same windows.
            kind: what `future` holds. "location" and "sample": values. "quantile": values whose
                trailing axis has ascending levels, symmetric about 0.5. "scale": a standard
                deviation or another spread, to which no location is added. "variance": its square.
                Whole distributions are mapped by `denormalize_distribution`.

        Returns:
            The forecast in data units, in float32 at least: half precision can't hold a level.

        Raises:
            ValueError: an unknown kind, quantiles without their axis, or a forecast of other
                channels or windows.
            TypeError: statistics of another class.
        """

    def normalize_future(self, future: Future, stats: Stats) -> Future:
        """Map values of the horizon to the common scale: the inverse of `denormalize`.

        Args:
            future: (batch, horizon, targets), data units; NaN stays NaN.
            stats: the statistics that `normalize` returned for the preceding windows.

        Raises:
            NotImplementedError: the class does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} can't map the truth to its common scale. "
            "Define normalize_future(future, stats), the inverse of denormalize."
        )

    def denormalize_distribution(self, distribution: Distribution, stats: Stats) -> Distribution:
        """Map a forecast distribution back to the data's scale, `log_prob` included.

        Args:
            distribution: distribution of values on the common scale; its batch and event shape
                together are (batch, horizon, targets).
            stats: the statistics that `normalize` returned for the same windows.

        Raises:
            NotImplementedError: the class does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} can't map a distribution. Map samples or quantiles, or define "
            "denormalize_distribution(distribution, stats)."
        )

    def factors(self, stats: Stats) -> DestationaryFactors | None:
        """Return the factors that a `DestationaryBackbone` takes with the window, or None."""
        return None

    def learning_rate(self, name: str, base: float) -> float:
        """Return the learning rate of the parameter `name`; `base` is the backbone's.

        DAIN, for instance, trains its location map more slowly.
        """
        return base

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """Maps that a forecast follows exactly with any backbone; verified by `checks`."""
        return frozenset()

    @property
    def is_invertible(self) -> bool:
        """Whether `denormalize` undoes `normalize`: the horizon has the statistics of the past."""
        return True

    @property
    def maps_scales(self) -> bool:
        """Whether spreads and variances can be mapped back, as only an affine way back allows."""
        return True

    @property
    def mixes_channels(self) -> bool:
        """Whether a channel's result depends on other channels."""
        return False

    def pair(self) -> tuple["NormalizeStep", "DenormalizeStep"]:
        """Return the two directions as separate modules that share this module's parameters."""
        return NormalizeStep(self), DenormalizeStep(self)

    def extra_repr(self) -> str:
        """Show the channels, and the targets if declared."""
        return f"{self.channels}" + (f", targets={self.targets}" if self.targets else "")

    def _check_past(self, past: Tensor) -> None:
        # Also catches channel-first tensors, unless the look-back has as many steps.
        if past.ndim != 3 or past.shape[2] != self.channels or past.shape[1] < 1:
            raise ValueError(self._explain_shape(tuple(past.shape)))
        if not past.is_floating_point() or past.dtype.itemsize == 1:
            raise TypeError(
                f"{type(self).__name__} needs floating-point values of 16 bits or more but got "
                f"{past.dtype}. Pass past.float()."
            )

    def _explain_shape(self, shape: tuple[int, ...]) -> str:
        """Return the message for a look-back window of another shape."""
        name = type(self).__name__
        if len(shape) != 3:
            return (
                f"{name} needs (batch, lookback, channels) but got shape {shape}. Add the missing "
                "axis: past.unsqueeze(0) for one window."
            )
        if shape[2] != self.channels:
            return (
                f"{name} was built for {self.channels} channels but got {shape[2]}. "
                f"Pass channels={shape[2]}, or select {self.channels} columns."
            )
        return (
            f"{name} needs windows of at least 1 step but got shape {shape}. Pass a look-back "
            "that is longer, and check the slice of your table."
        )

    def _restore_statistics(self, stats: Stats) -> Stats:
        """Return the statistics in their class, also from a plain tuple; see `denormalize`."""
        # One comparison in the usual case, which costs nothing next to the smallest window.
        kind = self.statistics_class
        if kind is None or type(stats) is kind:
            return stats
        return restore_statistics(stats, kind, type(self).__name__)

    def _check_future(self, future: Tensor, windows: int, kind: str = "location") -> None:
        """Check a forecast against its statistics, and the kind of its values."""
        channels = self.channels if self.targets is None else len(self.targets)
        # The usual case returns here, before any message is put together.
        if (
            kind == "location"
            and future.ndim > 2
            and future.shape[2] == channels
            and (future.shape[0] == windows)
        ):
            return
        name = type(self).__name__
        if kind not in VALUE_KINDS:
            wanted = join_words([f'"{known}"' for known in VALUE_KINDS], "or")
            raise ValueError(
                f'kind must be {wanted} but got {kind!r}. Pass "scale" for a standard deviation '
                'or another spread, "location" for a value.'
            )
        if kind == "quantile" and future.ndim == 3:
            raise ValueError(
                f"{name} maps back quantiles (batch, horizon, channels, levels) but got shape "
                f"{tuple(future.shape)}. Add the axis of levels: future.unsqueeze(-1) for a median."
            )
        if future.ndim < 3 or future.shape[2] != channels:
            raise ValueError(
                f"{name} maps back {channels} channels (batch, horizon, {channels}) but got shape "
                f"{tuple(future.shape)}. Let the backbone forecast {channels}, or declare "
                "targets=[...], the input channels that it forecasts."
            )
        # Never broadcast: statistics of one window would map a whole batch without an error.
        if future.shape[0] != windows:
            raise ValueError(
                f"{name} got a forecast of {future.shape[0]} windows but statistics of {windows}. "
                "Pass the statistics that normalize returned for the same batch."
            )


class NormalizeStep(nn.Module):
    """`normalize` as a module: `forward(past, observed) -> (z, stats)`."""

    def __init__(self, normalizer: Normalizer[Any]):
        super().__init__()
        self.normalizer = normalizer

    def forward(self, past: Past, observed: Observed | None = None) -> tuple[Past, tuple[Any, ...]]:
        """Normalize; see `Normalizer.normalize`."""
        return self.normalizer.normalize(past, observed)


class DenormalizeStep(nn.Module):
    """`denormalize` as a module: `forward(future, stats, kind) -> future`."""

    def __init__(self, normalizer: Normalizer[Any]):
        super().__init__()
        self.normalizer = normalizer

    def forward(
        self, future: Future, stats: tuple[Any, ...], kind: ValueKind = "location"
    ) -> Future:
        """Denormalize; see `Normalizer.denormalize`."""
        return self.normalizer.denormalize(future, stats, kind)


def _validate_targets(targets: Sequence[int], channels: int) -> tuple[int, ...]:
    indices = tuple(int(target) for target in targets)
    if not indices or len(set(indices)) < len(indices) or not set(indices) <= set(range(channels)):
        raise ValueError(
            f"targets are distinct channel numbers from 0 to {channels - 1} but got {targets!r}. "
            "Name each input channel that is forecast once."
        )
    return indices
