"""What a sweep tries, what it chose, and the models of that."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import PENALTIES, Ridge
from revin_forecast.closed_form.blocks import level_added, mean_taken
from revin_forecast.closed_form.equations import solve_penalized
from revin_forecast.closed_form.sums import WindowSums
from revin_forecast.closed_form.threads import in_threads
from revin_forecast.errors import InputError
from revin_forecast.normalizers import RevIN
from revin_forecast.reversible import Reversible


@dataclass(frozen=True)
class Sweep:
    """What is tried, and how it is told apart."""

    lookbacks: tuple[int, ...] = (96, 336, 512, 720)
    horizons: tuple[int, ...] = (96, 192, 336, 720)
    penalties: tuple[float, ...] = PENALTIES
    blocks: int = 4
    """Blocks of time that are left out in turn."""
    per_channel: bool = False
    """Also try maps of its own for each channel; kept where they are clearly better."""

    def __post_init__(self):
        for name in ("lookbacks", "horizons", "penalties"):
            values = getattr(self, name)
            if not values or min(values) <= 0 or sorted(set(values)) != list(values):
                raise InputError(
                    f"{name} of a sweep are positive, ascending and different but got {values}."
                )

    @property
    def groups(self) -> list[tuple[int, int]]:
        """First step and the one after the last of each group: a group ends with each horizon."""
        return list(pairwise((0, *self.horizons)))

    def sums(self, values: Tensor) -> WindowSums:
        """Return the sums of a table's windows, for the longest sizes."""
        return WindowSums(values, self.lookbacks[-1], self.horizons[-1])


@dataclass(frozen=True)
class Chosen:
    """The map of a group of steps: the mean of one or more."""

    lookbacks: tuple[int, ...]
    """Of a single step where the last value is repeated."""
    penalties: tuple[float, ...]
    """One for each look-back, relative to the mean eigenvalue."""
    error: float
    """Mean squared error over all blocks left out."""


LAST_VALUE = (1,), (math.inf,)
"""Look-backs and penalties of the forecast that repeats the window's last value."""


@dataclass(frozen=True, eq=False)
class Swept:
    """What a sweep chose; makes the model of each horizon."""

    sweep: Sweep
    shared: tuple[Chosen, ...]
    """One for each group of steps."""
    own: tuple[tuple[Chosen | None, ...], ...]
    """For each channel, as `shared`; None where the shared map serves it. Empty: none was tried."""

    @torch.no_grad()
    def solve(
        self, values: Tensor, horizons: tuple[int, ...] | None = None
    ) -> dict[int, Reversible]:
        """Solve the chosen maps on every window of a table.

        Args:
            values: (time, channels) float64: what teaches. Windows with a gap are left out.
            horizons: of those swept; None: all.

        Returns:
            For each horizon a Ridge inside RevIN, float32, in evaluation mode. Its look-back is the
            longest that was chosen; steps with shorter ones give older values no weight.

        Raises:
            InputError: a horizon that was not swept.
        """
        wanted = self.sweep.horizons if horizons is None else horizons
        for horizon in wanted:
            if horizon not in self.sweep.horizons:
                raise InputError(
                    f"horizon {horizon} was not swept; take one of {self.sweep.horizons}, or "
                    "sweep again with it."
                )
        sums = self.sweep.sums(values)
        sizes = {size for one in self.shared for size in one.lookbacks}
        sums.prepare(*sorted(sizes), *(len(values) - horizon + 1 for horizon in wanted))
        models = in_threads(lambda horizon: self._model(values, sums, horizon), wanted)
        return dict(zip(wanted, models, strict=True))

    def _model(self, values: Tensor, sums: WindowSums, horizon: int) -> Reversible:
        groups = self.sweep.groups[: self.sweep.horizons.index(horizon) + 1]
        shared, own = self.shared[: len(groups)], [one[: len(groups)] for one in self.own]
        lookback = max(max(one.lookbacks) for some in (shared, *own) for one in some if one)
        per_channel = any(one for some in own for one in some)
        model = Ridge(lookback, horizon, values.shape[1], per_channel)
        for (first, stop), weight in _solved(sums, shared, groups, model).items():
            model.weight[..., first:stop, :] = weight
        for channel, some in enumerate(own):
            if any(some):
                alone = self.sweep.sums(values[:, channel : channel + 1])
                for (first, stop), weight in _solved(alone, some, groups, model).items():
                    model.weight[channel, first:stop] = weight
        return Reversible(model, RevIN(values.shape[1])).eval()


def _solved(
    sums: WindowSums,
    chosen: tuple[Chosen | None, ...],
    groups: list[tuple[int, int]],
    model: Ridge,
) -> dict[tuple[int, int], Tensor]:
    """Return the weight of each group that has a choice, for the model's look-back."""
    weights: dict[tuple[int, int], Tensor] = {}
    sizes = {size for one in chosen if one for size in one.lookbacks}
    for size in sizes:
        every = sums.of(size, model.horizon, 0, len(sums.values))
        equations = mean_taken(every, size)
        for one, group in zip(chosen, groups, strict=True):
            if one is None or size not in one.lookbacks:
                continue
            penalty = one.penalties[one.lookbacks.index(size)]
            own = equations.steps(*group)
            zeros = torch.zeros_like(own.cross)
            weight = zeros if math.isinf(penalty) else solve_penalized(own, penalty)
            part = level_added(weight, model.lookback) / len(one.lookbacks)
            weights[group] = weights[group] + part if group in weights else part
    return {group: weight.float() for group, weight in weights.items()}
