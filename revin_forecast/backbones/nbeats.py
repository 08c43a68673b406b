"""N-BEATS: stacks of fully connected blocks with backcasts and forecasts."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Past

StackKind = Literal["generic", "trend", "seasonality"]
TREND_DEGREE = 3
"""Degree of the trend polynomials."""
BLOCK_LAYERS = 4
"""Hidden layers of a block."""


class NBEATS(Backbone):
    """Stacks of fully connected blocks, each fitting the residual of the previous ones (N-BEATS).

    Oreshkin et al., ICLR 2020. A block maps the window's residual through four ReLU layers to the
    coefficients of its basis. Its backcast is subtracted from the residual, and the forecasts of
    all blocks are summed. The basis of "generic" is the steps themselves, that of "trend"
    polynomials up to degree 3, that of "seasonality" the harmonics of the horizon.
    `stacks=("trend", "seasonality")` with `shared` is the paper's interpretable model, and
    `stack_forecasts` returns its components. All channels share the network. Left out: the paper's
    ensemble over look-backs, losses and seeds; the last value, which the authors' code adds to the
    forecast and which is the task of a normalizer. Added: the harmonic of two steps.

    With k coefficients (generic: lookback + horizon; trend: 8; seasonality: twice the number of
    harmonics, 2 * (horizon // 2) + 1) a block has
    (lookback + 1) width + 3 (width + 1) width + (width + 1) k parameters. The last block has no
    backcast, so its k counts the forecast only, unless it is shared.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        stacks: kind of each stack.
        blocks: blocks per stack.
        width: width of the hidden layers.
        shared: whether the blocks of a stack share their parameters.

    Raises:
        ValueError: there is no stack, or no block in a stack.
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
        for index, kind in enumerate(stacks):
            is_last_stack = index == len(stacks) - 1
            if shared:
                has_backcast = blocks > 1 or not is_last_stack
                block = _Block(lookback, horizon, kind, width, has_backcast)
                self.stacks.append(nn.ModuleList([block] * blocks))
                continue
            # No block reads the last backcast, and a parameter without a gradient is a fault.
            backcasts = [not is_last_stack or number < blocks - 1 for number in range(blocks)]
            self.stacks.append(
                nn.ModuleList(
                    _Block(lookback, horizon, kind, width, has_backcast)
                    for has_backcast in backcasts
                )
            )

    def forward(self, past: Past) -> Future:
        """Return the sum of the stacks' forecasts."""
        return torch.stack(self.stack_forecasts(past)).sum(0)

    def stack_forecasts(self, past: Past) -> list[Future]:
        """Return each stack's component of the forecast, (batch, horizon, channels) each."""
        self.check_past(past)
        residual = past.mT
        components: list[Future] = []
        for stack in self.stacks:
            total = past.new_zeros(())
            assert isinstance(stack, nn.ModuleList)
            for block in stack:
                backcast, forecast = block(residual)
                residual = residual if backcast is None else residual - backcast
                total = total + forecast
            components.append(total.mT)
        return components


class _Block(nn.Module):
    """Map (..., lookback) to the block's backcast, None if it has none, and its forecast."""

    def __init__(
        self, lookback: int, horizon: int, kind: StackKind, width: int, has_backcast: bool
    ):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in [lookback] + [width] * (BLOCK_LAYERS - 1):
            layers += [nn.Linear(inputs, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        past, future = _bases(kind, lookback, horizon)
        self.is_generic = kind == "generic"
        self.sizes = [len(past) if has_backcast else 0, len(future)]
        self.coefficients = nn.Linear(width, sum(self.sizes))
        self.register_buffer("past", None if self.is_generic else past, persistent=False)
        self.register_buffer("future", None if self.is_generic else future, persistent=False)

    def forward(self, residual: Tensor) -> tuple[Tensor | None, Tensor]:
        past, future = self.coefficients(self.layers(residual)).split(self.sizes, dim=-1)
        if not self.is_generic:
            future = future @ self.future
        if self.sizes[0] == 0:
            return None, future
        return (past if self.is_generic else past @ self.past), future


def _bases(kind: StackKind, lookback: int, horizon: int) -> tuple[Tensor, Tensor]:
    """Return the bases of the look-back and of the horizon, (coefficients, steps) each."""
    if kind == "generic":
        return torch.eye(lookback), torch.eye(horizon)
    basis = {"trend": _polynomials, "seasonality": _harmonics}[kind]
    return basis(lookback, horizon), basis(horizon, horizon)


def _polynomials(steps: int, _horizon: int) -> Tensor:
    """Return the powers 0 to 3 of time, scaled to [0, 1)."""
    time = torch.arange(steps, dtype=torch.float64) / steps
    powers = torch.stack([time**degree for degree in range(TREND_DEGREE + 1)])
    return powers.to(torch.get_default_dtype())


def _harmonics(steps: int, horizon: int) -> Tensor:
    """Return cosines and sines of 0, 1, ... horizon // 2 periods per horizon."""
    frequencies = torch.arange(horizon // 2 + 1, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * frequencies * torch.arange(steps, dtype=torch.float64) / horizon
    return torch.cat([angles.cos(), angles[1:].sin()]).to(torch.get_default_dtype())
