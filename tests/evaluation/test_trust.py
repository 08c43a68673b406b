"""The judgement of a backtest cannot flatter: one bad series is enough for it not to be good."""

import math
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.data.formatting import format_percent
from revin_forecast.evaluation import BacktestResult
from revin_forecast.evaluation.backtest_scores import FORECAST_PREFIXES, ForecastPaths
from revin_forecast.evaluation.describe_trust import (
    STATE_NAMES,
    describe_trust,
    list_remarks,
    sort_worst_first,
    to_trust_record,
)
from revin_forecast.evaluation.trust import MIN_INDEPENDENT, find_tolerance, judge_backtest
from revin_forecast.forecasting.fitted import FittedModel

GOOD = {"mase": 0.5, "coverage-80": 80.0, "width-80": 1.0}
PERCENT = st.floats(0, 100)
ERROR = st.floats(0, 3)


def make_fitted(**shares):
    candidates = [{"model": name, "share": share} for name, share in shares.items()]
    summary = {"selection": {"candidates": candidates}} if shares else {}
    fitted = Mock(spec=FittedModel)
    fitted.history, fitted.summary = SimpleNamespace(frequency="D"), summary
    return fitted


def make_result(*rows, forecasts=64, horizon=8, excluded=(), fitted=None):
    """Return a backtest of series whose naive forecasts have the error 1, every row an origin."""
    table = [
        {"series": f"s{index}", "observed": forecasts * horizon, "repeat_mase": 1.0}
        | {"seasonal_naive_mase": 1.2}
        | GOOD
        | row
        for index, row in enumerate(rows)
    ]
    frame = pd.DataFrame(table)
    for prefix in FORECAST_PREFIXES:
        frame[f"{prefix}mae"] = frame[f"{prefix}mase"].fillna(1e-15)
    paths = Mock(spec=ForecastPaths)
    paths.next_rows = np.arange(100, 100 + forecasts)
    levels = tuple(float(name[9:]) for name in frame if name.startswith("coverage-"))
    return BacktestResult(
        frame,
        frame.drop(columns="series").mean().to_dict(),
        pd.DataFrame({"step": range(1, horizon + 1)}),
        paths,
        pd.date_range("2024-01-01", periods=forecasts),
        7,
        levels,
        excluded,
        1,
        fitted or make_fitted(),
    )


@given(st.lists(st.tuples(ERROR, PERCENT), min_size=1, max_size=12), st.integers(1, 200))
def test_no_good_state_with_a_bad_series(rows, forecasts):
    scores = [{"mase": error, "coverage-80": coverage} for error, coverage in rows]
    trust = judge_backtest(make_result(*scores, forecasts=forecasts))
    text = describe_trust(trust)
    states = {entry.state for entry in trust.series}
    if trust.state == "good":
        assert states == {"good"}
        assert all(error <= 0.95 and coverage >= 65 for error, coverage in rows)
        assert trust.independent >= MIN_INDEPENDENT
    if "bad" in states:
        assert trust.state in ("bad", "mixed")
    # A series that is worse than a naive forecast is never hidden behind the others.
    assert ("worse than" in text) == any(error > 1.01 for error, _ in rows)
    # Nor is one whose intervals are far too narrow.
    if trust.independent >= 2 and any(coverage < 65 for _, coverage in rows):
        assert "80 % intervals" in text
        assert trust.state != "good"
    assert text.startswith(f"{STATE_NAMES[trust.state]}: ")
    assert list_remarks(trust) is not None
    assert sort_worst_first(trust.series)[0].state != "good" or states == {"good"}


@given(st.integers(2, 30), st.data())
def test_one_bad_series_among_many_is_named(count, data):
    bad = data.draw(st.integers(0, count - 1))
    rows = [{"mase": 1.5} if index == bad else {} for index in range(count)]
    trust = judge_backtest(make_result(*rows))
    assert trust.state in ("mixed", "bad")
    assert f"s{bad} is worse than repeating the last value" in describe_trust(trust)
    assert sort_worst_first(trust.series)[0].series == f"s{bad}"


def test_overlapping_forecasts_are_counted_once():
    text = describe_trust(judge_backtest(make_result({}, forecasts=405, horizon=52)))
    assert text.endswith("405 forecasts, about 8 of them independent")
    few = judge_backtest(make_result({}, forecasts=20, horizon=8))
    assert few.independent == 3
    assert few.state == "unknown"
    assert describe_trust(few) == (
        "too little data to judge: 20 forecasts, about 3 of them independent; the error is 50 % "
        "lower than that of repeating the last value"
    )


def test_faults_come_first_with_the_worst_series():
    rows = [{"coverage-80": share} for share in (48.5, 61.7, 54.9, 81.0, 98.0)]
    trust = judge_backtest(make_result({"mase": 1.02}, *rows, forecasts=33))
    assert describe_trust(trust) == (
        "mixed: 3 of 6 series hold under 65 % of the values in 80 % intervals: s1 (49 %), "
        "s3 (55 %), s2 (62 %); s0 is worse than repeating the last value; 1 of 6 series holds over "
        "95 % of the values in 80 % intervals: s5 (98 %); 33 forecasts, about 5 of them independent"
    )
    remarks = " ".join(list_remarks(trust))
    assert (
        "it is lower by more than 5 % than that of the better naive forecast in 5 of 6" in remarks
    )
    assert "over all series the 80 % intervals held 71 % of the values" in remarks
    assert "chance alone moves the share held by 80 % intervals by about 18 points" in remarks


def test_a_rounded_coverage_does_not_contradict_its_bound():
    trust = judge_backtest(make_result({"coverage-80": 64.6}, {}, forecasts=33))
    assert "1 of 2 series holds under 65 % of the values in 80 % intervals: s0 (64.6 %)" in (
        describe_trust(trust)
    )


def test_single_series():
    trust = judge_backtest(make_result({"coverage-80": 79.6}))
    assert trust.state == "good"
    assert "the error is 50 % lower than that of repeating the last value, and" in (
        describe_trust(trust)
    )
    narrow = judge_backtest(make_result({"coverage-80": 53.2}))
    assert narrow.state == "mixed"
    assert "mixed: the 80 % intervals held only 53 % of the values;" in describe_trust(narrow)
    worse = judge_backtest(make_result({"mase": 2.5, "coverage-80": 53.2}))
    assert worse.state == "bad"
    assert "its error is 2.50 times as large" in describe_trust(worse)


@pytest.mark.parametrize("excluded", [(), ("new",)])
def test_unchecked_series_are_named(excluded):
    gone = {"observed": 0, "mase": math.nan, "repeat_mase": math.nan, "coverage-80": math.nan}
    rows = [{}, {}] if excluded else [{}, gone | {"seasonal_naive_mase": math.nan}, {}]
    trust = judge_backtest(make_result(*rows, excluded=excluded))
    assert trust.state == "mixed"
    name = "new" if excluded else "s1"
    text = describe_trust(trust)
    assert "1 of 3 series could not be checked, because values are missing before" in text
    assert f"last rows: {name};" in text


def test_constant_series_are_no_fault():
    flat = dict.fromkeys(("repeat_mase", "seasonal_naive_mase", "width-80"), 0.0)
    flat |= {"mase": math.nan, "coverage-80": 4.0}
    assert judge_backtest(make_result({}, flat)).state == "good"
    text = describe_trust(judge_backtest(make_result(flat)))
    assert text.startswith("too little data to judge: ")
    assert "the rows do not vary, so errors have no scale" in text
    moved = {"mase": 0.5, "repeat_mase": 0.0, "seasonal_naive_mase": 0.0}
    assert judge_backtest(make_result({}, moved)).series[1].state == "bad"


def test_another_model_in_the_backtest_is_named():
    result = make_result({}, fitted=make_fitted(Repeat=1.0))
    trust = judge_backtest(result, make_fitted(Ridge=0.9, Repeat=0.1))
    assert trust.state == "mixed"
    change = "the backtest chose Repeat (100 %), the forecast uses Ridge (90 %)"
    assert change in describe_trust(trust)
    assert judge_backtest(result, make_fitted(Repeat=0.8, Ridge=0.2)).model_change == ""
    assert judge_backtest(result, make_fitted()).model_change == ""


@given(PERCENT, st.integers(1, 5000))
def test_tolerance_shrinks_with_independent_forecasts(level, independent):
    tolerance = find_tolerance(level, independent)
    assert 5 <= tolerance <= 15
    assert tolerance >= find_tolerance(level, 10 * independent)


def test_record_and_text_agree():
    trust = judge_backtest(make_result({"mase": 1.5}, {}))
    record = to_trust_record(trust)
    assert record["text"] == describe_trust(trust)
    assert record["state"] == trust.state
    assert [entry["is_worse"] for entry in record["series"]] == [True, False]
    assert to_trust_record(None) is None


@given(st.floats(0, 100))
def test_percent_is_never_flattered(value):
    text = format_percent(value)
    assert (text == "100 %") == (value == 100)
    assert (text == "0 %") == (value == 0)
