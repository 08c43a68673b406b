"""Long tables without usual names: read where that is certain, or with the options that read it."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.remedies import follow_remedy, run_rejected
from tests.support.small_tables import DAYS, get_read_error

READ_NOTE = "read as a long table: series in column 'store', values in 'sales'"
UNREAD = "not read: a long table has one column of values"


def make_grid(**levels):
    """Return a frame with a row for each combination of cells, the last column changing fastest."""
    frame = pd.MultiIndex.from_product(levels.values(), names=levels).to_frame(index=False)
    return frame.assign(sales=np.arange(len(frame)) * 7 % 11)


def write(tmp_path, frame):
    path = tmp_path / "sales.csv"
    frame.to_csv(path, index=False)
    return path


STORES = make_grid(store=["Store 00", "Store 01"], day=DAYS)
PAIRS = make_grid(store=["007", "7"], product=["N/W", "south"], day=DAYS)


class TestCertainTables:
    @pytest.mark.parametrize("ids", [("Store 00", "Store 01"), ("S0001", "S0002"), ("a b", "c,d")])
    @pytest.mark.parametrize("order", ["store", "day"])
    def test_texts_that_repeat_over_times_name_the_series(self, tmp_path, ids, order):
        frame = make_grid(store=ids, day=DAYS).sort_values(order, kind="stable")
        series = read_series(write(tmp_path, frame))
        assert (series.names, series.notes) == (ids, (READ_NOTE,))
        np.testing.assert_array_equal(series.values.T.ravel(), np.arange(24) * 7 % 11)
        assert (series.format.id, series.format.value) == ("store", "sales")

    @pytest.mark.parametrize("name", ["store", "shop", "item_nbr", "StoreID", "sku", "Filiale"])
    def test_numbers_under_a_usual_name_are_series(self, tmp_path, name):
        frame = make_grid(store=[1, 2, 3], day=DAYS).rename(columns={"store": name})
        series = read_series(write(tmp_path, frame))
        assert series.names == ("1", "2", "3")
        assert series.format.id == name

    def test_the_text_of_numbers_stays(self, tmp_path):
        frame = make_grid(store=["007", "7", "08"], day=DAYS)
        path = write(tmp_path, frame)
        series = read_series(path)
        assert series.names == ("007", "7", "08")
        assert series.forecast_frame({"": np.zeros((1, 3))})["store"].tolist() == ["007", "7", "08"]

    @pytest.mark.parametrize(
        ("columns", "note"),
        [
            ({"weekday": pd.to_datetime(STORES.day).dt.day_name()}, "column 'weekday' was "),
            (
                {"day_of_year": pd.to_datetime(STORES.day).dt.day_of_year},
                "column 'day_of_year' was ",
            ),
            ({"unit": "kg", "open": True}, "columns 'unit' and 'open' were "),
        ],
    )
    def test_columns_that_depend_on_the_time_only_are_left_out(self, tmp_path, columns, note):
        series = read_series(write(tmp_path, STORES.assign(**columns)))
        assert series.notes == (READ_NOTE, note + UNREAD)

    def test_years_may_repeat(self, tmp_path):
        frame = make_grid(country=["DE", "FR"], year=range(2010, 2020))
        series = read_series(write(tmp_path, frame))
        assert series.names == ("DE", "FR")
        assert series.timestamps[0] == pd.Timestamp("2010-01-01")

    def test_frames_and_parquet(self, tmp_path):
        frame = STORES.assign(day=pd.to_datetime(STORES.day), store=STORES.store.astype("category"))
        frame.to_parquet(tmp_path / "sales.parquet")
        for source in (frame, frame.set_index(["store", "day"]), tmp_path / "sales.parquet"):
            series = read_series(source)
            assert (series.names, series.notes) == (("Store 00", "Store 01"), (READ_NOTE,))

    def test_a_repeated_row_is_an_error_with_both_lines(self, tmp_path):
        path = write(tmp_path, pd.concat([STORES, STORES[3:4]]))
        assert (
            "line 26: 2024-01-04 00:00:00 of series 'Store 00' occurs a second time; the first is "
        ) in get_read_error(path)

    def test_new_rows_of_one_store_are_read_alike(self, tmp_path):
        like = read_series(write(tmp_path, STORES)).format
        newer = read_series(write(tmp_path, STORES[:12]), like=like)
        assert (newer.names, newer.notes) == (("Store 00",), ())


ROSSMANN = make_grid(Store=[1, 2], Date=DAYS).assign(
    DayOfWeek=3, Sales=range(24), Customers=range(5, 29), Open=[0, 1] * 12, Promo=[1, 1, 0] * 8
)[["Store", "DayOfWeek", "Date", "Sales", "Customers", "Open", "Promo"]]
RETAIL = make_grid(date=DAYS, store_nbr=[1, 2], item_nbr=[103665, 105574]).rename(
    columns={"sales": "unit_sales"}
)
RETAIL.insert(0, "id", range(len(RETAIL)))
ASKED = {
    "two keys": (PAIRS, "--id store product --value sales"),
    "two values": (STORES.assign(price=range(24)), "--id store --value sales"),
    "region of a store": (
        make_grid(store=["A", "B", "C"], day=DAYS).assign(region=["N"] * 12 + ["S"] * 24),
        "--id store --value sales",
    ),
    "Rossmann": (ROSSMANN, "--id Store --value Sales"),
    "Rossmann, holidays": (
        ROSSMANN.assign(StateHoliday=["0", "a", "b"] * 8),
        "--id Store --value Sales",
    ),
    "Walmart": (
        make_grid(Store=[1, 2], Dept=[1, 2, 5], Date=DAYS)
        .rename(columns={"sales": "Weekly_Sales"})
        .assign(IsHoliday=False),
        "--id Store Dept --value Weekly_Sales",
    ),
    "Favorita": (RETAIL, "--id store_nbr item_nbr --value unit_sales"),
    "names with spaces": (
        PAIRS.rename(columns={"product": "the product", "sales": "net sales"}),
        "--id store 'the product' --value 'net sales'",
    ),
    "numbers under another name": (
        make_grid(k=[1, 2, 3], day=DAYS).rename(columns={"sales": "x"}),
        "--id k --value x",
    ),
    "few common times": (
        pd.concat([STORES[:12], STORES[12:13]]),
        "--id store --value sales",
    ),
}


class TestRemedies:
    @pytest.mark.parametrize("case", ASKED)
    def test_the_printed_options_read_the_table(self, tmp_path, capsys, case):
        frame, flags = ASKED[case]
        path = write(tmp_path, frame)
        message, out = follow_remedy(capsys, "inspect", path)
        assert f" {flags}" in message
        assert "long: series in column" in out

    @pytest.mark.parametrize("options", [("--id", "store"), ("--value", "sales")])
    def test_one_option_may_be_enough(self, tmp_path, capsys, options):
        path = write(tmp_path, STORES.assign(price=range(24)))
        if options[0] == "--value":
            assert read_series(path, value="sales").names == ("Store 00", "Store 01")
        else:
            message, _ = follow_remedy(capsys, "inspect", path, *options)
            assert "--id store --value sales" in message
        assert read_series(write(tmp_path, STORES), id="store").notes == (READ_NOTE,)

    def test_series_one_below_the_other_with_times_of_their_own(self, tmp_path, capsys):
        days = pd.date_range("2024-01-01", periods=24).strftime("%Y-%m-%d")
        late_first = STORES.assign(day=[*days[12:], *days[:12]])
        for frame in (late_first, late_first.assign(store=[1] * 12 + [2] * 12)):
            message, _ = follow_remedy(capsys, "inspect", write(tmp_path, frame))
            assert "--id store --value sales" in message
            assert "--target sales" in message

    def test_no_columns_are_suggested_for_a_wide_table(self, tmp_path, capsys):
        frame = STORES[:12].drop(columns="store")
        message = run_rejected(capsys, "inspect", write(tmp_path, pd.concat([frame, frame[2:3]])))
        assert "line 14: 2024-01-03 00:00:00 occurs a second time" in message
        assert "--id" not in message

    def test_rows_that_differ_in_no_column_of_names(self, tmp_path, capsys):
        frame = STORES.assign(price=range(24))
        message = run_rejected(capsys, "inspect", write(tmp_path, pd.concat([frame, frame[2:3]])))
        assert "line 26: the row has the time and the names (in column 'store') of " in message
        assert "sales.csv, line 4. Keep one row for each series and time." in message


class TestOneSeries:
    def test_the_remedy_of_a_value_without_a_series(self, tmp_path):
        frame = pd.DataFrame(
            {"day": DAYS, "order": [f"#{day}" for day in DAYS], "total": range(12)}
        )
        path = write(tmp_path, frame)
        message = get_read_error(path, value="total")
        assert "sales.csv: value='total' is for a long table, and no column certainly " in message
        remedy = "Name it with `id`; or if all rows are of one series, pass"
        assert f"among ['order']. {remedy}" in message
        assert "target=['total'] instead of `value`." in message
        assert read_series(path, target=["total"]).names == ("total",)


class TestMissingValues:
    @pytest.mark.parametrize("rows", [slice(7, 8), slice(0, 4)])
    def test_a_word_in_a_column_of_numbers_is_not_a_name(self, tmp_path, capsys, rows):
        frame = STORES[:12].drop(columns="store").astype({"sales": object})
        frame.iloc[rows, frame.columns.get_loc("sales")] = "closed"
        message = run_rejected(capsys, "inspect", write(tmp_path, frame))
        assert f"line {rows.start + 2}, column 'sales': 'closed' is not a number" in message
        assert "leave it empty if it was not measured" in message
        assert "--id" not in message
