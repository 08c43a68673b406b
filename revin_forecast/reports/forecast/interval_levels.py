"""Which intervals are shown, and what is said of those that can't be shown or scored."""

from collections.abc import Sequence

from revin_forecast.data.series import Series
from revin_forecast.evaluation import DEFAULT_INTERVAL_LEVELS
from revin_forecast.evaluation.backtest_scores import has_quantiles
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.reports.forecast.content import ReportContent

MAX_INTERVALS = 3
"""Intervals shown of a model of quantiles that has others than the usual ones, the widest."""


def choose_levels(
    fitted: FittedModel, requested: Sequence[float] | None
) -> tuple[list[float], list[float]]:
    """Return the intervals to show, and usual ones that can't be: the table has their columns.

    Args:
        fitted: whose intervals they are.
        requested: in percent; nothing: the usual ones that the model has, or its own.
    """
    if requested:
        return list(dict.fromkeys(map(float, requested))), []
    usual = _default_levels(fitted)
    taken = [level for level in usual if _has_column_conflict(fitted.history, level)]
    return [level for level in usual if level not in taken], taken


def _default_levels(fitted: FittedModel) -> list[float]:
    found = [
        level
        for level in DEFAULT_INTERVAL_LEVELS
        if has_quantiles(fitted, interval_quantiles(level))
    ]
    trained = fitted.config.quantile_levels
    if not trained or len(found) == len(DEFAULT_INTERVAL_LEVELS):
        return found
    own = [round(200 * quantile - 100, 6) for quantile in trained]
    return [level for level in own if level >= 1][-MAX_INTERVALS:]


def _has_column_conflict(history: Series, level: float) -> bool:
    """Tell whether a column of an interval would have the name of another column."""
    layout = history.layout
    if layout.id is None:
        there, named = {layout.time, *history.targets}, history.targets
    else:
        there, named = {layout.time, layout.id}, (str(layout.value),)
    ends = (f"-lo-{level:g}", f"-hi-{level:g}")
    return any(name + end in there for name in named for end in ends)


def format_levels(levels: Sequence[float]) -> str:
    """Return levels as text.

    >>> levels_of([50.0, 80.0, 99.5])
    '50, 80 and 99.5 %'
    """
    shown = [f"{level:g}" for level in levels]
    return f"{' and '.join(filter(None, (', '.join(shown[:-1]), shown[-1])))} %"


def describe_unscored_levels(content: ReportContent) -> str:
    """Return which of the intervals shown the backtest could not score, and why; or nothing."""
    result = content.backtest
    if isinstance(result, str):
        return ""
    missed = [level for level in content.levels if level not in result.levels]
    if not missed:
        return ""
    return (
        f"Intervals of {format_levels(missed)} could not be scored: the rows before the backtest are "
        "too few to calibrate them."
    )


def describe_hidden_levels(content: ReportContent) -> str:
    """Return which usual intervals are not shown for want of a name; or nothing."""
    if not content.hidden_levels:
        return ""
    return (
        f"Intervals of {format_levels(content.hidden_levels)} are not shown: the table has columns of their "
        "names. --level asks for others."
    )
