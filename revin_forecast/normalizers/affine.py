"""Base classes of normalizers whose `denormalize` is an affine map."""

import math
from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution

from revin_forecast.normalizers.base import Normalizer, Stats, ValueKind
from revin_forecast.normalizers.kernels.blocked import all_finite_and_observed
from revin_forecast.normalizers.kernels.dispatch import (
    MAX_PLAIN_VALUES,
    apply_affine,
    can_branch_on_data,
)
from revin_forecast.normalizers.mapped_distribution import DenormalizedDistribution
from revin_forecast.normalizers.statistics import (
    LocationScale,
    check_observed,
    find_observed,
    statistics_dtype,
)
from revin_forecast.utils.shapes import Future, Observed, Past

FULL_PRECISION = (torch.float32, torch.float64)
"""Dtypes in which statistics are computed without a conversion."""


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
        if kind in ("location", "sample") and future.ndim == 3:
            return self._denormalize_values(future, stats)
        statistics, future, gain, offset = self._broadcast_statistics(future, stats, kind)
        # A spread has no level: offset and location cancel in differences.
        if kind == "scale":
            return future / gain.abs() * statistics.scale
        if kind == "variance":
            return future / gain.square() * statistics.scale.square()
        if kind == "quantile":  # a negative gain reverses the order of the levels
            future = torch.where(gain < 0, future.flip(-1), future)
        anchor, residual, scale = statistics
        centred = future if offset is None else future - offset
        return centred * (scale / gain) + residual + anchor

    def _denormalize_values(self, future: Tensor, stats: Stats) -> Tensor:
        """Map values (batch, horizon, channels) back, with as few operations as possible."""
        (anchor, residual, scale), future, affine = self._select_statistics(future, stats)
        # A comparison of sizes would become a condition of a traced program.
        if not torch.compiler.is_compiling() and (
            future.numel() > MAX_PLAIN_VALUES
            and anchor.shape[1] == scale.shape[1] == 1
            and can_branch_on_data(future)
        ):
            # The offset is as small as the residual, so adding it there saves a pass over the
            # data without costing digits. The anchor may be large, so it is added last.
            factor, small = scale, residual
            if affine is not None:
                factor = scale / affine[0]
                small = residual - affine[1] * factor
            return apply_affine(future, None, factor, small, anchor, factor.dtype)
        if affine is not None:
            future = (future - affine[1]) / affine[0]
        return future * scale + residual + anchor

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
        statistics, future, affine = self._select_statistics(future, stats, kind)
        gain, offset = (future.new_ones(1), None) if affine is None else affine
        # Channels stay on axis 2: plain broadcasting would match them with levels or samples.
        shape = (1, 1, -1, *[1] * (future.ndim - 3))
        offset = None if offset is None else offset.reshape(shape)
        return statistics.add_trailing_axes(future), future, gain.reshape(shape), offset

    def _select_statistics(
        self, future: Tensor, stats: Stats, kind: ValueKind = "location"
    ) -> tuple[LocationScale, Tensor, tuple[Tensor, Tensor] | None]:
        """Return statistics and affine parameters of the targets, after checking the forecast.

        Returns:
            Statistics, the forecast in float32 at least, and gain and offset, (channels,) each, or
            None for 1 and 0.
        """
        statistics = self.future_statistics(self._restore_statistics(stats))
        anchor, residual, scale = statistics
        self._check_future(future, scale.shape[0], kind)
        steps = max(anchor.shape[1], residual.shape[1], scale.shape[1])
        if anchor.ndim != 3:
            raise ValueError(
                f"{type(self).__name__} needs statistics (batch, 1 or horizon, channels) but got "
                f"shape {tuple(anchor.shape)}. Pass the statistics that normalize returned."
            )
        if steps not in (1, future.shape[1]):
            raise ValueError(
                f"{type(self).__name__} was built for a horizon of {steps} steps but got a "
                f"forecast of {future.shape[1]}. Build it with horizon={future.shape[1]}."
            )
        if future.dtype is not scale.dtype:
            if future.dtype.itemsize == 1:  # float8 can't be promoted
                raise TypeError(
                    f"{type(self).__name__} needs a forecast of 16 bits or more but got "
                    f"{future.dtype}. Pass future.float()."
                )
            future = future.to(torch.promote_types(future.dtype, scale.dtype))
        affine = self.inverse_affine_parameters(future.dtype)
        if self.targets is None:
            return statistics, future, affine
        index = self.target_index
        assert index is not None
        if affine is not None:
            affine = affine[0][index], affine[1][index]
        return statistics.select(index), future, affine


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
        values = past if past.dtype in FULL_PRECISION else past.to(statistics_dtype(past.dtype))
        affine = self.affine_parameters(values.dtype)
        # In eager mode on a CPU: windows without gaps need no masks, the usual case.
        is_eager = can_branch_on_data(past)
        if is_eager:
            result = self._normalize_gap_free(values, observed, affine, past.dtype)
            if result is not None:
                return result
        # Everywhere else: the formula itself, masked before the division, since a NaN in the
        # numerator would reach the scale's gradient.
        is_observed = find_observed(past, observed)
        stats = self.statistics(values, is_observed)
        if is_eager and not math.isfinite(stats.scale.sum().item()):
            # A deviation fits float32 although its square does not.
            wide = self.statistics(values.double(), is_observed)
            stats = LocationScale(*(statistic.to(values.dtype) for statistic in wide))
        z = torch.where(is_observed, stats.centre(values), 0) / stats.scale
        if affine is not None:
            z = z * affine[0] + affine[1]
        return z.to(past.dtype), stats

    def _normalize_gap_free(
        self,
        values: Tensor,
        observed: Tensor | None,
        affine: tuple[Tensor, Tensor] | None,
        dtype: torch.dtype,
    ) -> tuple[Tensor, LocationScale] | None:
        """Normalize windows without gaps; None if any window has one."""
        if observed is None and self.nan_reaches_scale:
            stats = self.statistics(values, None)
            if not math.isfinite(stats.scale.sum().item()):
                return None
        elif all_finite_and_observed(values, observed):
            stats = self.statistics(values, None)
        else:
            return None
        if values.numel() <= MAX_PLAIN_VALUES:
            z = stats.centre(values) / stats.scale
            return (z if affine is None else z * affine[0] + affine[1]).to(dtype), stats
        gain, offset = (1, 0) if affine is None else affine
        factor = gain / stats.scale
        # The residual is as small as `values - anchor`, so it can be part of the shift.
        shift = offset - stats.residual * factor
        return apply_affine(values, stats.anchor, factor, shift, None, dtype), stats
