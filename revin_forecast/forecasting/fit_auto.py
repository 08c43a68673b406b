"""Fit without a named backbone: the automatic choice of look-back, normalizer and model."""

from typing import Any

import numpy as np

from revin_forecast.backbones import Repeat
from revin_forecast.backbones.target_channels import unwrap
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
from revin_forecast.forecasting.known_inputs import fit_with_known_inputs
from revin_forecast.forecasting.update_state import UpdateState, has_sums, needs_training
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.intervals import Intervals
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LastValue
from revin_forecast.selection.combination import (
    SeriesTask,
    add_series_models,
    can_join,
    select_series_models,
)
from revin_forecast.selection.result import SelectionResult
from revin_forecast.selection.seasonality import (
    choose_main_season,
    detect_seasons,
    is_below_a_day,
)
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.utils.progress import progress

MIN_TABLE_ROWS = 600
"""Rows from which maps of the whole table are tried; with fewer, models of single series do better.

Below a day they always are: only they know a week of hours."""


def fit_auto(config: ForecasterConfig, series: Series) -> FittedModel:
    """Select a combination of models, then fit it on all rows.

    Short tables are forecast by models of single series, weighed at expanding origins. Long ones
    are forecast by linear maps of the whole table, weighed on its last fifth; models of single
    series join them for the series where these are better.

    Args:
        config: settings without a backbone.
        series: each channel must end in the last row (`Series.align_ends`).

    Raises:
        InputError: a channel has no value, a known input can't be used, or the settings name the
            quantile loss, which no candidate supports.
    """
    if config.training.loss == "quantile":
        raise InputError(
            "loss quantile is for a backbone that is trained, and the automatic choice has "
            "intervals of its own; name one (--backbone DLinear), or leave the loss out."
        )
    if config.covariates:
        return fit_with_known_inputs(config, series, fit_auto)
    check_has_values(series)
    # All rows set the scale, validation included: the forecast begins after the last of them.
    standardizer = Standardizer.fit(series.values)
    selected = _select(config, series, standardizer)
    evidence: dict[str, Any] = {
        "mase": selected.mase,
        "season": selected.season,
        "windows": selected.window_count,
        "protocol": "expanding origins" if selected.validation is None else "last fifth",
        "candidates": selected.leaderboard,
        "skipped": selected.skipped_candidates,
    }
    intervals, windows = _calibrate(selected)
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
            naive_comparison=selected.comparison.summarize(selected.config.targets),
            calibration_windows=windows,
            interval_method=intervals.method,
        ),
        intervals=intervals,
        update_state=_keep_rows(series, selected),
    )


def _keep_rows(series: Series, selected: SelectionResult) -> UpdateState | None:
    """Return the rows for later updates; None if these have no meaning.

    Trained members would have to be trained again, and an interpolated gap uses later values.
    """
    combination = unwrap(selected.model.backbone)
    assert isinstance(combination, WeightedCombination)
    is_interpolated = series.filled is not None and bool(series.filled.any())
    if is_interpolated or any(map(needs_training, combination.members)):
        return None
    can_condense = selected.refit.own_share is None and all(map(has_sums, combination.members))
    # Weights of windows are found on the rows.
    can_condense &= not any(member.get("is_robust") for member in combination.descriptions)
    width = selected.config.lookback + selected.config.horizon
    return UpdateState(series.values, width, selected.refit, can_condense)


def _select(
    config: ForecasterConfig, series: Series, standardizer: Standardizer
) -> SelectionResult:
    """Select models of single series, of the whole table, or of both joined."""
    train_rows = count_training_rows(series, config.horizon)
    # A look-back or a normalizer that the user names is one of the table's maps.
    is_named = config.lookback is not None or config.normalizer is not None
    is_long = len(series) >= MIN_TABLE_ROWS or is_below_a_day(series.frequency)
    is_thorough = config.selection.effort == "thorough"
    has_table_models = train_rows >= 1 and (is_named or is_long or is_thorough)
    if is_named and not has_table_models:
        raise InputError(
            f"{len(series)} rows are too few to validate maps with that look-back or normalizer "
            f"over a horizon of {config.horizon} ({config.horizon + 1} are needed). Leave the "
            "look-back and the normalizer out, or pass more rows."
        )
    values = standardizer.transform(series.values)
    table = None
    if has_table_models:
        table = _select_for_table(config, series, standardizer, train_rows)
    if table is not None and (is_named or not can_join(series.values, table)):
        return table
    chosen = config.selection.season
    season = chosen[0] if chosen else choose_main_season(values, series.frequency)
    measured = np.where(series.observed, series.values, np.nan)
    has_network = not config.selection.without_pretrained
    start = _start_config(config, series)
    task = SeriesTask(measured, standardizer, season, start, has_network)
    with progress("choosing models of single series"):
        return select_series_models(task) if table is None else add_series_models(task, table)


def _select_for_table(
    config: ForecasterConfig,
    series: Series,
    standardizer: Standardizer,
    train_rows: int,
) -> SelectionResult:
    """Select among naive forecasts and maps of the whole table on its validation part."""
    # Imported on use: a short table needs none of them.
    from revin_forecast.selection.candidates import find_centring
    from revin_forecast.selection.select import select_model
    from revin_forecast.selection.selector import Selector
    from revin_forecast.selection.task import SelectionTask

    # A normalizer that the user names fixes the level that is subtracted from each window.
    centring = None if config.normalizer is None else find_centring(config.normalizer)
    values = standardizer.transform(series.values)
    seasons = config.selection.season or detect_seasons(values, series.frequency, train_rows)
    task = SelectionTask(
        values,
        train_rows,
        config.horizon,
        seasons,
        find_target_indices(series),
        series.filled,
        _find_zero(series, standardizer),
    )
    selector = Selector(task, config.selection, centring, config.lookback)
    return select_model(selector, config.training)


def _find_zero(series: Series, standardizer: Standardizer) -> np.ndarray | None:
    """Return the standardized zero of each channel; None if values may fall below 0 later on."""
    if series.range_settings.minimum == "none":
        return None  # a logarithm would end at 0
    return standardizer.transform(np.zeros((1, len(series.names))))[0]


def _calibrate(selected: SelectionResult) -> tuple[Intervals, int]:
    """Return the intervals and the number of windows that they are calibrated on."""
    calibration = selected.calibration
    if isinstance(calibration, SeriesIntervals):
        return calibration, selected.window_count
    intervals = calibrate_intervals(calibration.residuals, calibration.past, calibration.stride)
    return intervals, len(calibration.residuals)


def _start_config(config: ForecasterConfig, series: Series) -> ModelConfig:
    """Return the configuration of a naive model, whose backbone the selection replaces."""
    repeat, last = ModuleSpec.from_class(Repeat), ModuleSpec.from_class(LastValue)
    targets = find_target_indices(series)
    return ModelConfig(repeat, last, 1, config.horizon, config.training, targets=targets)
