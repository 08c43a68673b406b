"""A model for each group of a long table: the same from every engine."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster
from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.parallel import make_engine


def rows(group, name, frequency="D", count=90, seed=0):
    random = np.random.default_rng(seed)
    week = 5 * np.sin(2 * np.pi * np.arange(count) / 7)
    stamps = pd.date_range("2024-01-01", periods=count, freq=frequency)
    values = week + random.normal(size=count).cumsum()
    return pd.DataFrame({"region": group, "unique_id": name, "ds": stamps, "y": values})


@pytest.fixture(scope="module")
def table():
    """Names come again in other groups; one group has a rhythm of its own."""
    south = [rows("south", "b", seed=3), rows("south", "a", seed=4)]
    north = [rows("north", "a", "h", 120), rows("north", "007", "h", 120, seed=1)]
    mixed = pd.concat([*south, *north])
    return pd.concat([mixed.iloc[1::2], mixed.iloc[::2]], ignore_index=True)


@pytest.fixture(scope="module")
def grouped(table):
    return forecast_groups(Forecaster(7), table, "region", level=[80.0])


def test_each_group_is_forecast_as_a_table_of_its_own(table, grouped):
    assert grouped.columns.tolist() == ["region", "unique_id", "ds", "y", "y-lo-80", "y-hi-80"]
    assert grouped["region"].unique().tolist() == ["south", "north"]
    for region, found in grouped.groupby("region"):
        own = table[table["region"] == region].drop(columns="region")
        wanted = Forecaster(7).fit(own).predict(level=[80.0])
        found = found.drop(columns="region").reset_index(drop=True)
        pd.testing.assert_frame_equal(found, wanted, rtol=1e-5, check_dtype=False)


def test_other_processes_give_the_same_to_the_last_bit(table, grouped):
    there = forecast_groups(
        Forecaster(7), table, "region", level=[80.0], engine=make_engine("local", 2)
    )
    pd.testing.assert_frame_equal(there, grouped, rtol=0, atol=0)


def test_columns_have_any_names_and_text_stays_as_it_is_written(tmp_path, table):
    path = tmp_path / "sales.csv"
    named = {"region": "shop", "unique_id": "item", "ds": "day", "y": "sold"}
    text = table.replace({"region": {"south": "02", "north": "1e5"}}).rename(columns=named)
    text.to_csv(path, index=False)
    reading = {"time": "day", "id": "item", "value": "sold"}
    forecaster = Forecaster(2, 14, Ridge)
    found = forecast_groups(forecaster, str(path), "shop", read_options=reading)
    assert found.columns.tolist() == ["shop", "item", "day", "sold"]
    assert found["shop"].unique().tolist() == ["02", "1e5"]
    assert set(found["item"]) == {"a", "b", "007"}
    with pytest.raises(InputError, match="not fitted yet"):
        forecaster.predict()


def test_the_series_column_gives_each_series_a_model(table):
    south = table[table["region"] == "south"].drop(columns="region")
    found = forecast_groups(Forecaster(3, 14, Ridge), south, "unique_id")
    assert found.columns.tolist() == ["unique_id", "ds", "y"]
    alone = Forecaster(3, 14, Ridge).fit(south[south["unique_id"] == "a"]).predict()
    mine = found[found["unique_id"] == "a"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone, rtol=1e-5, check_dtype=False)
    together = Forecaster(3, 14, Ridge).fit(south).predict()
    assert not np.allclose(together.y[together.unique_id == "a"], mine.y, rtol=1e-3)


def test_groups_that_fail_are_named_and_nothing_is_forecast(table):
    short = [rows(f"isle {number}", "a", count=4) for number in range(4)]
    message = (
        r"4 of 6 groups of column 'region' can't be forecast, so none is\. 'isle 0': .*; "
        r"'isle 1': .*; 'isle 2': .*; and 1 more"
    )
    with pytest.raises(InputError, match=message):
        forecast_groups(Forecaster(7, 14, Ridge), pd.concat([table, *short]), "region")


def broken(table, **cells):
    changed = table.astype(dict.fromkeys(cells, object))
    for name, value in cells.items():
        changed.loc[4, name] = value
    return changed


def test_tables_that_cannot_be_used_are_told(tmp_path, table):
    path = tmp_path / "sales.csv"
    cases = [
        (table, "Region", "the table has no column 'Region' among .*; see --group"),
        (table, "ds", "--group ds is the column of times or values; name another one"),
        (table.drop(columns="y"), "region", "no column 'y' among .*; see --value"),
        (broken(table, region=None), "region", "sales.csv, line 6: column 'region' is empty"),
        (broken(table, unique_id=""), "region", "sales.csv, line 6: column 'unique_id' is empty"),
        (broken(table, y="much"), "region", "sales.csv, line 6, column 'y': 'much' is no number"),
        (pd.concat([table[:5], table[3:4]]), "region", "line 7: .* stands there a second time in"),
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
