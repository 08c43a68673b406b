"""The command `explain` prints, writes and draws contributions that add up to the forecast."""

import json

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main

NAMES = ("north", "south", "east", "west")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the folder of a saved Ridge of four daily series."""
    folder = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(0)
    week = np.sin(np.arange(200) * 2 * np.pi / 7)[:, None]
    values = 100 + 10 * week + rng.normal(0, 1, (200, len(NAMES)))
    frame = pd.DataFrame(values, columns=list(NAMES))
    frame.insert(0, "date", pd.date_range("2024-01-01", periods=200, freq="D"))
    frame.to_csv(folder / "table.csv", index=False)
    Forecaster(5, 28, Ridge).fit(frame).save(folder / "model")
    return folder / "model"


def run(capsys, *words):
    code = main(["explain", *map(str, words)])
    output = capsys.readouterr()
    assert code == 0, output.err
    return output.out


def test_first_series_are_printed(capsys, model):
    printed = run(capsys, model, "--top", 2)
    lines = printed.splitlines()
    forecast = Forecaster.load(model).predict()
    assert lines[0] == f"north, 2024-07-19 (step 1): {forecast.north[0]:.2f}"
    assert lines[1].split() == ["lag", "time", "value", "weight", "contribution"]
    assert lines[2].startswith("  level: mean of the last 14 rows")
    assert lines[5].split()[:2] == ["other", "lags"]
    assert "in sum: last value" in printed
    assert "west" not in printed
    assert lines[-1].startswith("and 1 more series: name them with --target")
    shown = [float(line.split()[-1]) for line in lines[2:6]]
    assert sum(shown) == pytest.approx(forecast.north[0], abs=0.02)


def test_named_series_and_steps(capsys, model):
    printed = run(capsys, model, "--target", "west", "--step", 1, 5)
    assert printed.count("west, ") == 2
    assert "(step 5)" in printed
    assert "more series" not in printed


def test_all_series_are_written(capsys, model, tmp_path):
    printed = run(capsys, model, "--out", tmp_path / "parts.csv", "--step", 3)
    assert "a row for each series, step and lag" in printed
    parts = pd.read_csv(tmp_path / "parts.csv")
    sums = parts.groupby("series", sort=False)["contribution"].sum()
    assert tuple(sums.index) == NAMES
    expected = Forecaster.load(model).predict()[list(NAMES)].iloc[2]
    np.testing.assert_allclose(sums, expected, rtol=1e-9)


def test_json_has_the_same_numbers(capsys, model):
    table = model.parent / "table.csv"
    record = json.loads(run(capsys, model, table, "--json", "--top", 3))
    parts = pd.DataFrame(record["contributions"])
    assert parts["series"].nunique() == len(NAMES)
    sums = parts.groupby("series", sort=False)["contribution"].sum()
    expected = Forecaster.load(model).predict()[list(NAMES)].iloc[0]
    np.testing.assert_allclose(sums, expected, rtol=1e-6)
    assert (parts.groupby("series")["source"].apply(lambda part: (part == "lag").sum()) == 3).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--step", "6"), "forecasts the steps 1 to 5 but got [6]"),
        (("--target", "nroth"), "got the series ['nroth'] to explain"),
        (("--top", "0"), "top is a number of lags from 1 up"),
        (("--plot", "parts.txt"), "parts.txt"),
    ],
)
def test_wrong_options_are_refused(capsys, model, words, message):
    assert main(["explain", str(model), *words]) == 2
    assert message in capsys.readouterr().err
