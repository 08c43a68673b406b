"""Base classes of normalizers whose `denormalize` is an affine map."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution

from revin_forecast.normalizers.base import Normalizer, Stats, ValueKind
from revin_forecast.normalizers.kernels.blocked import all_finite_and_observed
from revin_forecast.normalizers.kernels.dispatch import apply_affine, can_use_blocked_kernels
from revin_forecast.normalizers.kernels.torch_ops import (
    denormalize_op,
    find_observed_op,
    is_compiling_for_cpu,
    normalize_op,
)
from revin_forecast.normalizers.mapped_distribution import DenormalizedDistribution
from revin_forecast.normalizers.statistics import (
    LocationScale,
    check_observed,
    find_observed,
    statistics_dtype,
)
from revin_forecast.utils.shapes import Future, Observed, Past


class AffineNormalizer(Normalizer[Stats]):
    """A normalizer with `denormalize(z) = (z - offset) / gain * scale + location`.

    Subclasses define how a window is normalized and which location and scale its forecast gets.
    This class maps values, spreads, quantiles, samples and distributions with them.
    """

    @abstractmethod
    def future_statistics(self, stats: Stats) -> LocationScale:
        """Return location and scale of the horizon, (batch, 1 or horizon, channels) each."""

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return gain and offset, (channels,) each, for both directions; None means 1 and 0."""
        return None

    def inverse_affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return gain and offset of the way back; usually those of `affine_parameters`."""
        return self.affine_parameters(dtype)

    def denormalize(self, future: Future, stats: Stats, kind: ValueKind = "location") -> Future:
        """Map a forecast back to the data's scale; see `Normalizer.denormalize`."""
        statistics, future, gain, offset = self._broadcast_statistics(future, stats, kind)
        # A spread has no level: offset and location cancel in differences.
        if kind == "scale":
            return future / gain.abs() * statistics.scale
        if kind == "variance":
            return future / gain.square() * statistics.scale.square()
        if kind == "quantile":  # a negative gain reverses the order of the levels
            future = torch.where(gain < 0, future.flip(-1), future)
        anchor, residual, scale = statistics
        if future.ndim == 3 and anchor.shape[1] == scale.shape[1] == 1:
            factor = (scale / gain).expand_as(anchor)
            # The offset is as small as the residual, so adding it there saves a pass over the
            # data without costing digits. The anchor may be large, so it is added last.
            small = residual if offset is None else residual - offset * factor
            if can_use_blocked_kernels(future):
                return apply_affine(future, None, factor, small, anchor, factor.dtype)
            if is_compiling_for_cpu(future):
                return denormalize_op(future, factor, small, anchor)
        centred = future if offset is None else future - offset
        return centred * (scale / gain) + residual + anchor

    def normalize_future(self, future: Future, stats: Stats) -> Future:
        """Map values of the horizon to the common scale; see `Normalizer.normalize_future`."""
        statistics, future, gain, offset = self._broadcast_statistics(future, stats)
        z = statistics.centre(future) / statistics.scale * gain
        return z if offset is None else z + offset

    def denormalize_distribution(self, distribution: Distribution, stats: Stats) -> Distribution:
        """Map a forecast distribution back; see `Normalizer.denormalize_distribution`."""
        stats = self._restore_statistics(stats)
        shape = distribution.batch_shape + distribution.event_shape
        values = self.future_statistics(stats).scale.new_zeros(shape)
        (anchor, residual, scale), _, gain, offset = self._broadcast_statistics(values, stats)
        step = scale / gain
        shift = residual if offset is None else residual - offset * step
        return DenormalizedDistribution(
            distribution, (shift + anchor).expand(shape), step.expand(shape)
        )

    def _broadcast_statistics(
        self, future: Tensor, stats: Stats, kind: ValueKind = "location"
    ) -> tuple[LocationScale, Tensor, Tensor, Tensor | None]:
        """Broadcast statistics and affine parameters against the forecast.

        Returns:
            Statistics of the targets, the forecast in float32 at least, gain and offset; an offset
            of None means 0.
        """
        statistics = self.future_statistics(self._restore_statistics(stats))
        self._check_future(future, statistics.scale.shape[0], kind)
        steps = max(statistic.shape[1] for statistic in statistics)
        if steps not in (1, future.shape[1]):
            raise ValueError(
                f"{type(self).__name__} was built for a horizon of {steps} steps but got a "
                f"forecast of {future.shape[1]}. Build it with horizon={future.shape[1]}."
            )
        future = future.to(torch.promote_types(future.dtype, statistics.scale.dtype))
        affine = self.inverse_affine_parameters(future.dtype)
        gain, offset = (future.new_ones(1), None) if affine is None else affine
        if self.target_index is not None:
            statistics = statistics.select(self.target_index)
            if affine is not None:
                gain, offset = (parameter[self.target_index] for parameter in affine)
        # Channels stay on axis 2: plain broadcasting would match them with levels or samples.
        shape = (1, 1, -1, *[1] * (future.ndim - 3))
        offset = None if offset is None else offset.reshape(shape)
        return statistics.add_trailing_axes(future), future, gain.reshape(shape), offset


class LocationScaleNormalizer(AffineNormalizer[LocationScale]):
    """Subtract a location, divide by a scale: z = gain (x - location) / scale + offset."""

    @abstractmethod
    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Compute each window's statistics from its observed values, in float32 at least.

        Args:
            past: windows in float32 or float64.
            observed: True where a value counts; None means everywhere, and all are finite.
        """

    def location_weights(self, lookback: int) -> Tensor | None:
        """Return the weights c, (lookback,), if location = c . x for a fully observed window x.

        None if the location is not linear in the window, such as a median. With weights, a linear
        map W between this normalizer's two directions is W (x - location) + location in the data's
        units, for any scale, and least squares has a closed-form solution.
        """
        return None

    @property
    def has_unit_scale(self) -> bool:
        """Whether the scale is 1 for every window, so that a backbone's bias is in data units."""
        return False

    @property
    def nan_reaches_scale(self) -> bool:
        """Whether one NaN makes its window's scale NaN, so that no pass has to search for it."""
        return False

    def future_statistics(self, stats: LocationScale) -> LocationScale:
        """Return the window's own location and scale."""
        return stats

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LocationScale]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        check_observed(past, observed)
        # Half precision can't hold a level, so everything is computed in float32 at least.
        values = past.to(statistics_dtype(past.dtype))
        affine = self.affine_parameters(values.dtype)
        gain, offset = (1, 0) if affine is None else affine
        # Three ways to compute the same formula. First, in eager mode on a CPU, for windows
        # without gaps: block by block.
        stats = None
        if can_use_blocked_kernels(past):
            stats = self._gap_free_statistics(values, observed)
        if stats is not None:
            factor = gain / stats.scale
            # The residual is as small as `values - anchor`, so it can be part of the shift.
            shift = offset - stats.residual * factor
            return apply_affine(values, stats.anchor, factor, shift, None, past.dtype), stats
        # Second, compiled for a CPU: custom operators, whose gradients have the anchor's shape.
        on_cpu = is_compiling_for_cpu(past)
        is_observed = (find_observed_op if on_cpu else find_observed)(past, observed)
        stats = self.statistics(values, is_observed)
        if on_cpu:
            factor = (gain / stats.scale).expand_as(stats.anchor)
            shift = torch.zeros_like(stats.anchor) + offset
            z = normalize_op(values, stats.anchor, stats.residual, factor, shift, is_observed)
            return z.to(past.dtype), stats
        # Third, everywhere else: the formula itself, masked before the division, since a NaN in
        # the numerator would reach the scale's gradient.
        z = torch.where(is_observed, stats.centre(values), 0) / stats.scale
        if affine is not None:
            z = z * gain + offset
        return z.to(past.dtype), stats

    def _gap_free_statistics(self, past: Tensor, observed: Tensor | None) -> LocationScale | None:
        """Return the statistics of windows without gaps; None if any window has one."""
        if observed is None and self.nan_reaches_scale:
            stats = self.statistics(past, None)
            return stats if stats.scale.isfinite().all() else None
        return self.statistics(past, None) if all_finite_and_observed(past, observed) else None
