import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import Ridge
from revin_forecast.closed_form.equations import NormalEquations, PenaltyPath
from revin_forecast.closed_form.gram import window_moments
from revin_forecast.closed_form.masked import masked_equations
from revin_forecast.errors import InputError
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.reversible import Reversible


@dataclass(frozen=True)
class RidgeFit:
    """What a closed-form fit chose."""

    penalties: tuple[float, ...]
    """The chosen penalty: one, or one for each channel."""
    validation_mse: float | None
    """Mean squared error of the chosen on the validation windows; None without validation."""


@torch.no_grad()
def fit_ridge(
    model: Reversible, training: Tensor, validation: Tensor | None = None, refit: bool = False
) -> RidgeFit:
    """Solve a Ridge inside its normalizer by exact least squares over all windows.

    The fit is in the data's units: W (x - location) + location, where the window's scale cancels.
    (In normalized units nearly constant windows would outweigh all others.) Series without gaps
    take the fast path over the Gram matrix of overlapping windows, others blocks of windows.

    Args:
        model: a Reversible around a Ridge, with a location and scale; changed in place.
        training: (time, channels) float64, NaN where unobserved.
        validation: (time, channels), its first `lookback` rows the last of training; selects the
            penalty. None: there must be a single candidate.
        refit: solve again on training and validation windows with the chosen penalty.

    Raises:
        InputError: another backbone or normalizer, several penalties but no validation, too few
            rows, or an affine map already trained (its bias would no longer cancel).
    """
    ridge, normalizer = _checked(model)
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
    groups = range(ridge.channels) if ridge.per_channel else [slice(None)]
    fits = [_fit_group(ridge, normalizer, training, validation, refit, at) for at in groups]
    weights, biases, penalties, errors, counts = zip(*fits, strict=True)
    with torch.no_grad():
        ridge.weight.copy_(torch.stack(weights) if ridge.per_channel else weights[0])
        ridge.bias.copy_(torch.stack(biases) if ridge.per_channel else biases[0])
    scored = sum(counts)
    return RidgeFit(penalties, float(sum(errors)) / scored if scored else None)


def _fit_group(
    ridge: Ridge,
    normalizer: LocationScaleNormalizer,
    training: Tensor,
    validation: Tensor | None,
    refit: bool,
    at: int | slice,
) -> tuple[Tensor, Tensor, float, float, int]:
    """Fit the channels that share a map: weight, bias, penalty, squared error, errors counted."""
    chosen = slice(at, at + 1) if isinstance(at, int) else at
    parts = [training[:, chosen]] + ([] if validation is None else [validation[:, chosen]])
    exact = all(bool(part.isfinite().all()) for part in parts)
    sources = [_equations(part, ridge, normalizer, exact) for part in parts]
    # Where the level is taken away there is none to add; where windows have scales of their own, a
    # bias would be multiplied by them, and least squares in the data's units has none.
    intercept = "shift" not in normalizer.equivariant_to and normalizer.keeps_scale
    solved = [_Step(*equations, intercept=intercept) for equations in zip(*sources, strict=True)]
    errors = sum(step.errors(ridge.penalties) for step in solved)
    best = int(torch.as_tensor(errors).argmin()) if validation is not None else 0
    penalty = ridge.penalties[best]
    solutions = [step.solution(penalty, refit) for step in solved]
    weight, bias = (torch.cat(part) for part in zip(*solutions, strict=True))
    error = float(torch.as_tensor(errors)[best]) if validation is not None else 0.0
    return weight, bias, penalty, error, sum(step.scored for step in solved)


class _Step:
    """Training and validation equations of the steps of the horizon that share their windows."""

    def __init__(
        self,
        training: NormalEquations,
        validation: NormalEquations | None = None,
        intercept: bool = False,
    ):
        self.training, self.validation, self.intercept = training, validation, intercept
        self.path = PenaltyPath(self._shifted(training, training))
        self.scored = 0 if validation is None else validation.count * len(validation.squares)

    def errors(self, penalties: tuple[float, ...]) -> Tensor:
        if self.validation is None:
            return torch.zeros(len(penalties), dtype=torch.float64)
        return self.path.errors(self._shifted(self.validation, self.training), penalties)

    def solution(self, penalty: float, refit: bool) -> tuple[Tensor, Tensor]:
        path, equations = self.path, self.training
        if refit and self.validation is not None:
            equations = self.training + self.validation
            path = PenaltyPath(self._shifted(equations, equations))
        weight = path.weight(penalty)
        if not self.intercept:
            return weight, weight.new_zeros(len(weight))
        input_means, target_means = equations.means()
        return weight, target_means - weight @ input_means

    def _shifted(self, equations: NormalEquations, origin: NormalEquations) -> NormalEquations:
        return equations.shifted(*origin.means()) if self.intercept else equations


def _equations(
    values: Tensor, ridge: Ridge, normalizer: LocationScaleNormalizer, exact: bool
) -> Iterator[NormalEquations]:
    weights = normalizer.location_weights(ridge.lookback) if exact else None
    if weights is None:
        narrow = copy.deepcopy(normalizer).double()
        return masked_equations(values, narrow, ridge.lookback, ridge.horizon)
    moments = window_moments(values, ridge.lookback + ridge.horizon).centred(weights)
    return iter([NormalEquations.from_moments(moments, ridge.lookback)])


def _checked(model: Reversible) -> tuple[Ridge, LocationScaleNormalizer]:
    ridge, normalizer = model.backbone, model.normalizer
    if not isinstance(ridge, Ridge):
        raise InputError(f"fit_ridge solves a Ridge but got {type(ridge).__name__}; train that.")
    if not isinstance(normalizer, LocationScaleNormalizer):
        raise InputError(
            f"Ridge can't be solved inside {type(normalizer).__name__}, which is no location and "
            "scale of the window. Use RevIN, LastValue, EMA, MeanScale, Robust, Blend or Identity, "
            "or train a Linear backbone."
        )
    affine = normalizer.affine(torch.float64)
    if affine is not None and bool((affine[1] != 0).any()):
        raise InputError(
            "the normalizer's affine bias is not 0, so it doesn't cancel in the closed form. "
            "Fit Ridge before training, or build the normalizer with affine=False."
        )
    return ridge, normalizer
