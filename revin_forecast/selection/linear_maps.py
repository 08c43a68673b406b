"""Closed-form maps for many look-backs and levels, from the same second moments."""

import math
from dataclasses import dataclass

from torch import Tensor

from revin_forecast.backbones.ridge import DEFAULT_PENALTIES
from revin_forecast.closed_form.normal_equations import NormalEquations, ridge_path, solve_ridge
from revin_forecast.closed_form.window_choice import observed_target_equations
from revin_forecast.closed_form.window_sums import gap_free_equations
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.selection.candidates import NORMALIZERS, Centring

MAX_GATHERED_WINDOWS = 6_000
"""Windows that are gathered where there is no short cut: for a median, or through gaps."""
MIN_WINDOWS_PER_STEP = 10
"""Windows without gaps for each step of the look-back, from which on those are taken alone."""

NOISE_FLOOR = 1e-10
"""Mean square of the inputs, in overall deviations, that counts as no change."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map solved on training windows, and how it was solved."""

    weight: Tensor
    """(horizon, lookback)."""
    bias: Tensor
    """(horizon,)."""
    penalty: float
    centring: Centring
    channels: tuple[int, ...] | None
    """Those that share it; None: all."""

    def refit(self, values: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return weight and bias solved anew on all windows of (time, channels), same penalty.

        None where no window teaches anything.
        """
        horizon, lookback = self.weight.shape
        rows = values if self.channels is None else values[:, list(self.channels)]
        if len(rows) < horizon + lookback:
            return None
        equations = _window_equations(rows, self.centring, lookback, horizon)
        if not equations.count:
            return None
        intercept = self.centring == "none"
        centred = equations.subtract_means(*equations.means()) if intercept else equations
        if _is_rounding_noise(centred):
            return None
        weight = solve_ridge(centred, self.penalty)
        return weight, _bias(weight, equations, intercept)


class LinearMapSolver:
    """Solve Ridge maps for any look-back, level and group of channels.

    Windows without gaps are summed without making one (`window_equations`); their sums for a
    shorter look-back are a part of those for a longer one, but for the few windows that start
    before it is full. Where too few windows have no gap, some are gathered and every target that
    was seen counts.

    Args:
        training: (time, channels) standardized, NaN where unobserved.
        validation: (time, channels), its first `longest` rows the last of training.
        max_lookback: look-back.
        horizon: steps to forecast.
    """

    def __init__(self, training: Tensor, validation: Tensor, max_lookback: int, horizon: int):
        self.parts = training, validation
        self.max_lookback = max_lookback
        self.horizon = horizon
        self._sums: dict[tuple[int, tuple[int, ...] | None], list[NormalEquations]] = {}

    def solve(
        self, centring: Centring, lookback: int, channels: tuple[int, ...] | None = None
    ) -> LinearMap | None:
        """Return the map with the penalty that has the least squared validation error.

        Args:
            centring: the level taken from each window.
            lookback: steps seen, `longest` at most.
            channels: those that share the map; None: all.

        Returns:
            None where no window teaches anything.
        """
        training, validation = self._equations(centring, lookback, channels)
        if not training.count or not validation.count:
            return None
        intercept = centring == "none"
        origin = training.means()
        first = training.subtract_means(*origin) if intercept else training
        if _is_rounding_noise(first):
            return None
        second = validation.subtract_means(*origin) if intercept else validation
        path = ridge_path(first)
        errors = path.errors(second, DEFAULT_PENALTIES)
        penalty = DEFAULT_PENALTIES[int(errors.nan_to_num(math.inf).argmin())]
        weight = path.solve(penalty)
        bias = _bias(weight, training, intercept)
        return LinearMap(weight, bias, penalty, centring, channels)

    def _equations(
        self, centre: Centring, lookback: int, channels: tuple[int, ...] | None
    ) -> list[NormalEquations]:
        """Return those of training and validation windows."""
        weights = _centring_normalizer(centre).location_weights(lookback)
        if weights is not None:
            complete = self._gap_free_equations(lookback, channels)
            if complete[0].count >= MIN_WINDOWS_PER_STEP * lookback and complete[1].count:
                return [equations.centre(weights) for equations in complete]
        parts = [self._part_rows(part, lookback, channels) for part in range(2)]
        sizes = lookback, self.horizon, MAX_GATHERED_WINDOWS
        return [
            observed_target_equations(rows, _centring_normalizer(centre), *sizes) for rows in parts
        ]

    def _gap_free_equations(
        self, lookback: int, channels: tuple[int, ...] | None
    ) -> list[NormalEquations]:
        """Return the equations of training and validation windows without gaps."""
        near = len(self.parts[0]) >= 16 * self.max_lookback
        longest = self.max_lookback if near else lookback
        key = longest, channels
        if key not in self._sums:
            parts = [self._part_rows(part, longest, channels) for part in range(2)]
            self._sums[key] = [gap_free_equations(part, longest, self.horizon) for part in parts]
        return [equations.truncate(lookback, self.horizon) for equations in self._sums[key]]

    def _part_rows(self, part: int, lookback: int, channels: tuple[int, ...] | None) -> Tensor:
        rows = self.parts[part]
        if part == 1:  # so that the first target is the first validation row
            rows = rows[self.max_lookback - lookback :]
        return rows if channels is None else rows[:, list(channels)]


def _window_equations(
    rows: Tensor, centre: Centring, lookback: int, horizon: int
) -> NormalEquations:
    """Return those of windows without gaps, or of some windows with gaps if too few have none."""
    weights = _centring_normalizer(centre).location_weights(lookback)
    if weights is not None:
        complete = gap_free_equations(rows, lookback, horizon)
        if complete.count >= MIN_WINDOWS_PER_STEP * lookback:
            return complete.centre(weights)
    return observed_target_equations(
        rows, _centring_normalizer(centre), lookback, horizon, MAX_GATHERED_WINDOWS
    )


def _is_rounding_noise(equations: NormalEquations) -> bool:
    """Return whether inputs only vary by what rounding leaves; a map of that would be noise."""
    return float(equations.gram.diagonal().mean()) <= NOISE_FLOOR * equations.count


def _centring_normalizer(centre: Centring) -> LocationScaleNormalizer:
    normalizer = NORMALIZERS[centre].build(1).double()
    assert isinstance(normalizer, LocationScaleNormalizer)  # all of them are
    return normalizer


def _bias(weight: Tensor, equations: NormalEquations, intercept: bool) -> Tensor:
    if not intercept:
        return weight.new_zeros(len(weight))
    input_means, target_means = equations.means()
    return target_means - weight @ input_means
