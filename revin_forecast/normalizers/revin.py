"""RevIN: reversible instance normalization."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.kernels.dispatch import MAX_PLAIN_VALUES, anchored_moments
from revin_forecast.normalizers.kernels.few_values import normalize_few_values
from revin_forecast.normalizers.reference_checkpoint import (
    AFFINE_NAMES,
    build_layers,
    find_affine_layers,
    select_affine_layer,
    write_affine_layer,
)
from revin_forecast.normalizers.statistics import (
    LocationScale,
    guard_zero_scale,
    largest_observed_values,
    last_observed_values,
    observed_median,
    statistics_dtype,
    unbias_variance,
)
from revin_forecast.normalizers.weight_bound import bound_away_from_zero
from revin_forecast.utils.shapes import Observed, Past

LocationName = Literal["mean", "last", "median"]


class RevIN(LocationScaleNormalizer):
    """Reversible instance normalization (Kim et al., ICLR 2022).

    z = w (x - location) / scale + b on the way in, y = (z - b) / w * scale + location on the way
    back, with one learned w and b per channel for both directions. The scale is the window's
    standard deviation about its mean, over observed values.

    Three choices differ from the authors' layer. A zero deviation counts as 1, where the authors
    add `eps` to every variance, so that f(a x + b) = a f(x) + b holds exactly. A weight closer to
    zero than 0.02 acts as at least 0.01 in both directions, where the authors divide by
    w + eps^2 on the way back only (`affine="unguarded"`). Statistics are returned, where the
    authors store them on the module. In float32 a window's deviation must be 1e-18 or more, because
    its square has to fit the dtype; compiled, exported and on a GPU also 1e18 or less.

    Args:
        channels: channels of the look-back window.
        affine: learn w and b; with False, w = 1 and b = 0. "unguarded" is the authors' formula for
            any weight, (z - b) / (w + eps^2) on the way back. It gives up the bound on w: a weight
            near zero amplifies a forecast without limit, and w + eps^2 = 0 makes it NaN or
            infinite. It fails the check "parameters near zero are safe" and, with eps, by
            eps^2 / w, "denormalize undoes normalize".
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
        ValueError: an unknown statistic, affine or correction, an eps that is not positive, no
            channels, or targets that are not distinct channel numbers.

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
        affine: bool | Literal["unguarded"] = True,
        statistic: LocationName = "mean",
        eps: float | None = None,
        targets: Sequence[int] | None = None,
        detach: bool = True,
        correction: Literal[0, 1] = 0,
    ):
        super().__init__(channels, targets)
        if statistic not in ("mean", "last", "median"):
            raise ValueError(f'statistic must be "mean", "last" or "median" but got {statistic!r}.')
        if affine not in (True, False, "unguarded"):
            raise ValueError(f'affine must be True, False or "unguarded" but got {affine!r}.')
        if eps is not None and not eps > 0:
            raise ValueError(f"eps must be a positive number or None but got {eps}.")
        if correction not in (0, 1):
            raise ValueError(
                f"correction must be 0 (divide by n) or 1 (by n - 1) but got {correction!r}."
            )
        self.statistic: LocationName = statistic
        self.eps = eps
        self.detach = detach
        self.is_unguarded = affine == "unguarded"
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
        if observed is None or self.statistic == "last":
            anchor = last_observed_values(past, observed)
        else:
            anchor = largest_observed_values(past, observed)
        mean, variance = anchored_moments(past, observed, anchor)
        if self.correction == 1:
            variance = unbias_variance(variance, past, observed)
        residual = self._location_residual(past, anchor, mean, observed)
        return LocationScale(anchor, residual, self._scale_from_variance(variance))

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return the weight, bounded away from zero unless unguarded, and the bias.

        None with `affine=False`.
        """
        try:  # reading the attributes takes as long as an operation on a small window
            weight, bias = self._parameters["affine_weight"], self._parameters["affine_bias"]
        except KeyError:  # a parametrized weight
            weight, bias = self.affine_weight, self.affine_bias
        if weight is None or bias is None:
            return None
        if weight.dtype is not dtype:
            weight, bias = weight.to(dtype), bias.to(dtype)
        return (weight if self.is_unguarded else bound_away_from_zero(weight)), bias

    def inverse_affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return weight and bias of the way back: w + eps^2 and b if unguarded."""
        affine = self.affine_parameters(dtype)
        if not self.is_unguarded or affine is None or self.eps is None:
            return affine
        return affine[0] + self.eps * self.eps, affine[1]

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
        cls,
        state_dict: Mapping[str, Tensor],
        statistic: LocationName = "mean",
        eps: float | None = 1e-5,
        prefix: str | None = None,
        exact: bool = False,
        correction: Literal[0, 1] = 0,
    ) -> "RevIN":
        """Build the layer from a checkpoint of the authors' layer or of a public copy.

        Names are `affine_weight` and `affine_bias`, `gamma` and `beta`, or, at a given prefix or in
        a state dict of two entries, `weight` and `bias`. Shapes are (channels,), (1, 1, channels),
        (channels, 1) and others with one axis of channels. Prefixes, and the parts of names that
        DistributedDataParallel and torch.compile add, don't matter.

        The layer acts as the checkpoint does, to rounding, for weights from 0.01 in size. From 0.01
        to 0.02, the stored weight is the one whose bound is the checkpoint's. A smaller weight is
        stored as it is, and acts as 0.01 to 0.0125 unless `exact`.

        Args:
            state_dict: of the layer, or of a model that contains it.
            statistic: "last" for a layer built with subtract_last.
            eps: eps of the reference layer.
            prefix: of the layer's names, such as "model.revin"; needed if there are several layers.
            exact: keep weights of any size, with `affine="unguarded"`.
            correction: 1 for a copy that divides the sum of squares by n - 1.

        Raises:
            ValueError: there is no such layer or there are several, a weight or bias is missing,
                or their shapes have not one axis of channels.

        Warns:
            UserWarning: a weight is smaller than 0.01, and `exact` is False.
        """
        layer = select_affine_layer(state_dict, prefix)
        built = build_layers(cls, layer, exact, statistic=statistic, eps=eps, correction=correction)
        return next(iter(built.values()))

    @classmethod
    def all_from_reference(
        cls,
        state_dict: Mapping[str, Tensor],
        statistic: LocationName = "mean",
        eps: float | None = 1e-5,
        exact: bool = False,
        correction: Literal[0, 1] = 0,
    ) -> dict[str, "RevIN"]:
        """Build every layer of a checkpoint, by prefix, such as "normalize_layers.0".

        See `from_reference` for arguments, names and shapes.

        Raises:
            ValueError: there is no such layer, or one is incomplete.
        """
        layers = find_affine_layers(state_dict)
        return build_layers(cls, layers, exact, statistic=statistic, eps=eps, correction=correction)

    def to_reference(
        self,
        shape: Sequence[int] = (-1,),
        names: tuple[str, str] = AFFINE_NAMES,
        prefix: str = "",
    ) -> dict[str, Tensor]:
        """Return a state dict that the authors' layer loads; empty with `affine=False`.

        It holds the effective weights, bounded away from zero unless unguarded: the authors' layer
        has no bound. `from_reference` builds the same layer from it.

        Args:
            shape: of each tensor, with -1 for the channels: (1, 1, -1) for neuralforecast's
                RevINMultivariate and the authors' published SCINet.
            names: of weight and bias, such as ("gamma", "beta").
            prefix: of both names, such as "model.revin".

        Raises:
            ValueError: the shape has another axis than that of the channels.
        """
        if self.affine_weight is None:
            return {}
        affine = self.affine_parameters(statistics_dtype(self.affine_weight.dtype)) or ()
        return write_affine_layer(affine, shape, names, prefix)

    def extra_repr(self) -> str:
        """Show the options that differ from their defaults."""
        options = [super().extra_repr()]
        options += ["affine=False"] if self.affine_weight is None else []
        options += ['affine="unguarded"'] if self.is_unguarded else []
        options += [f"statistic={self.statistic!r}"] if self.statistic != "mean" else []
        options += [f"eps={self.eps}"] if self.eps is not None else []
        options += [] if self.detach else ["detach=False"]
        return ", ".join(options + ([f"correction={self.correction}"] if self.correction else []))

    def _normalize_gap_free(
        self,
        values: Tensor,
        observed: Tensor | None,
        affine: tuple[Tensor, Tensor] | None,
        dtype: torch.dtype,
    ) -> tuple[Tensor, LocationScale] | None:
        """Normalize windows without gaps; see `LocationScaleNormalizer`."""
        is_usual = self.statistic == "mean" and self.detach and observed is None
        if is_usual and 0 < values.numel() <= MAX_PLAIN_VALUES:
            few = normalize_few_values(values, self.correction, self.eps, affine, dtype)
            if few is not None:
                return few
        return super()._normalize_gap_free(values, observed, affine, dtype)

    def _location_residual(
        self, past: Tensor, anchor: Tensor, mean: Tensor, observed: Tensor | None
    ) -> Tensor:
        """Return the location minus the anchor, which is the last observed value."""
        if self.statistic == "last":
            return torch.zeros_like(mean)
        return mean if self.statistic == "mean" else observed_median(past - anchor, observed)

    def _scale_from_variance(self, variance: Tensor) -> Tensor:
        return (guard_zero_scale(variance) if self.eps is None else variance + self.eps).sqrt()
