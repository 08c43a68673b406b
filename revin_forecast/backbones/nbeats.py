from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.shapes import Future, Past

StackKind = Literal["generic", "trend", "seasonality"]
TREND_DEGREE = 3
BLOCK_LAYERS = 4


class NBEATS(Backbone):
    """Stacks of fully connected blocks, each explaining what those before left (N-BEATS).

    Oreshkin et al., ICLR 2020. A block maps the rest of the window through four ReLU layers to
    coefficients of its basis: its backcast is taken off the window, its forecasts are added up.
    "generic" has the steps themselves for a basis, "trend" polynomials up to degree 3,
    "seasonality" the harmonics of the horizon. `stacks=("trend", "seasonality")` with `shared`
    is the paper's interpretable model, and `components` shows its parts. One network for all
    channels. Left out: the paper's ensemble over look-backs, losses and seeds.

    With k coefficients (generic: lookback + horizon; trend: 8; seasonality: twice the number of
    harmonics, 2 * (horizon // 2) + 1) a block has
    (lookback + 1) width + 3 (width + 1) width + (width + 1) k parameters; the last one of all makes
    no backcast, so its k counts the forecast only, unless it is shared.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        stacks: kind of each stack.
        blocks: in a stack.
        width: of the layers.
        shared: the blocks of a stack have the same parameters.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        stacks: Sequence[StackKind] = ("generic", "generic"),
        blocks: int = 3,
        width: int = 256,
        shared: bool = False,
    ):
        super().__init__(lookback, horizon, channels)
        if not stacks or blocks < 1:
            raise ValueError(
                f"NBEATS needs a stack and a block but got {tuple(stacks)} and {blocks} blocks."
            )
        self.stacks = nn.ModuleList()
        for place, kind in enumerate(stacks):
            last = place == len(stacks) - 1
            if shared:
                block = _Block(lookback, horizon, kind, width, backcast=blocks > 1 or not last)
                self.stacks.append(nn.ModuleList([block] * blocks))
                continue
            backcasts = [not last or number < blocks - 1 for number in range(blocks)]
            made = [_Block(lookback, horizon, kind, width, keep) for keep in backcasts]
            self.stacks.append(nn.ModuleList(made))

    def forward(self, past: Past) -> Future:
        """Add up what the stacks forecast."""
        return torch.stack(self.stack_forecasts(past)).sum(0)

    def stack_forecasts(self, past: Tensor) -> list[Tensor]:
        """Return each stack's part of the forecast, (batch, horizon, channels) each."""
        self.check_past(past)
        rest = past.mT
        parts = []
        for stack in self.stacks:
            part = past.new_zeros(())
            for block in stack:  # pyright: ignore[reportGeneralTypeIssues]
                backcast, forecast = block(rest)
                rest = rest if backcast is None else rest - backcast
                part = part + forecast
            parts.append(part.mT)
        return parts


class _Block(nn.Module):
    """(..., lookback) -> its backcast, None if it makes none, and its forecast."""

    def __init__(self, lookback: int, horizon: int, kind: StackKind, width: int, backcast: bool):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in [lookback] + [width] * (BLOCK_LAYERS - 1):
            layers += [nn.Linear(inputs, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        past, future = _bases(kind, lookback, horizon)
        self.is_generic = kind == "generic"
        self.sizes = [len(past) if backcast else 0, len(future)]
        self.coefficients = nn.Linear(width, sum(self.sizes))
        self.register_buffer("past", None if self.is_generic else past, persistent=False)
        self.register_buffer("future", None if self.is_generic else future, persistent=False)

    def forward(self, rest: Tensor) -> tuple[Tensor | None, Tensor]:
        past, future = self.coefficients(self.layers(rest)).split(self.sizes, dim=-1)
        if not self.is_generic:
            future = future @ self.future
        if self.sizes[0] == 0:
            return None, future
        return (past if self.is_generic else past @ self.past), future


def _bases(kind: StackKind, lookback: int, horizon: int) -> tuple[Tensor, Tensor]:
    """Return (coefficients, steps) of the look-back and of the horizon."""
    if kind == "generic":
        return torch.eye(lookback), torch.eye(horizon)
    basis = {"trend": _polynomials, "seasonality": _harmonics}[kind]
    return basis(lookback, horizon), basis(horizon, horizon)


def _polynomials(steps: int, _horizon: int) -> Tensor:
    time = torch.arange(steps, dtype=torch.float64) / steps
    return torch.stack([time**degree for degree in range(TREND_DEGREE + 1)]).float()


def _harmonics(steps: int, horizon: int) -> Tensor:
    """Return cosines and sines of 0, 1, ... horizon // 2 turns in one horizon."""
    turns = torch.arange(horizon // 2 + 1, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * turns * torch.arange(steps, dtype=torch.float64) / horizon
    return torch.cat([angles.cos(), angles[1:].sin()]).float()
