"""Choice of the intervals shown, and a sentence about those that cannot be shown."""

from collections.abc import Sequence

from revin_forecast.data.series import Series
from revin_forecast.evaluation import DEFAULT_INTERVAL_LEVELS
from revin_forecast.forecasting.backtest_frame import has_quantiles
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.reports.forecast.content import ReportContent

MAX_INTERVALS = 3
"""Intervals shown of a quantile model that lacks a default level; the widest are kept."""


def choose_levels(
    fitted: FittedModel, requested: Sequence[float] | None
) -> tuple[list[float], list[float]]:
    """Return the levels to show, and the default levels hidden by a conflict of column names.

    Args:
        fitted: the model that gives the intervals.
        requested: levels in percent; None or empty: the default levels that the model has, or
            its own.
    """
    if requested:
        return list(dict.fromkeys(map(float, requested))), []
    levels = _default_levels(fitted)
    hidden = [level for level in levels if _has_column_conflict(fitted.history, level)]
    return [level for level in levels if level not in hidden], hidden


def _default_levels(fitted: FittedModel) -> list[float]:
    available = [
        level
        for level in DEFAULT_INTERVAL_LEVELS
        if has_quantiles(fitted, interval_quantiles(level))
    ]
    quantiles = fitted.config.quantile_levels
    if not quantiles or len(available) == len(DEFAULT_INTERVAL_LEVELS):
        return available
    # Quantile q > 0.5 is the upper bound of the central interval of level 2 q - 1.
    own_levels = [round(200 * quantile - 100, 6) for quantile in quantiles]
    # This drops quantiles up to the median and intervals of less than 1 %.
    return [level for level in own_levels if level >= 1][-MAX_INTERVALS:]


def _has_column_conflict(history: Series, level: float) -> bool:
    """Return whether a column of the interval would have the name of an existing column."""
    format = history.format
    if format.id is None:
        existing, value_columns = {format.time_name, *history.targets}, history.targets
    else:
        existing, value_columns = {format.time_name, *format.id_columns}, (str(format.value),)
    endings = (f"-lo-{level:g}", f"-hi-{level:g}")
    return any(name + ending in existing for name in value_columns for ending in endings)


def format_levels(levels: Sequence[float]) -> str:
    """Return levels as text.

    >>> format_levels([50.0, 80.0, 99.5])
    '50, 80 and 99.5 %'
    """
    texts = [f"{level:g}" for level in levels]
    return f"{' and '.join(filter(None, (', '.join(texts[:-1]), texts[-1])))} %"


def describe_hidden_levels(content: ReportContent) -> str:
    """Return a sentence about intervals hidden by a name conflict, or an empty string."""
    if not content.hidden_levels:
        return ""
    return (
        f"Intervals of {format_levels(content.hidden_levels)} are not shown: the table has columns "
        "of their names. Choose other levels with --level."
    )
