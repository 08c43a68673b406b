"""One model for each group of a long table, with the same result from every engine."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster
from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.forecasting.groups import forecast_each_group, forecast_groups
from revin_forecast.utils.parallel import make_engine
from tests.support.remedies import run_rejected


def make_rows(group, name, frequency="D", count=90, seed=0):
    random = np.random.default_rng(seed)
    week = 5 * np.sin(2 * np.pi * np.arange(count) / 7)
    stamps = pd.date_range("2024-01-01", periods=count, freq=frequency)
    values = week + random.normal(size=count).cumsum()
    return pd.DataFrame({"region": group, "unique_id": name, "ds": stamps, "y": values})


@pytest.fixture(scope="module")
def table():
    """Groups share names of series; one group has another step."""
    south = [make_rows("south", "b", seed=3), make_rows("south", "a", seed=4)]
    north = [make_rows("north", "a", "h", 120), make_rows("north", "007", "h", 120, seed=1)]
    mixed = pd.concat([*south, *north])
    return pd.concat([mixed.iloc[1::2], mixed.iloc[::2]], ignore_index=True)


@pytest.fixture(scope="module")
def forecasts(table):
    return forecast_groups(Forecaster(7), table, "region", level=[80.0])


def test_each_group_is_forecast_as_a_separate_table(table, forecasts):
    assert forecasts.columns.tolist() == ["region", "unique_id", "ds", "y", "y-lo-80", "y-hi-80"]
    assert forecasts["region"].unique().tolist() == ["south", "north"]
    for region, forecast in forecasts.groupby("region"):
        group_table = table[table["region"] == region].drop(columns="region")
        expected = Forecaster(7).fit(group_table).predict(level=[80.0])
        forecast = forecast.drop(columns="region").reset_index(drop=True)
        pd.testing.assert_frame_equal(forecast, expected, rtol=1e-5, check_dtype=False)


@pytest.mark.slow
def test_parallel_forecasts_are_bit_identical(table, forecasts):
    parallel_forecasts = forecast_groups(
        Forecaster(7), table, "region", level=[80.0], engine=make_engine("local", 2)
    )
    pd.testing.assert_frame_equal(parallel_forecasts, forecasts, rtol=0, atol=0)


def test_columns_may_have_any_name_and_labels_keep_their_text(tmp_path, table):
    path = tmp_path / "sales.csv"
    new_names = {"region": "shop", "unique_id": "item", "ds": "day", "y": "sold"}
    text = table.replace({"region": {"south": "02", "north": "1e5"}}).rename(columns=new_names)
    text.to_csv(path, index=False)
    read_options = {"time": "day", "id": "item", "value": "sold"}
    forecaster = Forecaster(2, 14, Ridge)
    forecasts = forecast_groups(forecaster, str(path), "shop", read_options=read_options)
    assert forecasts.columns.tolist() == ["shop", "item", "day", "sold"]
    assert forecasts["shop"].unique().tolist() == ["02", "1e5"]
    assert set(forecasts["item"]) == {"a", "b", "007"}
    with pytest.raises(InputError, match="not fitted yet"):
        forecaster.predict()


def test_the_series_column_gives_each_series_a_model(table):
    south = table[table["region"] == "south"].drop(columns="region")
    forecasts = forecast_groups(Forecaster(3, 14, Ridge), south, "unique_id")
    assert forecasts.columns.tolist() == ["unique_id", "ds", "y"]
    alone = Forecaster(3, 14, Ridge).fit(south[south["unique_id"] == "a"]).predict()
    grouped = forecasts[forecasts["unique_id"] == "a"].reset_index(drop=True)
    pd.testing.assert_frame_equal(grouped, alone, rtol=1e-5, check_dtype=False)
    together = Forecaster(3, 14, Ridge).fit(south).predict()
    assert not np.allclose(together.y[together.unique_id == "a"], grouped.y, rtol=1e-3)


def test_groups_that_fail_are_named_and_nothing_is_forecast(table):
    short = [make_rows(f"isle {number}", "a", count=4) for number in range(4)]
    message = (
        r"4 of 6 groups of column 'region' can't be forecast, so nothing was\. 'isle 0': .*; "
        r"'isle 1': .*; 'isle 2': .*; and 1 more"
    )
    with pytest.raises(InputError, match=message):
        forecast_groups(Forecaster(7, 14, Ridge), pd.concat([table, *short]), "region")


def replace_cells(table, **cells):
    changed = table.astype(dict.fromkeys(cells, object))
    for name, value in cells.items():
        changed.loc[4, name] = value
    return changed


def test_unusable_tables_are_explained(tmp_path, table):
    path = tmp_path / "sales.csv"
    cases = [
        (table, "Region", "the table has no column 'Region' among .*; see `group`"),
        (table, "ds", "group='ds' is the column of times or values; name another one"),
        (table.drop(columns="y"), "region", "no column 'y' but .*name it with `value`"),
        (
            replace_cells(table, region=None),
            "region",
            "sales.csv, line 6: column 'region' is empty",
        ),
        (
            replace_cells(table, unique_id=""),
            "region",
            "sales.csv, line 6: column 'unique_id' is empty",
        ),
        (
            replace_cells(table, y="much"),
            "region",
            "sales.csv, line 6, column 'y': 'much' is not a number",
        ),
        (pd.concat([table[:5], table[3:4]]), "region", "line 7: .* appears a second time in"),
    ]
    for changed, group, message in cases:
        source = changed
        if "line" in message:
            source = path
            changed.to_csv(path, index=False)
        with pytest.raises(InputError, match=message):
            forecast_groups(Forecaster(7, 14, Ridge), source, group)
    series = Forecaster(7, 14, Ridge).fit(table[table.region == "south"].drop(columns="region"))
    with pytest.raises(InputError, match="a Series has no column of groups; pass the table"):
        forecast_groups(series, series.fitted.history, "region")


def test_several_columns_name_a_series(tmp_path, table):
    path = tmp_path / "sales.csv"
    store = table["unique_id"].map({"a": "1", "b": "01", "007": "1"})
    table.assign(store=store, price=1.5).to_csv(path, index=False)
    options = {"id": ["unique_id", "store"]}
    parts = forecast_each_group(Forecaster(2, 7, Ridge), path, "region", read_options=options)
    assert parts[0].table.columns.tolist() == ["unique_id", "store", "ds", "y"]
    assert parts[0].table.iloc[::2, :2].to_numpy().tolist() == [["b", "01"], ["a", "1"]]
    unread = "column 'price' was not read: a long table has one column of values"
    assert parts[0].notes.count(unread) == 1
    south = pd.read_csv(path, dtype=str).query("region == 'south'").drop(columns="region")
    by_store = forecast_groups(
        Forecaster(2, 7, Ridge), south, "store", read_options=options | {"decimal": "."}
    )
    assert by_store.columns.tolist() == ["unique_id", "store", "ds", "y"]
    assert set(by_store["store"]) == {"1", "01"}


def test_the_columns_of_series_are_asked_about(tmp_path, table, capsys):
    path = tmp_path / "sales.csv"
    table.rename(columns={"unique_id": "shop", "y": "sold"}).to_csv(path, index=False)
    message = run_rejected(capsys, "forecast", path, "--group", "region", "--horizon", 2)
    assert "Pass --id shop --value sold, or name other columns." in message
    # The only column of numbers is the value, once the series are named.
    named = forecast_groups(Forecaster(2, 7, Ridge), path, "region", read_options={"id": "shop"})
    columns = pd.read_csv(path).to_dict("list")
    same = forecast_groups(Forecaster(2, 7, Ridge), columns, "region", read_options={"id": "shop"})
    assert np.allclose(same["sold"], named["sold"])
    assert named.columns.tolist() == ["region", "shop", "ds", "sold"]
    assert named.attrs["notes"][0] == (
        "read as a long table: series in column 'shop', values in 'sold'"
    )
