"""Arcsinh: RevIN without affine map, followed by asinh."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution

from revin_forecast.normalizers.base import Equivariance, Normalizer, ValueKind
from revin_forecast.normalizers.mapped_distribution import MonotoneTransform
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale
from revin_forecast.utils.shapes import Future, Observed, Past

LINEAR_FROM = 10.0
"""`|z|` from which the way back is a straight line: 11,013 deviations from the mean."""


class Arcsinh(Normalizer[LocationScale]):
    """Compress large values: z = asinh((x - mean) / deviation) (Chronos-2; Ansari et al., 2025).

    Near 0 it is RevIN without affine map; far out it is a signed logarithm, so spikes stay within
    reach of the backbone. The way back, sinh, overflows. Here sinh continues as its tangent where
    `|z| > 10`, and asinh accordingly, so that both stay monotone, finite and inverse to each other.
    The image of a spread depends on its level: map quantiles, samples or distributions instead.

    Args:
        channels: channels of the look-back window.
        targets: channels that the backbone forecasts; None means all.
    """

    def __init__(self, channels: int, targets: Sequence[int] | None = None):
        super().__init__(channels, targets)
        self.standard = RevIN(channels, affine=False, targets=targets)

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    @property
    def maps_scales(self) -> bool:
        """No: the image of a spread depends on its level."""
        return False

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LocationScale]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        # In float32, so that z is rounded only once, after asinh.
        wide = past.to(torch.promote_types(past.dtype, torch.float32))
        z, stats = self.standard.normalize(wide, observed)
        return linearized_asinh(z).to(past.dtype), stats

    def denormalize(
        self, future: Future, stats: LocationScale, kind: ValueKind = "location"
    ) -> Future:
        """Map a forecast back; see `Normalizer.denormalize`.

        Raises:
            ValueError: kind "scale" or "variance".
        """
        if kind in ("scale", "variance"):
            raise ValueError(
                f"Arcsinh can't map a {kind}: its image depends on the level. Map quantiles or "
                "samples, or use denormalize_distribution."
            )
        stats = self._restore_statistics(stats)
        self._check_future(future, stats.scale.shape[0], kind)
        wide = future.to(torch.promote_types(future.dtype, torch.float32))
        return self.standard.denormalize(linearized_sinh(wide), stats, kind)

    def normalize_future(self, future: Future, stats: LocationScale) -> Future:
        """Map values of the horizon to the common scale; see `Normalizer.normalize_future`."""
        return linearized_asinh(self.standard.normalize_future(future, stats))

    def denormalize_distribution(
        self, distribution: Distribution, stats: LocationScale
    ) -> Distribution:
        """Map a forecast distribution back.

        The result has samples, quantiles and `log_prob`, but no mean in closed form.
        """
        standardized = TransformedDistribution(
            distribution, [MonotoneTransform(linearized_sinh, linearized_asinh, _log_derivative)]
        )
        return self.standard.denormalize_distribution(standardized, stats)


def linearized_sinh(z: Tensor) -> Tensor:
    """Return sinh z, continued by its tangent beyond `|z| = LINEAR_FROM`.

    >>> linearized_sinh(torch.tensor([0.0, 1.0, 1000.0]))
    tensor([0.0000e+00, 1.1752e+00, 1.0914e+07])
    """
    # sinh overflows float32 above 89.4; the clamp comes first, so that no inf reaches a gradient.
    near = z.clamp(-LINEAR_FROM, LINEAR_FROM)
    return near.sinh() + math.cosh(LINEAR_FROM) * (z - near)


def linearized_asinh(value: Tensor) -> Tensor:
    """Return the inverse of `linearized_sinh`."""
    edge = math.sinh(LINEAR_FROM)
    near = value.clamp(-edge, edge)
    return near.asinh() + (value - near) / math.cosh(LINEAR_FROM)


def _log_derivative(z: Tensor) -> Tensor:
    """Return log cosh z, constant beyond `|z| = LINEAR_FROM`."""
    return z.clamp(-LINEAR_FROM, LINEAR_FROM).cosh().log()
