"""Closed-form maps for many look-backs and levels, from the same second moments."""

import math
from dataclasses import dataclass

from torch import Tensor

from revin_forecast.backbones.ridge import PENALTIES
from revin_forecast.closed_form.available import available_equations
from revin_forecast.closed_form.equations import NormalEquations, penalty_path, solve_penalized
from revin_forecast.closed_form.sums import complete_equations
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.selection.candidates import NORMALIZERS, Centre

WINDOWS = 6_000
"""Windows that are gathered where there is no short cut: for a median, or through gaps."""
ENOUGH = 10
"""Windows without gaps for each step of the look-back, from which on those are taken alone."""

QUIET = 1e-10
"""Mean square of the inputs, in overall deviations, that counts as no change."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map solved on training windows, and how it was solved."""

    weight: Tensor
    """(horizon, lookback)."""
    bias: Tensor
    """(horizon,)."""
    penalty: float
    centre: Centre
    channels: tuple[int, ...] | None
    """Those that share it; None: all."""

    def solved_on(self, values: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return weight and bias solved anew on all windows of (time, channels), same penalty.

        None where no window teaches anything.
        """
        horizon, lookback = self.weight.shape
        rows = values if self.channels is None else values[:, list(self.channels)]
        if len(rows) < horizon + lookback:
            return None
        equations = _equations(rows, self.centre, lookback, horizon)
        if not equations.count:
            return None
        intercept = self.centre == "none"
        centred = equations.shifted(*equations.means()) if intercept else equations
        if _says_nothing(centred):
            return None
        weight = solve_penalized(centred, self.penalty)
        return weight, _bias(weight, equations, intercept)


class Maps:
    """Solve Ridge maps for any look-back, level and group of channels.

    Windows without gaps are summed without making one (`window_equations`); their sums for a
    shorter look-back are a part of those for a longer one, but for the few windows that start
    before it is full. Where too few windows have no gap, some are gathered and every target that
    was seen counts.

    Args:
        training: (time, channels) standardized, NaN where unobserved.
        validation: (time, channels), its first `longest` rows the last of training.
        longest: look-back.
        horizon: steps to forecast.
    """

    def __init__(self, training: Tensor, validation: Tensor, longest: int, horizon: int):
        self.parts = training, validation
        self.longest = longest
        self.horizon = horizon
        self._sums: dict[tuple[int, tuple[int, ...] | None], list[NormalEquations]] = {}

    def solve(
        self, centre: Centre, lookback: int, channels: tuple[int, ...] | None = None
    ) -> LinearMap | None:
        """Return the map with the penalty that has the least squared validation error.

        Args:
            centre: the level taken from each window.
            lookback: steps seen, `longest` at most.
            channels: those that share the map; None: all.

        Returns:
            None where no window teaches anything.
        """
        training, validation = self._equations(centre, lookback, channels)
        if not training.count or not validation.count:
            return None
        intercept = centre == "none"
        origin = training.means()
        first = training.shifted(*origin) if intercept else training
        if _says_nothing(first):
            return None
        second = validation.shifted(*origin) if intercept else validation
        path = penalty_path(first)
        errors = path.errors(second, PENALTIES)
        penalty = PENALTIES[int(errors.nan_to_num(math.inf).argmin())]
        weight = path.weight(penalty)
        bias = _bias(weight, training, intercept)
        return LinearMap(weight, bias, penalty, centre, channels)

    def _equations(
        self, centre: Centre, lookback: int, channels: tuple[int, ...] | None
    ) -> list[NormalEquations]:
        """Return those of training and validation windows."""
        weights = _level(centre).location_weights(lookback)
        if weights is not None:
            complete = self._complete(lookback, channels)
            if complete[0].count >= ENOUGH * lookback and complete[1].count:
                return [equations.centred(weights) for equations in complete]
        parts = [self._rows(part, lookback, channels) for part in range(2)]
        sizes = lookback, self.horizon, WINDOWS
        return [available_equations(rows, _level(centre), *sizes) for rows in parts]

    def _complete(self, lookback: int, channels: tuple[int, ...] | None) -> list[NormalEquations]:
        """Return the equations of training and validation windows without gaps."""
        near = len(self.parts[0]) >= 16 * self.longest
        longest = self.longest if near else lookback
        key = longest, channels
        if key not in self._sums:
            parts = [self._rows(part, longest, channels) for part in range(2)]
            self._sums[key] = [complete_equations(part, longest, self.horizon) for part in parts]
        return [equations.cut(lookback, self.horizon) for equations in self._sums[key]]

    def _rows(self, part: int, lookback: int, channels: tuple[int, ...] | None) -> Tensor:
        rows = self.parts[part]
        if part == 1:  # so that the first target is the first validation row
            rows = rows[self.longest - lookback :]
        return rows if channels is None else rows[:, list(channels)]


def _equations(rows: Tensor, centre: Centre, lookback: int, horizon: int) -> NormalEquations:
    """Return those of windows without gaps, or of some windows with gaps if too few have none."""
    weights = _level(centre).location_weights(lookback)
    if weights is not None:
        complete = complete_equations(rows, lookback, horizon)
        if complete.count >= ENOUGH * lookback:
            return complete.centred(weights)
    return available_equations(rows, _level(centre), lookback, horizon, WINDOWS)


def _says_nothing(equations: NormalEquations) -> bool:
    """Return whether inputs only vary by what rounding leaves; a map of that would be noise."""
    return float(equations.inputs.diagonal().mean()) <= QUIET * equations.count


def _level(centre: Centre) -> LocationScaleNormalizer:
    normalizer = NORMALIZERS[centre].build(1).double()
    assert isinstance(normalizer, LocationScaleNormalizer)  # all of them are
    return normalizer


def _bias(weight: Tensor, equations: NormalEquations, intercept: bool) -> Tensor:
    if not intercept:
        return weight.new_zeros(len(weight))
    input_means, target_means = equations.means()
    return target_means - weight @ input_means
