"""Result of a sweep, and the models solved from it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.closed_form.admission import Admission
from revin_forecast.closed_form.seasonal_profile import DeseasonalizedModel
from revin_forecast.closed_form.sweep_maps import SweepChoice
from revin_forecast.closed_form.sweep_selection import SweepGrid, SweepSelection
from revin_forecast.closed_form.sweep_solver import SweepSolver
from revin_forecast.closed_form.value_transform import TransformedModel, ValueTransform
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible

__all__ = ["SweepGrid", "SweepModel", "SweepResult"]

SweepModel = Reversible | DeseasonalizedModel | TransformedModel
"""A model that a sweep solves."""


@dataclass(frozen=True, eq=False)
class SweepResult:
    """Maps that a sweep selected; solves the model of each horizon."""

    selection: SweepSelection
    """Selected maps and additions."""

    @property
    def grid(self) -> SweepGrid:
        """Candidates of the sweep."""
        return self.selection.grid

    @property
    def shared_choices(self) -> tuple[SweepChoice, ...]:
        """Selected map of each group of steps, shared by all channels."""
        return self.selection.shared_choices

    @property
    def channel_penalties(self) -> tuple[tuple[float | None, ...], ...]:
        """Penalty of each channel's change of each group's map; see `SweepSelection`."""
        return self.selection.channel_penalties

    @property
    def profile_share(self) -> float:
        """Share of the seasonal profile to subtract."""
        return self.selection.profile_share

    @property
    def robust_shares(self) -> tuple[tuple[float, ...], ...]:
        """Share of the robust solve for each channel and group; see `SweepSelection`."""
        return self.selection.robust_shares

    @property
    def level_shares(self) -> tuple[float, ...]:
        """Share of each channel's level that is kept; empty: none."""
        return self.selection.level_shares

    @property
    def transform(self) -> ValueTransform | None:
        """Transformation of the values before everything else."""
        return self.selection.transform

    @property
    def admissions(self) -> tuple[Admission, ...]:
        """Additions that were tried on the blocks, and their gains there."""
        return self.selection.admissions

    @torch.no_grad()
    def solve(
        self, values: Tensor, horizons: tuple[int, ...] | None = None
    ) -> Mapping[int, SweepModel]:
        """Solve the selected maps on every window of a table.

        Each group of steps is solved once, on all windows that hold its targets, for all horizons
        together: the map of a shorter horizon is a part of that of a longer one.

        Args:
            values: (time, channels) float64: the training rows. Windows with a gap are left out.
            horizons: horizons of the sweep; None: all.

        Returns:
            For each horizon a Ridge inside RevIN, float32, in evaluation mode, or inside
            `ShrunkLevel` if some level is kept. Its look-back is the longest selected one; steps
            with a shorter look-back have zero weights for older values. With a share of the
            seasonal profile, it is inside a `DeseasonalizedModel`, whose row numbers count from
            the first row of `values`. With a transform, all is inside a `TransformedModel`.

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
        if self.transform is not None:
            values = self.transform(values)
        solver = SweepSolver(values, self.selection, max(horizons))
        return {horizon: self._wrap(solver.build_model(horizon), solver) for horizon in horizons}

    def _wrap(self, model: Reversible, solver: SweepSolver) -> SweepModel:
        """Return a model inside the profile and the transform, in evaluation mode."""
        wrapped: Reversible | DeseasonalizedModel = model
        if solver.profile is not None:
            wrapped = DeseasonalizedModel(model, solver.profile.float())
        if self.transform is None:
            return wrapped.eval()
        return TransformedModel(wrapped, self.transform).eval()
