"""Closed-form linear maps for many look-backs and levels, from shared second moments."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import DEFAULT_PENALTIES, Ridge
from revin_forecast.closed_form.lag_sums import LagSums
from revin_forecast.closed_form.normal_equations import NormalEquations, ridge_path, solve_ridge
from revin_forecast.closed_form.robust_equations import robust_equations
from revin_forecast.closed_form.window_choice import observed_target_equations
from revin_forecast.closed_form.window_sums import gap_free_equations
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.selection.candidates import NORMALIZERS, Candidate, Centring

MAX_GATHERED_WINDOWS = 6_000
"""Most windows to gather where no closed form of their sums exists: for a median, with gaps, and
for weights of windows."""
MIN_WINDOWS_PER_STEP = 10
"""Windows without gaps, for each step of the look-back, above which only these are used."""
MIN_ROWS_PER_LOOKBACK = 16
"""Training rows, for each step of the longest look-back, above which its sums serve shorter ones.

The few windows that a shorter look-back adds at the start then hardly matter.
"""
NOISE_FLOOR = 1e-10
"""Mean square of the inputs, in training variances, below which they count as constant."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map solved on training windows, with the settings it was solved with."""

    weight: Tensor
    """(horizon, lookback)."""
    bias: Tensor
    """(horizon,)."""
    penalty: float
    """Ridge penalty selected on validation windows."""
    centring: Centring
    channels: tuple[int, ...] | None
    """Indices of the channels that share the map; None: all."""
    is_robust: bool = False
    """Whether it was solved twice, with smaller weights for the windows of large errors."""

    def refit(self, values: Tensor, earlier: LagSums | None = None) -> tuple[Tensor, Tensor] | None:
        """Solve the map again on all windows of some values, with the same penalty.

        Args:
            values: (time, channels) standardized, NaN where unobserved. With earlier sums, they
                begin with the last rows of these, one row less than the longest window.
            earlier: sums over the windows that end before; None: all windows are in `values`.

        Returns:
            Weight, (horizon, lookback), and bias, (horizon,); None without a usable window.
        """
        horizon, lookback = self.weight.shape
        rows = values if self.channels is None else values[:, list(self.channels)]
        if len(rows) < horizon + lookback and earlier is None:
            return None
        if earlier is not None and self.channels is not None:
            earlier = earlier.select(list(self.channels))
        equations = _sum_windows(rows, self.centring, lookback, horizon, earlier)
        if not equations.count:
            return None
        has_intercept = self.centring == "none"
        centred = equations.subtract_means(*equations.means()) if has_intercept else equations
        if _is_rounding_noise(centred):
            return None
        weight = solve_ridge(centred, self.penalty)
        pair = weight, _solve_bias(weight, equations, has_intercept)
        return _solve_again(rows, self.centring, self.penalty, *pair) if self.is_robust else pair


@torch.no_grad()
def build_map_model(
    candidate: Candidate,
    horizon: int,
    channels: int,
    solved: Sequence[tuple[Tensor, Tensor] | None],
) -> Reversible:
    """Build a candidate with one map for all channels, or one for each.

    Args:
        candidate: a Ridge in its normalizer.
        horizon: steps to forecast.
        channels: number of series.
        solved: weight and bias of each map; None: the forecast is the level.
    """
    model = candidate.build(horizon, channels).eval()
    ridge = model.backbone
    assert isinstance(ridge, Ridge)
    for channel, pair in enumerate(solved):
        if pair is not None:
            target = channel if ridge.per_channel else slice(None)
            ridge.weight[target], ridge.bias[target] = pair[0].float(), pair[1].float()
    return model


class LinearMapSolver:
    """Solver of Ridge maps for any look-back, level and group of channels.

    The sums over windows without gaps are computed without building the windows
    (`gap_free_equations`). Those of a shorter look-back are part of those of a longer one, except
    for the few windows that start before the longer one is full. If too few windows are free of
    gaps, some windows are gathered and every observed target counts.

    Args:
        training: (time, channels) standardized, NaN where unobserved.
        validation: (time, channels), beginning with the last `max_lookback` rows of training.
        max_lookback: the longest look-back.
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
        """Return the map whose penalty has the least squared validation error.

        Args:
            centring: the level subtracted from each window.
            lookback: steps of the look-back, at most `max_lookback`.
            channels: indices of the channels that share the map; None: all.

        Returns:
            The map; None without a usable training or validation window.
        """
        training, validation = self._sum_parts(centring, lookback, channels)
        if not training.count or not validation.count:
            return None
        # A centred window needs no intercept: its level is added back after the map.
        has_intercept = centring == "none"
        means = training.means()
        centred = training.subtract_means(*means) if has_intercept else training
        if _is_rounding_noise(centred):
            return None
        # Validation moments are taken about the training means, which the map is solved with.
        centred_validation = validation.subtract_means(*means) if has_intercept else validation
        path = ridge_path(centred)
        errors = path.errors(centred_validation, DEFAULT_PENALTIES)
        penalty = DEFAULT_PENALTIES[int(errors.nan_to_num(math.inf).argmin())]
        weight = path.solve(penalty)
        bias = _solve_bias(weight, training, has_intercept)
        return LinearMap(weight, bias, penalty, centring, channels)

    def solve_robust(self, linear: LinearMap) -> LinearMap:
        """Solve a map of this solver again, with smaller weights for windows of large errors.

        Such a map is closer to the least absolute error, which MASE measures. The penalty stays.
        """
        rows = self._select_part_rows(0, linear.weight.shape[1], linear.channels)
        weight, bias = _solve_again(
            rows, linear.centring, linear.penalty, linear.weight, linear.bias
        )
        return replace(linear, weight=weight, bias=bias, is_robust=True)

    def _sum_parts(
        self, centring: Centring, lookback: int, channels: tuple[int, ...] | None
    ) -> list[NormalEquations]:
        """Return the normal equations of the training and of the validation windows."""
        weights = _build_normalizer(centring).location_weights(lookback)
        if weights is not None:
            gap_free = self._sum_gap_free_parts(lookback, channels)
            if gap_free[0].count >= MIN_WINDOWS_PER_STEP * lookback and gap_free[1].count:
                return [equations.centre(weights) for equations in gap_free]
        parts = [self._select_part_rows(part, lookback, channels) for part in range(2)]
        sizes = lookback, self.horizon, MAX_GATHERED_WINDOWS
        return [
            observed_target_equations(rows, _build_normalizer(centring), *sizes) for rows in parts
        ]

    def _sum_gap_free_parts(
        self, lookback: int, channels: tuple[int, ...] | None
    ) -> list[NormalEquations]:
        """Return the normal equations of training and validation windows without gaps."""
        can_share = len(self.parts[0]) >= MIN_ROWS_PER_LOOKBACK * self.max_lookback
        summed_lookback = self.max_lookback if can_share else lookback
        key = summed_lookback, channels
        if key not in self._sums:
            parts = [self._select_part_rows(part, summed_lookback, channels) for part in range(2)]
            self._sums[key] = [
                gap_free_equations(part, summed_lookback, self.horizon) for part in parts
            ]
        return [equations.truncate(lookback, self.horizon) for equations in self._sums[key]]

    def _select_part_rows(
        self, part: int, lookback: int, channels: tuple[int, ...] | None
    ) -> Tensor:
        """Return the rows of training (part 0) or validation (part 1) for a look-back."""
        rows = self.parts[part]
        if part == 1:
            # Drop the rows that only longer look-backs need: the first target must be the first
            # validation row.
            rows = rows[self.max_lookback - lookback :]
        return rows if channels is None else rows[:, list(channels)]


def take_logarithms(values: Tensor, zero: Tensor) -> Tensor:
    """Return ln(values - zero) with mean 0 and deviation 1, for maps inside `LogMean`.

    One map for all channels gives each the same weight, as on values.

    Args:
        values: (time, channels), NaN where unobserved.
        zero: (channels,); values at or below it have no logarithm and become NaN.
    """
    amounts = values - zero
    logs = torch.where(amounts > 0, amounts, torch.nan).log()
    logs = logs - logs.nanmean(dim=0)
    deviation = logs.square().nanmean(dim=0).sqrt()
    return logs / torch.where(deviation > 0, deviation, 1)


def _sum_windows(
    rows: Tensor,
    centring: Centring,
    lookback: int,
    horizon: int,
    earlier: LagSums | None = None,
) -> NormalEquations:
    """Return the equations of the windows without gaps, or of gathered ones if these are few."""
    weights = _build_normalizer(centring).location_weights(lookback)
    if weights is not None:
        if earlier is not None:
            # Only sums are left of these windows, and there are many. Windows shorter than those of
            # the sums are in the first rows, too.
            later = rows[earlier.width - lookback - horizon :]
            gap_free = gap_free_equations(later, lookback, horizon)
            return (gap_free + earlier.equations(lookback, horizon)).centre(weights)
        gap_free = gap_free_equations(rows, lookback, horizon)
        if gap_free.count >= MIN_WINDOWS_PER_STEP * lookback:
            return gap_free.centre(weights)
    return observed_target_equations(
        rows, _build_normalizer(centring), lookback, horizon, MAX_GATHERED_WINDOWS
    )


def _solve_again(
    rows: Tensor, centring: Centring, penalty: float, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the map solved with robust weights; unchanged without errors."""
    equations = robust_equations(
        rows, _build_normalizer(centring), weight, bias, MAX_GATHERED_WINDOWS
    )
    has_intercept = centring == "none"
    centred = equations.subtract_means(*equations.means()) if has_intercept else equations
    if not equations.count or _is_rounding_noise(centred):
        return weight, bias
    weight = solve_ridge(centred, penalty)
    return weight, _solve_bias(weight, equations, has_intercept)


def _is_rounding_noise(equations: NormalEquations) -> bool:
    """Return whether the inputs vary by rounding errors only, which a map would amplify."""
    return float(equations.gram.diagonal().mean()) <= NOISE_FLOOR * equations.count


def _build_normalizer(centring: Centring) -> LocationScaleNormalizer:
    normalizer = NORMALIZERS[centring].build(1).double()
    assert isinstance(normalizer, LocationScaleNormalizer)  # true of all NORMALIZERS
    return normalizer


def _solve_bias(weight: Tensor, equations: NormalEquations, has_intercept: bool) -> Tensor:
    """Return the bias that makes the map exact for the mean window; zeros without intercept."""
    if not has_intercept:
        return weight.new_zeros(len(weight))
    input_means, target_means = equations.means()
    return target_means - weight @ input_means
