"""Errors of models with RevIN and of their twins without it, each channel by itself."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Penalties of the linear map, relative to the mean eigenvalue of its Gram matrix."""
MAX_WINDOWS = {"training": 4096, "validation": 1024, "test": 2048}
"""Windows of each part that are used, evenly spaced."""
HIDDEN_WIDTH = 64
BATCH = 64
MAX_UPDATES = 1200
CHECK_INTERVAL = 50
"""Updates between looks at the validation error; each channel keeps its best weights."""
LEARNING_RATE = 3e-3


class Windows(NamedTuple):
    """Look-backs (channels, windows, lookback) and horizons (channels, windows, horizon)."""

    past: Tensor
    future: Tensor

    def normalize(self) -> tuple["Windows", Tensor, Tensor]:
        """Return the windows relative to their look-back's level and scale, and these two."""
        level = self.past.mean(dim=2, keepdim=True)
        scale = self.past.std(dim=2, keepdim=True, correction=0)
        scale = torch.where(scale > 1e-8, scale, 1.0)
        return Windows((self.past - level) / scale, (self.future - level) / scale), level, scale


def cut_windows(rows: Tensor, lookback: int, horizon: int, limit: int) -> Windows:
    """Return at most `limit` evenly spaced windows of (time, channels)."""
    unfolded = rows.unfold(0, lookback + horizon, 1)
    picked = torch.linspace(0, len(unfolded) - 1, min(limit, len(unfolded))).round().long()
    windows = unfolded[picked].transpose(0, 1)
    return Windows(windows[..., :lookback], windows[..., lookback:])


def measure_twins(
    parts: dict[str, Tensor], lookback: int, horizon: int
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield each model and its mean absolute errors in test windows, without and with RevIN.

    Args:
        parts: rows (time, channels) of "training", "validation" and "test"; the last two begin
            with the look-back of their first horizon.
        lookback: look-back steps.
        horizon: forecast steps.
    """
    windows = {
        name: cut_windows(rows, lookback, horizon, MAX_WINDOWS[name])
        for name, rows in parts.items()
    }
    yield "Ridge", solve_ridge(windows, False), solve_ridge(windows, True)
    sizes = windows["training"].past.shape[0], lookback, horizon
    for name, build in NETWORKS.items():
        start = partial(build, *sizes)
        yield name, train_network(start, windows, False), train_network(start, windows, True)


def solve_ridge(windows: dict[str, Windows], takes_level: bool) -> Tensor:
    """Return the absolute errors of a linear map with an intercept, in the data's units.

    Both twins have the intercept: the model is y = W x + b, or y = m + W (x - m) + b with the
    look-back's mean m, so they differ in nothing but the effect of the level.
    """
    inputs, targets = {}, {}
    for name, part in windows.items():
        level = part.past.double().mean(dim=2, keepdim=True) * takes_level
        inputs[name], targets[name] = part.past.double() - level, part.future.double() - level
    centre = inputs["training"].mean(dim=1, keepdim=True)
    target_centre = targets["training"].mean(dim=1, keepdim=True)
    centred = inputs["training"] - centre
    gram = centred.mT @ centred
    cross = centred.mT @ (targets["training"] - target_centre)
    values, vectors = torch.linalg.eigh(gram)
    unit = values.mean(dim=1).clamp(min=1e-12)
    best = torch.full(unit.shape, torch.inf, dtype=torch.float64)
    errors = torch.empty(0)
    for penalty in PENALTIES:
        inverse = 1 / (values.clamp(min=0) + penalty * unit[:, None])
        weight = vectors @ (inverse[..., None] * (vectors.mT @ cross))
        missed = {
            name: (targets[name] - target_centre - (inputs[name] - centre) @ weight)
            for name in ("validation", "test")
        }
        validation = missed["validation"].square().mean(dim=(1, 2))
        test = missed["test"].abs().mean(dim=2)
        better = validation < best
        errors = test if not len(errors) else torch.where(better[:, None], test, errors)
        best = torch.where(better, validation, best)
    return errors.float()


class ChannelMaps(nn.Module):
    """One linear map for each channel."""

    def __init__(self, channels: int, inputs: int, outputs: int):
        super().__init__()
        bound = inputs**-0.5
        # The same start for every channel: a channel's result does not depend on the others.
        start = (torch.rand(1, inputs, outputs) * 2 - 1) * bound
        self.weight = nn.Parameter(start.repeat(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, outputs))

    def forward(self, values: Tensor) -> Tensor:
        """Map (channels, windows, inputs) to (channels, windows, outputs)."""
        return torch.baddbmm(self.bias, values, self.weight)


NETWORKS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "Linear": lambda channels, lookback, horizon: ChannelMaps(channels, lookback, horizon),
    "MLP": lambda channels, lookback, horizon: nn.Sequential(
        ChannelMaps(channels, lookback, HIDDEN_WIDTH),
        nn.ReLU(),
        ChannelMaps(channels, HIDDEN_WIDTH, horizon),
    ),
}
"""Networks that are trained by gradients."""


def train_network(
    build: Callable[[], nn.Module], windows: dict[str, Windows], takes_level: bool
) -> Tensor:
    """Return the absolute errors of each channel's network, with or without RevIN around it."""
    torch.manual_seed(0)
    network = build()
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def forecast(part: Windows) -> Tensor:
        if not takes_level:
            return network(part.past)
        normalized, level, scale = part.normalize()
        return network(normalized.past) * scale + level

    channels, count = windows["training"].past.shape[:2]
    generator = torch.Generator().manual_seed(0)
    best = torch.full((channels,), torch.inf)
    errors = torch.zeros(channels, windows["test"].past.shape[1])
    for update in range(MAX_UPDATES + 1):
        if update % CHECK_INTERVAL == 0:
            with torch.no_grad():
                missed = {
                    name: forecast(windows[name]) - windows[name].future
                    for name in ("validation", "test")
                }
            validation = missed["validation"].square().mean(dim=(1, 2))
            test = missed["test"].abs().mean(dim=2)
            better = validation < best
            errors = torch.where(better[:, None], test, errors)
            best = torch.where(better, validation, best)
        picked = torch.randint(count, (min(BATCH, count),), generator=generator)
        batch = Windows(*(part[:, picked] for part in windows["training"]))
        optimizer.zero_grad()
        # The sum: each channel's gradient is its own.
        (forecast(batch) - batch.future).square().mean(dim=(1, 2)).sum().backward()
        optimizer.step()
    return errors
