"""Tables larger than memory: a model fitted on a memory map equals that fitted on the table."""

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import (
    Blend,
    DLinear,
    Forecaster,
    Linear,
    Ridge,
    TiDE,
    TrainingSettings,
    memory_map_table,
)
from revin_forecast.cli.main import main
from revin_forecast.data.memory_mapped import parquet_blocks as blocks
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.scaling import Standardizer
from revin_forecast.errors import InputError
from revin_forecast.utils import memory

ROWS = 300
SETTINGS = TrainingSettings(max_epochs=1)


@pytest.fixture(autouse=True)
def use_small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BLOCK_VALUES", 120)


def make_frame():
    """Return shuffled random walks with different levels, gaps, a late start and absent rows."""
    random = np.random.default_rng(0)
    values = random.normal(size=(ROWS, 3)).cumsum(axis=0) + np.array([1e6, 0, 5])
    table = pd.DataFrame(values, columns=list("abc"))
    table.insert(0, "date", pd.date_range("2024-01-01", periods=ROWS, freq="h"))
    table.loc[5, "a"], table.loc[7, "b"] = np.nan, np.inf
    table.loc[:80, "c"] = np.nan
    return table.drop(index=[50, 51, 100]).sample(frac=1, random_state=0)


def write_wide(folder, table=None):
    path = folder / "wide.parquet"
    (make_frame() if table is None else table).to_parquet(path, row_group_size=70, index=False)
    return path


def write_long(folder, extra=()):
    """Write a long table in which series b ends before the others."""
    table = make_frame().melt("date", var_name="unique_id", value_name="y")
    table = table.rename(columns={"date": "ds"})
    table = table[(table.unique_id != "b") | (table.ds < "2024-01-10")]
    path = folder / "long.parquet"
    pd.concat([table, *extra]).to_parquet(path, row_group_size=170, index=False)
    return path


@pytest.mark.parametrize("make", [write_wide, write_long])
def test_a_memory_map_holds_the_standardized_series(make, tmp_path):
    path = make(tmp_path)
    series, mapped = (
        read_series(path).align_ends(),
        memory_map_table(path, tmp_path / "map", keep=40),
    )
    scaled = Standardizer.fit(series.values).transform(series.values)
    assert (tmp_path / "map" / "values.f32").stat().st_size == 4 * scaled.size
    np.testing.assert_allclose(mapped.values.numpy(), scaled, rtol=3e-7, atol=3e-7)
    assert mapped.timestamps.equals(series.timestamps)
    assert (mapped.names, mapped.frequency) == (series.names, "h")
    assert mapped.unobserved_count == series.unobserved_count > 80
    assert (mapped.first_observed == series.first_observed).all()
    last = mapped.slice_rows(ROWS - 30, ROWS)
    np.testing.assert_array_equal(last.values, series.values[-30:])
    assert (last.format, last.has_aligned_ends) == (series.format, series.has_aligned_ends)
    assert (last.last_timestamps is None) == (make is write_wide)
    if last.last_timestamps is not None and series.last_timestamps is not None:
        assert last.last_timestamps.equals(series.last_timestamps)
    with pytest.raises(InputError, match="kept 40. Map the table with keep=50"):
        mapped.slice_rows(ROWS - 50, ROWS)


def assert_same_weights(first, second):
    weights, others = (each.fitted.model.state_dict() for each in (first, second))
    for name, weight in weights.items():
        assert torch.allclose(weight, others[name], rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("make", [write_wide, write_long])
def test_a_model_fitted_on_a_memory_map_equals_that_of_the_table(make, tmp_path):
    path = make(tmp_path)
    tables = memory_map_table(path, tmp_path, inputs=["c"]), path
    inputs = ((), ("c",))
    ours, plain = (
        Forecaster(6, 18, DLinear, training=SETTINGS).fit(table, inputs=names)
        for table, names in zip(tables, inputs, strict=True)
    )
    assert_same_weights(ours, plain)
    assert ours.fitted.summary.keys() == plain.fitted.summary.keys()
    pd.testing.assert_frame_equal(ours.predict(level=[80]), plain.predict(level=[80]), rtol=1e-5)
    ours.save(tmp_path / "model")
    newer = Forecaster.load(tmp_path / "model").predict(path)
    pd.testing.assert_frame_equal(newer, ours.predict())


def test_some_series_and_calendar_features(tmp_path):
    whole = make_frame().dropna().drop(columns="c")
    path = write_wide(tmp_path, whole.assign(note="text"))
    mapped = memory_map_table(path, tmp_path, target=["b"], time="date")
    assert mapped.names == ("b",)
    ours, plain = (
        Forecaster(3, 9, TiDE, training=SETTINGS, covariates=["calendar"]).fit(table)
        for table in (mapped, read_series(path, target=["b"]))
    )
    pd.testing.assert_frame_equal(ours.predict(), plain.predict(), rtol=1e-5)


def get_map_error(source, folder, **options):
    with pytest.raises(InputError) as caught:
        memory_map_table(source, folder, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_rejects_tables_that_cannot_be_mapped(tmp_path):
    text = tmp_path / "table.csv"
    text.write_text("date,a\n2024-01-01,1\n")
    assert "is not a Parquet file (.parquet)" in get_map_error(text, tmp_path)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    assert "is not a readable Parquet file" in get_map_error(tmp_path / "bad.parquet", tmp_path)
    table = make_frame()
    again = pd.concat([table, table[-1:]])
    assert "occurs a second time (duplicate" in get_map_error(write_wide(tmp_path, again), tmp_path)
    words = table.astype({"a": str})
    assert "column 'a' holds" in get_map_error(write_wide(tmp_path, words), tmp_path)
    assert "no series ['d'] in column 'unique_id'" in get_map_error(
        write_long(tmp_path), tmp_path, target=["d"]
    )
    row = pd.DataFrame({"ds": [pd.Timestamp("2024-01-02")], "unique_id": ["a"], "y": [1.0]})
    twice = get_map_error(write_long(tmp_path, [row]), tmp_path)
    assert "2024-01-02 00:00:00 of series 'a' occurs a second time" in twice
    crooked = table.assign(date=table.date + pd.to_timedelta(table.b.rank() % 7, unit="min"))
    assert "do not follow one frequency" in get_map_error(write_wide(tmp_path, crooked), tmp_path)


def test_rejects_models_that_need_all_rows(tmp_path):
    mapped = memory_map_table(write_wide(tmp_path), tmp_path)
    with pytest.raises(InputError, match="the automatic choice takes all rows at once"):
        Forecaster(3).fit(mapped)
    with pytest.raises(InputError, match="the backbone Ridge takes all rows at once"):
        Forecaster(3, backbone=Ridge).fit(mapped)
    with pytest.raises(InputError, match="the normalizer Blend takes all rows at once"):
        Forecaster(3, backbone=Linear, normalizer=Blend).fit(mapped)
    with pytest.raises(InputError, match="pass inputs to memory_map_table"):
        Forecaster(3, backbone=Linear).fit(mapped, inputs=["a"])
    with pytest.raises(InputError, match="columns \\['a'\\] would be known inputs"):
        Forecaster(3, 9, TiDE, covariates=["a"]).fit(mapped)


def test_the_command_maps_tables_that_fill_memory(tmp_path, capsys, monkeypatch):
    path = write_wide(tmp_path)
    words = ["fit", str(path), "--horizon", "6", "--lookback", "18", "--max-epochs", "1"]
    words += ["--backbone", "Linear", "--out"]
    assert main([*words, str(tmp_path / "plain")]) == 0
    assert "memory map" not in capsys.readouterr().out
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10_000)
    assert main([*words, str(tmp_path / "mapped")]) == 0
    assert "wide.parquet: read a few rows at a time into a memory map" in capsys.readouterr().out
    assert_same_weights(*(Forecaster.load(tmp_path / name) for name in ("plain", "mapped")))
    assert not list((tmp_path / "mapped").rglob("*.f32"))
    newer = make_frame()
    predicted = ["predict", str(tmp_path / "mapped")]
    predicted.append(str(write_wide(tmp_path, newer[newer.date <= "2024-01-13 05:00:00"])))
    shown = []
    for size in (10_000, 10**9):  # the last rows only, the whole table
        monkeypatch.setattr(memory, "memory_bytes", lambda size=size: size)
        capsys.readouterr()
        assert main(predicted) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert shown[0].startswith("date,a,b,c\n2024-01-13 06:00:00,")
    assert main([*words, str(tmp_path / "always"), "--missing", "error", "--memory-map=always"])
    message = capsys.readouterr().err
    assert "--missing, --decimal, --resample, --encoding and --skip-rows need" in message
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10_000)
    ridge = [*words[:-3], "--backbone", "Ridge", "--out", str(tmp_path / "ridge")]
    assert main(ridge) == 0  # in memory


class TestSeveralColumns:
    def write(self, folder):
        rows = [(1 + k // 2, 10 + k % 2, hour) for k in range(4) for hour in range(60)]
        table = pd.DataFrame(rows, columns=["store", "item", "hour"])
        table["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table.pop("hour"), unit="h")
        path = folder / "keys.parquet"
        table = table.assign(sales=np.arange(240) * 7 % 11, price=1.5).sort_values(
            "day", kind="stable"
        )
        table.to_parquet(path, row_group_size=70, index=False)
        return path

    def test_a_map_equals_the_series(self, tmp_path):
        path = self.write(tmp_path)
        options = {"id": ["store", "item"], "value": "sales"}
        series = read_series(path, **options)
        mapped = memory_map_table(path, tmp_path / "map", **options)
        assert mapped.names == series.names == ("1/10", "1/11", "2/10", "2/11")
        np.testing.assert_array_equal(mapped.slice_rows(0, 60).values, series.values)
        assert mapped.last_rows.format == series.format
        assert mapped.last_rows.notes == series.notes != ()
        with pytest.raises(InputError, match="no series .* in columns 'store' and 'item'"):
            memory_map_table(path, tmp_path / "map", **options, target=["1/12"])

    def test_columns_of_series_are_asked_about(self, tmp_path):
        path = self.write(tmp_path)
        message = get_map_error(path, tmp_path / "map")
        assert "columns 'store' and 'item' seem to name the series and 'sales' to hold" in message
        one = pd.read_parquet(path).query("store == 1 and item == 10").drop(columns="item")
        one.to_parquet(path, index=False)
        assert "column 'store' may name series or number the rows" in get_map_error(
            path, tmp_path / "map"
        )
        names = memory_map_table(path, tmp_path / "map", target=["sales", "price"]).names
        assert names == ("sales", "price")
