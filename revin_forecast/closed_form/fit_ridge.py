"""Closed-form fit of a Ridge inside its normalizer, and its error over all windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import Ridge
from revin_forecast.closed_form.normal_equations import NormalEquations, ridge_path, squared_error
from revin_forecast.closed_form.window_choice import WindowChoice
from revin_forecast.closed_form.window_sums import window_equations
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.utils.progress import progress

MAX_GAIN_DIFFERENCE = 1e-6
"""Relative difference of the two directions' affine weights from which they don't cancel."""


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

    Args:
        model: a Reversible with a Ridge and a location-scale normalizer; changed in place.
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
    ridge, normalizer = _check_model(model)
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
    choice = WindowChoice(ridge.lookback, ridge.horizon, gaps == "complete", max_windows)
    groups = range(ridge.channels) if ridge.per_channel else [None]
    fits = []
    with progress("solving Ridge", len(groups) if ridge.per_channel else None) as advance:
        for channel in groups:
            series = parts
            if channel is not None:
                series = [part[:, channel : channel + 1] for part in parts]
            equations = choice.iter_equations(series, normalizer)
            fits.append(_solve(ridge.penalties, normalizer, equations, refit))
            if ridge.per_channel:
                advance()
    weights, biases = ([getattr(fit, name) for fit in fits] for name in ("weight", "bias"))
    ridge.weight.copy_(torch.stack(weights) if ridge.per_channel else weights[0])
    ridge.bias.copy_(torch.stack(biases) if ridge.per_channel else biases[0])
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


def _solve(
    penalties: tuple[float, ...],
    normalizer: LocationScaleNormalizer,
    equations: Iterator[tuple[NormalEquations, ...]],
    refit: bool,
) -> _Solution:
    """Solve one map from the equations of training and, if given, validation."""
    # A normalizer that subtracts the level leaves no intercept to estimate. One with a scale per
    # window would multiply the bias by it, for which least squares in the data's units has no term.
    intercept = "shift" not in normalizer.equivariant_to and normalizer.has_unit_scale
    groups = [_StepGroup(*group_equations, intercept=intercept) for group_equations in equations]
    errors = torch.stack([group.errors(penalties) for group in groups]).sum(dim=0)
    error_count = sum(group.error_count for group in groups)
    best = int(errors.argmin()) if error_count else 0
    solutions = [group.solve(penalties[best], refit) for group in groups]
    weight, bias = (torch.cat(part) for part in zip(*solutions, strict=True))
    windows = min(group.training.count for group in groups)
    return _Solution(weight, bias, penalties[best], float(errors[best]), error_count, windows)


class _StepGroup:
    """Training and validation equations of steps of the horizon with the same windows."""

    def __init__(
        self,
        training: NormalEquations,
        validation: NormalEquations | None = None,
        intercept: bool = False,
    ):
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

    def _subtract_means(
        self, equations: NormalEquations, origin: NormalEquations
    ) -> NormalEquations:
        return equations.subtract_means(*origin.means()) if self.intercept else equations


def _check_model(model: Reversible) -> tuple[Ridge, LocationScaleNormalizer]:
    """Return backbone and normalizer, or raise InputError if they have no closed form."""
    ridge, normalizer = model.backbone, model.normalizer
    if not isinstance(ridge, Ridge):
        raise InputError(
            f"fit_ridge solves a Ridge but got {type(ridge).__name__}; train it by gradient."
        )
    if not isinstance(normalizer, LocationScaleNormalizer):
        raise InputError(
            f"Ridge can't be solved inside {type(normalizer).__name__}, which is not a location "
            "and scale of the window. Use RevIN, LastValue, EMA, MeanScale, Robust, Blend or "
            "Identity, or train a Linear backbone."
        )
    _check_affine_cancels(normalizer)
    return ridge, normalizer


def _check_affine_cancels(normalizer: LocationScaleNormalizer) -> None:
    """Raise InputError unless the affine maps of both directions cancel around a linear map."""
    affine = normalizer.affine_parameters(torch.float64)
    inverse = normalizer.inverse_affine_parameters(torch.float64)
    if affine is None or inverse is None:
        return
    if bool((affine[1] != 0).any()):
        raise InputError(
            "the normalizer's affine bias is not 0, so it doesn't cancel in the closed form. "
            "Fit Ridge before training, or build the normalizer with affine=False."
        )
    difference = (inverse[0] - affine[0]).abs()
    if bool(((affine[0] == 0) | (difference > MAX_GAIN_DIFFERENCE * affine[0].abs())).any()):
        raise InputError(
            "the normalizer's unguarded affine weights are too near 0: the way back divides by "
            "w + eps^2, so they don't cancel in the closed form. Build the normalizer with "
            "affine=False."
        )


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
    ridge, normalizer = model.backbone, model.normalizer
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
    parts = values.split(1, dim=1) if ridge.per_channel else [values]
    maps = ridge.weight.double().reshape(len(parts), ridge.horizon, ridge.lookback)
    biases = ridge.bias.double().reshape(len(parts), ridge.horizon)
    total = torch.zeros((), dtype=torch.float64)
    for part, weight, bias in zip(parts, maps, biases, strict=True):
        equations = window_equations(part, ridge.lookback, ridge.horizon).centre(weights)
        total += squared_error(weight, equations.subtract_means(torch.zeros_like(weights), bias))
    windows = len(values) - ridge.lookback - ridge.horizon + 1
    return float(total) / (windows * ridge.horizon * values.shape[1])
