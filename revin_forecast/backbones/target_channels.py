"""Selection of the target channels from a backbone's forecast."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.utils.shapes import Future, Past


class TargetChannels(nn.Module):
    """Wrapper that passes all channels to a backbone and returns the forecast of the targets.

    Args:
        backbone: forecasts every input channel.
        targets: indices of the channels to return.
    """

    index: Tensor

    def __init__(self, backbone: nn.Module, targets: Sequence[int]):
        super().__init__()
        self.backbone = backbone
        self.accepts_observed = getattr(backbone, "accepts_observed", False)
        self.register_buffer("index", torch.tensor(list(targets)), persistent=False)

    def forward(self, past: Past, **extra: Any) -> Future:
        """Return (batch, horizon, targets); extra arguments are passed to the backbone."""
        return self.backbone(past, **extra).index_select(2, self.index)


def unwrap(backbone: nn.Module) -> nn.Module:
    """Return the wrapped backbone of a `TargetChannels`, or the backbone itself."""
    return backbone.backbone if isinstance(backbone, TargetChannels) else backbone
