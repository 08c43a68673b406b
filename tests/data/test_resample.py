"""Irregular rows and transactions on regular steps."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.backbones import DLinear, Ridge
from revin_forecast.cli.main import main
from revin_forecast.data.reading.inspect_table import inspect_table
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.rows.steps import assign_steps
from revin_forecast.data.reading.rows.suggest_step import suggest_step
from revin_forecast.errors import InputError
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.forecasting.groups import forecast_groups
from tests.support.remedies import run_rejected

AGGREGATES = ("sum", "mean", "last", "min", "max", "median", "count")


def make_sales(rows=4000, days=200, seed=0):
    """Return transactions between 9 and 18 o'clock, on no Sunday."""
    random = np.random.default_rng(seed)
    open_days = [day for day in range(days) if day % 7 != 6]
    seconds = 86_400 * random.choice(open_days, rows) + random.integers(9 * 3600, 18 * 3600, rows)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(seconds), unit="s")
    frame = pd.DataFrame({"time": times, "amount": random.gamma(2.0, 10.0, rows).round(2)})
    return frame.drop_duplicates("time", ignore_index=True)


def make_days(rows=100, start="2023-01-01"):
    return pd.DataFrame({"date": pd.date_range(start, periods=rows), "x": 1.0})


def get_error(table, **options):
    with pytest.raises(InputError) as error:
        read_series(table, **options)
    return str(error.value)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_values_equal_those_of_pandas(aggregate):
    sales = make_sales()
    series = read_series(sales, resample="D", aggregate=aggregate)
    expected = sales.set_index("time").amount.resample("D").agg(aggregate)
    assert series.timestamps.equals(pd.DatetimeIndex(expected.index))
    np.testing.assert_allclose(series.values[:, 0], expected.to_numpy(), rtol=1e-12)
    treatment = "counted as 0" if aggregate in ("sum", "count") else "not observed"
    assert series.notes == (
        f"{len(sales):,} rows resampled to 200 steps of D, the {aggregate} of each; 28 steps "
        f"without a row: {treatment}",
    )
    assert (series.frequency, series.format.resample, series.format.aggregate) == (
        "D",
        "D",
        aggregate,
    )


@given(seed=st.integers(0, 10**6), step=st.sampled_from(["h", "6h", "D", "W", "MS", "QS"]))
def test_no_value_is_lost_or_counted_twice(seed, step):
    sales = make_sales(300, 90, seed)
    stamps = pd.DatetimeIndex(sales.time)
    labels, codes = assign_steps(stamps, "W-MON" if step == "W" else step)
    assert (labels[codes] <= stamps).all()
    if len(labels) < 2:
        return
    following = labels[1:][np.minimum(codes, len(labels) - 2)]
    assert ((stamps < following) | (codes == len(labels) - 1)).all()
    if step in ("h", "6h"):  # most of these steps have no row, which is refused
        return
    maximum = read_series(sales, resample=step, aggregate="max")
    assert np.nanmax(maximum.values) == sales.amount.max()


@pytest.mark.parametrize(
    ("step", "first", "last"),
    [
        ("MS", "2024-01-01", "2024-06-01"),
        ("ME", "2024-01-31", "2024-06-30"),
        ("W", "2024-01-01", "2024-07-08"),
        ("QS", "2024-01-01", "2024-04-01"),
        ("2W-MON", "2024-01-01", "2024-07-01"),
    ],
)
def test_the_names_of_longer_steps(step, first, last):
    series = read_series(make_sales(), resample=step, aggregate="sum")
    assert series.timestamps[0] == pd.Timestamp(first)
    assert series.timestamps[-1] == pd.Timestamp(last)
    assert (
        series.future_timestamps(1)[0] == pd.date_range(last, periods=2, freq=series.frequency)[1]
    )
    assert "the last step" in series.notes[0]


class TestIncompleteSteps:
    def test_are_left_out_of_sums(self):
        days = make_days(100, "2023-01-05")
        series = read_series(days, resample="MS", aggregate="sum")
        assert series.values[:, 0].tolist() == [28, 31]
        assert series.notes == (
            "the first step, 2023-01-01, was left out: its rows begin at 2023-01-05, so its sum "
            "would be too small",
            "the last step, 2023-04-01, was left out: its rows end at 2023-04-14, so its sum would "
            "be too small",
            "100 rows resampled to 2 steps of MS, the sum of each",
        )

    def test_stay_in_means(self):
        assert len(read_series(make_days(), resample="MS", aggregate="mean")) == 4

    def test_full_steps_stay(self):
        series = read_series(make_days(120), resample="MS", aggregate="sum")
        assert series.values[:, 0].tolist() == [31, 28, 31, 30]

    def test_closing_hours_do_not_make_a_day_incomplete(self):
        sales = make_sales()
        assert len(read_series(sales, resample="D", aggregate="sum")) == 200
        cut = sales[sales.time < "2024-07-18 11:00"]
        series = read_series(cut, resample="D", aggregate="sum")
        assert (len(series), "the last step, 2024-07-18" in series.notes[0]) == (199, True)

    def test_rows_that_have_the_step_already_are_complete(self):
        months = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=5, freq="MS"), "x": 3.0})
        series = read_series(months, resample="MS", aggregate="sum")
        assert series.values[:, 0].tolist() == [3.0] * 5

    def test_rows_that_fill_no_step(self):
        message = get_error(make_days(), resample="YS", aggregate="sum")
        assert "fill no step of resample='YS-JAN'. Pass a shorter step" in message


class TestLongTables:
    def make(self):
        sales = make_sales()
        sales["shop"] = np.where(np.arange(len(sales)) % 2, "a", "b")
        return sales[(sales.shop == "a") | (sales.time < "2024-06-01")]

    def read(self, aggregate, **options):
        columns = {"id": "shop", "value": "amount", "resample": "D"}
        return read_series(self.make(), aggregate=aggregate, **columns, **options)

    def test_sums_are_0_up_to_the_end_of_the_table(self):
        series = self.read("sum")
        assert series.last_timestamps is None
        expected = self.make().groupby(["shop", pd.Grouper(key="time", freq="D")]).amount.sum()
        for name in ("a", "b"):
            days = expected[name].reindex(series.timestamps, fill_value=0)
            np.testing.assert_allclose(series.select([name]).values[:, 0], days, rtol=1e-12)

    def test_means_end_with_the_rows_of_the_series(self):
        series = self.read("mean")
        ends = dict(zip(series.names, series.last_timestamps, strict=True))
        assert ends == {"a": pd.Timestamp("2024-07-18"), "b": pd.Timestamp("2024-05-31")}

    def test_groups(self):
        sales = self.make().assign(region=lambda frame: frame.shop.str.upper())
        options = {"id": "shop", "value": "amount", "resample": "W", "aggregate": "sum"}
        forecaster = Forecaster(2, 4, DLinear)
        result = forecast_groups(forecaster, sales, "region", read_options=options)
        assert set(result.region) == {"A", "B"}
        assert set(result.time.dt.day_name()) == {"Monday"}


def test_a_step_whose_rows_have_no_value_is_not_0():
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-04"] * 2)
            + pd.to_timedelta(np.repeat([0, 4], 4), unit="D"),
            "x": [1.0, 2.0, np.nan, 4.0, 5.0, np.nan, 7.0, 8.0],
        }
    )
    series = read_series(frame, resample="D", aggregate="sum")
    np.testing.assert_array_equal(series.values[:, 0], [3, np.nan, 0, 4, 5, 7, 0, 8])


def test_steps_follow_the_clocks_of_the_time_zone():
    times = pd.date_range("2024-03-28", periods=24 * 8, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"date": times, "x": 1.0})
    series = read_series(frame[: 24 * 8 - 1], resample="D", aggregate="sum")
    assert series.values[:, 0].tolist() == [24, 24, 24, 23, 24, 24, 24, 24]
    assert str(series.timestamps.tz) == "Europe/Berlin"
    half = read_series(frame, resample="12h", aggregate="mean")
    assert half.frequency == "12h"


class TestMessages:
    def test_the_aggregate_is_the_choice_of_the_user(self):
        assert (
            "row 2: 2024-01-01 09:07:30 is the second row of the step 2024-01-01 of"
            in get_error(
                make_sales().assign(
                    time=lambda frame: frame.time.mask(
                        frame.index == 1, pd.Timestamp("2024-01-01 09:07:30")
                    )
                ),
                resample="D",
            )
            or "is the second row of the step 2024-01-01" in get_error(make_sales(), resample="D")
        )
        assert len(read_series(make_days(), resample="D")) == 100

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"aggregate": "sum"}, "aggregate='sum' needs the step whose rows are combined"),
            ({"resample": "fortnight"}, "resample='fortnight' is not a frequency of pandas"),
            ({"resample": "h", "aggregate": "mean"}, "Pass a longer step, such as resample='D'"),
            (
                {"resample": "8h", "aggregate": "mean"},
                "its rows are 3 steps of resample='8h' apart",
            ),
            ({"resample": "8h", "aggregate": "sum"}, "its rows are 3 steps of resample='8h' apart"),
            ({"resample": "W", "frequency": "D"}, "the step wanted is D. Pass resample='D'"),
            ({"resample": "W", "grid": False}, "leave grid=True"),
        ],
    )
    def test_options_that_do_not_suit_the_table(self, options, message):
        assert message in get_error(make_days(), **options)

    def test_a_series_has_steps_already(self):
        assert "a Series has regular steps already" in get_error(
            read_series(make_days()), resample="W", aggregate="sum"
        )

    def test_irregular_and_repeated_rows_name_a_remedy_that_works(self):
        random = np.random.default_rng(0)
        seconds = pd.to_timedelta(np.cumsum(random.integers(2000, 5000, 300)), unit="s")
        irregular = pd.DataFrame({"date": pd.Timestamp("2024-01-01") + seconds, "x": 1.0})
        repeated = pd.concat([make_days(), make_days().iloc[[5]]])
        for frame, step in ((irregular, "h"), (repeated, "D"), (make_sales(), None)):
            step = step or "D"
            assert f"resample='{step}', aggregate='mean' (or sum)" in get_error(frame)
            series = read_series(frame, resample=step, aggregate="mean")
            assert series.frequency == step

    def test_a_mistyped_date_is_found_before_resampling(self):
        sales = make_sales()
        sales.loc[sales.index[-1], "time"] = pd.Timestamp("2033-01-01 10:00")
        message = get_error(sales, resample="D", aggregate="sum")
        assert f"row {len(sales)}: 2033-01-01 10:00:00 is 3,088." in message


@pytest.mark.parametrize(
    ("step", "rows"),
    [("10min", 100), ("h", 60), ("D", 50), ("W-MON", 40), ("MS", 30), ("QS", 20), ("YS", 12)],
)
def test_the_step_that_suits_regular_rows_is_their_own(step, rows):
    stamps = pd.date_range("2024-01-01", periods=rows, freq=step)
    assert suggest_step(stamps.append(stamps[3:4])) == step


class TestSavedModels:
    def test_newer_rows_are_resampled_alike(self, tmp_path):
        sales = make_sales()
        fitted = Forecaster(3).fit(read_series(sales[:3000], resample="D", aggregate="sum"))
        fitted.save(tmp_path / "model")
        loaded = Forecaster.load(tmp_path / "model")
        days = read_series(sales, resample="D", aggregate="sum")
        pd.testing.assert_frame_equal(loaded.predict(sales), fitted.predict(days))
        sales.to_csv(tmp_path / "sales.csv", index=False)
        words = ["predict", str(tmp_path / "model"), str(tmp_path / "sales.csv")]
        assert main([*words, "--out", str(tmp_path / "forecast.csv")]) == 0
        forecast = pd.read_csv(tmp_path / "forecast.csv", parse_dates=["time"])
        assert forecast.time[0] == pd.Timestamp("2024-07-19")

    def test_a_format_keeps_the_steps(self, tmp_path):
        sales = make_sales()
        format = read_series(sales, resample="W", aggregate="sum").format
        format.save(tmp_path / "sales.yaml")
        series = read_series(sales, format=tmp_path / "sales.yaml")
        assert (series.frequency, series.format) == ("W-MON", format)
        assert "rows resampled to steps of W-MON, the sum of each" in str(format)
        assert inspect_table(sales).resample is None


def test_the_command_prints_the_note(tmp_path, capsys):
    make_sales().to_csv(tmp_path / "sales.csv", index=False)
    words = ["inspect", str(tmp_path / "sales.csv"), "--resample", "D", "--aggregate", "sum"]
    assert main(words) == 0
    assert "rows resampled to 200 steps of D, the sum of each" in capsys.readouterr().out


class TestColumnsOfTransactions:
    """Transactions of several shops: rows of one time, with a column that names the shop."""

    @pytest.fixture
    def path(self, tmp_path):
        hours = pd.date_range("2024-01-01", periods=240, freq="h")
        table = pd.DataFrame({"when": hours, "shop": "A", "amount": 1.0})
        other = table.assign(shop="B", when=hours + pd.Timedelta("7min"))
        table = pd.concat([table, other, table[:5], table[:1].assign(shop="B")]).sort_values("when")
        table.to_csv(tmp_path / "till.csv", index=False)
        return tmp_path / "till.csv"

    def test_they_are_asked_about(self, path, capsys):
        words = ["--resample", "D", "--aggregate", "sum"]
        message = run_rejected(capsys, "inspect", path, *words)
        remedy = "Pass --id shop --value amount, or --target amount to combine the rows of all."
        assert remedy in message

    def test_both_remedies_work(self, path):
        each = read_series(path, resample="D", aggregate="sum", id="shop", value="amount")
        assert each.values[:2].tolist() == [[29.0, 25.0], [24.0, 24.0]]
        combined = read_series(path, resample="D", aggregate="sum", target=["amount"])
        assert combined.values[:2].tolist() == [[54.0], [48.0]]

    def test_groups_are_the_series(self, path, capsys):
        words = ["--resample", "D", "--aggregate", "sum", "--group", "shop", "--horizon", "2"]
        message = run_rejected(capsys, "forecast", path, *words)
        assert "Pass --id shop --value amount, or name other columns." in message
        options = {"resample": "D", "aggregate": "sum", "id": "shop", "value": "amount"}
        forecasts = forecast_groups(Forecaster(2, 3, Ridge), path, "shop", read_options=options)
        assert forecasts["shop"].tolist() == ["A", "A", "B", "B"]
