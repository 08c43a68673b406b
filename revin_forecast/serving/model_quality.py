"""The quality of a saved model: its tests against the naive forecast, and the age of its rows."""

import math
from collections.abc import Mapping
from typing import Any, cast

import pandas as pd

from revin_forecast.data.formatting import pluralize
from revin_forecast.data.series import Series
from revin_forecast.forecasting.fitted import FittedModel

MAX_AGE_HORIZONS, MAX_AGE_SHARE = 4, 0.25
"""Steps after the last row fitted on, in horizons and in rows fitted on, beyond both of which a
response advises a new fit."""


def describe_quality(fitted: FittedModel) -> dict[str, Any] | None:
    """Return the tests of a model as plain values, for `GET /model`; None: it had no tests.

    The model was as good in a test if its mean absolute error was not larger than that of the naive
    forecast.
    """
    comparison = fitted.summary.get("naive_comparison")
    if not comparison or not any(comparison["tests"]):
        return None
    tests, as_good = comparison["tests"], comparison["as_good"]
    names = [fitted.history.names[target] for target in fitted.targets]
    shares = {
        name: good / count for name, count, good in zip(names, tests, as_good, strict=True) if count
    }
    worst = min(shares, key=shares.__getitem__)
    season = comparison["season"]
    return {
        "naive_season": season,
        "tests": max(tests),
        "as_good_share": round(sum(as_good) / sum(tests), 4),
        "worst_series": worst,
        "worst_share": round(shares[worst], 4),
        "series_behind": sum(share < 0.5 for share in shares.values()),
        **_describe_mase(fitted.summary.get("selection") or {}, season),
        "interval_method": fitted.summary.get("interval_method"),
        "interval_tests": fitted.summary.get("calibration_windows"),
    }


def note_age(newer: Series, fitted: FittedModel) -> list[str]:
    """Return a note if a table is far newer than the rows that the model was fitted on.

    Args:
        newer: rows of the table.
        fitted: the model.
    """
    last, times = cast(pd.Timestamp, fitted.history.timestamps[-1]), newer.timestamps
    if len(times) < 2 or (last.tz is None) != (times.tz is None):
        return []
    before_last, newest = cast(list[pd.Timestamp], list(times[-2:]))
    steps = round((newest - last) / (newest - before_last))
    rows = fitted.summary.get("rows") or 0
    if steps <= max(MAX_AGE_HORIZONS * fitted.config.horizon, MAX_AGE_SHARE * rows):
        return []
    return [
        f"the table ends about {pluralize(steps, 'step')} after {last:%Y-%m-%d}, the last row that "
        "the model was fitted on. Fit it again, since the series may have changed."
    ]


def _describe_mase(selection: Mapping[str, Any], season: int) -> dict[str, float | None]:
    """Return the errors of the model and of the naive forecast in the tests that chose the model.

    They are multiples of the mean error of the naive forecast within the rows fitted on.
    """
    naive = f"SeasonalNaive ({season})" if season > 1 else "Repeat"
    errors = {entry["model"]: entry["mase"] for entry in selection.get("candidates", ())}
    found = {"mase": selection.get("mase"), "naive_mase": errors.get(naive)}
    return {
        key: round(value, 4) if value is not None and math.isfinite(value) else None
        for key, value in found.items()
    }
