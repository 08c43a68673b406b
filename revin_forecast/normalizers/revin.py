from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.kernels.dispatch import anchored_moments, can_use_blocked_kernels
from revin_forecast.normalizers.statistics import (
    LocationScale,
    guard_zero_scale,
    observed_median,
)
from revin_forecast.shapes import Observed, Past

LocationName = Literal["mean", "last", "median"]

MIN_GAIN = 0.01
"""No affine weight acts as less than this, so a forecast is never amplified more than 100 times."""


class RevIN(LocationScaleNormalizer):
    """Reversible instance normalization (Kim et al., ICLR 2022).

    z = w (x - location) / scale + b on the way in, y = (z - b) / w * scale + location on the way
    back, with one learned w and b a channel for both directions. The scale is the window's
    standard deviation about its mean (biased), over observed values.

    Three choices differ from the authors' layer. A zero deviation counts as 1 instead of every
    variance being raised by `eps`, so that f(a x + b) = a f(x) + b holds exactly. A weight nearer
    to zero than 0.02 acts as at least 0.01 in both directions. Statistics never leave the
    call. In float32 a window's deviation must lie between 1e-18 and 1e18: beyond, its square does
    not fit the dtype.

    Args:
        channels: channels of the look-back window.
        affine: learn w and b; without them w = 1, b = 0.
        statistic: the location. "mean" is the paper's; "last" its subtract-last variant; "median"
            averages the two middle values of an even count.
        eps: None for the exact guard; a number, such as the paper's 1e-5, is added to the
            variance as in the reference layer (and costs the equivariance to scale).
        targets: which channels the backbone forecasts; None: all.
        detach: treat the statistics as constants in the backward pass, as the paper does. False
            lets the gradient flow through them.

    Raises:
        ValueError: unknown statistic, negative eps, unfit channels or targets.

    >>> revin = RevIN(channels=3)
    >>> past = torch.randn(32, 96, 3) * 5 + 1000
    >>> z, stats = revin.normalize(past)
    >>> torch.allclose(revin.denormalize(z, stats), past)
    True
    """

    affine_weight: nn.Parameter | None
    affine_bias: nn.Parameter | None

    def __init__(
        self,
        channels: int,
        affine: bool = True,
        statistic: LocationName = "mean",
        eps: float | None = None,
        targets: Sequence[int] | None = None,
        detach: bool = True,
    ):
        super().__init__(channels, targets)
        if statistic not in ("mean", "last", "median"):
            raise ValueError(f'statistic is "mean", "last" or "median" but got {statistic!r}.')
        if eps is not None and not eps > 0:
            raise ValueError(f"eps is None or a positive number but got {eps}.")
        self.statistic: LocationName = statistic
        self.eps = eps
        self.detach = detach
        self.affine_weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.affine_bias = nn.Parameter(torch.zeros(channels)) if affine else None

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale; with an additive eps of level only."""
        return frozenset({"shift", "scale"} if self.eps is None else {"shift"})

    @property
    def nan_reaches_scale(self) -> bool:
        """Yes: the variance is a sum over the whole window."""
        return True

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return location and standard deviation of each window's observed values."""
        past = past.detach() if self.detach else past
        # A value of the window as anchor makes `past - anchor` exact at any level, and exactly
        # zero for a constant window.
        anchor, mean, variance = anchored_moments(past, observed)
        residual = self._location_residual(past, anchor, mean, observed)
        return LocationScale(anchor, residual, self._scale_from_variance(variance))

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return the weight, kept away from zero, and the bias; None without affine map."""
        if self.affine_weight is None or self.affine_bias is None:
            return None
        return bound_away_from_zero(self.affine_weight.to(dtype)), self.affine_bias.to(dtype)

    def location_weights(self, lookback: int) -> Tensor | None:
        """Return equal weights for the mean, the last unit vector for last, None for median."""
        if self.statistic == "median":
            return None
        if self.statistic == "mean":
            return torch.full((lookback,), 1 / lookback, dtype=torch.float64)
        weights = torch.zeros(lookback, dtype=torch.float64)
        weights[-1] = 1
        return weights

    @classmethod
    def from_reference(
        cls, state_dict: Mapping[str, Tensor], statistic: LocationName = "mean", eps: float = 1e-5
    ) -> "RevIN":
        """Build the layer from a checkpoint of the authors' one, with its additive eps.

        Args:
            state_dict: has `affine_weight` and `affine_bias`, under any common prefix.
            statistic: "last" for a layer built with subtract_last.
            eps: the reference layer's.

        Raises:
            ValueError: either name is missing or stands there more than once.
        """
        weight, bias = (
            _single_entry(state_dict, name) for name in ("affine_weight", "affine_bias")
        )
        layer = cls(len(weight), statistic=statistic, eps=eps)
        layer.load_state_dict({"affine_weight": weight, "affine_bias": bias})
        return layer

    def to_reference(self) -> dict[str, Tensor]:
        """Return a state dict that the authors' layer loads; empty without affine map.

        The weights are those that act, so a weight that was kept from zero stays so.
        """
        affine = self.affine_parameters(torch.float32)
        if affine is None:
            return {}
        return {
            name: part.detach().clone() for name, part in zip(_AFFINE_NAMES, affine, strict=True)
        }

    def extra_repr(self) -> str:
        """Show what differs from the defaults."""
        shown = [super().extra_repr()]
        shown += ["affine=False"] if self.affine_weight is None else []
        shown += [f"statistic={self.statistic!r}"] if self.statistic != "mean" else []
        shown += [f"eps={self.eps}"] if self.eps is not None else []
        return ", ".join(shown + ([] if self.detach else ["detach=False"]))

    def _location_residual(
        self, past: Tensor, anchor: Tensor, mean: Tensor, observed: Tensor | None
    ) -> Tensor:
        if self.statistic == "last":
            return torch.zeros_like(mean)
        return mean if self.statistic == "mean" else observed_median(past - anchor, observed)

    def _scale_from_variance(self, variance: Tensor) -> Tensor:
        return (guard_zero_scale(variance) if self.eps is None else variance + self.eps).sqrt()


_AFFINE_NAMES = ("affine_weight", "affine_bias")


def bound_away_from_zero(weight: Tensor) -> Tensor:
    """Bend weights nearer to zero than twice `SMALLEST_GAIN` away from it, sign kept.

    Smooth where the bend begins: w -> sign(w) (w^2 / (2 b) + b / 2) for |w| < b = 0.02, so a
    small weight still gets a gradient. Zero counts as positive.

    >>> away_from_zero(torch.tensor([1.0, 0.0, -1e-10, -3.0]))
    tensor([ 1.0000,  0.0100, -0.0100, -3.0000])
    """
    bend = 2 * MIN_GAIN
    if can_use_blocked_kernels(weight) and not (weight.abs() < bend).any():
        return weight  # as nearly always, and ten small operations are saved in either direction
    sign = torch.where(weight < 0, -1.0, 1.0).to(weight.dtype)
    bent = sign * (weight.square() / (2 * bend) + bend / 2)
    return torch.where(weight.abs() < bend, bent, weight)


def _single_entry(state_dict: Mapping[str, Tensor], name: str) -> Tensor:
    found = [key for key in state_dict if key.split(".")[-1] == name]
    if len(found) != 1:
        raise ValueError(
            f"a RevIN checkpoint holds one {name} but this one has {found or 'none'}; its names "
            f"are {sorted(state_dict)}. Pass the state dict of one affine RevIN layer."
        )
    return state_dict[found[0]]
