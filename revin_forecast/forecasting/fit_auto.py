from typing import Any

from revin_forecast.backbones import Repeat
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.calibration import calibrate_intervals
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.plan import (
    ForecasterConfig,
    check_has_values,
    count_training_rows,
    find_target_indices,
    summarize_fit,
)
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LastValue
from revin_forecast.selection import (
    SelectionTask,
    Selector,
    centring_of,
    detect_seasons,
    select_model,
)
from revin_forecast.training.model_config import ModelConfig


def fit_auto(config: ForecasterConfig, series: Series) -> FittedModel:
    """Choose look-back, normalizer and model on the last fifth of a series, then fit on all of it.

    Where there are too few rows to compare anything, the last value is repeated, and the summary
    says so.

    Args:
        config: without a backbone.
        series: each channel's own last row is its last.

    Raises:
        InputError: a channel without any value, or known inputs, which no candidate takes.
    """
    if config.covariates:
        raise InputError(
            f"the automatic choice takes no known inputs but got {list(config.covariates)}. Name a "
            "backbone that does: --backbone TiDE, Informer or CycleNet."
        )
    if config.training.loss == "quantile":
        raise InputError(
            "loss quantile is for a backbone that is trained, and the automatic choice has "
            "conformal intervals of its own; name one (--backbone DLinear), or leave the loss out."
        )
    check_has_values(series)
    train = count_training_rows(series, config.horizon)
    if train < 1:
        return _fit_last_value(config, series)
    # All rows say what the scale is: what is forecast lies after all of them.
    standardizer = Standardizer.fit(series.values)
    values = standardizer.transform(series.values)
    seasons = config.selection.seasons or detect_seasons(values, series.frequency, train)
    centre = None if config.normalizer is None else centring_of(config.normalizer)
    task = SelectionTask(
        values, train, config.horizon, seasons, find_target_indices(series), series.filled
    )
    selector = Selector(task, config.selection, centre, config.lookback)
    choice = select_model(selector, config.training)
    evidence: dict[str, Any] = {
        "mase": choice.mase,
        "season": choice.season,
        "windows": choice.window_count,
        "candidates": choice.leaderboard,
        "skipped": choice.skipped_candidates,
    }
    rows, lookback = len(series), choice.config.lookback
    return FittedModel(
        choice.config,
        choice.model,
        standardizer,
        series.slice_rows(rows - lookback, rows),
        summarize_fit(
            series,
            {"validation_mase": choice.mase},
            selection=evidence,
            calibration_windows=len(choice.residuals),
        ),
        intervals=calibrate_intervals(choice.residuals, choice.past, choice.stride),
    )


def _fit_last_value(plan: ForecasterConfig, series: Series) -> FittedModel:
    """Repeat the last value: the rows are fewer than a horizon beside one more."""
    rows = len(series)
    recipe = ModelConfig(
        ModuleSpec.from_class(Repeat),
        ModuleSpec.from_class(LastValue),
        rows,
        plan.horizon,
        plan.training,
        targets=find_target_indices(series),
    )
    note = (
        f"{rows} rows are too few to compare models over a horizon of {plan.horizon} "
        f"({plan.horizon + 1} are needed): the last value is repeated"
    )
    standardizer = Standardizer.fit(series.values)
    model = recipe.build(len(series.names)).eval()
    return FittedModel(recipe, model, standardizer, series, summarize_fit(series, {"note": note}))
