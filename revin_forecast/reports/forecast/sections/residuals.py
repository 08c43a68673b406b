"""What the errors of the backtest still hold."""

import math

import numpy as np

from revin_forecast.data.series import format_timestamp, pluralize
from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.formatting import format_number
from revin_forecast.reports.html import (
    Cell,
    header_row,
    number_cell,
    render_paragraph,
    render_table,
    text_cell,
)

MIN_OUTLIER_RATIO = 12.0
"""An error so many times as large as nine in ten of the others is one of its own."""
MIN_ERRORS = 10
"""Fewer errors tell nothing."""


def bias_sign(errors: np.ndarray) -> int:
    """Return the side that errors surely lean to, 1 above zero and -1 below, or 0.

    Errors of one path depend on each other: only means of whole paths are counted.

    Args:
        errors: (paths, horizon) truth less forecast, of paths that don't overlap, NaN where
            unobserved.

    >>> leans(np.ones((8, 5)) + np.arange(8)[:, None] / 10)
    1
    """
    seen = np.isfinite(errors)
    counted = seen.any(1)
    means = np.where(seen, errors, 0).sum(1)[counted] / seen.sum(1)[counted]
    if len(means) < 4:
        return 0
    certain = abs(means.mean()) > 3 * means.std(ddof=1) / math.sqrt(len(means))
    return int(np.sign(means.mean())) if certain else 0


def autocorrelation(errors: np.ndarray) -> float:
    """Return the correlation of errors with those one origin before; NaN where there is none.

    Args:
        errors: (origins,) in order, NaN where unobserved.

    >>> round(autocorrelation(np.array([1.0, -1, 1, -1, 1, -1])), 3)
    -1.0
    """
    both = np.isfinite(errors[1:]) & np.isfinite(errors[:-1])
    if both.sum() < 3:
        return math.nan
    now, before = errors[1:][both], errors[:-1][both]
    spread = now.std() * before.std()
    if spread == 0:
        return math.nan
    return float(((now - now.mean()) * (before - before.mean())).mean() / spread)


def largest_outlier(errors: np.ndarray) -> int | None:
    """Return the place of an error that is far beyond the others; None: there is none.

    Args:
        errors: (origins,), NaN where unobserved.

    >>> farthest(np.array([1.0, -1, 2, 1, -2, 1, 99, 1, -1, 1, 1, 2])), farthest(np.ones(12))
    (6, None)
    """
    sizes = np.abs(errors)
    seen = sizes[np.isfinite(sizes)]
    if len(seen) < MIN_ERRORS:
        return None
    usual = np.quantile(seen, 0.9)  # 0 of one that mostly stands still: its steps are no oddity
    place = int(np.nanargmax(sizes))
    return place if 0 < MIN_OUTLIER_RATIO * usual < sizes[place] else None


def render_residual_text(result: BacktestResult) -> str:
    """Return how the errors' chart and table are to be read."""
    few, many = len(result.paths.rows), len(result.cutoffs)
    steps = "all steps"
    if few < many:
        steps += f" of {pluralize(few, 'forecast')}{', a horizon apart' if few > 1 else ''}"
    rows, follow = "", " and do not follow each other"
    if result.step > 1:
        rows, follow = f", of one row in {result.step}", ""
    return render_paragraph(
        "Errors of the backtest, in the table's units; above zero the truth was higher. Left one "
        f"step ahead over time{rows}, right how often which one came, over {steps}. The mean is "
        f"that of all forecasts and steps. Good errors lean to no side{follow}."
    )


def render_residual_table(content: ReportContent) -> str:
    """Return what the errors of the backtest still hold, series by series, in words."""
    result = content.backtest
    if isinstance(result, str):
        return render_paragraph(f"There are none without a backtest. {result}", "missing")
    rows = []
    for place, series in enumerate(result.paths.names):
        errors = result.paths.next_errors[:, place]
        mean = float(result.paths.mean_error[place])
        # Of errors some rows apart it is another one, and no model could have used it.
        follow = autocorrelation(errors) if result.step == 1 else math.nan
        told = _describe_residuals(content, result, place, follow)
        rows.append(
            [text_cell(series), number_cell(mean), number_cell(follow, 2), Cell(told, "words")]
        )
    head = header_row("series", "mean error", "autocorrelation", "what it says")
    return render_table(head, rows)


def _describe_residuals(
    content: ReportContent, result: BacktestResult, index: int, correlation: float
) -> str:
    """Return what the errors of one series say."""
    paths = result.paths
    mean, errors = float(paths.mean_error[index]), paths.next_errors[:, index]
    if math.isnan(mean):
        return "nothing was measured"
    many = int(np.isfinite(errors).sum())
    left = paths.truth[:, :, index] - paths.forecast[:, :, index]
    side, size = bias_sign(left), float(result.series_scores["mae"].iloc[index])
    lean = _describe_bias(mean, side) if side else _describe_possible_bias(mean, size, len(left))
    said = [lean, _describe_autocorrelation(correlation, many)]
    far = largest_outlier(errors)
    if far is not None:
        when = format_timestamp(content.get_timestamps(paths.names[index])[paths.next_rows[far]])
        said.append(
            f"The largest error, {format_number(errors[far])} on {when}, is far beyond the others: look at "
            "what happened then."
        )
    told = " ".join(filter(None, said))
    return told or ("too few to tell" if many < MIN_ERRORS else "nothing odd")


def _describe_bias(mean: float, side: int) -> str:
    if side * mean <= 0:
        return ""
    where = "low" if mean > 0 else "high"
    return f"Forecasts were too {where}, by {format_number(abs(mean))} on average."


def _describe_possible_bias(mean: float, size: float, path_count: int) -> str:
    """Tell of a mean error that is most of the mean absolute one, and yet may be chance."""
    if not abs(mean) > size / 2:
        return ""
    where = "low" if mean > 0 else "high"
    return (
        f"Forecasts were mostly too {where}, by {format_number(abs(mean))} on average; "
        f"{pluralize(path_count, 'forecast')} that do not overlap are too few to call it more than chance."
    )


def _describe_autocorrelation(correlation: float, error_count: int) -> str:
    if (
        not math.isfinite(correlation)
        or error_count < 30
        or abs(correlation) < max(0.2, 3 / math.sqrt(error_count))
    ):
        return ""
    return (
        "Errors one step ahead follow each other: the last error says something of the next that "
        "the model does not use."
        if correlation > 0
        else "Errors one step ahead alternate: the model leans too much on the last value."
    )
