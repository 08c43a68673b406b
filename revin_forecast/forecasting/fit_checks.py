"""Checks before a fit: whatever can be known to fail is refused before any work."""

from collections.abc import Sequence
from dataclasses import fields, replace
from numbers import Integral
from pathlib import Path
from typing import Any, cast

import pandas as pd

from revin_forecast.data.covariates import CALENDAR_FEATURES, STEP, expand_names, table_columns
from revin_forecast.data.formatting import format_names, format_timestamp
from revin_forecast.data.future_dates import check_future_dates
from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError, did_you_mean, join_words, spell_options
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster_config import ForecasterConfig
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.models.quantiles import find_quantile_indices
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.arguments import check_season
from revin_forecast.utils.memory import limit_horizon


def check_fit_arguments(folder: Any, y: Any) -> Path | None:
    """Return the folder that `fit` was given, and refuse the y of other libraries.

    Raises:
        InputError: the second argument is not a folder, or y was passed.
    """
    if isinstance(y, str):
        raise InputError(
            f"fit has no y; the table has the values. To forecast only {y!r}, pass "
            f"read_series(table, target=[{y!r}])."
        )
    if y is not None or (folder is not None and not isinstance(folder, str | Path)):
        kind = type(folder if y is None else y).__name__
        raise InputError(
            f"fit takes one table with its times and values, not X and y, but got a second {kind}. "
            "Pass one data frame with both: fit(pd.concat([X, y], axis=1)); columns that are known "
            "in advance are named in Forecaster(covariates=[...])."
        )
    return None if folder is None else Path(folder)


def check_new_rows(table: Any) -> None:
    """Refuse a number of steps in the place of newer rows.

    Raises:
        InputError: a number was passed to `predict`.
    """
    if isinstance(table, Integral):
        raise InputError(
            f"predict takes newer rows of the table, not a number of steps, but got {table}. The "
            f"horizon is set before the fit: Forecaster(horizon={table}); leave the argument out."
        )


def check_before_fit(config: ForecasterConfig, series: Series | MemoryMappedSeries) -> None:
    """Check the settings against the table that a forecaster is to be fitted on.

    Raises:
        InputError: the forecast would need more memory or later dates than there are, a season is
            longer than the table, or there is no such known input.
    """
    rows, horizon = len(series), config.horizon
    limit = max(rows, limit_horizon(len(series.targets)))
    if series.frequency is not None:
        check_future_dates(
            cast(pd.Timestamp, series.timestamps[-1]), series.frequency, horizon, limit
        )
    if horizon > limit:
        raise InputError(
            f"a horizon of {horizon:,} steps of {len(series.targets)} series needs more memory "
            f"than there is. Pass a horizon of at most {limit:,}, or forecast longer steps."
        )
    for season in config.selection.season:
        check_season(season, rows)
    check_known_inputs(config.covariates, series)


def check_known_inputs(covariates: Sequence[str], series: Series | MemoryMappedSeries) -> None:
    """Check that each known input is a column of the table or follows from the times.

    Raises:
        InputError: one is neither; the message has the remedy.
    """
    names = expand_names(covariates, series.frequency) if covariates else ()
    for name in table_columns(names):
        if name in series.names:
            continue
        if name.lower() in ("holiday", "holidays"):
            raise InputError(
                f"the known input {name!r} needs a country, such as --covariates holiday:DE, or "
                "holiday:DE-BY for a part of it."
            )
        known = [*series.names, "calendar", STEP, *CALENDAR_FEATURES]
        raise InputError(
            f"there is no known input {name!r}: it is neither a column among "
            f"{format_names(series.names)} nor one of the calendar ({', '.join(CALENDAR_FEATURES)},"
            f" {STEP}, calendar, holiday:DE).{did_you_mean(name, known)}"
        )


def check_before_forecast(
    config: ForecasterConfig,
    series: Series,
    future: TableLike | None,
    level: Sequence[float],
) -> Series | None:
    """Check all that a fit and a forecast after the table's last row need.

    Args:
        config: the settings.
        series: the table.
        future: table with the columns among the known inputs; None: none was given.
        level: interval levels in percent.

    Returns:
        The known inputs of the steps ahead; None if there are none.

    Raises:
        InputError: the forecast can't succeed.
    """
    check_requested_levels(config, level)
    check_before_fit(config, series)
    return read_future(config, series, future)


def read_future(
    config: ForecasterConfig, series: Series, future: TableLike | None
) -> Series | None:
    """Read the known inputs of the steps ahead, and check that all of them are there.

    Args:
        config: settings with known inputs.
        series: the table that the forecast follows.
        future: table with the columns among the known inputs; None: none was given.

    Returns:
        The table; None if there is none.

    Raises:
        InputError: the table is needed and was not given, is not needed, or lacks values.
    """
    columns = table_columns(expand_names(config.covariates, series.frequency))
    steps = series.future_timestamps(config.horizon) if columns or future is not None else []
    if not columns:
        if future is not None:
            raise InputError(
                "future is for own columns that are known in advance, and no column is among the "
                "covariates. Name it in --covariates, or leave --future out."
            )
        return None
    listed = join_words(columns, "and")
    span = f"{format_timestamp(steps[0])} to {format_timestamp(steps[-1])}" if len(steps) else ""
    if future is None:
        raise InputError(
            f"{listed}: the values for the {config.horizon} steps from {span} are needed. "
            f"Pass a table with the times and {listed} (--future FILE), or leave the column out of "
            "--covariates."
        )
    if series.format.id is not None:
        raise InputError("future is for wide tables, but this one is long. Leave --future out.")
    known = read_series(future, like=series.format, frequency=series.frequency)
    absent = [name for name in columns if name not in known.names]
    if absent:
        raise InputError(
            f"{_name_source(future)} lacks the column {join_words(absent, 'and')}; it has "
            f"{format_names(known.names)}. Add it, or leave it out of --covariates."
        )
    rows = known.timestamps.get_indexer(steps)
    is_known = (rows >= 0) & known.select(columns).observed[rows].all(axis=1)
    if not is_known.all():
        raise InputError(
            f"{_name_source(future)} has no value of {listed} at "
            f"{format_timestamp(steps[int(is_known.argmin())])}; it needs one for each of the "
            f"{config.horizon} steps from {span}. Fill it in."
        )
    return known


def check_requested_levels(config: ForecasterConfig, level: Sequence[float]) -> None:
    """Check that the intervals that are asked for will be there.

    Raises:
        InputError: not percentages, or the model will be trained on other quantiles.
    """
    quantiles = sorted({bound for percent in level for bound in interval_quantiles(percent)})
    if config.training.loss == "quantile":
        find_quantile_indices(config.training.levels, quantiles)


def note_unused_settings(config: ForecasterConfig, fitted: FittedModel) -> FittedModel:
    """Return a fitted model whose summary names the settings that had no effect."""
    sentences = find_settings_without_effect(config, fitted.summary["fit"])
    if not sentences:
        return fitted
    return replace(
        fitted, summary=fitted.summary | {"without_effect": list(map(spell_options, sentences))}
    )


def find_settings_without_effect(
    config: ForecasterConfig, fit_report: dict[str, Any]
) -> tuple[str, ...]:
    """Return a sentence on settings that were given and changed nothing; none: empty.

    Args:
        config: the settings.
        fit_report: the report of the fit, `summary["fit"]`.
    """
    default = TrainingSettings()
    changed = [
        f"--{field.name.replace('_', '-')}"
        for field in fields(TrainingSettings)
        if getattr(config.training, field.name) != getattr(default, field.name)
    ]
    is_thorough = config.selection.effort == "thorough"
    sentences = []
    if config.backbone is None and changed and not is_thorough:
        sentences.append(_format_without_effect(changed, "the automatic choice trains no backbone"))
    if config.backbone is not None and changed and "epochs" not in fit_report:
        reason = f"{config.backbone.name} is not trained by gradient descent"
        sentences.append(_format_without_effect(changed, reason))
    if config.backbone is not None:
        chosen = {
            "--effort": is_thorough,
            "--budget": config.selection.budget is not None,
            "--without-pretrained": config.selection.without_pretrained,
        }
        given = [flag for flag, is_given in chosen.items() if is_given]
        if given:
            verb = "have" if len(given) > 1 else "has"
            sentences.append(
                f"{join_words(given, 'and')} {verb} no effect: a backbone was named, so none is "
                "chosen."
            )
    return tuple(sentences)


def _format_without_effect(flags: Sequence[str], reason: str) -> str:
    verb, them = ("have", "them") if len(flags) > 1 else ("has", "it")
    return (
        f"{join_words(flags, 'and')} {verb} no effect: {reason}. Name a backbone that is trained "
        f"(--backbone DLinear), or leave {them} out."
    )


def _name_source(future: TableLike) -> str:
    return str(future) if isinstance(future, str | Path) else "the table of known inputs"
