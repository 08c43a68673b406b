"""The report of a shift benchmark: one self-contained page and a summary, from tables alone."""

from revin_forecast.reports.benchmark.page import write_benchmark_report

__all__ = ["write_benchmark_report"]
