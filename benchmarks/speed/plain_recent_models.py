"""TimeMixer, XPatch and ModernTCN as research code writes them, with copies of given weights.

Windows are (batch, time, channels) and are permuted where an operator needs it; a moving average is
pooled wherever a formula has one; each convolution of the papers is one.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones import ModernTCN, TimeMixer, XPatch
from revin_forecast.backbones.layers import Dropout


class PlainTimeMixer(nn.Module):
    """TimeMixer with rows of (batch * channels, time, width)."""

    def __init__(self, model: TimeMixer):
        super().__init__()
        self.channels = model.channels
        width = model.embed.out_features
        self.embed = nn.Conv1d(1, width, 3, padding=1, padding_mode="circular", bias=False)
        self.embed.weight = nn.Parameter(model.embed.weight.detach().clone().unsqueeze(1))
        self.dropout = nn.Dropout(find_share(model))
        self.blocks = nn.ModuleList(_ScaleBlock(block) for block in model.blocks)
        self.project, self.maps = copy.deepcopy(model.project), copy.deepcopy(model.maps)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast every channel."""
        windows = [past]
        for _ in self.maps[1:]:
            odd = windows[-1].shape[1] % 2
            pooled = functional.avg_pool1d(windows[-1][:, odd:].permute(0, 2, 1), 2)
            windows.append(pooled.permute(0, 2, 1))
        scales: list[Tensor] = []
        for window in windows:
            rows = window.permute(0, 2, 1).reshape(-1, 1, window.shape[1])
            scales.append(self.dropout(self.embed(rows).transpose(1, 2)))
        for block in self.blocks:
            scales = block(scales)
        forecasts = [
            self.project(to_horizon(scale.permute(0, 2, 1)).permute(0, 2, 1))
            for scale, to_horizon in zip(scales, self.maps, strict=True)
        ]
        total = torch.stack(forecasts, dim=-1).sum(-1)
        return total.reshape(past.shape[0], self.channels, -1).permute(0, 2, 1)


class _ScaleBlock(nn.Module):
    def __init__(self, block: nn.Module):
        super().__init__()
        self.down = copy.deepcopy(block.get_submodule("down"))
        self.up = copy.deepcopy(block.get_submodule("up"))
        wide, narrow = (copy.deepcopy(block.get_submodule(name)) for name in ("wide", "narrow"))
        self.feed = nn.Sequential(wide, nn.GELU(), narrow)

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        trends = [average_steps(scale).permute(0, 2, 1) for scale in scales]
        pairs = zip(scales, trends, strict=True)
        seasons = [scale.permute(0, 2, 1) - trend for scale, trend in pairs]
        for level, mix in enumerate(self.down.children()):
            seasons[level + 1] = seasons[level + 1] + mix(seasons[level])
        for level, mix in reversed(list(enumerate(self.up.children()))):
            trends[level] = trends[level] + mix(trends[level + 1])
        return [
            scale + self.feed(season.permute(0, 2, 1) + trend.permute(0, 2, 1))
            for scale, season, trend in zip(scales, seasons, trends, strict=True)
        ]


def average_steps(rows: Tensor, kernel: int = 25) -> Tensor:
    """Return the moving average of (rows, time, width), padded with the ends."""
    first = rows[:, :1].repeat(1, kernel // 2, 1)
    last = rows[:, -1:].repeat(1, kernel // 2, 1)
    padded = torch.cat([first, rows, last], dim=1)
    return functional.avg_pool1d(padded.permute(0, 2, 1), kernel, 1).permute(0, 2, 1)


class PlainXPatch(nn.Module):
    """XPatch with its pairs of units averaged after the linear maps."""

    def __init__(self, model: XPatch):
        super().__init__()
        self.alpha, self.stride = model.alpha, model.patches.stride
        self.patches, self.trend = copy.deepcopy(model.patches), copy.deepcopy(model.trend)
        weight = model.patches.reduce.weight.detach().clone()
        count, size = weight.shape
        self.depthwise = nn.Conv1d(count, count, size, stride=size, groups=count)
        self.depthwise.weight = nn.Parameter(weight.unsqueeze(1))
        self.depthwise.bias = nn.Parameter(model.patches.reduce.bias.detach().clone().flatten())
        self.join = copy.deepcopy(model.join)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast every channel."""
        batch, steps, channels = past.shape
        powers = (1 - self.alpha) ** torch.arange(steps - 1, -1, -1, dtype=torch.double)
        weights = torch.cat([powers[:1], self.alpha * powers[1:]]).reshape(1, -1, 1)
        average = torch.cumsum(past * weights, dim=1) / powers.reshape(1, -1, 1)
        trend = average.to(past.dtype)
        rows = (past - trend).permute(0, 2, 1).reshape(batch * channels, steps)
        padded = functional.pad(rows.unsqueeze(1), (0, self.stride), "replicate").squeeze(1)
        own, norms = self.patches, self.patches.norms
        patches = padded.unfold(-1, own.patch, self.stride)
        wide = norms[0](functional.gelu(own.embed(patches)))
        narrow = norms[1](functional.gelu(self.depthwise(wide))) + own.skip(wide)
        mixed = norms[2](functional.gelu(own.pointwise(narrow)))
        values = trend.permute(0, 2, 1).reshape(batch * channels, steps)
        first, second, third = self.trend.maps
        values = self.trend.norms[0](functional.avg_pool1d(first(values), 2))
        values = third(self.trend.norms[1](functional.avg_pool1d(second(values), 2)))
        forecast = self.join(torch.cat([own.map(mixed.flatten(1)), values], dim=1))
        return forecast.reshape(batch, channels, -1).permute(0, 2, 1)


class PlainModernTCN(nn.Module):
    """ModernTCN with grouped convolutions and separate batch norms throughout."""

    def __init__(self, model: ModernTCN):
        super().__init__()
        self.padding = model.patch - model.stride
        weight = model.embed.weight.detach().clone().unsqueeze(1)
        self.embed = nn.Conv1d(1, weight.shape[0], model.patch, model.stride, bias=False)
        self.embed.weight = nn.Parameter(weight)
        self.norm, self.map = copy.deepcopy(model.norm), copy.deepcopy(model.map)
        self.blocks = nn.ModuleList(_TCNBlock(block, find_share(model)) for block in model.blocks)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast every channel."""
        batch, steps, channels = past.shape
        rows = past.permute(0, 2, 1).reshape(batch * channels, 1, steps)
        rows = torch.cat([rows, rows[..., -1:].repeat(1, 1, self.padding)], dim=-1)
        embedded = self.norm(self.embed(rows))
        features = embedded.reshape(batch, channels, *embedded.shape[1:])
        for block in self.blocks:
            features = block(features)
        return self.map(features.flatten(2)).permute(0, 2, 1)


class _TCNBlock(nn.Module):
    def __init__(self, block: nn.Module, share: float):
        super().__init__()
        convolution = block.get_submodule("convolution")
        kernels = [value for name, value in convolution.named_parameters() if "kernels" in name]
        rows = kernels[0].shape[0]
        self.convolutions = nn.ModuleList()
        for kernel in kernels:
            size = kernel.shape[-1]
            own = nn.Conv1d(rows, rows, size, padding=size // 2, groups=rows, bias=False)
            own.weight = nn.Parameter(kernel.detach().clone())
            self.convolutions.append(own)
        self.norms = copy.deepcopy(convolution.get_submodule("norms"))
        self.norm = copy.deepcopy(convolution.get_submodule("norm"))
        self.features, self.channels = (
            build_grouped_feed(block.get_submodule(name), share)
            for name in ("features", "channels")
        )

    def forward(self, features: Tensor) -> Tensor:
        batch, channels, width, count = features.shape
        rows = features.reshape(batch, channels * width, count)
        large, small = (
            norm(convolution(rows))
            for convolution, norm in zip(self.convolutions, self.norms.children(), strict=True)
        )
        mixed = self.norm((large + small).reshape(batch * channels, width, count))
        mixed = self.features(mixed.reshape(batch, channels * width, count))
        mixed = mixed.reshape(batch, channels, width, count).permute(0, 2, 1, 3)
        mixed = self.channels(mixed.reshape(batch, width * channels, count))
        return features + mixed.reshape(batch, width, channels, count).permute(0, 2, 1, 3)


def build_grouped_feed(layers: nn.Module, share: float) -> nn.Sequential:
    """Return the two layers of grouped networks as grouped convolutions over one patch."""
    parts: list[nn.Module] = []
    for layer in (layers.get_submodule("0"), layers.get_submodule("3")):
        weight, bias = layer.get_parameter("weight").detach(), layer.get_parameter("bias").detach()
        groups, outputs, inputs = weight.shape
        own = nn.Conv1d(groups * inputs, groups * outputs, 1, groups=groups)
        own.weight = nn.Parameter(weight.clone().reshape(own.weight.shape))
        own.bias = nn.Parameter(bias.clone().flatten())
        parts += [own, nn.Dropout(share), nn.GELU()]
    return nn.Sequential(*parts[:-1])


def find_share(model: nn.Module) -> float:
    """Return the dropout rate of a model of the package."""
    return next(part.share for part in model.modules() if isinstance(part, Dropout))
