"""Aggregates of a benchmark: pure functions of its cells and of their window errors."""

import pandas as pd

from revin_forecast.shift.aggregates.bootstrap import WindowErrors
from revin_forecast.shift.aggregates.build_panels import build_panels
from revin_forecast.shift.aggregates.channel_cells import channel_cells
from revin_forecast.shift.aggregates.channel_errors import ChannelErrors, channel_errors
from revin_forecast.shift.aggregates.dataset_errors import dataset_errors, fill_errors
from revin_forecast.shift.aggregates.degradation import area_under_shift_curve, recovery_ages
from revin_forecast.shift.aggregates.effective_robustness import (
    effective_robustness,
    natural_shift_deciles,
)
from revin_forecast.shift.aggregates.intervals import BlockScores, interval_scores
from revin_forecast.shift.aggregates.lacking import lacking_cells
from revin_forecast.shift.aggregates.leaderboard import leaderboard
from revin_forecast.shift.aggregates.normalized_error import mean_corruption_error, normalized_error
from revin_forecast.shift.aggregates.online import online_errors
from revin_forecast.shift.aggregates.pairwise import pairwise_ratios, pairwise_tests
from revin_forecast.shift.aggregates.panel import Panel
from revin_forecast.shift.statistics import DEFAULT_RESAMPLES

__all__ = [
    "ChannelErrors",
    "Panel",
    "WindowErrors",
    "aggregate_tables",
    "area_under_shift_curve",
    "build_panels",
    "channel_cells",
    "channel_errors",
    "dataset_errors",
    "effective_robustness",
    "fill_errors",
    "interval_scores",
    "lacking_cells",
    "leaderboard",
    "mean_corruption_error",
    "natural_shift_deciles",
    "normalized_error",
    "online_errors",
    "pairwise_ratios",
    "pairwise_tests",
    "recovery_ages",
]


def aggregate_tables(
    cells: pd.DataFrame,
    errors: WindowErrors,
    resamples: int = DEFAULT_RESAMPLES,
    blocks: BlockScores | None = None,
    channels: ChannelErrors | None = None,
) -> dict[str, pd.DataFrame]:
    """Return every aggregate table by name.

    The tables depend on the set of cells, not on the order of the rows.

    Args:
        cells: one row a cell, failed cells included.
        errors: window errors of each done cell. Cells without them have no interval.
        resamples: draws of the block bootstrap.
        blocks: block means of the interval scores of each done cell.
        channels: errors of the channels of each done cell.

    Raises:
        InputError: two rows describe the same cell.
    """
    panels = build_panels(cells, errors, resamples)
    headline = leaderboard(panels)
    ratios = pairwise_ratios(panels)
    return {
        "headline": headline,
        "nce": normalized_error(panels),
        "mce": mean_corruption_error(panels),
        "ausc": area_under_shift_curve(panels),
        "recovery": recovery_ages(panels),
        "natural": natural_shift_deciles(panels),
        "pairs": ratios,
        "tests": pairwise_tests(ratios),
        "effective": effective_robustness(headline),
        "dataset_errors": dataset_errors(panels),
        "channel_errors": channel_errors(panels, channels or ChannelErrors()),
        "fills": fill_errors(panels),
        "lacking": lacking_cells(panels),
        "intervals": interval_scores(panels, blocks or {}),
        "online": online_errors(panels),
    }
