"""Comparison with the naive forecast: ties, gaps, and the tests of every way of fitting."""

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster
from revin_forecast.backbones import Ridge, SeasonalNaive
from revin_forecast.selection.naive_comparison import (
    NaiveComparison,
    compare_with_naive,
    forecast_naively,
    join_comparisons,
)

UNKNOWN = torch.nan


def make_errors(*tests):
    """Return (tests, horizon, 1) errors."""
    return torch.tensor(tests, dtype=torch.float64).unsqueeze(2)


def test_counts_tests_in_which_the_mean_error_is_not_larger():
    model = make_errors([1, 1], [3, 0], [1, 4], [UNKNOWN, 1], [UNKNOWN, UNKNOWN])
    naive = make_errors([1, 1 + 1e-9], [2, 2], [2, 2], [0, 2], [1, 1])
    found = compare_with_naive(model, {1: naive}, season=1)
    assert found.summarize(None) == {"season": 1, "tests": [4], "as_good": [3], "steps": 2}


def test_without_a_seasonal_forecast_the_last_value_is_the_standard():
    model, nothing = make_errors([1.0]), make_errors([UNKNOWN])
    found = compare_with_naive(model, {7: nothing, 1: 2 * model}, season=7)
    assert found.summarize([0]) == {"season": 1, "tests": [1], "as_good": [1], "steps": 1}
    found = compare_with_naive(model, {7: 0.5 * model, 1: 2 * model}, season=7)
    assert found.summarize(None) == {"season": 7, "tests": [1], "as_good": [0], "steps": 1}


def test_parts_with_another_season_do_not_count():
    parts = [
        NaiveComparison(7, torch.tensor([5, 6]), torch.tensor([1, 2]), 4),
        NaiveComparison(1, torch.tensor([3]), torch.tensor([3]), 9),
    ]
    joined = join_comparisons(parts, torch.tensor([2, 0, 1]))
    expected = {"season": 7, "tests": [0, 5, 6], "as_good": [0, 1, 2], "steps": 4}
    assert joined.summarize(None) == expected


def test_naive_forecast_is_that_of_the_backbone_and_fills_gaps():
    past = torch.randn(3, 10, 2)
    assert forecast_naively(past, 6, 4).equal(SeasonalNaive(10, 6, 2, season=4)(past))
    past = torch.tensor([1.0, 2, UNKNOWN, 4]).reshape(1, 4, 1)
    assert forecast_naively(past, 3, 2).flatten().tolist() == [2, 4, 2]


@pytest.mark.parametrize(
    ("rows", "options"),
    [(120, {}), (700, {}), (1300, {}), (300, {"backbone": Ridge})],
    ids=["series", "joined", "table", "named"],
)
def test_every_fit_compares_its_tests(rows, options):
    # A season with noise: repeating the last season doubles the variance of the noise.
    noise = np.random.default_rng(0).normal(size=(rows, 2))
    values = 10 * np.sin(np.arange(rows) * 2 * np.pi / 7)[:, None] + noise
    table = pd.DataFrame(values, columns=["a", "b"])
    table.insert(0, "date", pd.date_range("2020-01-01", periods=rows, freq="D"))
    summary = Forecaster(horizon=7, **options).fit(table).fitted.summary
    found = summary["naive_comparison"]
    windows = summary.get("selection", {"windows": summary["calibration_windows"]})["windows"]
    assert found["season"] == 7
    assert found["tests"] == [windows, windows]
    assert all(0.7 * windows < count <= windows for count in found["as_good"])
    assert found["steps"] == 7


def test_steps_that_no_test_reached_are_counted_out():
    model = make_errors([1, UNKNOWN, UNKNOWN], [1, 2, UNKNOWN])
    found = compare_with_naive(model, {1: make_errors([1, 1, 1], [1, 1, 1])}, season=1)
    assert found.steps == 2
