"""Solve a Ridge again on rows that follow others, of which only sums are left."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import Ridge
from revin_forecast.closed_form.check_closed_form import check_has_closed_form, has_intercept
from revin_forecast.closed_form.fit_ridge import fit_ridge
from revin_forecast.closed_form.gap_free_windows import gap_free_share
from revin_forecast.closed_form.lag_sums import LagSums
from revin_forecast.closed_form.normal_equations import NormalEquations, solve_ridge
from revin_forecast.closed_form.window_choice import WindowChoice
from revin_forecast.closed_form.window_sums import gap_free_equations
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LocationScaleNormalizer


@torch.no_grad()
def refit_ridge(
    model: Reversible, penalties: Sequence[float], values: Tensor, earlier: LagSums | None = None
) -> None:
    """Solve a Ridge inside its normalizer again, with penalties that were selected before.

    The result is that of `fit_ridge` on all rows, with one candidate penalty and no validation.

    Args:
        model: a Reversible with a Ridge and a location-scale normalizer; changed in place.
        penalties: one, or one per channel for a Ridge with a map for each.
        values: (time, channels) float64, NaN where unobserved. If there are earlier windows, it
            begins with the last of their rows, one row less than the longest window.
        earlier: sums over the windows that end before; None: all windows are in `values`.

    Raises:
        InputError: the model has no closed form, or there is no usable window.
    """
    if not isinstance(model.normalizer, LocationScaleNormalizer):
        _refit_with_head(model, penalties, values)
        return
    ridge, normalizer = check_has_closed_form(model)
    # As in a fit: the incomplete windows of late starts are left out, others keep their gaps.
    is_gap_free = gap_free_share(values, ridge.lookback + ridge.horizon) == 1
    choice = WindowChoice(ridge.lookback, ridge.horizon, is_gap_free, None)
    if not ridge.per_channel:
        weight, bias = _solve(choice, normalizer, penalties[0], values, earlier)
        ridge.weight.copy_(weight)
        ridge.bias.copy_(bias)
        return
    for channel, penalty in enumerate(penalties):
        sums = None if earlier is None else earlier.select([channel])
        own = values[:, channel : channel + 1]
        ridge.weight[channel], ridge.bias[channel] = (
            part.to(ridge.weight.dtype) for part in _solve(choice, normalizer, penalty, own, sums)
        )


def _refit_with_head(model: Reversible, penalties: Sequence[float], values: Tensor) -> None:
    """Solve a Ridge again whose normalizer gets a part of the solution, on rows that are kept."""
    ridge = model.backbone
    if not isinstance(ridge, Ridge) or len(set(penalties)) > 1:
        raise InputError(
            f"{type(model.normalizer).__name__} around maps with penalties of their own, "
            f"{list(penalties)}, is solved by a fit only. Call fit again, on all rows."
        )
    is_gap_free = gap_free_share(values, ridge.lookback + ridge.horizon) == 1
    candidates, ridge.penalties = ridge.penalties, (penalties[0],)
    try:
        fit_ridge(model, values, gaps="complete" if is_gap_free else "masked")
    finally:
        ridge.penalties = candidates


def _solve(
    choice: WindowChoice,
    normalizer: LocationScaleNormalizer,
    penalty: float,
    values: Tensor,
    earlier: LagSums | None,
) -> tuple[Tensor, Tensor]:
    """Return weight (horizon, lookback) and bias (horizon,) of one map."""
    intercept = has_intercept(normalizer)
    weights, biases = [], []
    for equations in _iter_equations(choice, normalizer, values, earlier):
        input_means, target_means = equations.means()
        centred = equations.subtract_means(input_means, target_means) if intercept else equations
        weight = solve_ridge(centred, penalty)
        bias = target_means - weight @ input_means
        weights.append(weight)
        biases.append(bias if intercept else torch.zeros_like(bias))
    return torch.cat(weights), torch.cat(biases)


def _iter_equations(
    choice: WindowChoice,
    normalizer: LocationScaleNormalizer,
    values: Tensor,
    earlier: LagSums | None,
) -> Iterator[NormalEquations]:
    """Yield the equations of all windows, for groups of steps that share their windows."""
    sizes = choice.lookback, choice.horizon
    if earlier is None:
        for (equations,) in choice.iter_equations([values], normalizer):
            yield equations
        return
    level = normalizer.location_weights(choice.lookback)
    assert level is not None  # otherwise the rows are kept, not their sums
    before = earlier.equations(*sizes).centre(level)
    # Windows shorter than those of the sums are in the first rows, too.
    values = values[earlier.width - sum(sizes) :]
    if choice.gap_free_only or len(values) < sum(sizes):
        yield before + gap_free_equations(values, *sizes).centre(level)
        return
    first = 0
    for (equations,) in choice.iter_equations([values], normalizer):
        stop = first + len(equations.target_sums)
        yield before.select_steps(slice(first, stop)) + equations
        first = stop
