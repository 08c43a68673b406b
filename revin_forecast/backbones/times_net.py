"""TimesNet: two-dimensional convolutions over the folded series."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Past


class TimesNet(Backbone):
    """Convolutions over the series folded by its periods into two dimensions (TimesNet).

    Wu et al., ICLR 2023. A linear map over time extends the embedded window to look-back and
    horizon. Each block folds it by every period into (periods, phases) and applies two inception
    blocks to the result. The outputs are summed with softmax weights of the periods' amplitudes in
    that window and added to the input, followed by a layer norm. A last map returns to the
    channels.

    Differences from the authors' code: The periods are parameters. The authors take the strongest
    periods of the batch's mean spectrum, which makes a window's forecast depend on the others in
    its batch and prevents export. Amplitudes are divided by the root of the number of steps, which
    keeps the softmax from depending on the length. The embedding has no sines of positions, and the
    normalization is the task of a normalizer. The averaged parallel kernels of an inception block
    are merged into one kernel before use, which is the same map in a fraction of the time.

    With w = width and q = the sum of the squares of the odd numbers up to 2 kernels - 1:
    3 channels * w + (lookback + 1)(lookback + horizon) + blocks * 2 (w² q + kernels * w)
    + 2 w + (w + 1) channels parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        periods: periods to fold by, in steps.
        width: width of a step's embedding.
        blocks: number of consecutive blocks.
        kernels: number of kernels of an inception block, of sizes 1, 3, 5, ...

    Raises:
        ValueError: there are no periods, or one is below 2.
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
        """Extend the embedded window by the horizon and refine it block by block."""
        self.check_past(past)
        steps = self.lengthen(self.embed(past.mT))
        for block in self.blocks:
            refined = steps + self._apply_block(block, steps)
            steps = self.norm(refined.mT).mT
        return self.map(steps[..., -self.horizon :].mT)

    def _apply_block(self, block: nn.Module, steps: Tensor) -> Tensor:
        """Apply a block to the series folded by each period and return the weighted sum."""
        cosines, sines = torch.unflatten(steps @ self.waves, -1, (2, -1)).unbind(-2)
        # The small constant keeps the gradient of the root finite at amplitude 0.
        amplitudes = (cosines.square() + sines.square() + 1e-12).sqrt().mean(1)
        outputs = [block(_reshape_by_period(steps, period)).flatten(2) for period in self.periods]
        stacked = torch.stack([output[..., : steps.shape[-1]] for output in outputs], dim=-1)
        return (stacked @ amplitudes.softmax(-1)[:, None, :, None]).squeeze(-1)


class _Block(nn.Sequential):
    """Two inception blocks with a GELU between them."""

    def __init__(self, width: int, kernels: int):
        super().__init__(_Inception(width, kernels), nn.GELU(), _Inception(width, kernels))


class _Inception(nn.Module):
    """Mean of convolutions with square kernels of size 1, 3, 5, ..."""

    def __init__(self, width: int, kernels: int):
        super().__init__()
        self.reach = kernels - 1
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, 2 * reach + 1, padding=reach) for reach in range(kernels)
        )

    def forward(self, folded: Tensor) -> Tensor:
        # One convolution with the mean of the zero-padded kernels instead of one per kernel.
        kernels: list[Tensor] = []
        biases: list[Tensor] = []
        for reach, convolution in enumerate(self.convolutions):
            assert isinstance(convolution, nn.Conv2d)
            assert convolution.bias is not None
            margin = self.reach - reach
            kernels.append(functional.pad(convolution.weight, (margin,) * 4))
            biases.append(convolution.bias)
        weight, bias = torch.stack(kernels).mean(0), torch.stack(biases).mean(0)
        return functional.conv2d(folded, weight, bias, padding=self.reach)


def _reshape_by_period(steps: Tensor, period: int) -> Tensor:
    """Fold (batch, width, time) into (batch, width, periods, phases), padded with zeros."""
    padded = functional.pad(steps, (0, -steps.shape[-1] % period))
    return torch.unflatten(padded, -1, (-1, period))


def _fourier_basis(steps: int, periods: tuple[int, ...]) -> Tensor:
    """Return (steps, 2 * periods) cosines and sines of each period."""
    time = torch.arange(steps, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * time / torch.tensor(periods, dtype=torch.float64)
    waves = torch.cat([angles.cos(), angles.sin()], dim=-1) / steps**0.5
    return waves.to(torch.get_default_dtype())
