from typing import Any

from revin_forecast.backbones import Repeat
from revin_forecast.components import Component
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.fits.calibration import calibrated
from revin_forecast.fits.plan import (
    Plan,
    check_observed,
    summary_of,
    target_numbers,
    training_rows,
)
from revin_forecast.fitted import Fitted
from revin_forecast.fitting import Recipe
from revin_forecast.normalizers import LastValue
from revin_forecast.selection import Selector, Task, centre_of, choose, find_seasons


def fit_automatically(plan: Plan, series: Series) -> Fitted:
    """Choose look-back, normalizer and model on the last fifth of a series, then fit on all of it.

    Where there are too few rows to compare anything, the last value is repeated, and the summary
    says so.

    Args:
        plan: without a backbone.
        series: each channel's own last row is its last.

    Raises:
        InputError: a channel without any value, or known inputs, which no candidate takes.
    """
    if plan.covariates:
        raise InputError(
            f"the automatic choice takes no known inputs but got {list(plan.covariates)}. Name a "
            "backbone that does: --backbone TiDE, Informer or CycleNet."
        )
    if plan.training.loss == "quantile":
        raise InputError(
            "loss quantile is for a backbone that is trained, and the automatic choice has "
            "conformal intervals of its own; name one (--backbone DLinear), or leave the loss out."
        )
    check_observed(series)
    train = training_rows(series, plan.horizon)
    if train < 1:
        return _repeated(plan, series)
    # All rows say what the scale is: what is forecast lies after all of them.
    standardizer = Standardizer.fit(series.values)
    values = standardizer.transform(series.values)
    seasons = plan.selection.seasons or find_seasons(values, series.frequency, train)
    centre = None if plan.normalizer is None else centre_of(plan.normalizer)
    task = Task(values, train, plan.horizon, seasons, target_numbers(series), series.filled)
    selector = Selector(task, plan.selection, centre, plan.lookback)
    choice = choose(selector, plan.training)
    evidence: dict[str, Any] = {
        "mase": choice.mase,
        "season": choice.season,
        "windows": choice.windows,
        "candidates": choice.table,
        "skipped": choice.skipped,
    }
    rows, lookback = len(series), choice.recipe.lookback
    return Fitted(
        choice.recipe,
        choice.model,
        standardizer,
        series.rows(rows - lookback, rows),
        summary_of(
            series,
            {"validation_mase": choice.mase},
            selection=evidence,
            calibration_windows=len(choice.residuals),
        ),
        intervals=calibrated(choice.residuals, choice.past, choice.stride),
    )


def _repeated(plan: Plan, series: Series) -> Fitted:
    """Repeat the last value: the rows are fewer than a horizon beside one more."""
    rows = len(series)
    recipe = Recipe(
        Component.of(Repeat),
        Component.of(LastValue),
        rows,
        plan.horizon,
        plan.training,
        targets=target_numbers(series),
    )
    note = (
        f"{rows} rows are too few to compare models over a horizon of {plan.horizon} "
        f"({plan.horizon + 1} are needed): the last value is repeated"
    )
    standardizer = Standardizer.fit(series.values)
    model = recipe.build(len(series.names)).eval()
    return Fitted(recipe, model, standardizer, series, summary_of(series, {"note": note}))
