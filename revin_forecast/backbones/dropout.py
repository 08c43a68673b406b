import torch
from torch import Tensor, nn
from torch.nn import functional

DRAW_RANGE = 2**16


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
        if not self._uses_packed_draws(values):
            return functional.dropout(values, self.share)
        return values * self._draw_factors(values)

    def add(self, base: Tensor, values: Tensor) -> Tensor:
        """Return base + dropped values, in one pass over memory.

        Args:
            base: what the values are added to, of the same shape.
            values: as `forward` takes them.
        """
        if not self._uses_packed_draws(values):
            return base + self(values)
        return torch.addcmul(base, values, self._draw_factors(values))

    def _uses_packed_draws(self, values: Tensor) -> bool:
        """Return whether the decisions are drawn by this class: in training, on a CPU."""
        return (
            self.training
            and self.share > 0
            and values.device.type == "cpu"
            and not torch.compiler.is_compiling()
        )

    def _draw_factors(self, values: Tensor) -> Tensor:
        """Return 0 or 1 / (1 - share) for each value."""
        words = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(torch.int16)[: values.numel()].view(values.shape)
        least = round(self.share * DRAW_RANGE) - DRAW_RANGE // 2
        # Written as numbers at once: a copy of booleans as such takes five times as long.
        kept = torch.ge(draws, least, out=torch.empty(values.shape, dtype=values.dtype))
        return kept.mul_(1 / (1 - self.share))

    def extra_repr(self) -> str:
        """Show the share."""
        return f"{self.share}"
