"""Checks for problems in the values of a table."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.quality_checks import find_issues
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series

ROWS = 300
STAMPS = pd.date_range("2024-01-01", periods=ROWS, freq="D")


def make_wave(seed=0):
    random = np.random.default_rng(seed)
    return 20 + 5 * np.sin(np.arange(ROWS) * 2 * np.pi / 7) + random.normal(size=ROWS)


def find_issues_in(values):
    return find_issues(Series(values[:, None], STAMPS, ("a",), "D"))


def find_single_issue(values, kind):
    issues = find_issues_in(values)
    assert [issue.kind for issue in issues] == [kind]
    return issues[0]


@pytest.mark.parametrize("seed", range(8))
def test_ordinary_series_have_no_issues(seed):
    random = np.random.default_rng(seed)
    assert find_issues_in(make_wave(seed)) == []
    assert find_issues_in(np.cumsum(random.normal(size=ROWS))) == []
    assert find_issues_in(np.exp(random.normal(size=ROWS))) == []
    counts, switch = random.poisson(0.9, ROWS), np.sign(np.sin(np.arange(ROWS) / 5))
    assert find_issues_in(counts.astype(float)) == []  # repeated zeros are normal
    assert find_issues_in(switch) == []  # so are repeated values of a switch
    assert find_issues_in(np.round(make_wave(seed))) == []


def test_counts_gaps_and_locates_the_longest():
    values = make_wave()
    values[[3, 50, 51, 52, 200]] = np.nan
    issue = find_single_issue(values, "gaps")
    assert issue.description == (
        "5 of 300 values are not observed, in 3 gaps; the longest has 3 rows, from 2024-02-20"
    )
    assert not issue.is_serious
    values[60:90] = np.nan
    assert "less accurate" in find_single_issue(values, "gaps").advice


def test_a_stuck_value():
    values = make_wave()
    values[100:130] = 17.5
    issue = find_single_issue(values, "stuck")
    assert issue.description == "is 17.5 in 30 consecutive rows from 2024-04-10"
    assert issue.is_serious
    assert "empty these cells" in issue.advice


def test_distinguishes_spikes_from_steps():
    values = make_wave()
    values[[40, 120]] = 400, -90
    assert (
        find_single_issue(values, "spikes").description == "2 spikes, the largest 400 on 2024-02-10"
    )
    for end in (0, -1):
        values = make_wave()
        values[end] = 400
        assert find_single_issue(values, "spikes").description.startswith(
            "1 spike, the largest 400 on 2024-"
        )
    step = make_wave()
    step[150:] += 100  # the level changed, which is not an error
    assert find_issues_in(step) == []


def test_reports_interpolated_gaps():
    values = make_wave()[:, None]
    values[100:110] = np.nan
    series = read_series(Series(values, STAMPS, ("a",), "D"), missing="interpolate")
    (issue,) = find_issues(series)
    assert issue.description.startswith("10 of 300 values are not observed, in 1 gap")
    assert issue.advice.startswith("They were interpolated.")


def test_counts_that_are_mostly_zero():
    values = np.random.default_rng(0).poisson(0.3, ROWS).astype(float)
    issue = find_single_issue(values, "zeros")
    assert issue.description == f"is mostly 0 ({(values == 0).mean():.0%}) and never negative"
    assert "a method for intermittent demand (TSB)" in issue.advice
    assert not issue.is_serious
    assert find_issues_in(values - (values == 1) * 2) == []  # a balance may be negative


def test_empty_and_constant_series():
    assert find_single_issue(np.full(ROWS, np.nan), "empty").description == "no value is observed"
    issue = find_single_issue(np.full(ROWS, 3.0), "constant")
    assert issue.description == "never changes: all 300 values are 3"


def test_late_starts_early_ends_and_copies():
    frames = [
        pd.DataFrame({"unique_id": name, "ds": STAMPS[rows], "y": make_wave(seed)[rows]})
        for name, seed, rows in (
            ("a", 0, slice(0, 300)),
            ("b", 1, slice(40, 290)),
            ("c", 0, slice(0, 300)),
        )
    ]
    series = read_series(pd.concat(frames))
    for table in (series, series.align_ends()):
        issues = {issue.kind: issue for issue in find_issues(table)}
        assert list(issues) == ["copy", "ended", "late"]  # the most harmful first
        assert issues["copy"].series == "c"
        assert issues["copy"].description == "is the same as 'a', value for value"
        assert issues["ended"].description.startswith("its last value is 10 rows before")
        assert issues["ended"].description.endswith("on 2024-10-16")
        assert issues["late"].description.endswith("on 2024-02-10")
