"""Promises about what is mapped back: levels, samples, spreads, quantiles, distributions."""

import torch
from torch.distributions import Laplace, Normal

from revin_forecast.checks.run import (
    NormalizerFactory,
    as_forecast,
    build_normalizer,
    construct_normalizer,
    expect,
    expect_close,
    sample_windows,
)
from revin_forecast.normalizers.base import ValueKind, Normalizer


def check_trailing_axis(make: NormalizerFactory) -> None:
    """A trailing axis of levels or samples is mapped back level by level."""
    normalizer = build_normalizer(make)
    z, stats = normalizer.normalize(sample_windows().float())
    z = as_forecast(z)
    levels = torch.stack([z - 1, z, z + 1], dim=-1)
    kinds: tuple[ValueKind, ...] = ("location", "sample")
    for kind in kinds:
        together = normalizer.denormalize(levels, stats, kind=kind)
        apart = [normalizer.denormalize(level, stats, kind=kind) for level in levels.unbind(-1)]
        bound = 1e-6 * max(1.0, together.abs().max().item())
        expect_close(together, torch.stack(apart, dim=-1), bound, f"levels mapped as {kind}")
    ordered = normalizer.denormalize(levels, stats, "quantile").diff(dim=-1)
    expect((ordered >= 0).all(), "quantile levels come back in descending order")


def check_value_kinds(make: NormalizerFactory) -> str | None:
    """A spread is scaled but gets no level; a variance is scaled twice."""
    normalizer = build_normalizer(make)
    z, stats = normalizer.normalize(sample_windows(level=50.0).float())
    z = as_forecast(z)
    if not normalizer.maps_scales:
        return "the way back is no straight line"
    one = torch.ones_like(z)
    spread = normalizer.denormalize(one, stats, "scale")
    step = (normalizer.denormalize(z + 1, stats) - normalizer.denormalize(z, stats)).abs()
    bound = 1e-4 * max(10.0, normalizer.denormalize(z, stats).abs().max().item())
    expect_close(spread, step, bound, "a spread of 1 against a step of 1")
    expect((spread > 0).all(), "a spread of 1 comes back as 0 or less")
    variance = normalizer.denormalize(one, stats, "variance")
    expect_close(variance / spread.square(), one, 1e-4, "a variance of 1")
    return None


def check_distributions(make: NormalizerFactory) -> str | None:
    """A distribution is mapped back with quantiles and density that fit together."""
    if type(construct_normalizer(make)).denormalize_distribution is Normalizer.denormalize_distribution:
        return "not defined"
    normalizer = build_normalizer(make).double()
    z, stats = normalizer.normalize(sample_windows(level=50.0))
    location = as_forecast(z)
    for family in (Normal, Laplace):
        distribution = family(location, 0.3 + 0 * location)
        back = normalizer.denormalize_distribution(distribution, stats)
        place = distribution.sample()
        value = normalizer.denormalize(place, stats)
        slope = normalizer.denormalize(place + 1e-6, stats) - normalizer.denormalize(
            place - 1e-6, stats
        )
        density = distribution.log_prob(place) - (slope.abs() / 2e-6).log()
        expect_close(back.log_prob(value), density, 1e-4, f"log_prob of a {family.__name__}")
        below = distribution.cdf(place)
        below = torch.where(slope > 0, below, 1 - below)
        expect_close(back.cdf(value), below, 1e-8, f"cdf of a {family.__name__}")
    return None
