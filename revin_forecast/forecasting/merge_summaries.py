"""One summary of the forecasts of several groups."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from revin_forecast.forecasting.forecast_summary import ForecastSummary

Value = TypeVar("Value", bound=Hashable)


def merge_summaries(summaries: Mapping[str, ForecastSummary]) -> ForecastSummary:
    """Return one summary of the series of all groups.

    Facts that differ between groups, such as the step or the rows compared with, are left out.

    Args:
        summaries: summary by the name of the group; at least one.
    """
    parts = list(summaries.values())
    window = _find_common([(part.past_lag, part.past_steps) for part in parts])
    season = _find_common([part.naive_season for part in parts])
    series = [
        replace(
            entry,
            series=name if entry.series == name else f"{name} / {entry.series}",
            past_mean=entry.past_mean if window else None,
            change_percent=entry.change_percent if window else None,
        )
        for name, part in summaries.items()
        for entry in part.series
    ]
    return replace(
        parts[0],
        frequency=_find_common([part.frequency for part in parts]),
        first=_find_common([part.first for part in parts]),
        last=_find_common([part.last for part in parts]),
        past_lag=window[0] if window else 0,
        past_steps=window[1] if window else 0,
        level=_find_common([part.level for part in parts]),
        naive_season=season,
        tested_steps=min((part.tested_steps or part.horizon for part in parts), default=None),
        series=tuple(series),
        total=None,
        past_total=None,
    )


def _find_common(values: Sequence[Value]) -> Value | None:
    """Return the value that all share; None without one."""
    return values[0] if len(set(values)) == 1 else None
