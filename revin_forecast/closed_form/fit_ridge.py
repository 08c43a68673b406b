"""revin_forecast/closed_form/fit_ridge.py."""

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


@dataclass(frozen=True)
class RidgeFit:
    """What a closed-form fit chose."""

    penalties: tuple[float, ...]
    """The chosen penalty: one, or one for each channel."""
    validation_mse: float | None
    """Mean squared error of the chosen on the validation windows; None without validation."""
    windows: int
    """Training windows of all channels; where steps differ, of the one that has the fewest."""


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
    (In normalized units nearly constant windows would outweigh all others.) Where the location is
    a fixed mean of the window and no gap counts, the Gram matrix of overlapping windows is made
    without one of them (the fast path); otherwise from blocks of windows.

    Args:
        model: a Reversible around a Ridge, with a location and scale; changed in place.
        training: (time, channels) float64, NaN where unobserved.
        validation: (time, channels), its first `lookback` rows the last of training; selects the
            penalty. None: there must be a single candidate.
        refit: solve again on training and validation windows with the chosen penalty.
        gaps: "masked" uses every window, gaps at its location, as forecasts do, at the price of
            one Gram matrix for each step; "complete" uses those without gaps only, and is fast.
        max_windows: thin the windows of each map and part to about so many, evenly, where they
            are made one by one; the fast path has no need to.

    Raises:
        InputError: another backbone or normalizer, several penalties but no validation, too few
            rows, no window without a gap, or an affine map already trained (its bias would no
            longer cancel).
    """
    ridge, normalizer = _check_model(model)
    if validation is None and len(ridge.penalties) > 1:
        raise InputError(
            f"Ridge has {len(ridge.penalties)} candidate penalties but no validation rows to "
            "choose by. Pass validation, or Ridge(..., penalties=[1e-3])."
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
        raise InputError(f"max_windows is from 1 up but got {max_windows}.")
    parts = [training] if validation is None else [training, validation]
    choice = WindowChoice(ridge.lookback, ridge.horizon, gaps == "complete", max_windows)
    groups = range(ridge.channels) if ridge.per_channel else [None]
    fits = []
    with progress("solving Ridge", len(groups) if ridge.per_channel else None) as advance:
        for at in groups:
            own = parts if at is None else [part[:, at : at + 1] for part in parts]
            equations = choice.iter_equations(own, normalizer)
            fits.append(_solve(ridge.penalties, normalizer, equations, refit))
            if ridge.per_channel:
                advance()
    weights, biases = ([getattr(fit, name) for fit in fits] for name in ("weight", "bias"))
    ridge.weight.copy_(torch.stack(weights) if ridge.per_channel else weights[0])
    ridge.bias.copy_(torch.stack(biases) if ridge.per_channel else biases[0])
    scored = sum(fit.error_count for fit in fits)
    return RidgeFit(
        penalties=tuple(fit.penalty for fit in fits),
        validation_mse=sum(fit.error for fit in fits) / scored if scored else None,
        windows=sum(fit.windows for fit in fits),
    )


class _Solution(NamedTuple):
    weight: Tensor
    bias: Tensor
    penalty: float
    error: float
    """Sum of squared validation errors."""
    error_count: int
    """Validation errors."""
    windows: int


def _solve(
    penalties: tuple[float, ...],
    normalizer: LocationScaleNormalizer,
    equations: Iterator[tuple[NormalEquations, ...]],
    refit: bool,
) -> _Solution:
    """Solve one map from the equations of training and, where there is one, validation."""
    # Where the level is taken away there is none to add; where windows have scales of their own, a
    # bias would be multiplied by them, and least squares in the data's units has none.
    intercept = "shift" not in normalizer.equivariant_to and normalizer.has_unit_scale
    solved = [_StepGroup(*own, intercept=intercept) for own in equations]
    errors = torch.stack([step.errors(penalties) for step in solved]).sum(dim=0)
    scored = sum(step.error_count for step in solved)
    best = int(errors.argmin()) if scored else 0
    solutions = [step.solve(penalties[best], refit) for step in solved]
    weight, bias = (torch.cat(part) for part in zip(*solutions, strict=True))
    windows = min(step.training.count for step in solved)
    return _Solution(weight, bias, penalties[best], float(errors[best]), scored, windows)


class _StepGroup:
    """Training and validation equations of the steps of the horizon that share their windows."""

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
        if self.validation is None:
            return torch.zeros(len(penalties), dtype=torch.float64)
        return self.path.errors(self._subtract_means(self.validation, self.training), penalties)

    def solve(self, penalty: float, refit: bool) -> tuple[Tensor, Tensor]:
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
    ridge, normalizer = model.backbone, model.normalizer
    if not isinstance(ridge, Ridge):
        raise InputError(f"fit_ridge solves a Ridge but got {type(ridge).__name__}; train that.")
    if not isinstance(normalizer, LocationScaleNormalizer):
        raise InputError(
            f"Ridge can't be solved inside {type(normalizer).__name__}, which is no location and "
            "scale of the window. Use RevIN, LastValue, EMA, MeanScale, Robust, Blend or Identity, "
            "or train a Linear backbone."
        )
    affine = normalizer.affine_parameters(torch.float64)
    if affine is not None and bool((affine[1] != 0).any()):
        raise InputError(
            "the normalizer's affine bias is not 0, so it doesn't cancel in the closed form. "
            "Fit Ridge before training, or build the normalizer with affine=False."
        )
    return ridge, normalizer


@torch.no_grad()
def ridge_mse(model: Reversible, values: Tensor) -> float:
    """Return a Ridge's mean squared error over all windows, without making one.

    The forecast is one linear map of the raw window, W x + location (1 - W 1) + b, so the sum of
    its squared errors is a quadratic form in the windows' own sums: what `evaluation.score` finds
    window by window, in milliseconds whatever their number.

    Args:
        model: a Ridge inside a normalizer whose location is a fixed mean of the window.
        values: (time, channels) float64, all finite.

    Raises:
        InputError: another model, or gaps.
    """
    ridge, normalizer = model.backbone, model.normalizer
    weights = (
        normalizer.location_weights(ridge.lookback)
        if isinstance(ridge, Ridge) and isinstance(normalizer, LocationScaleNormalizer)
        else None
    )
    if not isinstance(ridge, Ridge) or weights is None:
        raise InputError(
            f"only a Ridge inside a normalizer that takes away a fixed mean of the window has a "
            f"closed-form error but got {type(ridge).__name__} inside "
            f"{type(normalizer).__name__}. Use evaluation.score, which makes the windows."
        )
    if not bool(values.isfinite().all()):
        raise InputError(
            "the closed-form error is for tables without gaps but some values are not observed. "
            "Use evaluation.score, which leaves them out."
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
