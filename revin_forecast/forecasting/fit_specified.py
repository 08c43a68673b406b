from dataclasses import replace
from pathlib import Path

from revin_forecast.backbones import Ridge
from revin_forecast.data.covariates import (
    KnownColumns,
    expand_names,
    known_covariates,
    table_columns,
)
from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.frequency import default_season
from revin_forecast.data.series import Series
from revin_forecast.data.split import ChronologicalSplit, MemoryMappedSplit
from revin_forecast.errors import InputError
from revin_forecast.forecasting.calibration import calibrate_on_windows
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.plan import (
    ForecasterConfig,
    check_can_memory_map,
    check_has_values,
    count_training_rows,
    find_target_indices,
    summarize_fit,
)
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig

MAX_DEFAULT_LOOKBACK = 512


def fit_specified(
    config: ForecasterConfig,
    series: Series | MemoryMappedSeries,
    folder: Path | None = None,
    resume: bool = False,
) -> FittedModel:
    """Fit the backbone and normalizer that were named.

    Args:
        config: with a backbone.
        series: its last fifth (one horizon at least) serves as validation.
        folder: keeps checkpoints and logs of a trained backbone.
        resume: go on from that folder's last checkpoint.

    Raises:
        InputError: the series can't be used, or is too short.
    """
    assert config.backbone is not None  # whoever calls it has looked
    series, columns, names = separate_known_columns(series, config.covariates)
    check_has_values(series)
    rows = len(series)
    train = count_training_rows(series, config.horizon)
    lookback = config.lookback or choose_default_lookback(
        train, config.horizon, default_season(series.frequency)
    )
    closed_form = issubclass(config.backbone.import_class(), Ridge)
    recipe = ModelConfig(
        config.backbone,
        config.normalizer or ModuleSpec.from_class(RevIN),
        lookback,
        config.horizon,
        config.training,
        covariates=names,
        targets=find_target_indices(series),
    )
    # What is forecast lies after all rows, so that all may say what the scale is: a channel may
    # have been constant, or not yet there, in the training part.
    known = None
    if names:
        own = None if columns is None else columns.look_up_values(series.timestamps)
        known = known_covariates(names, series.timestamps, series.frequency, own)
    if isinstance(series, MemoryMappedSeries):
        split = MemoryMappedSplit(series, train, known)
    else:
        split = ChronologicalSplit(
            series.values, train, rows, rows, scaling_rows=rows, known=known, filled=series.filled
        )
    model, report = fit_model(recipe, split, folder, resume)
    windows = split.make_windows("validation", lookback, config.horizon)
    intervals, calibration = (
        (None, 0) if recipe.quantile_levels else calibrate_on_windows(model, windows)
    )
    if closed_form and not names:  # once more, on all rows, with the penalty that was chosen
        recipe = replace(recipe, refit=True)
        model, report = fit_model(recipe, split)
    return FittedModel(
        recipe,
        model,
        split.standardizer,
        series.slice_rows(rows - lookback, rows),
        summarize_fit(series, report, calibration_windows=calibration),
        columns and columns.slice_rows(rows - lookback, rows),
        intervals,
    )


def fit_memory_mapped(
    config: ForecasterConfig,
    series: MemoryMappedSeries,
    folder: Path | None = None,
    resume: bool = False,
) -> FittedModel:
    """Fit what was named on a table that is larger than memory; see `fit_named`.

    Raises:
        InputError: it can't be fitted without all rows in memory, or is too short.
    """
    check_can_memory_map(config)
    return fit_specified(config, series, folder, resume)


def separate_known_columns(
    series: Series | MemoryMappedSeries, covariates: tuple[str, ...]
) -> tuple[Series | MemoryMappedSeries, KnownColumns | None, tuple[str, ...]]:
    """Take the columns that are known beforehand out of a series; name all known inputs.

    Raises:
        InputError: none is left to forecast, or known inputs of series that end apart.
    """
    names = expand_names(covariates, series.frequency) if covariates else ()
    if names and series.last_timestamps is not None:
        raise InputError(
            "the series end at different times, and then known inputs would differ from series to "
            "series, which isn't supported. Leave the covariates out, or pass series that end "
            "together."
        )
    own = table_columns(names)
    if not own:
        return series, None, names
    if isinstance(series, MemoryMappedSeries):
        raise InputError(
            f"the columns {own} would be known inputs, and those are held in memory, not mapped. "
            "Leave them out, or fit on the table itself."
        )
    columns = KnownColumns.fit(series, own, len(series))
    rest = [name for name in series.names if name not in own]
    if not rest:
        raise InputError(f"all columns are known inputs ({own}); none is left to forecast.")
    return series.select(rest), columns, names


def choose_default_lookback(rows: int, horizon: int, season: int) -> int:
    """Choose a look-back: four horizons and two seasons if the rows allow.

    Half of what remains of the training rows after one horizon is the limit, so that there are as
    many training windows as weights a step.

    Raises:
        InputError: too few rows for any look-back.
    """
    room = (rows - horizon) // 2
    if room < 1:
        raise InputError(
            f"{rows} rows beside those kept for validation are too few for a horizon of {horizon}; "
            f"{horizon + 2} are needed. Choose a shorter horizon or pass more rows."
        )
    return min(max(4 * horizon, 2 * season), MAX_DEFAULT_LOOKBACK, room)
