"""Candidates and result of a sweep, and the models solved from the result."""

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
    """Candidates of a sweep and the number of blocks to compare them on."""

    lookbacks: tuple[int, ...] = (96, 336, 512, 720)
    """Candidate look-backs, ascending."""
    horizons: tuple[int, ...] = (96, 192, 336, 720)
    """Horizons to forecast, ascending."""
    penalties: tuple[float, ...] = DEFAULT_PENALTIES
    """Candidate penalties, ascending."""
    blocks: int = 4
    """Number of blocks of time, each held out once."""
    per_channel: bool = False
    """Whether to try a change of the shared map for each channel, used if significantly better."""
    season: int | None = None
    """Rows in a season, to try subtracting a share of each channel's seasonal profile; None: no
    profile."""

    def __post_init__(self):
        for name in ("lookbacks", "horizons", "penalties"):
            values = getattr(self, name)
            if not values or min(values) <= 0 or sorted(set(values)) != list(values):
                raise InputError(
                    f"{name} of a sweep must be positive, ascending and distinct but got {values}."
                )
        if self.season is not None and self.season < 2:
            raise InputError(
                f"season of a sweep must be 2 rows or more, or None, but got {self.season}."
            )

    @property
    def groups(self) -> list[tuple[int, int]]:
        """Range of steps of each group; a group ends at each horizon."""
        return list(pairwise((0, *self.horizons)))

    def window_sums(self, values: Tensor) -> WindowSums:
        """Return the sums over a table's windows of the longest look-back and horizon."""
        return WindowSums(values, self.lookbacks[-1], self.horizons[-1])


@dataclass(frozen=True, eq=False)
class SweepResult:
    """Maps that a sweep selected; solves the model of each horizon."""

    grid: SweepGrid
    """Candidates of the sweep."""
    shared_choices: tuple[SweepChoice, ...]
    """Selected map of each group of steps, shared by all channels."""
    channel_penalties: tuple[tuple[float | None, ...], ...]
    """For each channel, the penalty of its change of each group's shared map; None: the channel
    uses the shared map. Empty: no changes were tried."""
    profile_share: float = 0.0
    """Share of the seasonal profile to subtract."""

    @torch.no_grad()
    def solve(
        self, values: Tensor, horizons: tuple[int, ...] | None = None
    ) -> Mapping[int, Reversible | DeseasonalizedModel]:
        """Solve the selected maps on every window of a table.

        Args:
            values: (time, channels) float64: the training rows. Windows with a gap are left out.
            horizons: horizons of the sweep; None: all.

        Returns:
            For each horizon a Ridge inside RevIN, float32, in evaluation mode. Its look-back is the
            longest selected one; steps with a shorter look-back have zero weights for older values.
            With a share of the seasonal profile, the model is a `DeseasonalizedModel`, whose row
            numbers count from the first row of `values`.

        Raises:
            InputError: a horizon is not one of the sweep's.
        """
        horizons = self.grid.horizons if horizons is None else horizons
        for horizon in horizons:
            if horizon not in self.grid.horizons:
                raise InputError(
                    f"horizon {horizon} is not part of the sweep; take one of "
                    f"{self.grid.horizons}, or sweep again with it."
                )
        if not self.profile_share:
            return self._solve_models(values, horizons)
        assert self.grid.season is not None  # a share is selected only with a season
        profile = self.profile_share * seasonal_profile(values, self.grid.season)
        models = self._solve_models(values - repeat_profile(profile, len(values)), horizons)
        return {
            horizon: DeseasonalizedModel(model, profile.float()).eval()
            for horizon, model in models.items()
        }

    def _solve_models(self, values: Tensor, horizons: tuple[int, ...]) -> dict[int, Reversible]:
        sums = self.grid.window_sums(values)
        sizes = {size for choice in self.shared_choices for size in choice.lookbacks}
        # Before the threads start: they only read the prepared sums.
        sums.prepare(
            *((size, size, len(values) - horizon + 1) for size in sizes for horizon in horizons)
        )
        models = thread_map(lambda horizon: self._solve_model(values, sums, horizon), horizons)
        return dict(zip(horizons, models, strict=True))

    def _solve_model(self, values: Tensor, sums: WindowSums, horizon: int) -> Reversible:
        """Solve the model of one horizon from the sums over all windows of the table."""
        groups = self.grid.groups[: self.grid.horizons.index(horizon) + 1]
        shared = self.shared_choices[: len(groups)]
        changes = {
            channel: penalties[: len(groups)]
            for channel, penalties in enumerate(self.channel_penalties)
            if any(penalties[: len(groups)])
        }
        # Changes are selected for the longest look-back of all groups, so they are solved with it.
        choices = self.shared_choices if changes else shared
        lookback = max(max(choice.lookbacks) for choice in choices)
        model = Ridge(lookback, horizon, values.shape[1], bool(changes))

        def all_equations(size: int, window_sums: WindowSums = sums) -> NormalEquations:
            return window_sums.equations(size, horizon, 0, len(values))

        weight = build_map(all_equations, shared, groups, lookback)
        model.weight.copy_(weight)
        for channel, penalties in changes.items():
            channel_sums = self.grid.window_sums(values[:, channel : channel + 1])
            equations = subtract_window_mean(all_equations(lookback, channel_sums), lookback)
            residual = equations.subtract_map(weight)
            for group, penalty in zip(groups, penalties, strict=True):
                if penalty is not None:
                    change = solve_ridge(residual.select_steps(slice(*group)), penalty)
                    model.weight[channel, slice(*group)] += change
        return Reversible(model, RevIN(values.shape[1])).eval()
