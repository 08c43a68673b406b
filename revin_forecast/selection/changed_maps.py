"""Maps of many unlike series: the map that they share plus a penalized change for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form.lag_sums import LagSums
from revin_forecast.closed_form.normal_equations import solve_ridge
from revin_forecast.closed_form.window_sums import gap_free_equations
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.selection.candidates import NORMALIZERS, Candidate, Centring
from revin_forecast.selection.linear_maps import LinearMap
from revin_forecast.selection.task import SelectionTask
from revin_forecast.selection.validation import ValidationWindows
from revin_forecast.selection.weights import absolute_errors

CHANGE_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
"""Candidate penalties of a change, relative to the mean eigenvalue of the series' Gram matrix."""
MIN_CHANGE_WINDOWS = 24
"""Windows without gaps below which a series keeps the shared map."""

Maps = Float[Tensor, "channels horizon lookback"]


def list_change_lookbacks(seasons: Sequence[int], lookbacks: Sequence[int]) -> list[int]:
    """Return the look-backs of changed maps: two main seasons, and the longest season.

    A series has few windows of its own, so its look-back is the shortest that sees a season.

    Args:
        seasons: season lengths in steps, the main season first.
        lookbacks: look-backs of the maps of the whole table, ascending.

    >>> list_change_lookbacks((24, 168), [48, 96, 192, 336]), list_change_lookbacks((), [48, 96])
    ([48, 168], [48])
    """
    chosen = {2 * seasons[0], max(seasons)} if seasons else set()
    return sorted(size for size in chosen if size <= lookbacks[-1]) or [lookbacks[0]]


@dataclass(frozen=True, eq=False)
class ChangedMap:
    """A map of all series that each series changes."""

    candidate: Candidate
    """Ridge with a map for each series; its level is the mean of the window or the last value."""
    shared: LinearMap
    penalty: float
    """Penalty of the changes."""
    values: Float[Tensor, "time channels"]
    """Standardized, NaN where unobserved."""

    def refit(self, rows: int) -> Reversible:
        """Solve the shared map and the changes on all windows of the first rows."""
        values = self.values[:rows]
        pair = self.shared.refit(values)
        weight = torch.zeros_like(self.shared.weight) if pair is None else pair[0]
        (maps,) = solve_changes(values, weight, self.shared.centring, [self.penalty])
        return _build_model(self.candidate, maps)


def select_changed_map(
    candidate: Candidate, shared: LinearMap, task: SelectionTask, validation: ValidationWindows
) -> tuple[Reversible, ChangedMap]:
    """Return the model with the penalty of the least scaled validation error.

    The penalty is common to all series: a few windows could not choose one for each.

    Args:
        candidate: Ridge with a map for each series.
        shared: the map of all series, solved on the training rows.
        task: values and split.
        validation: the windows that the penalties are compared on.

    Returns:
        The model solved on the training rows, and the means to solve it again.
    """
    values = torch.from_numpy(task.values)
    solved = solve_changes(values[: task.train], shared.weight, shared.centring, CHANGE_PENALTIES)
    models = [_build_model(candidate, maps) for maps in solved]
    forecasts = (validation.forecast(model, candidate.lookback) for model in models)
    errors = [
        validation.mase(absolute_errors(forecast.unsqueeze(0), validation.truth)[0])
        for forecast in forecasts
    ]
    best = min(range(len(errors)), key=lambda index: errors[index])
    return models[best], ChangedMap(candidate, shared, CHANGE_PENALTIES[best], values)


@torch.no_grad()
def solve_changes(
    values: Float[Tensor, "time channels"],
    shared: Float[Tensor, "horizon lookback"],
    centring: Centring,
    penalties: Sequence[float],
    earlier: LagSums | None = None,
) -> list[Maps]:
    """Return W + D for each penalty and series, with its own D; W for one with few windows.

    D minimizes sum ||y - (W + D) x||^2 + penalty s ||D||^2 over the windows of the series, less
    their level, with s the mean eigenvalue of their Gram matrix (Evgeniou and Pontil, KDD 2004). A
    series deviates from the others as far as its own rows support it.

    Args:
        values: standardized, NaN where unobserved.
        shared: W.
        centring: the level, a weighted mean of the window.
        penalties: positive numbers.
        earlier: sums over the windows that end before, as for `LinearMap.refit`.
    """
    horizon, lookback = shared.shape
    normalizer = NORMALIZERS[centring].build(1)
    assert isinstance(normalizer, LocationScaleNormalizer)  # true of all NORMALIZERS
    level = normalizer.location_weights(lookback)
    assert level is not None  # a median has no such weights, and the caller tries none
    maps = [shared.float().repeat(values.shape[1], 1, 1) for _ in penalties]
    if earlier is not None:
        values = values[earlier.width - lookback - horizon :]
    for channel in range(values.shape[1]):
        equations = gap_free_equations(values[:, channel : channel + 1], lookback, horizon)
        if earlier is not None:
            equations = equations + earlier.select([channel]).equations(lookback, horizon)
        if equations.count < MIN_CHANGE_WINDOWS:
            continue
        residual = equations.centre(level.double()).subtract_map(shared)
        for changed, penalty in zip(maps, penalties, strict=True):
            changed[channel] += solve_ridge(residual, penalty).float()
    return maps


@torch.no_grad()
def _build_model(candidate: Candidate, maps: Maps) -> Reversible:
    model = candidate.build(maps.shape[1], len(maps)).eval()
    assert isinstance(model.backbone, Ridge)
    model.backbone.weight.copy_(maps)
    return model
