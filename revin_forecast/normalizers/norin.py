"""NoRIN: RevIN without affine map, followed by the Johnson map to a normal distribution."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution

from revin_forecast.normalizers.arcsinh import LINEAR_FROM, linearized_asinh, linearized_sinh
from revin_forecast.normalizers.base import Equivariance, ValueKind
from revin_forecast.normalizers.learned import InitializedFromData
from revin_forecast.normalizers.mapped_distribution import MonotoneTransform
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale, observed_quantiles
from revin_forecast.utils.shapes import Future, Observed, Past

NORMAL_QUANTILE = 0.524
"""z of the fit, which uses the quantiles of -3 z, -z, z and 3 z; Slifker and Shapiro's choice."""

LEVELS = (0.0579753, 0.3001393, 0.6998607, 0.9420247)
"""Probabilities of -3 z, -z, z and 3 z under the standard normal distribution."""

MAX_TAIL_RATIO = 4.0
"""Largest tail, relative to the middle, that is fitted: delta stays above 0.5, so that the way back
never multiplies a small error of the backbone by a large number."""

MIN_EXCESS = 1e-3
"""Tails must be heavier than those of a straight line by this much, as m n / p^2 - 1."""

LINEAR_DELTA = 1000.0
"""delta of the straight line: the map differs from it by 2e-7 of u^3."""

ROW_REPEATS = 8
"""Windows of the fit in which each training row occurs."""


class JohnsonShape(NamedTuple):
    """Parameters of the map z = delta (epsilon + asinh((u - location) / scale))."""

    delta: Tensor
    """Tails: infinite for a straight line, small for heavy tails."""
    epsilon: Tensor
    """Skewness; 0 for a symmetric map."""
    location: Tensor
    """Location within the standardized window."""
    scale: Tensor
    """Scale within the standardized window."""


class NoRIN(InitializedFromData[LocationScale]):
    """Reshape each channel's values to a normal distribution (NoRIN; Zhang and Xiao, 2026).

    z = delta (epsilon + asinh((u - location) / scale)), the S_U map of Johnson (1949), where u is
    the window standardized as by `RevIN` without affine map. `initialize_from`, which training
    calls, computes the four numbers of each channel from the training rows: the quantiles of u at
    the normal probabilities of -1.572, -0.524, 0.524 and 1.572 get exactly these images (Slifker
    and Shapiro, 1980). Where tails are not heavier than lognormal ones of the same skewness, no
    S_U map exists and the map is a straight line. The four numbers are buffers, never trained: by
    gradient, delta grows until the map is a straight line (arXiv 2605.10823). Without data it is
    asinh(u), as in `Arcsinh`.

    No public code of the paper was found. It describes two shape parameters, delta and epsilon;
    location and scale are fitted here as well. Its search of better shapes by validation error is
    left out. Tails beyond 4 times the middle are fitted as 4 times; where the argument of asinh
    exceeds 11,013, the map continues as its tangent. The image of a spread depends on its level:
    map quantiles, samples or distributions instead.

    Args:
        channels: channels of the look-back window.
        targets: channels that the backbone forecasts; None means all.
    """

    delta: Tensor
    epsilon: Tensor
    shape_location: Tensor
    shape_scale: Tensor

    def __init__(self, channels: int, targets: Sequence[int] | None = None):
        super().__init__(channels, targets)
        self.standard = RevIN(channels, affine=False, targets=targets)
        self.register_buffer("delta", torch.ones(channels))
        self.register_buffer("epsilon", torch.zeros(channels))
        self.register_buffer("shape_location", torch.zeros(channels))
        self.register_buffer("shape_scale", torch.ones(channels))

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    @property
    def maps_scales(self) -> bool:
        """No: the image of a spread depends on its level."""
        return False

    def initialize_from(self, values: Tensor, lookback: int) -> None:
        """Fit each channel's map to the standardized windows of the training rows.

        Args:
            values: (time, channels); NaN is unobserved.
            lookback: steps of the windows; more than there are rows: all rows are one window.

        Raises:
            ValueError: another number of channels, no rows, or a look-back below 1.
        """
        if values.ndim != 2 or values.shape[1] != self.channels:
            raise ValueError(
                f"NoRIN was built for {self.channels} channels but got rows of shape "
                f"{tuple(values.shape)}. Pass (time, {self.channels})."
            )
        if not len(values) or lookback < 1:
            raise ValueError(
                f"NoRIN is fitted to at least 1 row and a look-back of at least 1 step but got "
                f"{len(values)} and {lookback}."
            )
        rows = values.detach().double()
        lookback = min(lookback, len(rows))
        windows = rows.unfold(0, lookback, max(1, lookback // ROW_REPEATS)).mT
        z, _ = self.standard.normalize(windows)
        fitted = fit_johnson_shape(z.flatten(0, 1), windows.isfinite().flatten(0, 1))
        with torch.no_grad():
            for buffer, value in zip(self._buffers_of_shape(), fitted, strict=True):
                buffer.copy_(value)

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LocationScale]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        # In float32, so that z is rounded only once, after the map.
        wide = past.to(torch.promote_types(past.dtype, torch.float32))
        standardized, stats = self.standard.normalize(wide, observed)
        return map_to_normal(standardized, self._shape(wide)).to(past.dtype), stats

    def denormalize(
        self, future: Future, stats: LocationScale, kind: ValueKind = "location"
    ) -> Future:
        """Map a forecast back; see `Normalizer.denormalize`.

        Raises:
            ValueError: kind "scale" or "variance".
        """
        if kind in ("scale", "variance"):
            raise ValueError(
                f"NoRIN can't map a {kind}: its image depends on the level. Map quantiles or "
                "samples, or use denormalize_distribution."
            )
        stats = self._restore_statistics(stats)
        self._check_future(future, stats.scale.shape[0], kind)
        wide = future.to(torch.promote_types(future.dtype, torch.float32))
        shape = self._shape(wide, self.target_index)
        return self.standard.denormalize(map_from_normal(wide, shape), stats, kind)

    def normalize_future(self, future: Future, stats: LocationScale) -> Future:
        """Map values of the horizon to the common scale; see `Normalizer.normalize_future`."""
        standardized = self.standard.normalize_future(future, stats)
        return map_to_normal(standardized, self._shape(standardized, self.target_index))

    def denormalize_distribution(
        self, distribution: Distribution, stats: LocationScale
    ) -> Distribution:
        """Map a forecast distribution back.

        The result has samples, quantiles and `log_prob`, but no mean in closed form.
        """
        stats = self._restore_statistics(stats)
        shape = self._shape(stats.scale, self.target_index)

        def log_derivative(z: Tensor) -> Tensor:
            inner = (z / shape.delta - shape.epsilon).clamp(-LINEAR_FROM, LINEAR_FROM)
            return inner.cosh().log() + (shape.scale / shape.delta).log()

        transform = MonotoneTransform(
            lambda z: map_from_normal(z, shape), lambda u: map_to_normal(u, shape), log_derivative
        )
        standardized = TransformedDistribution(distribution, [transform])
        return self.standard.denormalize_distribution(standardized, stats)

    def _buffers_of_shape(self) -> JohnsonShape:
        return JohnsonShape(self.delta, self.epsilon, self.shape_location, self.shape_scale)

    def _shape(self, like: Tensor, index: Tensor | None = None) -> JohnsonShape:
        """Return the shape in the dtype of `like`, with channels on its axis 2."""
        axes = [1] * (like.ndim - 3)
        buffers = [buffer.to(like.dtype) for buffer in self._buffers_of_shape()]
        if index is not None:
            buffers = [buffer[index] for buffer in buffers]
        return JohnsonShape(*(buffer.reshape(1, 1, -1, *axes) for buffer in buffers))


def map_to_normal(standardized: Tensor, shape: JohnsonShape) -> Tensor:
    """Return delta (epsilon + asinh((u - location) / scale)); see `linearized_asinh`."""
    inner = linearized_asinh((standardized - shape.location) / shape.scale)
    return shape.delta * (shape.epsilon + inner)


def map_from_normal(z: Tensor, shape: JohnsonShape) -> Tensor:
    """Return location + scale sinh(z / delta - epsilon), the inverse of `map_to_normal`."""
    return shape.location + shape.scale * linearized_sinh(z / shape.delta - shape.epsilon)


def fit_johnson_shape(values: Tensor, observed: Tensor) -> JohnsonShape:
    """Return the S_U map that sends four quantiles to -3 z, -z, z and 3 z; z = 0.524.

    With p the distance of the two middle quantiles and m, n the upper and the lower distance to the
    outer ones, such a map exists if m n > p^2 (Slifker and Shapiro, 1980). Otherwise, and for a
    channel without spread, it is the straight line z = u.

    Args:
        values: (samples, channels) float64.
        observed: True where a value counts.

    >>> line = torch.linspace(-1, 1, 101, dtype=torch.float64).unsqueeze(1)
    >>> shape = fit_johnson_shape(torch.sinh(3 * line), torch.ones(101, 1, dtype=torch.bool))
    >>> bool(shape.delta < 3), bool(shape.epsilon.abs() < 1e-9)
    (True, True)
    """
    quantiles = observed_quantiles(values.unsqueeze(0), observed.unsqueeze(0), list(LEVELS))
    lowest, low, high, highest = (quantile.flatten() for quantile in quantiles)
    middle = high - low
    safe = torch.where(middle > 0, middle, 1)
    upper = ((highest - high) / safe).clamp(max=MAX_TAIL_RATIO)
    lower = ((low - lowest) / safe).clamp(max=MAX_TAIL_RATIO)
    is_curved = (middle > 0) & (upper * lower > 1 + MIN_EXCESS)
    # Values of a curved channel where the formula would be undefined; they are replaced below.
    upper, lower = (torch.where(is_curved, ratio, 2) for ratio in (upper, lower))
    root, total = (upper * lower - 1).sqrt(), upper + lower
    delta = 2 * NORMAL_QUANTILE / (total / 2).acosh()
    epsilon = ((lower - upper) / (2 * root)).asinh()
    scale = 2 * middle * root / ((total - 2) * (total + 2).sqrt())
    location = (low + high) / 2 + middle * (lower - upper) / (2 * (total - 2))
    straight = (LINEAR_DELTA, 0.0, 0.0, LINEAR_DELTA)
    fitted = (delta, epsilon, location, scale)
    return JohnsonShape(
        *(torch.where(is_curved, *pair) for pair in zip(fitted, straight, strict=True))
    )
