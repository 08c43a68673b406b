"""Backbones as research code writes them, for comparing speed and results.

Each computes the same function as the package's class, in the order of its paper: one linear map
each for queries, keys and values, attention weights written out, batch norms over a transposed
axis, pointwise convolutions, torch's own dropout. `build_plain_twin` copies the weights of a
package's model, and then the forecasts are the same.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.speed.plain_recent_models import PlainModernTCN, PlainTimeMixer, PlainXPatch
from revin_forecast.backbones import (
    InvertedTransformer,
    ModernTCN,
    PatchTST,
    TimeMixer,
    TSMixer,
    XPatch,
)
from revin_forecast.backbones.layers import Dropout

HEADS = 4


class TransposedBatchNorm(nn.Module):
    """A batch norm over the width of tokens (batch, tokens, width)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Normalize over batch and tokens."""
        return self.norm(tokens.transpose(1, 2)).transpose(1, 2)


class PlainAttention(nn.Module):
    """Multi-head attention with the attention weights written out."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend from each token to all tokens."""
        batch, count, width = tokens.shape
        shape = batch, count, HEADS, width // HEADS
        query = self.query(tokens).view(shape).transpose(1, 2)
        key = self.key(tokens).view(shape).permute(0, 2, 3, 1)
        value = self.value(tokens).view(shape).transpose(1, 2)
        weights = functional.softmax(query @ key * (width // HEADS) ** -0.5, dim=-1)
        return self.out((weights @ value).transpose(1, 2).contiguous().view(batch, count, width))


class PlainPatchTST(nn.Module):
    """PatchTST with the sizes of a model of the package."""

    def __init__(self, model: PatchTST):
        super().__init__()
        width, share = model.embed.out_features, model.dropout.share
        self.channels, self.patch, self.stride = model.channels, model.patch, model.stride
        self.pad = nn.ReplicationPad1d((0, model.stride))
        self.embed = nn.Linear(model.patch, width)
        self.positions = nn.Parameter(torch.zeros_like(model.positions))
        self.dropout = nn.Dropout(share)
        self.layers = nn.ModuleList(_PatchLayer(width, share) for _ in model.layers)
        self.map = nn.Linear(model.map.in_features, model.horizon)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast every channel."""
        patches = self.pad(past.permute(0, 2, 1)).unfold(-1, self.patch, self.stride)
        tokens = self.embed(patches)
        batch, channels, count, width = tokens.shape
        tokens = tokens.reshape(batch * channels, count, width)
        tokens = self.dropout(tokens + self.positions)
        for layer in self.layers:
            tokens = layer(tokens)
        tokens = tokens.reshape(batch, channels, count * width)
        return self.map(self.dropout(tokens)).permute(0, 2, 1)


class _PatchLayer(nn.Module):
    def __init__(self, width: int, share: float):
        super().__init__()
        self.attention = PlainAttention(width)
        self.norms = nn.ModuleList(TransposedBatchNorm(width) for _ in range(2))
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(share),
            nn.Linear(2 * width, width),
        )
        self.dropout = nn.Dropout(share)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norms[0](tokens + self.dropout(self.attention(tokens)))
        return self.norms[1](tokens + self.dropout(self.feed(tokens)))


class PlainInverted(nn.Module):
    """iTransformer with the sizes of a model of the package."""

    def __init__(self, model: InvertedTransformer):
        super().__init__()
        width, share = model.embed.out_features, model.dropout.share
        self.embed = nn.Linear(model.lookback, width)
        self.dropout = nn.Dropout(share)
        self.layers = nn.ModuleList(_InvertedLayer(width, share) for _ in model.layers)
        self.norm = nn.LayerNorm(width)
        self.map = nn.Linear(width, model.horizon)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast every channel."""
        tokens = self.dropout(self.embed(past.permute(0, 2, 1)))
        for layer in self.layers:
            tokens = layer(tokens)
        return self.map(self.norm(tokens)).permute(0, 2, 1)


class _InvertedLayer(nn.Module):
    def __init__(self, width: int, share: float):
        super().__init__()
        self.attention = PlainAttention(width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.first, self.second = (nn.Conv1d(width, width, 1) for _ in range(2))
        self.dropout = nn.Dropout(share)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norms[0](tokens + self.dropout(self.attention(tokens)))
        inner = self.dropout(functional.gelu(self.first(tokens.transpose(1, 2))))
        return self.norms[1](tokens + self.dropout(self.second(inner).transpose(1, 2)))


class PlainTSMixer(nn.Module):
    """TSMixer with the sizes of a model of the package, (batch, time, channels) throughout."""

    def __init__(self, model: TSMixer):
        super().__init__()
        self.blocks = nn.ModuleList(_MixerBlock(model) for _ in model.blocks)
        self.map = nn.Linear(model.lookback, model.horizon)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast every channel."""
        for block in self.blocks:
            past = block(past)
        return self.map(past.permute(0, 2, 1)).permute(0, 2, 1)


class _MixerBlock(nn.Module):
    def __init__(self, model: TSMixer):
        super().__init__()
        width = model.get_submodule("blocks.0.channels.0").get_parameter("weight").shape[0]
        share = next(part.share for part in model.modules() if isinstance(part, Dropout))
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(model.lookback * model.channels) for _ in range(2)
        )
        self.time = nn.Linear(model.lookback, model.lookback)
        self.first, self.second = nn.Linear(model.channels, width), nn.Linear(width, model.channels)
        self.dropout = nn.Dropout(share)

    def forward(self, past: Tensor) -> Tensor:
        batch, steps, channels = past.shape
        rows = self.norms[0](past.permute(0, 2, 1).reshape(batch, -1))
        mixed = self.dropout(torch.relu(self.time(rows.reshape(batch, channels, steps))))
        past = past + mixed.permute(0, 2, 1)
        rows = self.norms[1](past.permute(0, 2, 1).reshape(batch, -1))
        inner = rows.reshape(batch, channels, steps).permute(0, 2, 1)
        inner = self.dropout(torch.relu(self.first(inner)))
        return past + self.dropout(self.second(inner))


def build_plain_twin(model: nn.Module) -> nn.Module:
    """Return the plain version of a model of the package, with its weights.

    Args:
        model: a PatchTST, InvertedTransformer, TSMixer, TimeMixer, XPatch or ModernTCN.
    """
    if isinstance(model, TimeMixer):
        return PlainTimeMixer(model).train(model.training)
    if isinstance(model, XPatch):
        return PlainXPatch(model).train(model.training)
    if isinstance(model, ModernTCN):
        return PlainModernTCN(model).train(model.training)
    weights = model.state_dict()
    if isinstance(model, TSMixer):
        plain, names = PlainTSMixer(model), TSMIXER_NAMES
    elif isinstance(model, PatchTST):
        plain, names = PlainPatchTST(model), PATCH_TST_NAMES
    else:
        assert isinstance(model, InvertedTransformer)
        plain, names = PlainInverted(model), INVERTED_NAMES
    renamed = {}
    for name, weight in weights.items():
        if "keys_values" in name:  # the package computes both in one product
            for kind, half in zip(("key", "value"), weight.chunk(2), strict=True):
                renamed[name.replace("keys_values", kind)] = half
            continue
        for old, new in names.items():
            name = name.replace(old, new)
        renamed[name] = weight
    shapes = plain.to(model.map.weight.dtype).state_dict()
    # Pointwise convolutions have one axis more than linear maps.
    plain.load_state_dict(
        {name: weight.reshape(shapes[name].shape) for name, weight in renamed.items()}
    )
    return plain.train(model.training)


# Parts of parameter names in the package, and in the plain versions.
PATCH_TST_NAMES = {"norms.0.": "norms.0.norm.", "norms.1.": "norms.1.norm."}
INVERTED_NAMES = {"feed.0.": "first.", "feed.3.": "second."}
TSMIXER_NAMES = {"time.0.": "time.", "channels.0.": "first.", "channels.3.": "second."}
