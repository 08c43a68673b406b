"""The tables of the report as HTML, as functions of its input tables."""

from revin_forecast.reports.benchmark.tables.context import (
    render_checks,
    render_failures,
    render_provenance,
    render_shift_cards,
)
from revin_forecast.reports.benchmark.tables.details import (
    render_detail_tables,
    render_equivariance_gaps,
    render_regrets,
)
from revin_forecast.reports.benchmark.tables.scores import render_leaderboard, render_shift_tables

__all__ = [
    "render_checks",
    "render_detail_tables",
    "render_equivariance_gaps",
    "render_failures",
    "render_leaderboard",
    "render_provenance",
    "render_regrets",
    "render_shift_cards",
    "render_shift_tables",
]
