"""One summary of several groups: common facts stay, others are left out."""

from dataclasses import replace

from revin_forecast.forecasting.describe_forecast import describe_forecast
from revin_forecast.forecasting.merge_summaries import merge_summaries
from tests.forecasting.test_describe_forecast import make_entry, make_summary


def test_equal_groups_share_their_facts():
    first = make_summary(total=5.0, past_total=4.0)
    merged = merge_summaries({"north": first, "sold": first})
    assert [entry.series for entry in merged.series] == ["north / sold", "sold"]
    assert (merged.first, merged.level, merged.past_steps) == (first.first, 80, 12)
    assert (merged.total, merged.past_total) == (None, None)
    assert merged.series[0] == replace(make_entry(), series="north / sold")


def test_different_groups_leave_facts_out():
    daily = make_summary(frequency="D", past_lag=7, past_steps=7, naive_season=7, level=None)
    merged = merge_summaries({"a": make_summary(), "b": daily})
    text = describe_forecast(merged)
    assert text.answer[0].startswith("next 12 steps of 2 series")
    assert text.headings == ("series", "a step on average")
    assert text.remarks == ()
