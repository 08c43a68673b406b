"""What a sweep tries, what it chose, and the models of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import PENALTIES, Ridge
from revin_forecast.closed_form.equations import NormalEquations, solve_penalized
from revin_forecast.closed_form.maps import Chosen, chosen_map, mean_taken
from revin_forecast.closed_form.profile import Deseasonalized, profile_rows, seasonal_profile
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
    """Also try a change of the shared map for each channel; kept where it is clearly better."""
    season: int | None = None
    """Also try to take a share of each channel's mean season off, of so many rows; None: don't."""

    def __post_init__(self):
        for name in ("lookbacks", "horizons", "penalties"):
            values = getattr(self, name)
            if not values or min(values) <= 0 or sorted(set(values)) != list(values):
                raise InputError(
                    f"{name} of a sweep are positive, ascending and different but got {values}."
                )
        if self.season is not None and self.season < 2:
            raise InputError(
                f"season of a sweep is 2 rows or more, or None, but got {self.season}."
            )

    @property
    def groups(self) -> list[tuple[int, int]]:
        """First step and the one after the last of each group: a group ends with each horizon."""
        return list(pairwise((0, *self.horizons)))

    def sums(self, values: Tensor) -> WindowSums:
        """Return the sums of a table's windows, for the longest sizes."""
        return WindowSums(values, self.lookbacks[-1], self.horizons[-1])


@dataclass(frozen=True, eq=False)
class Swept:
    """What a sweep chose; makes the model of each horizon."""

    sweep: Sweep
    shared: tuple[Chosen, ...]
    """One for each group of steps."""
    own: tuple[tuple[float | None, ...], ...]
    """For each channel, the penalty of its change of each group's shared map; None where that map
    serves it. Empty: none was tried."""
    share: float = 0.0
    """Of the seasonal profile, that is taken off."""

    @torch.no_grad()
    def solve(
        self, values: Tensor, horizons: tuple[int, ...] | None = None
    ) -> Mapping[int, Reversible | Deseasonalized]:
        """Solve the chosen maps on every window of a table.

        Args:
            values: (time, channels) float64: what teaches. Windows with a gap are left out.
            horizons: of those swept; None: all.

        Returns:
            For each horizon a Ridge inside RevIN, float32, in evaluation mode. Its look-back is the
            longest that was chosen; steps with shorter ones give older values no weight. With a
            share of the profile taken off, it stands inside a `Deseasonalized`, whose rows are
            counted from the first of `values`.

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
        if not self.share:
            return self._solved(values, wanted)
        assert self.sweep.season is not None  # whatever has a share was given one
        profile = self.share * seasonal_profile(values, self.sweep.season)
        inside = self._solved(values - profile_rows(profile, len(values)), wanted)
        return {
            horizon: Deseasonalized(model, profile.float()).eval()
            for horizon, model in inside.items()
        }

    def _solved(self, values: Tensor, horizons: tuple[int, ...]) -> dict[int, Reversible]:
        sums = self.sweep.sums(values)
        sizes = {size for one in self.shared for size in one.lookbacks}
        sums.prepare(*sorted(sizes), *(len(values) - horizon + 1 for horizon in horizons))
        models = in_threads(lambda horizon: self._model(values, sums, horizon), horizons)
        return dict(zip(horizons, models, strict=True))

    def _model(self, values: Tensor, sums: WindowSums, horizon: int) -> Reversible:
        groups = self.sweep.groups[: self.sweep.horizons.index(horizon) + 1]
        shared, own = self.shared[: len(groups)], [one[: len(groups)] for one in self.own]
        changed = {channel: some for channel, some in enumerate(own) if any(some)}
        # A change is one of the longest look-back, wherever it was chosen.
        seen = self.shared if changed else shared
        lookback = max(max(one.lookbacks) for one in seen)
        model = Ridge(lookback, horizon, values.shape[1], bool(changed))

        def every(size: int, of: WindowSums = sums) -> NormalEquations:
            return of.of(size, horizon, 0, len(values))

        weight = chosen_map(every, shared, groups, lookback)
        model.weight.copy_(weight)
        for channel, some in changed.items():
            alone = self.sweep.sums(values[:, channel : channel + 1])
            left = mean_taken(every(lookback, alone), lookback).rest(weight)
            for group, penalty in zip(groups, some, strict=True):
                if penalty is not None:
                    change = solve_penalized(left.at(slice(*group)), penalty)
                    model.weight[channel, slice(*group)] += change
        return Reversible(model, RevIN(values.shape[1])).eval()
