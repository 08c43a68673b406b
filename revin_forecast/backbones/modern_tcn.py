"""ModernTCN: depthwise convolutions over patches with large kernels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout, apply_batch_norm, merge_batch_norm
from revin_forecast.utils.shapes import Future, Past

PATCH = 8
"""Steps in a patch, at most; neighbouring patches overlap by half."""
KERNEL_SIZES = (51, 5)
"""Patches in the large and the small kernel of a depthwise convolution."""


class ModernTCN(Backbone):
    """Depthwise convolutions with large kernels, then mixing of features and of channels.

    Luo and Wang, ICLR 2024. Half-overlapping patches of 8 steps of each channel, with the last
    value repeated for half a patch, are embedded in `width` features, followed by a batch norm. A
    block adds to its input::

        C(F(N(K51 * x + K5 * x))),

    where K51 and K5 are convolutions over the patches with one kernel of 51 and of 5 patches for
    each channel and feature, each followed by a batch norm; N is a batch norm of each feature; F is
    a two-layer network of the features of one channel (GELU between the layers), with its own
    weights for each channel; and C is such a network of the channels of one feature. The
    concatenated outputs are mapped to the horizon by weights that all channels share.

    Differences from the authors' code: In evaluation, both kernels and all batch norms of a
    convolution act as one kernel; their own program for it stops with an error. The embedding has
    no bias, as the batch norm would remove it. Taps of a kernel that reach only padding are
    skipped. Left out: several stages at falling resolutions and the decomposition, which none of
    the authors' forecasting settings use; dropout of the forecasts; a head for each channel; their
    calendar embedding, which has weights but is not called.

    With C = channels, w = width, r = expansion, p = min(8, lookback) and
    n = lookback // ceil(p / 2) patches: (p + 2) w + blocks * (60 C w + 2 w
    + C (2 r w² + r w + w) + w (2 r C² + r C + C)) + (w n + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        width: number of features of a patch.
        blocks: number of consecutive blocks.
        expansion: hidden width of both networks, relative to their inputs.
        dropout: dropout rate of the outputs of each layer of both networks.

    Raises:
        ValueError: width, blocks or expansion is below 1.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        width: int = 16,
        blocks: int = 1,
        expansion: int = 1,
        dropout: float = 0.3,
    ):
        super().__init__(lookback, horizon, channels)
        for name, size in (("width", width), ("blocks", blocks), ("expansion", expansion)):
            if size < 1:
                raise ValueError(f"ModernTCN needs {name} >= 1 but got {size}.")
        self.patch = min(PATCH, lookback)
        self.stride = -(-self.patch // 2)
        patches = lookback // self.stride
        self.embed = nn.Linear(self.patch, width, bias=False)
        self.norm = nn.BatchNorm1d(width)
        sizes = (channels, width, expansion)
        self.blocks = nn.Sequential(*(_Block(*sizes, dropout) for _ in range(blocks)))
        self.map = nn.Linear(width * patches, horizon)

    def forward(self, past: Past) -> Future:
        """Embed the patches of each channel, apply the blocks and map to the horizon."""
        self.check_past(past)
        series = functional.pad(past.mT, (0, self.patch - self.stride), "replicate")
        features = self.embed(series.unfold(-1, self.patch, self.stride)).mT.flatten(0, 1)
        features = torch.unflatten(apply_batch_norm(self.norm, features), 0, (-1, self.channels))
        return self.map(self.blocks(features).flatten(2)).mT


class _Block(nn.Module):
    """Convolution, feature mixing and channel mixing, (batch, channels, width, patches)."""

    def __init__(self, channels: int, width: int, expansion: int, dropout: float):
        super().__init__()
        self.convolution = _Convolution(channels, width)
        self.features = _GroupedFeedForward(channels, width, expansion, dropout)
        self.channels = _GroupedFeedForward(width, channels, expansion, dropout)

    def forward(self, features: Tensor) -> Tensor:
        # The batch moves behind width and channels, so that one product for each group maps all
        # patches of all windows.
        mixed = self.features(self.convolution(features))
        mixed = self.channels(mixed.transpose(0, 1)).transpose(0, 1)
        mixed = torch.unflatten(mixed, -1, (-1, features.shape[-1]))
        return features + mixed.permute(2, 0, 1, 3)


class _Convolution(nn.Module):
    """Depthwise convolution of each channel and feature, with batch norms.

    (batch, channels, width, patches) -> (channels, width, batch * patches).
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        rows = channels * width
        self.kernels = nn.ParameterList(
            torch.empty(rows, 1, size).uniform_(-(size**-0.5), size**-0.5) for size in KERNEL_SIZES
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(rows) for _ in KERNEL_SIZES)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, features: Tensor) -> Tensor:
        rows, channels = features.flatten(1, 2), features.shape[1]
        if not self.training:
            return _split_rows(_convolve(rows, *self._merge_kernels(channels)), channels)
        outputs = [
            apply_batch_norm(norm, _convolve(rows, kernel))
            for kernel, norm in zip(self.kernels, self.norms, strict=True)
        ]
        return apply_batch_norm(self.norm, _split_rows(outputs[0] + outputs[1], channels))

    def _merge_kernels(self, channels: int) -> tuple[Tensor, Tensor]:
        """Return one kernel and offset for each channel and feature, equal to all batch norms."""
        scale, offset = merge_batch_norm(self.norm)
        scale, offset = scale.repeat(channels), offset.repeat(channels)
        total = torch.zeros_like(self.kernels[0])
        for kernel, norm in zip(self.kernels, self.norms, strict=True):
            own_scale, own_offset = merge_batch_norm(norm)
            margin = (total.shape[-1] - kernel.shape[-1]) // 2
            merged = kernel * (scale * own_scale).reshape(-1, 1, 1)
            total = total + functional.pad(merged, (margin, margin))
            offset = offset + scale * own_offset
        return total, offset


class _GroupedFeedForward(nn.Sequential):
    """A two-layer network for each group, (groups, inputs, columns) -> the same shape."""

    def __init__(self, groups: int, inputs: int, expansion: int, dropout: float):
        super().__init__(
            _GroupedLinear(groups, inputs, expansion * inputs),
            Dropout(dropout),
            nn.GELU(),
            _GroupedLinear(groups, expansion * inputs, inputs),
            Dropout(dropout),
        )


class _GroupedLinear(nn.Module):
    """A linear map for each group, (groups, inputs, columns) -> (groups, outputs, columns)."""

    def __init__(self, groups: int, inputs: int, outputs: int):
        super().__init__()
        reach = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(groups, outputs, inputs).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.empty(groups, outputs, 1).uniform_(-reach, reach))

    def forward(self, values: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, self.weight, values)


def _split_rows(rows: Tensor, channels: int) -> Tensor:
    """Move the batch behind: (batch, channels * width, patches) -> (channels, width, ...)."""
    return torch.unflatten(rows.transpose(0, 1).flatten(1), 0, (channels, -1))


def _convolve(rows: Tensor, kernel: Tensor, offset: Tensor | None = None) -> Tensor:
    """Convolve each row of (batch, rows, patches) with its own kernel, to the same length."""
    # Taps that reach only padding are skipped.
    reach = min(kernel.shape[-1] // 2, rows.shape[-1] - 1)
    middle = kernel.shape[-1] // 2
    kernel = kernel[..., middle - reach : middle + reach + 1]
    return functional.conv1d(rows, kernel, offset, padding=reach, groups=kernel.shape[0])
