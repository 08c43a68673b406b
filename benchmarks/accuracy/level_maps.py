"""Linear maps with the level taken away, kept or blended, and their errors, from sums of windows.

All maps are written for raw windows: y = weight x + bias. No window is extracted.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.closed_form.normal_equations import (
    NormalEquations,
    solve_ridge,
    squared_error,
)
from revin_forecast.models.reversible import Reversible


@dataclass(frozen=True)
class RawMap:
    """A linear map of raw windows."""

    weight: Tensor
    """(steps, lookback)."""
    bias: Tensor
    """(steps,)."""

    def squared_error(self, equations: NormalEquations) -> float:
        """Return the sum of squared errors over the windows of these equations."""
        no_input_mean = equations.input_sums.new_zeros(self.weight.shape[1])
        return float(squared_error(self.weight, equations.subtract_means(no_input_mean, self.bias)))

    def squared_difference(self, other: "RawMap", equations: NormalEquations) -> float:
        """Return the sum of squared differences of two maps' forecasts."""
        weight, bias = self.weight - other.weight, self.bias - other.bias
        products = ((weight @ equations.gram) * weight).sum()
        mixed = 2 * bias @ (weight @ equations.input_sums)
        return float(products + mixed + equations.count * bias.square().sum())


def solve_taken(equations: NormalEquations, penalty: float) -> RawMap:
    """Return the map W (x - level) + level, as RevIN around a ridge gives it."""
    weights = mean_weights(equations)
    weight = solve_ridge(equations.centre(weights), penalty)
    return _absorb_level(weight, torch.ones_like(weight[:, 0]), weight.new_zeros(len(weight)))


def solve_kept(equations: NormalEquations, penalty: float) -> RawMap:
    """Return the map W (x - level) + (1 + g) level + a, with g and a of each step unpenalized.

    The two columns are projected out (Frisch & Waugh, 1933; Lovell, 1963). The penalty on W is the
    one of `solve_taken` in absolute terms.
    """
    weights = mean_weights(equations)
    centred = equations.centre(weights)
    level_square = weights @ equations.gram @ weights
    level_sum = weights @ equations.input_sums
    count = torch.tensor(float(equations.count), dtype=level_sum.dtype)
    own = torch.stack([torch.stack([level_square, level_sum]), torch.stack([level_sum, count])])
    inputs = torch.stack([equations.gram @ weights - level_square, centred.input_sums])
    targets = torch.stack([equations.cross @ weights - level_square, centred.target_sums])
    projected = torch.linalg.solve(own, inputs)  # (2, lookback)
    gram = centred.gram - inputs.mT @ projected
    cross = centred.cross - targets.mT @ projected
    remainder = NormalEquations(
        gram,
        cross,
        centred.target_squares,
        centred.input_sums,
        centred.target_sums,
        centred.count,
    )
    # `solve_ridge` measures a penalty in units of the mean eigenvalue, which is smaller here.
    units = centred.gram.diagonal().mean() / gram.diagonal().mean()
    weight = solve_ridge(remainder, penalty * float(units))
    slope, constant = torch.linalg.solve(own, targets - inputs @ weight.mT)
    return _absorb_level(weight, 1 + slope, constant)


def solve_blended(
    by_channel: Sequence[NormalEquations], shares: Sequence[float], penalty: float
) -> list[RawMap]:
    """Return each channel's map W (x - share level) + share level, with one W for all channels.

    This is `Blend` around a ridge with fixed shares.
    """
    weights = mean_weights(by_channel[0])
    total = add_equations(
        [one.centre(share * weights) for one, share in zip(by_channel, shares, strict=True)]
    )
    weight = solve_ridge(total, penalty)
    none = weight.new_zeros(len(weight))
    # W (x - s m) + s m = W (x - m) + m W 1 + s m (1 - W 1)
    sums = weight.sum(dim=1)
    return [_absorb_level(weight, sums + share * (1 - sums), none) for share in shares]


@torch.no_grad()
def read_raw_maps(model: Reversible, lookback: int, channels: int) -> list[RawMap]:
    """Return each channel's map of a model that is linear in each channel's window.

    The model forecasts a window of zeros and each unit window.
    """
    model = copy.deepcopy(model).double()
    units = torch.cat([torch.zeros(1, lookback), torch.eye(lookback)]).double()
    forecasts = model(units.unsqueeze(2).repeat(1, 1, channels))  # (1 + lookback, steps, channels)
    zero, responses = forecasts[0], forecasts[1:] - forecasts[0]
    return [RawMap(responses[:, :, one].mT, zero[:, one]) for one in range(channels)]


def add_equations(parts: Sequence[NormalEquations]) -> NormalEquations:
    """Return the sum of equations."""
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def mean_weights(equations: NormalEquations) -> Tensor:
    """Return the weights of the window mean, (lookback,)."""
    return torch.full_like(equations.input_sums, 1 / len(equations.input_sums))


@dataclass(frozen=True)
class LevelErrors:
    """Sums of squares of each channel from which every mixture of two maps is scored."""

    taken: Tensor
    """(channels,): squared errors with the level taken away."""
    kept: Tensor
    """(channels,): squared errors with the level kept."""
    difference: Tensor
    """(channels,): squared differences of the two forecasts."""
    count: int
    """Number of forecast values of all channels."""

    @classmethod
    def from_maps(
        cls, taken: RawMap, kept: RawMap, by_channel: Sequence[NormalEquations]
    ) -> "LevelErrors":
        """Score both maps on the windows of each channel."""
        rows = [
            (
                taken.squared_error(one),
                kept.squared_error(one),
                taken.squared_difference(kept, one),
            )
            for one in by_channel
        ]
        steps = len(taken.bias)
        columns = torch.tensor(rows, dtype=torch.float64).unbind(dim=1)
        return cls(*columns, count=steps * sum(one.count for one in by_channel))

    @classmethod
    def add(cls, parts: Sequence["LevelErrors"]) -> "LevelErrors":
        """Return the errors over several sets of windows."""
        columns = [
            torch.stack([getattr(part, name) for part in parts]).sum(dim=0)
            for name in ("taken", "kept", "difference")
        ]
        return cls(*columns, count=sum(part.count for part in parts))

    def mix(self, shares: Tensor) -> Tensor:
        """Return each channel's squared errors of taken + share (kept - taken).

        (1 - s) e0 + s e1 - s (1 - s) d holds exactly, because the error is quadratic in s.
        """
        ends = (1 - shares) * self.taken + shares * self.kept
        return ends - shares * (1 - shares) * self.difference

    def mse(self, shares: Tensor) -> float:
        """Return the mean squared error over all channels and steps."""
        return float(self.mix(shares).sum()) / self.count


def _absorb_level(weight: Tensor, level: Tensor, bias: Tensor) -> RawMap:
    """Return W (x - m) + level m + bias as a map of raw windows."""
    spread = (level - weight.sum(dim=1)) / weight.shape[1]
    return RawMap(weight + spread.unsqueeze(1), bias)
