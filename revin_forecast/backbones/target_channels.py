from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.shapes import Future, Past


class TargetChannels(nn.Module):
    """A backbone that sees all channels and hands on its forecast of some.

    Args:
        backbone: forecasts every channel it sees.
        targets: numbers of the channels that are wanted.
    """

    index: Tensor

    def __init__(self, backbone: nn.Module, targets: Sequence[int]):
        super().__init__()
        self.backbone = backbone
        self.accepts_observed = getattr(backbone, "accepts_observed", False)
        self.register_buffer("index", torch.tensor(list(targets)), persistent=False)

    def forward(self, past: Past, **extra: Any) -> Future:
        """Return (batch, horizon, targets); what else is given goes to the backbone."""
        return self.backbone(past, **extra).index_select(2, self.index)


def unwrap(backbone: nn.Module) -> nn.Module:
    """Return a backbone as it forecasts all channels it sees."""
    return backbone.backbone if isinstance(backbone, TargetChannels) else backbone
