"""A layer of other code, called through the contract of a normalizer."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from revin_forecast.checks.call_style import KNOWN_CALLS, CallStyle, find_call_style
from revin_forecast.checks.samples import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    NormalizerFactory,
    as_forecast,
    perturb,
    sample_windows,
)
from revin_forecast.errors import InputError
from revin_forecast.models.spec import select_accepted_sizes
from revin_forecast.normalizers.base import Equivariance, Normalizer, ValueKind
from revin_forecast.utils.shapes import Future, Observed, Past

LayerFactory = Callable[..., nn.Module]
"""A class or function of (channels) that builds a normalizer or a layer of other code."""
MAX_MODERATE_ERROR = 0.05
"""A layer claims a promise if this is its largest error, in deviations, for moderate data."""
ADAPTER = """
class Adapted(Normalizer):
    def __init__(self, channels):
        super().__init__(channels)
        self.layer = {name}(channels)

    def normalize(self, past, observed=None):
        return self.layer.first(past), ()

    def denormalize(self, future, stats, kind="location"):
        return self.layer.second(future)
"""
"""Code for users; the two calls must be replaced."""


@dataclass(frozen=True)
class LayerClaims:
    """Promises that a layer keeps for moderate data, and so has to keep for all."""

    equivariant_to: frozenset[Equivariance]
    is_invertible: bool
    mixes_channels: bool


class AdaptedLayer(Normalizer[tuple[Any, ...]]):
    """Calls a layer of other code as a normalizer.

    Args:
        layer: the layer.
        style: how to call it.
        claims: the promises that it keeps for moderate data.
        channels: channels of the window.
    """

    def __init__(self, layer: nn.Module, style: CallStyle, claims: LayerClaims, channels: int):
        super().__init__(channels)
        self.layer = layer
        self.style = style
        self.claims = claims

    def normalize(
        self, past: Past, observed: Observed | None = None
    ) -> tuple[Past, tuple[Any, ...]]:
        """Call the layer's first direction; the statistics are empty if the layer keeps them."""
        return self.style.normalize(self.layer, past, observed)

    def denormalize(
        self, future: Future, stats: tuple[Any, ...], kind: ValueKind = "location"
    ) -> Future:
        """Call the layer's second direction."""
        return self.style.denormalize(self.layer, future, stats, kind)

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """Changes that the layer follows for moderate data."""
        return self.claims.equivariant_to

    @property
    def is_invertible(self) -> bool:
        """Whether the layer restores moderate data."""
        return self.claims.is_invertible

    @property
    def mixes_channels(self) -> bool:
        """Whether a channel's result changes with the others."""
        return self.claims.mixes_channels


def adapt_factory(make: LayerFactory) -> tuple[NormalizerFactory, CallStyle | None]:
    """Return a factory of normalizers, and the calls that it adapts; None if none.

    Raises:
        InputError: the layer can't be built, or its calls are not known.
    """
    layer = _build_layer(make, CHANNELS, LOOKBACK, HORIZON)
    if isinstance(layer, Normalizer):
        return make, None  # pyright: ignore[reportReturnType]
    name = type(layer).__name__
    style = find_call_style(layer)
    if style is None:
        raise InputError(
            f"{name} has none of the calls that the checks know: {KNOWN_CALLS}. Check an adapter "
            f"with your calls in place of first and second.\n{ADAPTER.format(name=name)}"
        )
    claims = _measure_claims(layer, style)

    # The names of the parameters make the checks pass both sizes.
    def build(
        channels: int, lookback: int | None = None, horizon: int | None = None
    ) -> Normalizer[Any]:
        layer = _build_layer(make, channels, lookback or LOOKBACK, horizon or HORIZON)
        return AdaptedLayer(layer, style, claims, channels)

    return build, style


def _build_layer(make: LayerFactory, channels: int, lookback: int, horizon: int) -> nn.Module:
    sizes = {"lookback": lookback, "horizon": horizon, "seq_len": lookback, "pred_len": horizon}
    name = getattr(getattr(make, "func", make), "__name__", repr(make))
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            layer = make(channels, **select_accepted_sizes(make, sizes))
    except Exception as error:
        raise InputError(
            f"{name}({channels}) can't be built: {type(error).__name__}: {error}. Pass a function "
            f"of the number of channels, such as lambda channels: {name}(...)."
        ) from error
    if not isinstance(layer, nn.Module):
        raise InputError(
            f"{name}({channels}) is a {type(layer).__name__}. Pass a class of torch.nn.Module, or "
            "a function of the number of channels that returns one."
        )
    return layer


def _measure_claims(layer: nn.Module, style: CallStyle) -> LayerClaims:
    """Return which promises the layer keeps for data of order 1 to 10, with initial parameters."""

    def forecast(past: Tensor, twin: nn.Module) -> Tensor:
        z, stats = style.normalize(twin, past)
        # Neither linear nor the identity, which would follow any change.
        return style.denormalize(twin, as_forecast(z).tanh() + 0.3, stats)

    def is_small(error: Tensor) -> bool:
        return bool(error.abs().max() <= MAX_MODERATE_ERROR)

    past = sample_windows(deviation=1.0).float()
    twin = copy.deepcopy(layer)
    ratios, levels = torch.tensor([2.0, 1.0, 1.5]), torch.tensor([1.0, 0.0, -2.0])
    with torch.no_grad():
        z, stats = style.normalize(twin, past)
        is_invertible = is_small(style.denormalize(twin, z, stats) - past)
        before = forecast(past, twin)
        follows: dict[Equivariance, bool] = {
            "shift": is_small(forecast(past + levels, twin) - before - levels),
            "scale": is_small(forecast(past * ratios, twin) - before * ratios),
            "common scale": is_small(forecast(past * 2, twin) - before * 2),
        }
        perturb(twin)
        mixed = past.clone()
        mixed[..., 1:] = 30 - 2 * mixed[..., 1:]
        change = style.normalize(twin, mixed)[0][..., 0] - style.normalize(twin, past)[0][..., 0]
    declared = cast("frozenset[Equivariance] | None", getattr(layer, "equivariant_to", None))
    measured: frozenset[Equivariance] = frozenset(
        claim for claim, holds in follows.items() if holds
    )
    claims = measured if declared is None else declared
    return LayerClaims(claims, is_invertible, not is_small(change))
