"""Numerical checks of a normalizer: precision, gaps, constant windows and gradients."""

import copy

import torch
from torch.utils._pytree import tree_leaves

from revin_forecast.checks.adapted_layer import AdaptedLayer
from revin_forecast.checks.module_state import format_names
from revin_forecast.checks.runner import (
    Remark,
    expect,
    expect_at_most,
    expect_close,
    expect_finite,
)
from revin_forecast.checks.samples import (
    CHANNELS,
    LOOKBACK,
    NormalizerFactory,
    as_forecast,
    build_normalizer,
    construct_normalizer,
    sample_windows,
)


def check_precision(make: NormalizerFactory) -> None:
    """At level 1e6 with deviation 1, float32 z differs from float64 z by at most 1e-5."""
    normalizer = build_normalizer(make)
    past = sample_windows(level=1e6, deviation=1.0).float()
    exact, _ = copy.deepcopy(normalizer).double().normalize(past.double())
    z, _ = normalizer.normalize(past)
    size = max(1.0, exact.abs().max().item())
    expect_close(z, exact, 1e-5 * size, "z at level 1e6 in float32")


def check_half_precision(make: NormalizerFactory) -> None:
    """Half-precision windows have float32 statistics; only the rounding of z affects forecasts."""
    normalizer = build_normalizer(make)
    deviation = 8.0
    for dtype in (torch.bfloat16, torch.float16):
        past = sample_windows(level=1000.0, deviation=deviation).to(dtype)
        exact, wide_stats = normalizer.normalize(past.float())
        expected = normalizer.denormalize(as_forecast(exact), wide_stats)
        z, stats = normalizer.normalize(past)
        step = (normalizer.denormalize(as_forecast(exact) + 1, wide_stats) - expected).abs().max()
        rounding = torch.finfo(dtype).eps * exact.abs().max() * step
        bound = max(0.05 * deviation, 2 * rounding.item())
        forecast = normalizer.denormalize(as_forecast(z), stats)
        expect_close(forecast, expected, bound, f"forecast in {dtype}")
        expect(z.dtype == dtype, f"z of {dtype} came back as {z.dtype}")
        for statistic in tree_leaves(stats):
            _expect_wide(statistic.dtype, f"a statistic of {dtype} is held in {statistic.dtype}")
        _expect_wide(forecast.dtype, f"denormalize returns {dtype} as {forecast.dtype}")


def _expect_wide(dtype: torch.dtype, message: str) -> None:
    """Raise CheckError for a dtype that can't hold a level."""
    wide = (torch.float32, torch.float64)
    expect(dtype in wide, f"{message}, which can't hold a level")


def check_non_finite_values(make: NormalizerFactory) -> None:
    """NaN and infinities count as unobserved and affect only their own channel."""
    normalizer = build_normalizer(make)
    past = sample_windows().float()
    clean, _ = normalizer.normalize(past)
    for value in (torch.nan, torch.inf, -torch.inf):
        damaged = past.clone()
        damaged[2, 5, 1] = value
        observed = torch.ones_like(past, dtype=torch.bool)
        observed[2, 5, 1] = False
        z, stats = normalizer.normalize(damaged)
        expect_finite(z, f"one {value} gives a z that is not finite")
        declared, _ = normalizer.normalize(past, observed)
        expect_close(z, declared, 0.0, f"{value} against the same value declared unobserved")
        is_unaffected = torch.ones_like(past, dtype=torch.bool)
        is_unaffected[2, :, 1] = False
        if normalizer.mixes_channels:
            is_unaffected[2] = False
        bound = 1e-6 * max(1.0, clean.abs().max().item())
        promise = f"the other channels of a window with one {value}"
        expect_close(z[is_unaffected], clean[is_unaffected], bound, promise)
        forecast = normalizer.denormalize(as_forecast(z), stats)
        expect_finite(forecast, f"one {value} gives a forecast that is not finite")


def check_ignores_unobserved(make: NormalizerFactory) -> None:
    """The values of unobserved entries do not affect z."""
    normalizer = build_normalizer(make)
    past = sample_windows().float()
    generator = torch.Generator().manual_seed(1)
    observed = torch.rand(past.shape, generator=generator) < 0.6
    z, _ = normalizer.normalize(past, observed)
    replaced_z, _ = normalizer.normalize(torch.where(observed, past, 1e9), observed)
    expect_close(replaced_z, z, 0.0, "z with 1e9 in the unobserved places")


def check_empty_and_constant(make: NormalizerFactory) -> None:
    """Constant windows and windows with at most one observed value give finite forecasts."""
    normalizer = build_normalizer(make)
    # Most of these have no exact float32 value, so their mean is not exactly the level.
    for level in (0.0, 0.1, -273.15, 123456.7):
        past = torch.full((4, LOOKBACK, CHANNELS), level)
        z, stats = normalizer.normalize(past)
        expect_finite(z, f"a window constant at {level} gives a z that is not finite")
        forecast = normalizer.denormalize(as_forecast(z), stats)
        expect_finite(forecast, f"a window constant at {level} gives no finite forecast")
        if normalizer.is_invertible:
            back = normalizer.denormalize(z, stats)
            expect_close(back, past, 1e-4 + 1e-6 * abs(level), f"a window constant at {level}")
    if isinstance(normalizer, AdaptedLayer) and not normalizer.style.takes_observed:
        return  # windows with gaps fail as NaN, if they do
    for count in (0, 1):
        observed = torch.zeros((8, LOOKBACK, CHANNELS), dtype=torch.bool)
        observed[:, 3 : 3 + count] = True
        z, stats = normalizer.normalize(sample_windows().float(), observed)
        forecast = normalizer.denormalize(as_forecast(z), stats)
        message = f"windows with {count} observed values give numbers that are not finite"
        expect_finite(torch.cat([z, forecast], 1), message)


def check_small_parameters(make: NormalizerFactory) -> None:
    """Parameters at or near zero do not amplify a forecast or break the round trip."""
    past = sample_windows().float()
    for value in (0.0, 1e-8, -1e-10, 1e-4):
        normalizer = construct_normalizer(make)
        with torch.no_grad():
            for parameter in normalizer.parameters():
                if parameter.requires_grad:
                    parameter.fill_(value)
        z, stats = normalizer.normalize(past)
        forecast = normalizer.denormalize(as_forecast(z), stats)
        if normalizer.is_invertible:
            back = normalizer.denormalize(z, stats)
            expect_close(back, past, 1e-3, f"round trip with every parameter at {value}")
        shifted = normalizer.denormalize(as_forecast(z) + 1e-3, stats)
        step = (shifted - forecast).abs().max().item()
        expect_at_most(step, 10.0, f"a step of 1e-3 becomes {step:.3g} with parameters at {value}")


def check_gradients(make: NormalizerFactory) -> Remark | None:
    """First and second gradients of parameters and window are finite, and the first not 0.

    Frozen parameters are exempt.
    """
    normalizer = build_normalizer(make)
    past = sample_windows().float()
    past[0] = 5.0  # a constant window must not make the gradient NaN
    past[1, 3, 0] = torch.nan
    past.requires_grad_()
    frozen = [name for name, value in normalizer.named_parameters() if not value.requires_grad]
    leaves = [past, *(value for value in normalizer.parameters() if value.requires_grad)]
    z, stats = normalizer.normalize(past)
    # Bounded by tanh, as the second derivative of a nonlinear denormalize can overflow float32.
    terms = [normalizer.denormalize(as_forecast(z).tanh(), stats), z]
    terms += tree_leaves(normalizer.factors(stats))
    loss = torch.stack([term.square().mean() for term in terms if term is not None]).sum()
    gradients = torch.autograd.grad(loss, leaves, create_graph=True)
    for gradient in gradients:
        expect_finite(gradient, "a gradient is not finite")
        expect(gradient.abs().sum() > 0, "a gradient is zero everywhere")
    total = torch.stack([gradient.square().sum() for gradient in gradients]).sum()
    for gradient in torch.autograd.grad(total, leaves):
        expect_finite(gradient, "a second gradient is not finite")
    return Remark(f"frozen and exempt: {format_names(frozen)}") if frozen else None
