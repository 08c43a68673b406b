"""Windows and normalizers that the checks run on."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from revin_forecast.models.spec import select_accepted_sizes
from revin_forecast.normalizers.base import Normalizer
from revin_forecast.normalizers.learned import InitializedFromData
from revin_forecast.normalizers.partial_shift import PartialShift

LOOKBACK, HORIZON, CHANNELS, WINDOWS = 48, 12, 3, 8
"""Sizes of the windows that normalizers are checked on."""

ROWS = 2000
"""Training rows that normalizers with a partial claim are initialized from."""

NormalizerFactory = Callable[..., Normalizer]
"""A class, or a function of (channels) that builds a normalizer. It also receives `lookback`,
`horizon` and `targets` if it takes them."""


def sample_windows(level: float = 10.0, deviation: float = 2.0, seed: int = 0) -> Tensor:
    """Return WINDOWS float64 windows of noise with a season and a drift."""
    generator = torch.Generator().manual_seed(seed)
    shape = (WINDOWS, LOOKBACK, CHANNELS)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    drift = torch.randn((WINDOWS, 1, CHANNELS), generator=generator, dtype=torch.float64)
    time = torch.linspace(0, 4, LOOKBACK, dtype=torch.float64).reshape(1, -1, 1)
    return level + deviation * (noise + torch.sin(6.28 * time) + drift * time)


@functools.cache
def sample_rows(level: float = 10.0, deviation: float = 2.0) -> Tensor:
    """Return ROWS float64 rows whose level reverts to its mean within about 25 steps."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((ROWS, CHANNELS), generator=generator, dtype=torch.float64)
    rows = noise.clone()
    for step in range(1, ROWS):
        rows[step] += 0.96 * rows[step - 1]
    return level + deviation * (noise + 0.5 * rows)


def perturb(module: nn.Module, seed: int = 0) -> nn.Module:
    """Move every trainable parameter away from its initial value, some to negative values.

    Matrices change so little that their products keep the size of their inputs. Frozen parameters
    are constants: a changed one could break a correct module.

    Returns:
        The module itself, changed in place.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.requires_grad:
                continue
            noise = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            noise = noise.to(parameter.device)
            if parameter.ndim > 1:
                parameter.add_((noise - 0.5) * 3 * parameter.shape[-1] ** -0.5)
                continue
            sign = torch.where(noise.frac().mul(7).frac() < 0.3, -1.0, 1.0)
            parameter.copy_((parameter + 0.3 + noise) * sign)
    return module


def construct_normalizer(
    make: NormalizerFactory, lookback: int = LOOKBACK, **options: object
) -> Normalizer:
    """Build a normalizer for CHANNELS channels, windows of `lookback` steps and HORIZON steps.

    One that follows a part of a change of level is initialized from `sample_rows`, since it may
    follow all of it before.
    """
    sizes = select_accepted_sizes(make, {"lookback": lookback, "horizon": HORIZON})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        normalizer = make(CHANNELS, **sizes, **options)
    if isinstance(normalizer, PartialShift) and isinstance(normalizer, InitializedFromData):
        normalizer.initialize_from(sample_rows(), lookback)
    return normalizer


def build_normalizer(
    make: NormalizerFactory, seed: int = 0, lookback: int = LOOKBACK, **options: object
) -> Normalizer:
    """Build a normalizer as `construct_normalizer` does, with perturbed parameters."""
    normalizer = construct_normalizer(make, lookback, **options)
    perturb(normalizer, seed)
    return normalizer


def as_forecast(z: Tensor) -> Tensor:
    """Return the last HORIZON steps of a normalized window in place of a forecast."""
    return z[:, -HORIZON:]
