"""What a benchmark comes to: pure functions of its cells and of their windows' errors."""

import pandas as pd

from revin_forecast.shift.aggregates.corruption import mce, nce
from revin_forecast.shift.aggregates.curves import ausc, recovery
from revin_forecast.shift.aggregates.draws import WindowErrors
from revin_forecast.shift.aggregates.effective import effective
from revin_forecast.shift.aggregates.headline import headline
from revin_forecast.shift.aggregates.layout import panels
from revin_forecast.shift.aggregates.natural import natural
from revin_forecast.shift.aggregates.pairs import pairs, tests
from revin_forecast.shift.aggregates.panel import Panel
from revin_forecast.shift.statistics import RESAMPLES

__all__ = [
    "Panel",
    "WindowErrors",
    "aggregates",
    "ausc",
    "effective",
    "headline",
    "mce",
    "natural",
    "nce",
    "pairs",
    "panels",
    "recovery",
    "tests",
]


def aggregates(
    cells: pd.DataFrame, errors: WindowErrors, resamples: int = RESAMPLES
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
    laid_out = panels(cells, errors, resamples)
    table, errors_by_shift, ratios = headline(laid_out), nce(laid_out), pairs(laid_out)
    return {
        "headline": table,
        "nce": errors_by_shift,
        "mce": mce(errors_by_shift),
        "ausc": ausc(laid_out),
        "recovery": recovery(laid_out),
        "natural": natural(laid_out),
        "pairs": ratios,
        "tests": tests(ratios),
        "effective": effective(table),
    }
