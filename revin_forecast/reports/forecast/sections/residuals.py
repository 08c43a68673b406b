"""The section on the residuals of the backtest: bias, autocorrelation and outliers."""

import math

import numpy as np
from markupsafe import Markup

from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.formatting import format_number
from revin_forecast.reports.templates import render_template

MIN_OUTLIER_RATIO = 12.0
"""Ratio to the 90 % quantile of absolute errors above which an error is an outlier."""
MIN_ERRORS = 10
"""Number of errors below which no outlier is sought and no all-clear is given."""


def bias_sign(errors: np.ndarray) -> int:
    """Return the sign of a significant bias: 1 above zero, -1 below, or 0 without one.

    Errors within a path are correlated, so the test uses the mean of each path.

    Args:
        errors: truth minus forecast (paths, horizon), of paths that do not overlap; NaN where
            unobserved.

    >>> bias_sign(np.ones((8, 5)) + np.arange(8)[:, None] / 10)
    1
    """
    observed = np.isfinite(errors)
    has_values = observed.any(1)
    means = np.where(observed, errors, 0).sum(1)[has_values] / observed.sum(1)[has_values]
    if len(means) < 4:  # too few for a standard deviation
        return 0
    # Three standard errors, from the spread of the paths' means.
    is_significant = abs(means.mean()) > 3 * means.std(ddof=1) / math.sqrt(len(means))
    return int(np.sign(means.mean())) if is_significant else 0


def autocorrelation(errors: np.ndarray) -> float:
    """Return the autocorrelation of errors at lag 1, or NaN if it is undefined.

    Args:
        errors: errors (origins,) in order, NaN where unobserved.

    >>> round(autocorrelation(np.array([1.0, -1, 1, -1, 1, -1])), 3)
    -1.0
    """
    is_pair = np.isfinite(errors[1:]) & np.isfinite(errors[:-1])
    if is_pair.sum() < 3:
        return math.nan
    current, previous = errors[1:][is_pair], errors[:-1][is_pair]
    # Errors near the limit of float64 have an infinite deviation.
    with np.errstate(over="ignore", invalid="ignore"):
        spread = current.std() * previous.std()
    if spread == 0 or not np.isfinite(spread):
        return math.nan
    return float(((current - current.mean()) * (previous - previous.mean())).mean() / spread)


def largest_outlier(errors: np.ndarray) -> int | None:
    """Return the index of the largest error if it is an outlier, otherwise None.

    Args:
        errors: errors (origins,), NaN where unobserved.

    >>> largest_outlier(np.array([1.0, -1, 2, 1, -2, 1, 99, 1, -1, 1, 1, 2]))
    6
    >>> print(largest_outlier(np.ones(12)))
    None
    """
    sizes = np.abs(errors)
    observed_sizes = sizes[np.isfinite(sizes)]
    if len(observed_sizes) < MIN_ERRORS:
        return None
    # The quantile is 0 for a series that rarely changes: its changes are not outliers.
    usual_size = np.quantile(observed_sizes, 0.9)
    index = int(np.nanargmax(sizes))
    return index if 0 < MIN_OUTLIER_RATIO * usual_size < sizes[index] else None


def render_residuals(content: ReportContent) -> Markup:
    """Return bias, autocorrelation and outliers of each series, with a finding in words."""
    result = content.backtest
    if isinstance(result, str):
        reason = f"There are no errors without a backtest. {result}"
        return render_template("missing.html.jinja", text=reason)
    rows = []
    for index, series in enumerate(result.paths.names):
        # Errors several rows apart have another autocorrelation, which no model could have used.
        errors = result.paths.next_errors[:, index]
        correlation = autocorrelation(errors) if result.step == 1 else math.nan
        rows.append(
            {
                "series": series,
                "mean": float(result.paths.mean_error[index]),
                "correlation": correlation,
                "finding": _describe_residuals(content, result, index, correlation),
            }
        )
    return render_template(
        "forecast/sections/residuals.html.jinja",
        rows=rows,
        step=result.step,
        path_count=len(result.paths.rows),
        forecast_count=len(result.cutoffs),
    )


def _describe_residuals(
    content: ReportContent, result: BacktestResult, index: int, correlation: float
) -> str:
    """Return the findings about the errors of one series."""
    paths = result.paths
    mean, errors = float(paths.mean_error[index]), paths.next_errors[:, index]
    if math.isnan(mean):
        return "No value was observed."
    error_count = int(np.isfinite(errors).sum())
    path_errors = paths.truth[:, :, index] - paths.forecast[:, :, index]
    sign = bias_sign(path_errors)
    size = float(result.series_scores["mae"].iloc[index])
    bias = (
        _describe_bias(mean, sign)
        if sign
        else _describe_possible_bias(mean, size, len(path_errors))
    )
    sentences = [bias, _describe_autocorrelation(correlation, error_count)]
    outlier = largest_outlier(errors)
    if outlier is not None:
        row = paths.next_rows[outlier]
        date = format_timestamp(content.get_timestamps(paths.names[index])[row])
        sentences.append(
            f"The largest error, {format_number(errors[outlier])} on {date}, is far beyond the "
            "others: check the cause."
        )
    if error_count < MIN_ERRORS:
        sentences.append("Too few errors to judge.")
    return " ".join(filter(None, sentences)) or "Nothing unusual."


def _describe_bias(mean: float, sign: int) -> str:
    # The mean over all forecasts may have the other sign than that over non-overlapping paths.
    if sign * mean <= 0:
        return ""
    side = "low" if mean > 0 else "high"
    return f"Forecasts were too {side}, by {format_number(abs(mean))} on average."


def _describe_possible_bias(mean: float, size: float, path_count: int) -> str:
    """Return a sentence on a bias that exceeds half the mean absolute error but may be chance."""
    # A mean error near the mean absolute error has nearly all errors on one side.
    if not abs(mean) > size / 2:
        return ""
    side = "low" if mean > 0 else "high"
    return (
        f"Forecasts were mostly too {side}, by {format_number(abs(mean))} on average; with "
        f"{pluralize(path_count, 'non-overlapping forecast')} this may be chance."
    )


def _describe_autocorrelation(correlation: float, error_count: int) -> str:
    # 3 / sqrt(n) is three standard errors of an autocorrelation of white noise.
    if (
        not math.isfinite(correlation)
        or error_count < 30
        or abs(correlation) < max(0.2, 3 / math.sqrt(error_count))
    ):
        return ""
    return (
        "Errors one step ahead are correlated: the last error predicts a part of the next that the "
        "model misses."
        if correlation > 0
        else "Errors one step ahead alternate: the model relies too much on the last value."
    )
