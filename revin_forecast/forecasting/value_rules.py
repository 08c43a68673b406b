"""Rules that follow from a table's values: the range of a forecast, and intermittent series."""

from dataclasses import replace

import numpy as np
import torch

from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.rows.frequency import default_season
from revin_forecast.data.series import Series
from revin_forecast.data.value_range import ValueRange, describe_share
from revin_forecast.forecasting.fitted import FittedModel, find_model_season
from revin_forecast.forecasting.intermittent_member import add_intermittent_member
from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.models.compound_intervals import CompoundIntervals
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.intervals import Intervals
from revin_forecast.selection.seasonality import is_below_a_day

MIN_DAY_STEPS = 12
"""Steps of a day from which intermittent series are left to maps."""
MAX_BLOCK_VALUES = 2**22
"""Most values of a memory map to read at once: 16 MiB."""


def apply_value_rules(
    fitted: FittedModel, series: Series | MemoryMappedSeries, lookback: int | None = None
) -> FittedModel:
    """Return the model with its targets' range, intervals of intermittent ones and unit of MASE.

    Of a memory-mapped table, the last rows decide, which are in memory, and any negative value.

    Args:
        fitted: the model as it was fitted.
        series: the table that it was fitted on, with the user's settings of the range.
        lookback: look-back that the user named; None: chosen.
    """
    rows = series.last_rows if isinstance(series, MemoryMappedSeries) else series
    targets = rows.select([fitted.history.names[target] for target in fitted.targets])
    # Interpolated values are not evidence: halves between whole numbers would hide these.
    values = np.where(targets.observed, targets.values, np.nan)
    if isinstance(series, MemoryMappedSeries):
        values = np.concatenate([_find_negative_values(series)[None, fitted.targets], values])
    settings = rows.range_settings
    value_range = ValueRange.from_values(values, settings, default_season(rows.frequency))
    if is_below_a_day(rows.frequency) and default_season(rows.frequency) >= MIN_DAY_STEPS:
        # Maps know a day of many steps, which a mean rate does not: lamps, visits, showers.
        value_range = replace(value_range, is_rate=np.zeros_like(value_range.is_rate))
    is_rate = value_range.is_rate
    if fitted.model.levels and not isinstance(unwrap(fitted.model.backbone), WeightedCombination):
        # Its forecast is the median, which is a whole number as the limits are.
        value_range = replace(value_range, is_rate=np.zeros_like(is_rate))
    scale = fitted.standardizer.select(fitted.targets).scale
    summary = fitted.summary | {"range": value_range.summarize(values, scale, settings)}
    summary["range"]["intermittent"] = int(is_rate.sum())
    intervals = _add_compound_intervals(fitted, values, is_rate)
    unit = naive_scale(torch.from_numpy(values), find_model_season(fitted)).numpy()
    if intervals is not None:
        summary["interval_method"] = intervals.method
    fitted = replace(
        fitted,
        value_range=value_range,
        summary=summary,
        intervals=intervals,
        naive_scale=unit,
    )
    if isinstance(series, MemoryMappedSeries) or not is_rate.any():
        return fitted
    extended = add_intermittent_member(fitted, series, is_rate, lookback)
    note = f"mostly zeros in {describe_share(is_rate)}: "
    if extended is not fitted:
        note += "the forecast is the mean per step (TSB)"
    elif fitted.model.levels:
        note += "the forecast is the median, often 0; the automatic choice gives the mean per step"
    else:
        note += "intervals are of how often and how much"
    summary["range"]["notes"].append(note)
    if extended is not fitted and "naive_comparison" in summary:
        # The tests were those of the model that the mean per step replaces.
        for counts in (summary["naive_comparison"][key] for key in ("tests", "as_good")):
            counts[:] = np.where(is_rate, 0, counts).tolist()
    return extended


def _find_negative_values(series: MemoryMappedSeries) -> np.ndarray:
    """Return the smallest value of each channel, (channels,); NaN if it is not negative."""
    rows = max(1, MAX_BLOCK_VALUES // series.values.shape[1])
    lowest = torch.stack(
        [
            torch.where(block.isnan(), torch.inf, block).amin(0)
            for block in series.values.split(rows)
        ]
    )
    scale = series.standardizer
    smallest = scale.inverse_transform(lowest.amin(0).numpy())
    # The mapped values are float32, in which a standardized 0 is not exactly 0. Only the sign
    # matters, and a whole number says nothing about the others.
    return np.where(smallest < -1e-6 * scale.scale, np.floor(smallest), np.nan)


def _add_compound_intervals(
    fitted: FittedModel, values: np.ndarray, is_intermittent: np.ndarray
) -> Intervals | None:
    """Return the model's intervals, for intermittent series the compound of occurrence and size.

    Conformal intervals are as far from the forecast as earlier errors were; around a mean rate most
    of that is below zero.
    """
    others = fitted.intervals
    if fitted.model.levels or not is_intermittent.any() or isinstance(others, CompoundIntervals):
        return others
    if others is None and not is_intermittent.all():
        return None
    standardizer = fitted.standardizer.select(fitted.targets)
    zero = standardizer.transform(np.zeros((1, values.shape[1])))[0]
    standardized = standardizer.transform(values)
    return CompoundIntervals.fit(standardized, zero, is_intermittent, others)
