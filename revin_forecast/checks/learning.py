"""Promises of normalizers that learn by a loss of their own."""

import torch

from revin_forecast.checks.run import HORIZON, NormalizerFactory, as_forecast, build_normalizer, expect, sample_windows
from revin_forecast.normalizers.learned import LearnedNormalizer


def check_auxiliary_loss(make: NormalizerFactory) -> str | None:
    """It is finite, gaps or not, reaches parameters, and some steps down its gradient lessen it."""
    normalizer = build_normalizer(make)
    if not isinstance(normalizer, LearnedNormalizer):
        return "it has none"
    past, future = sample_windows(seed=3).float(), sample_windows(seed=4).float()[:, :HORIZON]

    def loss(truth: torch.Tensor) -> torch.Tensor:
        z, stats = normalizer.normalize(past)
        return normalizer.auxiliary_loss(stats, truth, as_forecast(z))

    for seen in (1.0, 0.5, 0.0):
        gaps = torch.rand(future.shape, generator=torch.Generator().manual_seed(0)) > seen
        value = loss(torch.where(gaps, torch.nan, future))
        expect(value.ndim == 0, f"it has the shape {tuple(value.shape)}, not that of one number")
        expect(value.isfinite(), f"it is {value.item()} with {seen:.0%} of the truth observed")
    before = loss(future)
    parameters = list(normalizer.parameters())
    moved = torch.autograd.grad(before, parameters, allow_unused=True)
    size = sum(part.abs().sum().item() for part in moved if part is not None)
    expect(size > 0, "its gradient reaches no parameter")
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        loss(future).backward()
        optimizer.step()
    after = loss(future)
    expect(after < before, f"20 steps take it from {before.item():.4g} to {after.item():.4g}")
    return None
