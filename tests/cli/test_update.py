"""The command `update` adds rows to a saved forecaster."""

import json

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster
from revin_forecast.cli.main import main
from revin_forecast.forecasting import saving


@pytest.fixture
def tables(tmp_path):
    """Write a table and the rows after it; return their paths and the folder of a model."""
    rows = np.arange(200)
    values = 50 + 5 * np.sin(2 * np.pi * rows / 24) + np.random.default_rng(0).normal(0, 1, 200)
    table = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=200, freq="h"), "a": values})
    old, new, model = (str(tmp_path / name) for name in ("old.csv", "new.csv", "model"))
    table[:180].to_csv(old, index=False)
    table[180:].to_csv(new, index=False)
    words = ["--horizon", "4", "--lookback", "8", "--backbone", "Ridge", "--out", model, "--quiet"]
    main(["fit", old, *words, "--keep-rows"])
    return old, new, model


def test_rows_are_added_once(tables, capsys):
    _, new, model = tables
    capsys.readouterr()
    main(["update", model, new])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("20 rows added; solved on 200 rows of 1 series, 2024-01-01 to")
    assert "those of the fit until 2024-01-08 11:00:00" in lines[1]
    assert lines[-1] == f"{model}: holds 200 rows, 1 KiB in all, for further updates"
    assert Forecaster.load(model).predict().time.iloc[0] == pd.Timestamp("2024-01-09 08:00")
    assert main(["update", model, new]) == 2
    message = capsys.readouterr().err
    assert "2024-01-08 12:00:00 is not after 2024-01-09 07:00:00" in message
    assert "20 of 20 rows" in message


def test_a_window_is_solved_in_another_folder(tables, tmp_path, capsys):
    _, new, model = tables
    before = Forecaster.load(model).predict()
    capsys.readouterr()
    other = str(tmp_path / "other")
    main(["update", model, new, "--window", "100", "--out", other, "--json"])
    record = json.loads(capsys.readouterr().out)
    assert (record["rows"], record["added"], record["let_out"]) == (100, 20, 100)
    assert record["out"] == other
    assert Forecaster.load(other).fitted.summary["rows"] == 100
    pd.testing.assert_frame_equal(Forecaster.load(model).predict(), before)


def test_a_failed_save_leaves_the_old_forecaster(tables, monkeypatch):
    _, new, model = tables
    before = Forecaster.load(model).predict()
    write = saving.atomic_write

    def write_parts_only(path):
        if path.name == saving.MANIFEST:
            raise OSError("no space left")
        return write(path)

    monkeypatch.setattr(saving, "atomic_write", write_parts_only)
    with pytest.raises(OSError, match="no space left"):
        Forecaster.load(model).update(new).save(model)
    monkeypatch.undo()
    pd.testing.assert_frame_equal(Forecaster.load(model).predict(), before)
    main(["update", model, new, "--quiet"])
    assert Forecaster.load(model).fitted.summary["rows"] == 200


def test_a_file_is_no_model(tables, capsys):
    old, new, _ = tables
    assert main(["update", old, new]) == 2
    assert "is a file; name the folder that `fit` wrote first" in capsys.readouterr().err
