"""Fit a table in memory or a memory-mapped one, with a named backbone or an automatic choice."""

from collections.abc import Sequence
from pathlib import Path

from revin_forecast.data.binary_columns import leave_out_binary_columns
from revin_forecast.data.covariates import table_columns
from revin_forecast.data.last_values import end_with_targets, note_early_ends
from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting import (
    ForecasterConfig,
    fit_auto,
    fit_memory_mapped,
    fit_specified,
)
from revin_forecast.forecasting.fit_checks import check_before_fit, note_unused_settings
from revin_forecast.forecasting.fit_pretrained import fit_pretrained
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.value_rules import apply_value_rules


def fit_table(
    config: ForecasterConfig,
    table: TableLike | MemoryMappedSeries,
    path: Path | None,
    resume: bool,
    inputs: Sequence[str],
) -> FittedModel:
    """Return the model fitted on a table; see `Forecaster.fit`.

    Args:
        config: the checked settings.
        table: a table in memory, or a memory-mapped one.
        path: folder for checkpoints and logs of a trained backbone.
        resume: whether to resume from the folder's last checkpoint.
        inputs: columns that are used but not forecast.

    Raises:
        InputError: the table can't be used, or is too short.
    """
    if isinstance(table, MemoryMappedSeries):
        if inputs:
            raise InputError("pass inputs to memory_map_table, which reads the columns.")
        check_before_fit(config, table)
        return apply_value_rules(fit_memory_mapped(config, table, path, resume), table)
    series = read_series(table, inputs=inputs or None)
    series = end_with_targets(series, table_columns(config.covariates), config.skips_binary)
    check_before_fit(config, series)
    if not config.covariates:
        series = series.align_ends()
    if not config.skips_binary:
        series = note_early_ends(series)
        fitted = note_unused_settings(config, fit_specified(config, series, path, resume))
        return apply_value_rules(fitted, series)
    if resume:
        reason = "the automatic choice is made in one go"
        if config.backbone is not None:
            reason = f"{config.backbone.name} is not trained"
        raise InputError(
            f"{reason}; there is nothing to resume. Name a backbone that is trained, or leave "
            "resume out."
        )
    series, binary = leave_out_binary_columns(series, config.covariates)
    series = note_early_ends(series)
    fit = fit_auto if config.backbone is None else fit_pretrained
    fitted = note_unused_settings(config, fit(config, series))
    fitted = apply_value_rules(fitted, series, config.lookback)
    if binary:
        fitted.summary["left_out"] = list(binary)
    return fitted
