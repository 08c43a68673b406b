"""Fit the backbone and normalizer that the user names."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.data.covariates import (
    KnownColumns,
    expand_names,
    known_covariates,
    table_columns,
)
from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.rows.frequency import default_season
from revin_forecast.data.series import Series
from revin_forecast.data.split import ChronologicalSplit, MemoryMappedSplit
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.forecasting.calibration import calibrate_on_windows
from revin_forecast.forecasting.fit_pretrained import complete_settings
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster_config import (
    ForecasterConfig,
    check_can_memory_map,
    check_has_values,
    count_training_rows,
    find_target_indices,
    summarize_fit,
)
from revin_forecast.forecasting.update_state import UpdateState, has_sums, needs_training
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.selection.refit_members import RefitSettings
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig

MAX_DEFAULT_LOOKBACK = 512


def fit_specified(
    config: ForecasterConfig,
    series: Series | MemoryMappedSeries,
    folder: Path | None = None,
    resume: bool = False,
) -> FittedModel:
    """Fit the named backbone and normalizer.

    Args:
        config: settings with a backbone.
        series: its last fifth (at least one horizon) serves as validation.
        folder: stores checkpoints and logs of a trained backbone.
        resume: resume from the folder's last checkpoint.

    Raises:
        InputError: the series can't be used, or is too short.
    """
    assert config.backbone is not None  # otherwise the caller uses fit_auto
    series, columns, covariate_names = separate_known_columns(series, config.covariates)
    check_has_values(series)
    if config.is_pretrained and isinstance(series, Series):
        config = complete_settings(config, series)
        assert config.backbone is not None
    rows = len(series)
    train_rows = count_training_rows(series, config.horizon)
    lookback = config.lookback or choose_default_lookback(
        train_rows, config.horizon, default_season(series.frequency)
    )
    is_closed_form = issubclass(config.backbone.import_class(), Ridge)
    model_config = ModelConfig(
        config.backbone,
        config.normalizer or ModuleSpec.from_class(RevIN),
        lookback,
        config.horizon,
        config.training,
        covariates=covariate_names,
        targets=find_target_indices(series),
    )
    split = _split_series(series, train_rows, columns, covariate_names)
    model, report = fit_model(model_config, split, folder, resume)
    windows, exact_model = _make_validation_windows(split, model, lookback, config.horizon)
    # A model of quantiles needs no conformal intervals.
    intervals, calibration_count, evidence = None, 0, {}
    if not model_config.quantile_levels:
        intervals, calibration_count, comparison = calibrate_on_windows(
            exact_model, windows, default_season(series.frequency)
        )
        evidence = {
            "interval_method": intervals.method,
            "naive_comparison": comparison.summarize(None),
        }
    # The intervals come first: they need a model that was not fitted on the validation windows.
    if is_closed_form and not covariate_names:
        model_config = replace(model_config, refit=True)
        model, report = fit_model(model_config, split)
    return FittedModel(
        model_config,
        model,
        split.standardizer,
        series.slice_rows(rows - lookback, rows),
        summarize_fit(series, report, calibration_windows=calibration_count, **evidence),
        columns and columns.slice_rows(rows - lookback, rows),
        intervals,
        update_state=_keep_rows(series, model_config, model, report),
    )


def _keep_rows(
    series: Series | MemoryMappedSeries,
    config: ModelConfig,
    model: Reversible,
    report: Mapping[str, Any],
) -> UpdateState | None:
    """Return the rows for later updates; None if the model has to be fitted again."""
    if isinstance(series, MemoryMappedSeries) or config.covariates or needs_training(model):
        return None
    if series.filled is not None and series.filled.any():
        return None  # an interpolated gap uses later values
    penalties = (np.array(report["penalties"]),) if "penalties" in report else ()
    width = config.lookback + config.horizon
    return UpdateState(series.values, width, RefitSettings(penalties), has_sums(model))


def _make_validation_windows(
    split: ChronologicalSplit | MemoryMappedSplit, model: Reversible, lookback: int, horizon: int
) -> tuple[Windows, Reversible]:
    """Return the validation windows and the model, in float64 where float32 loses digits."""
    if isinstance(split, ChronologicalSplit):
        fine_scale = split.standardizer.measure_fine_scale(split.values)
        if np.isfinite(fine_scale).any():
            windows = split.make_windows("validation", lookback, horizon, torch.float64)
            return windows, copy.deepcopy(model).double()
    return split.make_windows("validation", lookback, horizon), model


def fit_memory_mapped(
    config: ForecasterConfig,
    series: MemoryMappedSeries,
    folder: Path | None = None,
    resume: bool = False,
) -> FittedModel:
    """Fit the named backbone on a table that is larger than memory; see `fit_specified`.

    Raises:
        InputError: the components need all rows in memory, or the series is too short.
    """
    check_can_memory_map(config)
    return fit_specified(config, series, folder, resume)


def separate_known_columns(
    series: Series | MemoryMappedSeries, covariates: tuple[str, ...]
) -> tuple[Series | MemoryMappedSeries, KnownColumns | None, tuple[str, ...]]:
    """Split the columns that are known inputs from the columns to forecast.

    Args:
        series: the whole table.
        covariates: known inputs as the user names them, "calendar" among them.

    Returns:
        The columns to forecast, the known columns (None: none), and the names of all known inputs.

    Raises:
        InputError: no column is left to forecast, the series end at different times, or the table
            is memory-mapped.
    """
    names = expand_names(covariates, series.frequency) if covariates else ()
    if names and series.last_timestamps is not None:
        raise InputError(
            "the series end at different times, and then known inputs would differ from series to "
            "series, which isn't supported. Leave the covariates out, or pass series that end "
            "together."
        )
    column_names = table_columns(names)
    if not column_names:
        return series, None, names
    if isinstance(series, MemoryMappedSeries):
        raise InputError(
            f"the columns {column_names} would be known inputs, and those are held in memory, not "
            "mapped. Leave them out, or fit on the table itself."
        )
    columns = KnownColumns.fit(series, column_names, len(series))
    target_names = [name for name in series.names if name not in column_names]
    if not target_names:
        raise InputError(
            f"all columns are known inputs ({column_names}); none is left to forecast."
        )
    return series.select(target_names), columns, names


def choose_default_lookback(rows: int, horizon: int, season: int) -> int:
    """Return the default look-back: four horizons or two seasons, whichever is longer.

    It is at most 512 steps and at most half of the training rows that remain after one horizon, so
    that there are at least as many training windows as weights per forecast step.

    Args:
        rows: training rows.
        horizon: steps to forecast.
        season: steps in a season; 1 without one.

    Raises:
        InputError: too few rows for any look-back.
    """
    max_lookback = (rows - horizon) // 2
    if max_lookback < 1:
        raise InputError(
            f"{rows} rows are left for training, too few for a horizon of {horizon}; "
            f"{horizon + 2} are needed. Choose a shorter horizon or pass more rows."
        )
    return min(max(4 * horizon, 2 * season), MAX_DEFAULT_LOOKBACK, max_lookback)


def _split_series(
    series: Series | MemoryMappedSeries,
    train_rows: int,
    columns: KnownColumns | None,
    covariate_names: tuple[str, ...],
) -> ChronologicalSplit | MemoryMappedSplit:
    """Return the split into training and validation rows, with the known inputs of every row."""
    known: np.ndarray | None = None
    if covariate_names:
        values = None if columns is None else columns.look_up_values(series.timestamps)
        known = known_covariates(covariate_names, series.timestamps, series.frequency, values)
    if isinstance(series, MemoryMappedSeries):
        return MemoryMappedSplit(series, train_rows, known)
    rows = len(series)
    # All rows set the scale, validation included: the forecast begins after the last of them, and
    # a channel may be constant or not yet begun in the training part.
    return ChronologicalSplit(
        series.values,
        train_rows,
        rows,
        rows,
        scaling_rows=rows,
        known=known,
        filled=series.filled,
    )
