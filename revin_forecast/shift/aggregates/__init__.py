"""What a benchmark comes to: pure functions of its cells and of their windows' errors."""

import pandas as pd

from revin_forecast.shift.aggregates.bootstrap import WindowErrors
from revin_forecast.shift.aggregates.degradation import area_under_shift_curve, recovery_ages
from revin_forecast.shift.aggregates.effective_robustness import (
    effective_robustness,
    natural_shift_deciles,
)
from revin_forecast.shift.aggregates.leaderboard import leaderboard
from revin_forecast.shift.aggregates.normalized_error import mean_corruption_error, normalized_error
from revin_forecast.shift.aggregates.pairwise import pairwise_ratios, pairwise_tests
from revin_forecast.shift.aggregates.panel import Panel, build_panels
from revin_forecast.shift.statistics import DEFAULT_RESAMPLES

__all__ = [
    "Panel",
    "WindowErrors",
    "aggregate_tables",
    "area_under_shift_curve",
    "build_panels",
    "effective_robustness",
    "leaderboard",
    "mean_corruption_error",
    "natural_shift_deciles",
    "normalized_error",
    "pairwise_ratios",
    "pairwise_tests",
    "recovery_ages",
]


def aggregate_tables(
    cells: pd.DataFrame, errors: WindowErrors, resamples: int = DEFAULT_RESAMPLES
) -> dict[str, pd.DataFrame]:
    """Return every aggregate by its name.

    They depend on which cells there are, not on the order of the rows.

    Args:
        cells: one row a cell, the failed among them.
        errors: of the windows of each done cell; where they are absent there is no interval.
        resamples: of the block bootstrap.

    Raises:
        InputError: two rows are of one cell.
    """
    laid_out = build_panels(cells, errors, resamples)
    table, errors_by_shift, ratios = (
        leaderboard(laid_out),
        normalized_error(laid_out),
        pairwise_ratios(laid_out),
    )
    return {
        "headline": table,
        "nce": errors_by_shift,
        "mce": mean_corruption_error(errors_by_shift),
        "ausc": area_under_shift_curve(laid_out),
        "recovery": recovery_ages(laid_out),
        "natural": natural_shift_deciles(laid_out),
        "pairs": ratios,
        "tests": pairwise_tests(ratios),
        "effective": effective_robustness(table),
    }
