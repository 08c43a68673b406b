"""Trials of a linear forecast with and without the level, on given rows."""

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_WINDOWS = 1000
"""Limit on the windows of a fit and of a comparison, evenly spaced."""
PENALTY = 1e-2
"""Penalty of both maps, relative to the mean diagonal of their Gram matrix."""
MAX_LOG_RATIO = 1.0
"""Bound of a log ratio, a factor of 2.7, so that no single trial outweighs the others."""


@dataclass(frozen=True, eq=False)
class LevelWindows:
    """Windows of several channels, with weight 0 where too little is observed."""

    past: Tensor
    """(channels, windows, lookback)."""
    future: Tensor
    """(channels, windows, horizon)."""
    weight: Tensor
    """(channels, windows), 1 or 0."""

    @classmethod
    def cut(cls, rows: Tensor, lookback: int, horizon: int) -> "LevelWindows":
        """Cut evenly spaced windows from (time, channels); NaN is unobserved.

        An unobserved look-back step takes the window's mean. Windows that lack a step of the
        horizon, or more than half of the look-back, get weight 0.
        """
        unfolded = rows.unfold(0, lookback + horizon, 1)
        count = min(MAX_WINDOWS, len(unfolded))
        starts = torch.linspace(0, len(unfolded) - 1, count, dtype=torch.float64).round().long()
        windows = unfolded[starts].transpose(0, 1)
        past, future = windows[..., :lookback], windows[..., lookback:]
        if rows.isfinite().all():
            return cls(past, future, torch.ones(past.shape[:2], dtype=rows.dtype))
        observed = past.isfinite()
        usable = (observed.double().mean(dim=2) >= 0.5) & future.isfinite().all(dim=2)
        mean = past.nanmean(dim=2, keepdim=True).nan_to_num()
        past = torch.where(observed, past, mean)
        return cls(past, future.nan_to_num(), usable.to(rows.dtype))


@dataclass(frozen=True, eq=False)
class LevelMaps:
    """Two linear maps with an intercept: one sees the level m of the look-back, one does not.

    kept: y = W x + b. taken: y = m + W (x - m) + b, as inside an instance normalization, whose
    scale cancels in a linear map. Both have the intercept, so they differ in the level alone.
    """

    input_means: Tensor
    """(channels, 1, lookback)."""
    target_means: Tensor
    """(channels, 1, horizon)."""
    kept: Tensor
    """(channels, lookback, horizon) W."""
    taken: Tensor
    """(channels, lookback, horizon) W; each column sums to 0, so W (x - m) = W x."""

    @classmethod
    def solve(cls, windows: LevelWindows) -> "LevelMaps":
        """Solve both for each channel by ridge regression (Hoerl & Kennard, 1970)."""
        share = windows.weight / windows.weight.sum(dim=1, keepdim=True).clamp(min=1)
        input_means = share.unsqueeze(1) @ windows.past
        target_means = share.unsqueeze(1) @ windows.future
        inputs = (windows.past - input_means) * windows.weight.unsqueeze(2)
        gram = inputs.mT @ inputs
        cross = inputs.mT @ (windows.future - target_means)
        # With P = I - 11'/L the look-back x - m is P x, and y - m is y - 1'x / L.
        level = gram.mean(dim=2, keepdim=True)
        taken_gram = _subtract_means(_subtract_means(gram, 1), 2)
        taken_cross = _subtract_means(cross - level, 1)
        kept, taken = _solve_ridge(gram, cross), _solve_ridge(taken_gram, taken_cross)
        return cls(input_means, target_means, kept, taken)

    def compare(self, windows: LevelWindows) -> "LevelTrial":
        """Return the mean absolute error of each window with both maps."""
        inputs = windows.past - self.input_means
        targets = windows.future - self.target_means
        level = inputs.mean(dim=2, keepdim=True)
        kept = (targets - inputs @ self.kept).abs().mean(dim=2)
        taken = (targets - level - inputs @ self.taken).abs().mean(dim=2)
        return LevelTrial(kept, taken, windows.weight)


@dataclass(frozen=True, eq=False)
class LevelTrial:
    """Errors on the same windows with the level kept and with the level taken away."""

    kept: Tensor
    """(channels, windows) mean absolute errors of the map that sees the level."""
    taken: Tensor
    """(channels, windows) of the map that does not."""
    weight: Tensor
    """(channels, windows), 1 or 0."""

    def log_ratio(self) -> Tensor:
        """Return log(error kept / error taken), (channels,); NaN without a usable window."""
        kept, taken = ((errors * self.weight).sum(dim=1) for errors in (self.kept, self.taken))
        count = self.weight.sum(dim=1)
        # A channel that both forecast exactly has the ratio 1.
        ratio = ((kept + 1e-9 * count) / (taken + 1e-9 * count)).log()
        return ratio.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)

    def split(self, stretches: int) -> list["LevelTrial"]:
        """Split into consecutive stretches of windows."""
        parts = (part.tensor_split(stretches, dim=1) for part in self.tensors)
        return [LevelTrial(*stretch) for stretch in zip(*parts, strict=True)]

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Errors kept, errors taken and weights."""
        return self.kept, self.taken, self.weight


def _subtract_means(matrix: Tensor, dim: int) -> Tensor:
    return matrix - matrix.mean(dim=dim, keepdim=True)


def _solve_ridge(gram: Tensor, cross: Tensor) -> Tensor:
    diagonal = gram.diagonal(dim1=1, dim2=2)
    # The floor is for channels without any variance.
    penalty = PENALTY * diagonal.mean(dim=1) + 1e-10
    ridge = torch.diag_embed(penalty.unsqueeze(1).expand_as(diagonal))
    return torch.cholesky_solve(cross, torch.linalg.cholesky(gram + ridge))
