import torch
from torch import Tensor, nn
from torch.nn import functional

STEPS = 2**16


class Dropout(nn.Module):
    """Zero a share of the values in training and scale the others up, as nn.Dropout.

    Srivastava et al., JMLR 2014. On a CPU four decisions are drawn from each 64-bit random number,
    so the share is a multiple of 1 / 65536; drawing one number for each was a quarter of a
    transformer's training time. Elsewhere it is nn.Dropout's own.

    Args:
        share: of values dropped, in [0, 1).

    Raises:
        ValueError: another share.
    """

    def __init__(self, share: float):
        super().__init__()
        if not 0 <= share < 1:
            raise ValueError(f"a dropout is a share in [0, 1) but got {share}.")
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Drop values in training; return them as they are in evaluation."""
        if not self.training or self.share == 0:
            return values
        if values.device.type != "cpu" or torch.compiler.is_compiling():
            return functional.dropout(values, self.share)
        words = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(torch.int16)[: values.numel()].view(values.shape)
        kept = draws >= round(self.share * STEPS) - STEPS // 2
        return values * kept.to(values.dtype).mul_(1 / (1 - self.share))

    def extra_repr(self) -> str:
        """Show the share."""
        return f"{self.share}"
