"""Short linear maps of many series at once: one for each series, and one for like series."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

MIN_LOOKBACK = 4
"""Shortest look-back of a short map."""
MAX_LOOKBACK = 27
"""Longest look-back on a few rows."""
MIN_ROWS_PER_STEP = 10
"""Rows for each step of a longer look-back."""
MIN_WINDOWS = 4
"""Fewest windows to solve a map on."""
MIN_LIKE_SERIES = 3
"""Fewest series that share a map."""
OWN_PENALTY, SHARED_PENALTY = 0.1, 0.01
"""Ridge penalties, relative to the mean eigenvalue of the Gram matrix."""

Maps = Float[Tensor, "series horizon lookback"]


def default_short_lookback(season: int, rows: int) -> int:
    """Return a season and one step: the last season, and how this one began.

    At least 4, and at most a tenth of the rows if that is more than 27: on a few years of weeks,
    a map of a whole year is noise.

    >>> [default_short_lookback(season, 300) for season in (1, 4, 12, 52)]
    [4, 5, 13, 30]
    """
    longest = max(MAX_LOOKBACK, rows // MIN_ROWS_PER_STEP)
    return max(min(season + 1, longest), MIN_LOOKBACK)


@dataclass(frozen=True, eq=False)
class ShortWindows:
    """All windows of some series less their means; on logarithms where these suit better."""

    values: Float[Tensor, "time series"]
    """float64, NaN where unobserved; logarithms for some series."""
    lookback: int
    horizon: int

    @cached_property
    def past(self) -> Float[Tensor, "series windows lookback"]:
        """Windows less their means, 0 where a window has a gap; the last ends in the end."""
        windows = self.values.mT.unfold(1, self.lookback, 1)
        return (windows - self.mean.unsqueeze(2)).nan_to_num_(0)

    @cached_property
    def mean(self) -> Float[Tensor, "series windows"]:
        """Means of the windows; NaN for windows with a gap."""
        return self.values.mT.unfold(1, self.lookback, 1).mean(2)

    @cached_property
    def future(self) -> Float[Tensor, "series windows horizon"]:
        """The steps after each window less its mean, 0 where unknown."""
        return self._targets.nan_to_num(0)

    @cached_property
    def is_complete(self) -> Bool[Tensor, "series windows"]:
        """Whether a window has a mean and all its targets; a map is solved on no other."""
        return self._targets.isfinite().all(2)

    @cached_property
    def _targets(self) -> Float[Tensor, "series windows horizon"]:
        targets = self.values[self.lookback :].mT.unfold(1, self.horizon, 1)
        return targets - self.mean[:, : targets.shape[1]].unsqueeze(2)

    def count_complete(self, origin: int) -> int:
        """Return the number of windows whose targets end before an origin."""
        return max(0, origin - self.lookback - self.horizon + 1)

    def solve_own(self, origin: int) -> tuple[Maps, Bool[Tensor, " series"]]:
        """Solve a map for each series on the rows before an origin.

        Each minimizes sum ||y - W x||^2 + penalty s ||W||^2 with s the mean eigenvalue of the
        windows' Gram matrix (Hoerl & Kennard, 1970).

        Returns:
            The maps, and True for the series with enough windows.
        """
        count = self.count_complete(origin)
        is_complete = self.is_complete[:, :count]
        past, future = self.past[:, :count] * is_complete.unsqueeze(2), self.future[:, :count]
        is_solvable = is_complete.sum(1) >= MIN_WINDOWS
        gram, cross = _multiply(past.mT, past), _multiply(past.mT, future)
        return _solve(gram, cross, OWN_PENALTY), is_solvable

    def solve_shared(
        self, origin: int, groups: Sequence[Bool[Tensor, " series"]]
    ) -> tuple[Maps, Bool[Tensor, " series"]]:
        """Solve one map for each group of series, whose windows have the same mean square.

        Args:
            origin: the rows before it are used.
            groups: True for the series of a group.
        """
        count = self.count_complete(origin)
        series = self.values.shape[1]
        maps = self.values.new_zeros(series, self.horizon, self.lookback)
        is_solvable = torch.zeros(series, dtype=torch.bool)
        complete = self.is_complete[:, :count].sum(1)
        has_windows = complete >= MIN_WINDOWS
        past = self.past[:, :count] * self.is_complete[:, :count].unsqueeze(2)
        scale = (past.square().sum((1, 2)) / complete.clamp(min=1)).sqrt()
        for group in groups:
            members = group & has_windows & (scale > 0)
            if int(members.sum()) < MIN_LIKE_SERIES:
                continue
            unit = scale[members].reshape(-1, 1, 1)
            inputs = (past[members] / unit).flatten(0, 1)
            targets = (self.future[members, :count] / unit).flatten(0, 1)
            gram, cross = _multiply(inputs.mT, inputs), _multiply(inputs.mT, targets)
            maps[group] = _solve(gram[None], cross[None], SHARED_PENALTY)[0]
            is_solvable |= group
        return maps, is_solvable

    def forecast(self, maps: Maps, origin: int) -> Float[Tensor, "horizon series"]:
        """Return the forecast from an origin; NaN for a series without a complete window."""
        window = origin - self.lookback
        if window < 0:
            return self.values.new_full((self.horizon, self.values.shape[1]), torch.nan)
        change = _multiply(maps, self.past[:, window].unsqueeze(2)).squeeze(2)
        return (change + self.mean[:, window].unsqueeze(1)).mT


def _solve(
    gram: Float[Tensor, "series lookback lookback"],
    cross: Float[Tensor, "series lookback horizon"],
    penalty: float,
) -> Maps:
    """Return the ridge maps of batches of normal equations; 0 for a series that is constant."""
    diagonal = gram.diagonal(dim1=1, dim2=2)
    ridge = penalty * diagonal.mean(1)
    # A constant series has equations 0 = 0: any positive ridge gives the map 0.
    ridge = torch.where(ridge > 0, ridge, 1)
    identity = torch.eye(gram.shape[1], dtype=gram.dtype)
    regularized = gram + ridge.reshape(-1, 1, 1) * identity
    return torch.from_numpy(np.linalg.solve(regularized.numpy(), cross.numpy())).mT


def _multiply(left: Tensor, right: Tensor) -> Tensor:
    """Return a product of matrices.

    NumPy's, as torch wakes its threads even for tiny ones, which takes milliseconds on a busy
    machine.
    """
    return torch.from_numpy(left.numpy() @ right.numpy())
