"""Closed-form fit of a Ridge inside its normalizer, and its error over all windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import Ridge
from revin_forecast.closed_form.check_closed_form import check_has_closed_form, has_intercept
from revin_forecast.closed_form.level_column import (
    centre_equations,
    drop_level_column,
    find_kept_level,
    include_level_head,
    join_level_heads,
    solve_level_head,
)
from revin_forecast.closed_form.normal_equations import NormalEquations, ridge_path, squared_error
from revin_forecast.closed_form.window_choice import WindowChoice
from revin_forecast.closed_form.window_sums import window_equations
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer, ShrunkLevel
from revin_forecast.normalizers.level_head import LevelHead
from revin_forecast.utils.progress import progress


@dataclass(frozen=True)
class RidgeFit:
    """Result of a closed-form fit."""

    penalties: tuple[float, ...]
    """Selected penalty: one, or one per channel."""
    validation_mse: float | None
    """Mean squared error of the selected map on the validation windows; None without validation."""
    windows: int
    """Training windows of all channels; the smallest number if steps have different windows."""


@torch.no_grad()
def fit_ridge(
    model: Reversible,
    training: Tensor,
    validation: Tensor | None = None,
    refit: bool = False,
    gaps: Literal["masked", "complete"] = "masked",
    max_windows: int | None = None,
) -> RidgeFit:
    """Solve a Ridge inside its normalizer by exact least squares over all windows.

    The fit is in the data's units: W (x - location) + location, where the window's scale cancels.
    (In normalized units, nearly constant windows would dominate all others.) If the location is a
    fixed mean of the window and gaps play no role, the Gram matrix of the overlapping windows is
    computed without extracting them (the fast path), otherwise from blocks of windows.

    Inside a `ShrunkLevel`, the map is that of its RevIN, which also selects the penalty, and the
    head is solved with the same windows and penalty. So the forecast is exactly
    RevIN + share (kept - RevIN), where the map called kept has the level as one more column without
    a penalty. The shares are those of `ShrunkLevel.initialize_from`, which must come first.

    Args:
        model: a Reversible with a Ridge and a location-scale normalizer, or a ShrunkLevel; changed
            in place.
        training: (time, channels) float64, NaN where unobserved.
        validation: (time, channels); its first `lookback` rows are the last of training. Selects
            the penalty. None: the Ridge must have a single candidate.
        refit: whether to solve again on training and validation windows with the selected penalty.
        gaps: "masked" uses every window and sets gaps to its location, as in forecasts, which takes
            one Gram matrix per step; "complete" uses only windows without gaps and is fast.
        max_windows: approximate limit of the windows of each map and part, evenly spaced. It
            applies to blocks of windows; the fast path always uses all windows.

    Raises:
        InputError: the backbone or the normalizer is of another class, there are several penalties
            without validation, too few rows or no window without a gap, or the affine map is
            trained (its bias would no longer cancel).
    """
    ridge, normalizer = check_has_closed_form(model)
    shrunk = find_kept_level(model.normalizer)
    if validation is None and len(ridge.penalties) > 1:
        raise InputError(
            f"Ridge has {len(ridge.penalties)} candidate penalties but no validation rows to "
            "select one. Pass validation, or Ridge(..., penalties=[1e-3])."
        )
    width = ridge.lookback + ridge.horizon
    for name, rows in (("training", training), ("validation", validation)):
        if rows is not None and len(rows) < width:
            raise InputError(
                f"the {name} part has {len(rows)} rows but one window of look-back "
                f"{ridge.lookback} and horizon {ridge.horizon} takes {width}. "
                "Pass a shorter look-back or horizon, or more rows."
            )
    if max_windows is not None and max_windows < 1:
        raise InputError(f"max_windows must be 1 or more but got {max_windows}.")
    parts = [training] if validation is None else [training, validation]
    if shrunk is not None:
        parts = [part - shrunk.training_mean for part in parts]
    has_level = shrunk is not None
    sizes = ridge.lookback, ridge.horizon
    choice = WindowChoice(*sizes, gaps == "complete", max_windows, has_level)
    groups = range(ridge.channels) if ridge.per_channel else [None]
    fits = []
    with progress("solving Ridge", len(groups) if ridge.per_channel else None) as advance:
        for channel in groups:
            series = parts
            if channel is not None:
                series = [part[:, channel : channel + 1] for part in parts]
            equations = choice.iter_equations(series, normalizer)
            fits.append(_solve(ridge.penalties, normalizer, equations, refit, has_level))
            if ridge.per_channel:
                advance()
    weights, biases = ([getattr(fit, name) for fit in fits] for name in ("weight", "bias"))
    ridge.weight.copy_(torch.stack(weights) if ridge.per_channel else weights[0])
    ridge.bias.copy_(torch.stack(biases) if ridge.per_channel else biases[0])
    if shrunk is not None:
        heads = [fit.head for fit in fits if fit.head is not None]
        readings, slopes = map(torch.stack, zip(*heads, strict=True))
        shrunk.set_level_head(readings, slopes.mT.expand(-1, ridge.channels))
    error_count = sum(fit.error_count for fit in fits)
    return RidgeFit(
        penalties=tuple(fit.penalty for fit in fits),
        validation_mse=sum(fit.error for fit in fits) / error_count if error_count else None,
        windows=sum(fit.windows for fit in fits),
    )


class _Solution(NamedTuple):
    """The map of one group of channels and its validation error."""

    weight: Tensor
    bias: Tensor
    penalty: float
    error: float
    """Sum of squared validation errors."""
    error_count: int
    """Number of validation errors."""
    windows: int
    head: LevelHead | None
    """Effect of the level; None unless it is an input."""


def _solve(
    penalties: tuple[float, ...],
    normalizer: LocationScaleNormalizer,
    equations: Iterator[tuple[NormalEquations, ...]],
    refit: bool,
    has_level: bool,
) -> _Solution:
    """Solve one map from the equations of training and, if given, validation."""
    intercept = has_intercept(normalizer)
    groups = [_StepGroup(*parts, intercept=intercept, has_level=has_level) for parts in equations]
    errors = torch.stack([group.errors(penalties) for group in groups]).sum(dim=0)
    error_count = sum(group.error_count for group in groups)
    best = int(errors.argmin()) if error_count else 0
    solutions = [group.solve(penalties[best], refit) for group in groups]
    weight, bias = (torch.cat(part) for part in zip(*solutions, strict=True))
    windows = min(group.training.count for group in groups)
    head = None
    if has_level:
        heads = [
            group.solve_head(group_weight, penalties[best], refit)
            for group, (group_weight, _) in zip(groups, solutions, strict=True)
        ]
        head = join_level_heads(heads)
    return _Solution(weight, bias, penalties[best], float(errors[best]), error_count, windows, head)


class _StepGroup:
    """Training and validation equations of steps of the horizon with the same windows."""

    def __init__(
        self,
        training: NormalEquations,
        validation: NormalEquations | None = None,
        intercept: bool = False,
        has_level: bool = False,
    ):
        self.with_level = (training, validation) if has_level else None
        if has_level:
            training = drop_level_column(training)
            validation = None if validation is None else drop_level_column(validation)
        self.training, self.validation, self.intercept = training, validation, intercept
        self.path = ridge_path(self._subtract_means(training, training))
        self.error_count = (
            0 if validation is None else validation.count * len(validation.target_squares)
        )

    def errors(self, penalties: tuple[float, ...]) -> Tensor:
        """Return each penalty's sum of squared validation errors, (penalties,)."""
        if self.validation is None:
            return torch.zeros(len(penalties), dtype=torch.float64)
        return self.path.errors(self._subtract_means(self.validation, self.training), penalties)

    def solve(self, penalty: float, refit: bool) -> tuple[Tensor, Tensor]:
        """Return weight (steps, lookback) and bias (steps,) for a penalty."""
        path, equations = self.path, self.training
        if refit and self.validation is not None:
            equations = self.training + self.validation
            path = ridge_path(self._subtract_means(equations, equations))
        weight = path.solve(penalty)
        if not self.intercept:
            return weight, weight.new_zeros(len(weight))
        input_means, target_means = equations.means()
        return weight, target_means - weight @ input_means

    def solve_head(self, weight: Tensor, penalty: float, refit: bool) -> LevelHead:
        """Return the effect of the level around the map that `solve` returned."""
        assert self.with_level is not None
        training, validation = self.with_level
        if refit and validation is not None:
            training = training + validation
        return solve_level_head(training, weight, penalty)

    def _subtract_means(
        self, equations: NormalEquations, origin: NormalEquations
    ) -> NormalEquations:
        return equations.subtract_means(*origin.means()) if self.intercept else equations


@torch.no_grad()
def ridge_mse(model: Reversible, values: Tensor) -> float:
    """Return a Ridge's mean squared error over all windows without extracting them.

    The forecast is a linear map of the raw window, W x + location (1 - W 1) + b, so the sum of its
    squared errors is a quadratic form in the sums over windows. The result equals that of
    `evaluation.score`, which visits each window, and takes milliseconds for any number of windows.

    Args:
        model: a Ridge inside a normalizer whose location is a fixed mean of the window.
        values: (time, channels) float64, all finite.

    Raises:
        InputError: the model is of another kind, or the values have gaps.
    """
    ridge, shrunk = model.backbone, find_kept_level(model.normalizer)
    is_shrunk = isinstance(model.normalizer, ShrunkLevel)
    normalizer = model.normalizer.standard if is_shrunk else model.normalizer
    weights = (
        normalizer.location_weights(ridge.lookback)
        if isinstance(ridge, Ridge) and isinstance(normalizer, LocationScaleNormalizer)
        else None
    )
    if not isinstance(ridge, Ridge) or weights is None:
        raise InputError(
            f"only a Ridge inside a normalizer that subtracts a fixed mean of the window has a "
            f"closed-form error but got {type(ridge).__name__} inside "
            f"{type(normalizer).__name__}. Use evaluation.score, which works for every model."
        )
    if not bool(values.isfinite().all()):
        raise InputError(
            "the closed-form error is for tables without gaps but some values are not observed. "
            "Use evaluation.score, which leaves out unobserved values."
        )
    parts = [values]
    if ridge.per_channel or shrunk is not None:
        values = values if shrunk is None else values - shrunk.training_mean
        parts = values.split(1, dim=1)
    maps = ridge.weight.double().reshape(-1, ridge.horizon, ridge.lookback)
    biases = ridge.bias.double().reshape(-1, ridge.horizon)
    total = torch.zeros((), dtype=torch.float64)
    for channel, part in enumerate(parts):
        weight, bias = (group[channel % len(group)] for group in (maps, biases))
        raw = window_equations(part, ridge.lookback, ridge.horizon)
        equations = centre_equations(raw, weights, keep_level=shrunk is not None)
        if shrunk is not None:
            weight = include_level_head(weight, shrunk, channel)
        no_means = torch.zeros_like(equations.input_sums)
        total += squared_error(weight, equations.subtract_means(no_means, bias))
    windows = len(values) - ridge.lookback - ridge.horizon + 1
    return float(total) / (windows * ridge.horizon * values.shape[1])
