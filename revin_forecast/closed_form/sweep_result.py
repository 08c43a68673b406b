"""What a sweep tries, what it chose, and the models of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import DEFAULT_PENALTIES, Ridge
from revin_forecast.closed_form.normal_equations import NormalEquations, solve_ridge
from revin_forecast.closed_form.seasonal_profile import (
    DeseasonalizedModel,
    repeat_profile,
    seasonal_profile,
)
from revin_forecast.closed_form.sweep_maps import SweepChoice, build_map, subtract_window_mean
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from revin_forecast.utils.threads import thread_map


@dataclass(frozen=True)
class SweepGrid:
    """What is tried, and how it is told apart."""

    lookbacks: tuple[int, ...] = (96, 336, 512, 720)
    horizons: tuple[int, ...] = (96, 192, 336, 720)
    penalties: tuple[float, ...] = DEFAULT_PENALTIES
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

    def window_sums(self, values: Tensor) -> WindowSums:
        """Return the sums of a table's windows, for the longest sizes."""
        return WindowSums(values, self.lookbacks[-1], self.horizons[-1])


@dataclass(frozen=True, eq=False)
class SweepResult:
    """What a sweep chose; makes the model of each horizon."""

    grid: SweepGrid
    shared_choices: tuple[SweepChoice, ...]
    """One for each group of steps."""
    channel_penalties: tuple[tuple[float | None, ...], ...]
    """For each channel, the penalty of its change of each group's shared map; None where that map
    serves it. Empty: none was tried."""
    profile_share: float = 0.0
    """Of the seasonal profile, that is taken off."""

    @torch.no_grad()
    def solve(
        self, values: Tensor, horizons: tuple[int, ...] | None = None
    ) -> Mapping[int, Reversible | DeseasonalizedModel]:
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
        wanted = self.grid.horizons if horizons is None else horizons
        for horizon in wanted:
            if horizon not in self.grid.horizons:
                raise InputError(
                    f"horizon {horizon} was not swept; take one of {self.grid.horizons}, or "
                    "sweep again with it."
                )
        if not self.profile_share:
            return self._solve_models(values, wanted)
        assert self.grid.season is not None  # whatever has a share was given one
        profile = self.profile_share * seasonal_profile(values, self.grid.season)
        inside = self._solve_models(values - repeat_profile(profile, len(values)), wanted)
        return {
            horizon: DeseasonalizedModel(model, profile.float()).eval()
            for horizon, model in inside.items()
        }

    def _solve_models(self, values: Tensor, horizons: tuple[int, ...]) -> dict[int, Reversible]:
        sums = self.grid.window_sums(values)
        sizes = {size for one in self.shared_choices for size in one.lookbacks}
        sums.prepare_origins(*sorted(sizes), *(len(values) - horizon + 1 for horizon in horizons))
        models = thread_map(lambda horizon: self._solve_model(values, sums, horizon), horizons)
        return dict(zip(horizons, models, strict=True))

    def _solve_model(self, values: Tensor, sums: WindowSums, horizon: int) -> Reversible:
        groups = self.grid.groups[: self.grid.horizons.index(horizon) + 1]
        shared, own = (
            self.shared_choices[: len(groups)],
            [one[: len(groups)] for one in self.channel_penalties],
        )
        changed = {channel: some for channel, some in enumerate(own) if any(some)}
        # A change is one of the longest look-back, wherever it was chosen.
        seen = self.shared_choices if changed else shared
        lookback = max(max(one.lookbacks) for one in seen)
        model = Ridge(lookback, horizon, values.shape[1], bool(changed))

        def every(size: int, of: WindowSums = sums) -> NormalEquations:
            return of.equations(size, horizon, 0, len(values))

        weight = build_map(every, shared, groups, lookback)
        model.weight.copy_(weight)
        for channel, some in changed.items():
            alone = self.grid.window_sums(values[:, channel : channel + 1])
            left = subtract_window_mean(every(lookback, alone), lookback).subtract_map(weight)
            for group, penalty in zip(groups, some, strict=True):
                if penalty is not None:
                    change = solve_ridge(left.select_steps(slice(*group)), penalty)
                    model.weight[channel, slice(*group)] += change
        return Reversible(model, RevIN(values.shape[1])).eval()
