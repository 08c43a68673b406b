"""Three backbones as research code writes them: the same functions, in the order of the papers.

One linear map each for queries, keys and values, the weights of the attention written out, batch
norms over a transposed axis, pointwise convolutions, torch's own dropout. Weights can be taken from
the package's class, and then the forecasts are the same.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones import InvertedTransformer, PatchTST, TSMixer
from revin_forecast.backbones.layers import Dropout

HEADS = 4


class Transposed(nn.Module):
    """A batch norm over the width of (batch, tokens, width)."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Normalize over batch and tokens."""
        return self.norm(tokens.transpose(1, 2)).transpose(1, 2)


class PlainAttention(nn.Module):
    """Multi-head attention with its weights written out."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend from each token to all."""
        batch, count, width = tokens.shape
        shape = batch, count, HEADS, width // HEADS
        query = self.query(tokens).view(shape).transpose(1, 2)
        key = self.key(tokens).view(shape).permute(0, 2, 3, 1)
        value = self.value(tokens).view(shape).transpose(1, 2)
        weights = functional.softmax(query @ key * (width // HEADS) ** -0.5, dim=-1)
        return self.out((weights @ value).transpose(1, 2).contiguous().view(batch, count, width))


class PlainPatchTST(nn.Module):
    """PatchTST with the parameters of the package's."""

    def __init__(self, of: PatchTST):
        super().__init__()
        width, share = of.embed.out_features, of.dropout.share
        self.channels, self.patch, self.stride = of.channels, of.patch, of.stride
        self.pad = nn.ReplicationPad1d((0, of.stride))
        self.embed = nn.Linear(of.patch, width)
        self.positions = nn.Parameter(torch.zeros_like(of.positions))
        self.dropout = nn.Dropout(share)
        self.layers = nn.ModuleList(_PatchLayer(width, share) for _ in of.layers)
        self.map = nn.Linear(of.map.in_features, of.horizon)

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
        self.norms = nn.ModuleList(Transposed(width) for _ in range(2))
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
    """iTransformer with the parameters of the package's."""

    def __init__(self, of: InvertedTransformer):
        super().__init__()
        width, share = of.embed.out_features, of.dropout.share
        self.embed = nn.Linear(of.lookback, width)
        self.dropout = nn.Dropout(share)
        self.layers = nn.ModuleList(_InvertedLayer(width, share) for _ in of.layers)
        self.norm = nn.LayerNorm(width)
        self.map = nn.Linear(width, of.horizon)

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
    """TSMixer with the parameters of the package's, (batch, time, channels) throughout."""

    def __init__(self, of: TSMixer):
        super().__init__()
        self.blocks = nn.ModuleList(_MixerBlock(of) for _ in of.blocks)
        self.map = nn.Linear(of.lookback, of.horizon)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast every channel."""
        for block in self.blocks:
            past = block(past)
        return self.map(past.permute(0, 2, 1)).permute(0, 2, 1)


class _MixerBlock(nn.Module):
    def __init__(self, of: TSMixer):
        super().__init__()
        width = of.get_submodule("blocks.0.channels.0").get_parameter("weight").shape[0]
        share = next(part.share for part in of.modules() if isinstance(part, Dropout))
        self.norms = nn.ModuleList(nn.BatchNorm1d(of.lookback * of.channels) for _ in range(2))
        self.time = nn.Linear(of.lookback, of.lookback)
        self.first, self.second = nn.Linear(of.channels, width), nn.Linear(width, of.channels)
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


def plain_of(model: nn.Module) -> nn.Module:
    """Return the plain version of a PatchTST, InvertedTransformer or TSMixer with its weights."""
    weights = model.state_dict()
    if isinstance(model, TSMixer):
        plain, names = PlainTSMixer(model), MIXER
    elif isinstance(model, PatchTST):
        plain, names = PlainPatchTST(model), PATCH
    else:
        assert isinstance(model, InvertedTransformer)
        plain, names = PlainInverted(model), INVERTED
    renamed = {}
    for name, part in weights.items():
        if "keys_values" in name:
            for kind, half in zip(("key", "value"), part.chunk(2), strict=True):
                renamed[name.replace("keys_values", kind)] = half
            continue
        for old, new in names.items():
            name = name.replace(old, new)
        renamed[name] = part
    shapes = plain.to(model.map.weight.dtype).state_dict()
    plain.load_state_dict(
        {name: part.reshape(shapes[name].shape) for name, part in renamed.items()}
    )
    return plain.train(model.training)


PATCH = {"norms.0.": "norms.0.norm.", "norms.1.": "norms.1.norm."}
INVERTED = {"feed.0.": "first.", "feed.3.": "second."}
MIXER = {"time.0.": "time.", "channels.0.": "first.", "channels.3.": "second."}
"""How the parameters' names differ."""
