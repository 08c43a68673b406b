"""RevIN: reversible instance normalization."""

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
    unbias_variance,
)
from revin_forecast.utils.shapes import Observed, Past

LocationName = Literal["mean", "last", "median"]

MIN_GAIN = 0.01
"""Smallest effective affine weight: a forecast is never amplified more than 100 times."""

_AFFINE_NAMES = ("affine_weight", "affine_bias")


class RevIN(LocationScaleNormalizer):
    """Reversible instance normalization (Kim et al., ICLR 2022).

    z = w (x - location) / scale + b on the way in, y = (z - b) / w * scale + location on the way
    back, with one learned w and b per channel for both directions. The scale is the window's
    standard deviation about its mean, over observed values.

    Three choices differ from the authors' layer. A zero deviation counts as 1, where the authors
    add `eps` to every variance, so that f(a x + b) = a f(x) + b holds exactly. A weight closer to
    zero than 0.02 acts as at least 0.01 in both directions, where the authors divide by
    w + eps^2 on the way back only. Statistics are returned, where the authors store them on the
    module. In float32 a window's deviation must be between 1e-18 and 1e18, because its square has
    to fit the dtype.

    Args:
        channels: channels of the look-back window.
        affine: learn w and b; otherwise w = 1, b = 0.
        statistic: the location. "mean" is the paper's; "last" its subtract-last variant; "median"
            averages the two middle values of an even count.
        eps: None for the exact guard; a number, such as the paper's 1e-5, is added to the
            variance as in the reference layer (and costs the equivariance to scale).
        targets: channels that the backbone forecasts; None means all.
        detach: treat the statistics as constants in the backward pass, as the paper does. False
            lets the gradient flow through them.
        correction: 0 divides the sum of squares by the number n of observed values, as the paper
            does; 1 divides by n - 1, the default of `torch.var`, which CycleNet and RLinear use. A
            window with one observed value has the variance 0 either way.

    Raises:
        ValueError: an unknown statistic, an eps that is not positive, no channels, targets that
            are not distinct channel numbers, or a correction other than 0 and 1.

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
        correction: Literal[0, 1] = 0,
    ):
        super().__init__(channels, targets)
        if statistic not in ("mean", "last", "median"):
            raise ValueError(f'statistic must be "mean", "last" or "median" but got {statistic!r}.')
        if eps is not None and not eps > 0:
            raise ValueError(f"eps must be a positive number or None but got {eps}.")
        if correction not in (0, 1):
            raise ValueError(
                f"correction must be 0 (divide by n) or 1 (by n - 1) but got {correction!r}."
            )
        self.statistic: LocationName = statistic
        self.eps = eps
        self.detach = detach
        self.correction: Literal[0, 1] = correction
        self.affine_weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.affine_bias = nn.Parameter(torch.zeros(channels)) if affine else None

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale; with an additive eps, of level only."""
        return frozenset({"shift", "scale"} if self.eps is None else {"shift"})

    @property
    def nan_reaches_scale(self) -> bool:
        """Yes: the variance is a sum over the whole window."""
        return True

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return location and standard deviation of each window's observed values."""
        past = past.detach() if self.detach else past
        # The anchor is a value of the window: `past - anchor` is exact at any level, and exactly
        # zero for a constant window.
        anchor, mean, variance = anchored_moments(past, observed)
        if self.correction == 1:
            variance = unbias_variance(variance, past, observed)
        residual = self._location_residual(past, anchor, mean, observed)
        return LocationScale(anchor, residual, self._scale_from_variance(variance))

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return the weight, bounded away from zero, and the bias; None with `affine=False`."""
        if self.affine_weight is None or self.affine_bias is None:
            return None
        return bound_away_from_zero(self.affine_weight.to(dtype)), self.affine_bias.to(dtype)

    def location_weights(self, lookback: int) -> Tensor | None:
        """Return equal weights for "mean", the last unit vector for "last", None for "median"."""
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
        """Build the layer from a checkpoint of the authors' layer, with its additive eps.

        Args:
            state_dict: contains `affine_weight` and `affine_bias`, with any prefix.
            statistic: "last" for a layer built with subtract_last.
            eps: eps of the reference layer.

        Raises:
            ValueError: either name is missing or occurs more than once.
        """
        weight, bias = (_single_entry(state_dict, name) for name in _AFFINE_NAMES)
        layer = cls(len(weight), statistic=statistic, eps=eps)
        layer.load_state_dict({"affine_weight": weight, "affine_bias": bias})
        return layer

    def to_reference(self) -> dict[str, Tensor]:
        """Return a state dict that the authors' layer loads; empty with `affine=False`.

        It holds the effective weights, bounded away from zero: the authors' layer has no bound.
        """
        affine = self.affine_parameters(torch.float32)
        if affine is None:
            return {}
        return {
            name: parameter.detach().clone()
            for name, parameter in zip(_AFFINE_NAMES, affine, strict=True)
        }

    def extra_repr(self) -> str:
        """Show the options that differ from their defaults."""
        options = [super().extra_repr()]
        options += ["affine=False"] if self.affine_weight is None else []
        options += [f"statistic={self.statistic!r}"] if self.statistic != "mean" else []
        options += [f"eps={self.eps}"] if self.eps is not None else []
        options += [] if self.detach else ["detach=False"]
        return ", ".join(options + ([f"correction={self.correction}"] if self.correction else []))

    def _location_residual(
        self, past: Tensor, anchor: Tensor, mean: Tensor, observed: Tensor | None
    ) -> Tensor:
        """Return the location minus the anchor, which is the last observed value."""
        if self.statistic == "last":
            return torch.zeros_like(mean)
        return mean if self.statistic == "mean" else observed_median(past - anchor, observed)

    def _scale_from_variance(self, variance: Tensor) -> Tensor:
        return (guard_zero_scale(variance) if self.eps is None else variance + self.eps).sqrt()


def bound_away_from_zero(weight: Tensor) -> Tensor:
    """Move weights closer to zero than twice `MIN_GAIN` away from it, preserving the sign.

    w -> sign(w) (w^2 / (2 b) + b / 2) for |w| < b = 0.02. The map is smooth at b, so a small weight
    still gets a gradient. Zero counts as positive.

    >>> bound_away_from_zero(torch.tensor([1.0, 0.0, -1e-10, -3.0]))
    tensor([ 1.0000,  0.0100, -0.0100, -3.0000])
    """
    bound = 2 * MIN_GAIN
    # The usual case. Returning early saves ten small operations in each direction; compiled code
    # can't branch on data and takes the general path.
    if can_use_blocked_kernels(weight) and not (weight.abs() < bound).any():
        return weight
    sign = torch.where(weight < 0, -1.0, 1.0).to(weight.dtype)
    bounded = sign * (weight.square() / (2 * bound) + bound / 2)
    return torch.where(weight.abs() < bound, bounded, weight)


def _single_entry(state_dict: Mapping[str, Tensor], name: str) -> Tensor:
    keys = [key for key in state_dict if key.split(".")[-1] == name]
    if len(keys) != 1:
        raise ValueError(
            f"a RevIN checkpoint holds one {name} but this one has {keys or 'none'}; its names "
            f"are {sorted(state_dict)}. Pass the state dict of one affine RevIN layer."
        )
    return state_dict[keys[0]]
