"""The report of a shift benchmark: a self-contained page and a summary, made from its tables."""

from revin_forecast.reports.benchmark.page import write_benchmark_report

__all__ = ["write_benchmark_report"]
