import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution

from revin_forecast.normalizers.base import Equivariance, Normalizer, ValueKind
from revin_forecast.normalizers.mapped_distribution import MonotoneTransform
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale
from revin_forecast.shapes import Future, Observed, Past

LINEAR_FROM = 10.0
"""Beyond it, 11,013 deviations from the mean, the way back goes on as a straight line."""


class Arcsinh(Normalizer[LocationScale]):
    """Pull in large values: z = asinh((x - mean) / deviation) (Chronos-2; Ansari et al., 2025).

    Near 0 it is RevIN without affine map, far out a logarithm with a sign, so spikes stay within
    reach of the backbone. The way back, sinh, overflows; here it goes on as its tangent where
    |z| > 10, and asinh likewise, so that both stay monotone, finite and each other's inverse.
    A spread has no image without its place: map quantiles, samples or distributions.

    Args:
        channels: channels of the look-back window.
        targets: which channels the backbone forecasts; None: all.
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
        """No: the image of a spread depends on where it stands."""
        return False

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LocationScale]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
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
                f"Arcsinh can't map a {kind}: its image depends on the level it stands at. Map "
                "quantiles or samples, or use denormalize_distribution."
            )
        self._check_future(future, stats.scale.shape[0])
        wide = future.to(torch.promote_types(future.dtype, torch.float32))
        return self.standard.denormalize(linearized_sinh(wide), stats, kind)

    def normalize_future(self, future: Future, stats: LocationScale) -> Future:
        """Map values of the horizon to the common scale; see `Normalizer.renormalize`."""
        return linearized_asinh(self.standard.normalize_future(future, stats))

    def denormalize_distribution(
        self, distribution: Distribution, stats: LocationScale
    ) -> Distribution:
        """Map a forecast distribution back; it has no closed mean, but samples and quantiles."""
        bent = TransformedDistribution(
            distribution, [MonotoneTransform(linearized_sinh, linearized_asinh, _log_derivative)]
        )
        return self.standard.denormalize_distribution(bent, stats)


def linearized_sinh(z: Tensor) -> Tensor:
    """Return sinh z, beyond |z| = BEND its tangent.

    >>> bent_sinh(torch.tensor([0.0, 1.0, 1000.0]))
    tensor([0.0000e+00, 1.1752e+00, 1.0914e+07])
    """
    near = z.clamp(-LINEAR_FROM, LINEAR_FROM)
    return near.sinh() + math.cosh(LINEAR_FROM) * (z - near)


def linearized_asinh(value: Tensor) -> Tensor:
    """Return the inverse of `bent_sinh`."""
    edge = math.sinh(LINEAR_FROM)
    near = value.clamp(-edge, edge)
    return near.asinh() + (value - near) / math.cosh(LINEAR_FROM)


def _log_derivative(z: Tensor) -> Tensor:
    """Return log cosh z up to BEND, and its value there beyond."""
    return z.clamp(-LINEAR_FROM, LINEAR_FROM).cosh().log()
