from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.shapes import Future, Past


class TimesNet(Backbone):
    """Convolutions over the series folded by its periods into pictures (TimesNet).

    Wu et al., ICLR 2023. The embedded window is lengthened to look-back and horizon by a linear
    map over time; each block folds it by every period into (periods, places), runs two inception
    blocks over the picture, and adds the results up, weighted by a softmax of how strong each
    period is in that window; residual, layer norm, and a map back to the channels.

    Not as in the authors' code: the periods are given, where theirs are the strongest of the
    batch's mean spectrum, so that a window's forecast would depend on the others in its batch and
    no program could be exported; the parallel kernels of an inception block, averaged, are summed
    into one kernel before they are used, which is the same map in a fraction of the time.

    With w = width and q = the sum of the squares of the odd numbers up to 2 kernels - 1:
    3 channels * w + (lookback + 1)(lookback + horizon) + blocks * 2 (w² q + kernels * w)
    + 2 w + (w + 1) channels parameters.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        periods: steps of the periods it folds by.
        width: of a step's embedding.
        blocks: one after another.
        kernels: of an inception block, of sizes 1, 3, 5, ...

    Raises:
        ValueError: no periods, or one below 2.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        periods: Sequence[int] = (24, 12, 8),
        width: int = 16,
        blocks: int = 2,
        kernels: int = 3,
    ):
        super().__init__(lookback, horizon, channels)
        if not periods or min(periods) < 2:
            raise ValueError(f"TimesNet needs periods of 2 steps or more but got {tuple(periods)}.")
        self.periods = tuple(periods)
        steps = lookback + horizon
        self.embed = nn.Conv1d(channels, width, 3, padding=1, padding_mode="circular", bias=False)
        self.lengthen = nn.Linear(lookback, steps)
        self.blocks = nn.ModuleList(_Block(width, kernels) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.map = nn.Linear(width, channels)
        self.waves: Tensor
        self.register_buffer("waves", _fourier_basis(steps, self.periods), persistent=False)

    def forward(self, past: Past) -> Future:
        """Lengthen the embedded window to the horizon and refine it block by block."""
        self.check_past(past)
        steps = self.lengthen(self.embed(past.mT))
        for block in self.blocks:
            refined = steps + self._apply_block(block, steps)
            steps = self.norm(refined.mT).mT
        return self.map(steps[..., -self.horizon :].mT)

    def _apply_block(self, block: nn.Module, steps: Tensor) -> Tensor:
        """Run a block over the pictures of all periods and weigh the results."""
        cosines, sines = (steps @ self.waves).unflatten(-1, (2, -1)).unbind(-2)
        strength = (cosines.square() + sines.square() + 1e-12).sqrt().mean(1)
        results = [block(_reshape_by_period(steps, period)).flatten(2) for period in self.periods]
        cut = torch.stack([result[..., : steps.shape[-1]] for result in results], dim=-1)
        return (cut @ strength.softmax(-1)[:, None, :, None]).squeeze(-1)


class _Block(nn.Sequential):
    """Two inception blocks with a GELU between."""

    def __init__(self, width: int, kernels: int):
        super().__init__(_Inception(width, kernels), nn.GELU(), _Inception(width, kernels))


class _Inception(nn.Module):
    """The mean of convolutions with kernels of 1, 3, 5, ... steps a side."""

    def __init__(self, width: int, kernels: int):
        super().__init__()
        self.reach = kernels - 1
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, 2 * reach + 1, padding=reach) for reach in range(kernels)
        )

    def forward(self, picture: Tensor) -> Tensor:
        kernels, biases = [], []
        for reach, one in enumerate(self.convolutions):
            around = self.reach - reach
            kernels.append(functional.pad(one.weight, (around,) * 4))  # pyright: ignore
            biases.append(one.bias)
        weight, bias = torch.stack(kernels).mean(0), torch.stack(biases).mean(0)
        return functional.conv2d(picture, weight, bias, padding=self.reach)


def _reshape_by_period(steps: Tensor, period: int) -> Tensor:
    """Fold (batch, width, time) into (batch, width, periods, places), zeros where time ends."""
    return functional.pad(steps, (0, -steps.shape[-1] % period)).unflatten(-1, (-1, period))


def _fourier_basis(steps: int, periods: tuple[int, ...]) -> Tensor:
    """Return (steps, 2 * periods) cosines and sines of each period."""
    time = torch.arange(steps, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * time / torch.tensor(periods, dtype=torch.float64)
    return torch.cat([angles.cos(), angles.sin()], dim=-1).div(steps**0.5).float()
