"""Summary of a forecast in words: each variant says what was forecast, and nothing absurd."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from revin_forecast import DLinear, Forecaster, Ridge
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import TableFormat
from revin_forecast.forecasting.describe_forecast import (
    NO_TESTS,
    ForecastText,
    describe_forecast,
    list_lines,
)
from revin_forecast.forecasting.forecast_summary import (
    ForecastSummary,
    SeriesSummary,
    predict_with_summary,
)
from revin_forecast.training.settings import TrainingSettings

RNG = np.random.default_rng(0)


def make_entry(mean=4310.284, past_mean=4105.0, **changes):
    entry = SeriesSummary(
        series="sold",
        mean=mean,
        total=12 * mean,
        is_intermittent=False,
        is_constant=False,
        past_mean=past_mean,
        change_percent=100 * (mean / past_mean - 1) if past_mean else None,
        first_range=(3904.3, 4702.9),
        last_range=(3513.0, 5218.0),
        widest_range=(3513.0, 5218.0),
        spread=900.0,
        tests=24,
        as_good=19,
    )
    return replace(entry, **changes)


def make_summary(*entries, **changes):
    summary = ForecastSummary(
        horizon=12,
        frequency="MS",
        first=pd.Timestamp("2025-01-01"),
        last=pd.Timestamp("2025-12-01"),
        past_lag=12,
        past_steps=12,
        level=80.0,
        naive_season=12,
        tests_chose_model=True,
        series=entries or (make_entry(),),
        total=None,
        past_total=None,
    )
    return replace(summary, **changes)


def write(*entries, **changes):
    """Return the parts of the answer."""
    return describe_forecast(make_summary(*entries, **changes)).answer


def test_the_answer_comes_first():
    assert write() == [
        "next 12 months of sold, 2025-01 to 2025-12: 4,310 a month on average, 5 % above the last "
        "12",
        "80 % between 3,900 and 4,700 for the first month, 3,510 and 5,220 for the last",
        "as good as or better than repeating the last year in 79 % of 24 tests on past rows, "
        "which also served to choose the model",
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"horizon": 1, "past_lag": 12, "past_steps": 1}, "above the same month a year before"),
        ({"horizon": 1, "past_lag": 1, "past_steps": 1}, "4,310, 5 % above the last value"),
        ({"past_lag": 24, "past_steps": 3}, "above the same months 2 years before"),
        ({"frequency": "15min", "past_lag": 96, "past_steps": 4}, "the same steps a day before"),
        ({"frequency": "15min"}, "next 12 15-minute steps of sold, 2025-01-01 to 2025-12-01: 4,31"),
        ({"frequency": "h", "first": pd.Timestamp("2025-01-01 07:00")}, "sold, 2025-01-01 07:00 "),
        ({"frequency": "B"}, "4,310 a business day on average"),
        ({"frequency": "h"}, "4,310 an hour on average"),
        ({"frequency": None}, "next 12 steps of sold"),
        ({"frequency": "QS"}, "2025Q1 to 2025Q4: 4,310 a quarter"),
        ({"frequency": "YS"}, "next 12 years of sold, 2025 to 2025"),
        ({"first": None, "last": None}, "next 12 months of sold, each from its own end: 4,310"),
    ],
)
def test_steps_in_words(changes, text):
    assert text in write(**changes)[0]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (make_entry(-2.0, 3.0, change_percent=None, spread=1.0), "-2 a month on average, down fro"),
        (make_entry(-2.0, 3.0, change_percent=None, spread=1.0), "down from 3 in the last 12"),
        (make_entry(5.0, 0.0, change_percent=None, spread=1.0), "5 a month on average, up from 0 "),
        (make_entry(5.0, 5.0, change_percent=0.0, spread=1.0), "average, the same as the last 12"),
        (make_entry(5.0, 6.0, change_percent=-16.7, spread=1.0), "average, 17 % below the last 12"),
        (make_entry(5.0, None, spread=1.0), "2025-12: 5 a month on average"),
        (make_entry(0.41, 0.3, is_intermittent=True, total=12.3), ": 12.3 in all, 0.41 a month on"),
        (make_entry(series="x" * 50), f"next 12 months of {'x' * 37}..., 2025-01"),
    ],
)
def test_amounts_and_changes(entry, text):
    assert text in write(entry)[0]


def test_a_constant_needs_no_range_and_no_tests():
    entry = make_entry(5.0, 5.0, is_constant=True)
    assert write(entry) == [
        "next 12 months of sold, 2025-01 to 2025-12: 5 in each, as in the rows before"
    ]
    assert write(entry, horizon=1)[0].endswith(": 5, as in the rows before")


@pytest.mark.parametrize(
    ("entry", "changes", "last"),
    [
        (make_entry(), {"naive_season": 1}, "than repeating the last value in 79 % of 24 tests on"),
        (make_entry(), {"tests_chose_model": False}, "which also served to tune the model"),
        (make_entry(tests=3, as_good=2), {}, "in 2 of 3 tests on past rows"),
        (make_entry(), {"tested_steps": 3}, "tests of up to 3 steps on past rows"),
        (make_entry(tests=0, as_good=0), {}, NO_TESTS),
        (make_entry(), {"naive_season": None}, "80 % between 3,900 and 4,700 for"),
        (make_entry(tests=0, is_intermittent=True), {}, "80 % between 3,900 and 4,700 for"),
        (make_entry(), {"naive_season": None, "horizon": 1}, "80 % between 3,900 and 4,700"),
        (
            make_entry(last_range=(3904.3, 4702.9)),
            {"naive_season": None},
            "80 % between 3,900 and 4,700 for the first month and for the last",
        ),
        (make_entry(first_range=None), {"level": None, "naive_season": None}, "next 12 months of"),
    ],
)
def test_ranges_and_tests(entry, changes, last):
    assert last in write(entry, **changes)[-1]


def test_several_series_are_a_table():
    entries = [
        make_entry(series="north"),
        make_entry(-2.0, 3.0, change_percent=None, spread=1.0, series="south"),
        make_entry(0.4, None, is_intermittent=True, total=4.8, first_range=None, widest_range=None),
        *(make_entry(series=f"shop {number}") for number in range(9)),
    ]
    text = describe_forecast(make_summary(*entries, total=43100.0, past_total=41050.0))
    assert text.answer == ["next 12 months of 12 series, 2025-01 to 2025-12:"]
    assert text.headings == (
        "series", "a month on average", "against the last 12", "80 % limits, lowest to highest",
    )  # fmt: skip
    assert text.rows[:3] == (
        ("north", "4,310", "+5 %", "3,510 to 5,220"),
        ("south", "-2", "down from 3", "3,513 to 5,218"),
        ("sold", "0.4", "", ""),
    )
    assert len(text.rows) == 10
    assert text.remarks == (
        "and 2 more series",
        "all series together: 43,100, 5 % above the last 12",
        "as good as or better than repeating the last year in 79 % of 288 tests of 12 series on "
        "past rows, which also served to choose the model",
    )
    assert list_lines(ForecastText(["a", "b"], remarks=("d",)), ["c"]) == ["a", "  b", "  c", "  d"]


def make_series(rows, values, frequency="D", names=("sold",), **options):
    stamps = pd.date_range("2024-01-01", periods=rows, freq=frequency)
    return Series(np.asarray(values, float).reshape(rows, -1), stamps, names, frequency, **options)


def summarize(series, horizon=7, level=(), **options):
    fitted = Forecaster(horizon, **options).fit(series).fitted
    return predict_with_summary(fitted, series, level=level)


WEEK = 100 + 10 * np.sin(np.arange(280) * 2 * np.pi / 7) + RNG.normal(size=280)


def test_numbers_are_those_of_the_forecast_and_the_rows():
    series = make_series(280, WEEK)
    frame, summary = summarize(series, level=[80])
    (entry,) = summary.series
    assert entry.mean == pytest.approx(frame["sold"].mean())
    assert entry.total == pytest.approx(frame["sold"].sum())
    assert entry.past_mean == pytest.approx(WEEK[-7:].mean())
    assert entry.change_percent == pytest.approx(100 * (entry.mean / WEEK[-7:].mean() - 1))
    assert entry.first_range == tuple(frame[["sold-lo-80", "sold-hi-80"]].iloc[0])
    assert entry.last_range == tuple(frame[["sold-lo-80", "sold-hi-80"]].iloc[-1])
    assert entry.widest_range == (frame["sold-lo-80"].min(), frame["sold-hi-80"].max())
    assert (summary.first, summary.last) == (frame["date"].iloc[0], frame["date"].iloc[-1])
    assert (summary.past_lag, summary.past_steps, summary.naive_season) == (7, 7, 7)
    assert entry.tests == 40


def test_the_range_adds_no_columns_and_changes_no_forecast():
    series = make_series(280, WEEK)
    forecaster = Forecaster(3).fit(series)
    frame, summary = predict_with_summary(forecaster.fitted, series)
    pd.testing.assert_frame_equal(frame, forecaster.predict())
    assert summary.level == 80
    # Three days are compared with the same days a week before.
    assert (summary.past_lag, summary.past_steps) == (7, 3)
    assert summary.series[0].past_mean == pytest.approx(WEEK[-7:-4].mean())


def test_columns_with_the_names_of_limits_do_not_matter():
    series = make_series(140, WEEK.reshape(140, 2), names=("a", "a-lo-80"))
    frame, summary = summarize(series)
    assert frame.columns.tolist() == ["date", "a", "a-lo-80"]
    assert summary.level == 80


def test_few_rows_have_no_tests_and_no_range():
    _, summary = summarize(make_series(1, [5.0]))
    assert summary.level is None
    assert summary.series[0].is_constant
    _, summary = summarize(make_series(1, [[5.0, 6.0]], names=("a", "b")))
    text = describe_forecast(summary)
    assert NO_TESTS not in text.remarks  # constants need none
    average = ("a day on average", "against the last value")
    assert text.headings == ("series", "now", "by 2024-01-08", *average)


def test_intermittent_series_are_summed_and_have_no_tests_of_another_model():
    sold = (RNG.random(300) < 0.2) * RNG.integers(1, 4, 300)
    _, summary = summarize(make_series(300, sold), horizon=30)
    (entry,) = summary.series
    assert entry.is_intermittent
    assert (entry.tests, entry.as_good) == (0, 0)
    assert (summary.past_lag, summary.past_steps) == (30, 30)


def test_counts_of_a_long_table_have_a_total():
    counts = RNG.poisson(50, (280, 2))
    long = TableFormat(layout="long", id="shop", time="date", value="sold")
    _, summary = summarize(make_series(280, counts, names=("a", "b"), format=long))
    assert summary.total == pytest.approx(sum(entry.total for entry in summary.series))
    assert summary.past_total == pytest.approx(counts[-7:].sum())
    for values, format in ((counts + 0.5, long), (counts, TableFormat(time="date"))):
        _, summary = summarize(make_series(280, values, names=("a", "b"), format=format))
        assert summary.total is None


def test_series_that_end_at_different_times():
    ends = pd.DatetimeIndex(["2024-10-06", "2024-09-26"])
    values = np.stack([WEEK, WEEK], axis=1)
    values[-10:, 1] = np.nan
    long = TableFormat(layout="long", id="shop", time="date", value="sold")
    series = make_series(280, values, names=("a", "b"), last_timestamps=ends, format=long)
    _, summary = summarize(series)
    assert summary.first is None
    assert summary.series[1].past_mean == pytest.approx(WEEK[-17:-10].mean())
    assert describe_forecast(summary).answer == ["next 7 days of 2 series, each from its own end:"]


def test_gaps_before_the_forecast_leave_no_comparison():
    values = WEEK.copy()
    values[-6:] = np.nan
    _, summary = summarize(make_series(280, values))
    assert summary.series[0].past_mean is None


def test_negative_values_have_no_percentages():
    _, summary = summarize(make_series(280, WEEK - 95))
    assert summary.series[0].change_percent is None


def test_named_backbones():
    _, summary = summarize(make_series(280, WEEK), backbone=Ridge)
    assert not summary.tests_chose_model
    assert summary.series[0].tests > 40
    training = TrainingSettings(max_epochs=1, loss="quantile")
    _, summary = summarize(make_series(280, WEEK), backbone=DLinear, training=training)
    assert summary.naive_season is None


def test_end_peak_and_past_come_in_numbers():
    entry = make_entry(final=4720.0, highest=4951.0, now=4102.0, ago=3894.0)
    entry = replace(entry, highest_time=pd.Timestamp("2025-08-01"))
    assert write(entry, season=12)[1] == (
        "by 2025-12: 4,720 (80 %: 3,510 to 5,220); highest 4,950 in 2025-08; now 4,100; a year ago "
        "3,890"
    )
    at_end = replace(entry, highest_time=pd.Timestamp("2025-12-01"), ago=None)
    assert write(at_end)[1] == "by 2025-12: 4,720 (80 %: 3,510 to 5,220); now 4,100"
    assert "highest 4,950 on 2025-08-01" in write(entry, frequency="D")[1]
    rare = replace(entry, is_intermittent=True)
    assert not any("now" in part for part in write(rare))  # only its sum is likely to be met


def test_series_worse_than_naive_are_named():
    entries = [make_entry(series=name, as_good=good) for name, good in (("a", 24), ("b", 9))]
    remark = describe_forecast(make_summary(*entries)).remarks[-1]
    assert remark.endswith("to choose the model; b (9 of 24) is not better in most tests")


def test_summary_has_last_values_of_a_season_before():
    values = np.arange(60.0) % 7 + np.arange(60)
    _, summary = summarize(make_series(60, values))
    entry = summary.series[0]
    assert entry.now == values[-1]
    assert entry.ago == (values[-1 - summary.season] if summary.season > 1 else None)
    assert entry.highest >= entry.final
