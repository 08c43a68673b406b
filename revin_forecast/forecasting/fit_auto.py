"""Fit without a named backbone: the automatic choice of look-back, normalizer and model."""

from typing import Any

from revin_forecast.backbones import Repeat
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.calibration import calibrate_intervals
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster_config import (
    ForecasterConfig,
    check_has_values,
    count_training_rows,
    find_target_indices,
    summarize_fit,
)
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LastValue
from revin_forecast.selection.candidates import find_centring
from revin_forecast.selection.seasonality import detect_seasons
from revin_forecast.selection.select import select_model
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.task import SelectionTask
from revin_forecast.training.model_config import ModelConfig


def fit_auto(config: ForecasterConfig, series: Series) -> FittedModel:
    """Select a model on the last fifth of a series, then fit it on all rows.

    If there are too few rows to compare models, the forecast repeats the last value, and the
    summary says so.

    Args:
        config: settings without a backbone.
        series: each channel must end in the last row (`Series.align_ends`).

    Raises:
        InputError: a channel has no value, or the settings name known inputs or the quantile loss,
            which no candidate supports.
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
    train_rows = count_training_rows(series, config.horizon)
    if train_rows < 1:
        return _fit_last_value(config, series)
    # All rows set the scale, validation included: the forecast begins after the last of them.
    standardizer = Standardizer.fit(series.values)
    values = standardizer.transform(series.values)
    seasons = config.selection.season or detect_seasons(values, series.frequency, train_rows)
    # A normalizer that the user names fixes the level that is subtracted from each window.
    centring = None if config.normalizer is None else find_centring(config.normalizer)
    task = SelectionTask(
        values, train_rows, config.horizon, seasons, find_target_indices(series), series.filled
    )
    selector = Selector(task, config.selection, centring, config.lookback)
    selected = select_model(selector, config.training)
    evidence: dict[str, Any] = {
        "mase": selected.mase,
        "season": selected.season,
        "windows": selected.window_count,
        "candidates": selected.leaderboard,
        "skipped": selected.skipped_candidates,
    }
    rows, lookback = len(series), selected.config.lookback
    return FittedModel(
        selected.config,
        selected.model,
        standardizer,
        series.slice_rows(rows - lookback, rows),
        summarize_fit(
            series,
            {"validation_mase": selected.mase},
            selection=evidence,
            calibration_windows=len(selected.residuals),
        ),
        intervals=calibrate_intervals(selected.residuals, selected.past, selected.stride),
    )


def _fit_last_value(config: ForecasterConfig, series: Series) -> FittedModel:
    """Return a model that repeats the last value, for a series of at most `horizon` rows."""
    rows = len(series)
    model_config = ModelConfig(
        ModuleSpec.from_class(Repeat),
        ModuleSpec.from_class(LastValue),
        rows,
        config.horizon,
        config.training,
        targets=find_target_indices(series),
    )
    note = (
        f"{rows} rows are too few to compare models over a horizon of {config.horizon} "
        f"({config.horizon + 1} are needed): the last value is repeated"
    )
    standardizer = Standardizer.fit(series.values)
    model = model_config.build(len(series.names)).eval()
    summary = summarize_fit(series, {"note": note})
    return FittedModel(model_config, model, standardizer, series, summary)
