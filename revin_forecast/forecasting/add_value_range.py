"""Decide the values that a fitted model's forecasts may take."""

from dataclasses import replace

import numpy as np

from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.frequency import default_season
from revin_forecast.data.series import Series
from revin_forecast.data.value_range import ValueRange
from revin_forecast.forecasting.fitted import FittedModel


def add_value_range(fitted: FittedModel, series: Series | MemoryMappedSeries) -> FittedModel:
    """Return the model with the range of values of its targets, also in its summary.

    Of a memory-mapped table, only the last rows decide, which are in memory.

    Args:
        fitted: the model as it was fitted.
        series: the table that it was fitted on, with the user's settings of the range.
    """
    rows = series.last_rows if isinstance(series, MemoryMappedSeries) else series
    names = [fitted.history.names[target] for target in fitted.targets]
    targets = rows.select(names)
    # Interpolated values are not evidence: halves between whole numbers would hide these.
    values = np.where(targets.observed, targets.values, np.nan)
    settings = rows.range_settings
    value_range = ValueRange.from_values(values, settings, default_season(rows.frequency))
    scale = fitted.standardizer.select(fitted.targets).scale
    summary = fitted.summary | {"range": value_range.summarize(values, scale, settings)}
    return replace(fitted, value_range=value_range, summary=summary)
