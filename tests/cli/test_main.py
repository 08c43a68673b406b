"""Every command, run as a user types it."""

import dataclasses
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml

from revin_forecast import __version__
from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main
from revin_forecast.data.catalog import catalog
from tests.support.cpu_time import run_python
from tests.support.forecast_pages import extract_data


def run(capsys, *words, code=0):
    exit_code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert exit_code == code, err
    return out if code == 0 else err


def assert_same_forecast(text, other):
    tables = [pd.read_csv(io.StringIO(csv)) for csv in (text, other)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-6)


@pytest.fixture
def sales(tmp_path):
    time = np.arange(120)
    frame = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=120, freq="D"),
            "shop": 100 + time + 10 * np.sin(time * 2 * np.pi / 7),
            "web": 50 - 5 * np.cos(time * 2 * np.pi / 7),
        }
    )
    path = tmp_path / "sales.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def own_classes(tmp_path, monkeypatch):
    """A user's own backbone and normalizer, in the current folder."""
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "from revin_forecast import RevIN\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, lookback, horizon, channels, width: int = 8):\n"
        "        super().__init__()\n"
        "        self.net = nn.Sequential(nn.Linear(lookback, width), nn.ReLU(),\n"
        "                                 nn.Linear(width, horizon))\n"
        "    def forward(self, past):\n"
        "        return self.net(past.mT).mT\n"
        "class Scale(RevIN):\n"
        "    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("mine", None)


def test_help_and_version(capsys):
    text = run(capsys, "--help")
    assert text == run(capsys)
    assert all(name in text for name in COMMANDS)
    assert run(capsys, "--version") == f"revin-forecast {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(capsys, name):
    with pytest.raises(SystemExit) as exit_info:
        main([*name.split(), "--help"])
    assert exit_info.value.code in (None, 0)
    text = capsys.readouterr().out
    assert f"usage: revin-forecast {name}" in text
    assert text.count("\n") > 5
    assert "Parameters<" not in text


@pytest.mark.slow
def test_help_of_the_installed_program():
    command = [sys.executable, "-m", "revin_forecast", "predict", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "usage: revin-forecast predict" in done.stdout


def test_forecast_prints_or_writes(capsys, sales, tmp_path):
    printed = run(capsys, "forecast", sales, "--horizon", 14)
    assert printed.startswith("date,shop,web\n2024-04-30,")
    out = tmp_path / "f.csv"
    assert "14 steps of 2 series after 2024-04-29" in run(
        capsys, "forecast", sales, "--horizon", 14, "--out", out
    )
    assert out.read_text() == printed
    run(capsys, "forecast", sales, "--horizon=14", "--out", tmp_path / "f.parquet")
    assert pd.read_parquet(tmp_path / "f.parquet").shape == (14, 3)


def test_target_selects_columns_by_name(capsys, sales):
    words = ["forecast", sales, "--horizon", 3, "--target"]
    assert run(capsys, *words, "web").startswith("date,web\n")
    assert run(capsys, *words, "web", "shop").startswith("date,web,shop\n")


def test_forecast_of_etth1_continues_after_its_last_hour(capsys, data_dir, tmp_path):
    source, out = data_dir / "ETT-small" / "ETTh1.csv", tmp_path / "f.csv"
    run(capsys, "forecast", source, "--horizon", 96, "--out", out)
    forecast, table = pd.read_csv(out, parse_dates=["date"]), pd.read_csv(source)
    assert list(forecast.columns) == list(table.columns)
    expected = pd.date_range("2018-06-26 20:00", periods=96, freq="h")
    assert forecast.date.tolist() == list(expected)
    assert forecast.notna().all().all()


def test_the_saved_options_repeat_a_fit(capsys, sales, tmp_path):
    model, repeated = tmp_path / "model", tmp_path / "repeated"
    fit = ["fit", sales, "--horizon", 7, "--lookback", 21, "--normalizer", "LastValue"]
    run(capsys, *fit, "--out", model)
    printed = run(capsys, "predict", model)
    assert_same_forecast(printed, run(capsys, "predict", model, sales))
    assert_same_forecast(printed, run(capsys, "forecast", sales, *fit[2:]))
    options = yaml.safe_load((model / "config.yaml").read_text())
    assert options["normalizer"]["class_path"] == "revin_forecast.LastValue"
    assert options["lookback"] == 21
    run(capsys, "fit", "--config", model / "config.yaml", "--out", repeated)
    assert_same_forecast(run(capsys, "predict", repeated), printed)


def test_own_classes_with_their_own_options(capsys, sales, own_classes, tmp_path):
    words = ["fit", sales, "--horizon", 7, "--lookback", 14, "--out", tmp_path / "model"]
    words += ["--backbone", "mine.Net", "--backbone.width", 5, "--normalizer", "mine.Scale"]
    words += ["--normalizer.statistic", "last", "--training.max_epochs", 2]
    run(capsys, *words)
    manifest = json.loads((tmp_path / "model" / "forecaster.json").read_text())
    assert manifest["backbone"] == {"path": "mine.Net", "parameters": {"width": 5}}
    assert manifest["normalizer"]["parameters"]["statistic"] == "last"
    assert manifest["training"]["max_epochs"] == 2
    printed = run(capsys, "predict", tmp_path / "model")
    words[words.index("--training.max_epochs") + 1] = 4
    run(capsys, *words, "--resume")
    assert run(capsys, "predict", tmp_path / "model") != printed


def test_evaluate_prints_one_json_object(capsys, data_dir):
    words = ["evaluate", "etth1", "--data-dir", data_dir, "--lookback", 512]
    scores = json.loads(run(capsys, *words, "--horizon", 96, "--backbone", "Ridge", "--json"))
    assert scores["mse"] <= 0.368
    assert scores["windows"] == scores["repeat"]["windows"] == 2785
    assert (round(scores["repeat"]["mse"], 3), scores["seasonal_naive"]["season"]) == (1.294, 24)
    refitted = json.loads(run(capsys, *words, "--refit", "true", "--json"))
    assert refitted["mse"] <= 0.359


@pytest.mark.slow
def test_trained_linear_reaches_its_target_error(capsys, data_dir):
    words = ["evaluate", "etth1", "--data-dir", data_dir, "--json"]
    scores = json.loads(run(capsys, *words, "--backbone", "Linear"))
    assert (scores["lookback"], scores["horizon"]) == (336, 96)
    assert scores["mse"] <= 0.38
    assert scores["fit"]["epochs"] >= 2


def test_training_progress_is_shown_on_request(capfd, sales):
    words = ["forecast", sales, "--horizon", 3, "--backbone", "Linear", "--training.max-epochs", 1]
    printed = run(capfd, *words)
    assert main([*map(str, words), "--training.progress"]) == 0
    out, err = capfd.readouterr()
    assert_same_forecast(out, printed)
    assert "Epoch" in err


def test_evaluate_scores_a_file(capsys, sales):
    text = run(capsys, "evaluate", sales, "--lookback", 10, "--horizon", 5)
    assert "2 channels, all 20 test windows" in text
    assert "SeasonalNaive (7)" in text


def test_evaluate_tells_the_pretrained_network_the_season(capsys, tmp_path):
    months = pd.date_range("2000-01-01", periods=240, freq="MS")
    table = pd.DataFrame({"month": months, "sold": np.sin(np.arange(240) * 2 * np.pi / 12)})
    table["sold"] += np.random.default_rng(0).normal(scale=0.3, size=240)
    table.to_csv(tmp_path / "table.csv", index=False)
    words = ["--backbone", "Pretrained", "--horizon", 12, "--json"]
    record = json.loads(run(capsys, "evaluate", tmp_path / "table.csv", *words))
    assert record["mae"] < 0.9 * record["seasonal_naive"]["mae"]


def test_options_name_the_columns_of_a_long_file(capsys, sales, tmp_path):
    frame = pd.read_csv(sales).melt("date", var_name="shop name", value_name="sold")
    frame.to_csv(tmp_path / "long.csv", index=False, sep=";")
    words = ["--id", "shop name", "--value", "sold", "--time", "date", "--horizon", 5]
    printed = run(capsys, "forecast", tmp_path / "long.csv", *words)
    assert printed.startswith("shop name;date;sold\nshop;2024-04-30;")
    assert printed.count("\n") == 11
    run(capsys, "fit", tmp_path / "long.csv", *words, "--out", tmp_path / "model")
    predicted = run(capsys, "predict", tmp_path / "model", tmp_path / "long.csv")
    pd.testing.assert_frame_equal(
        *(pd.read_csv(io.StringIO(text)) for text in (predicted, printed))
    )
    words += ["--lookback", 10, "--target", "web"]
    text = run(capsys, "evaluate", tmp_path / "long.csv", *words)
    assert "1 channel, all 20 test windows" in text


def test_data_sets_are_listed_and_verified(capsys, tmp_path, monkeypatch):
    text = run(capsys, "datasets", "--data-dir", tmp_path)
    assert all(name in text for name in catalog.CATALOG)
    assert "no (get)" in text
    content = b"date,x\n2024-01-01,1\n"
    path = tmp_path / "ETT-small" / "ETTh2.csv"
    path.parent.mkdir()
    path.write_bytes(content)
    assert "wanted a3dc2c59" in run(
        capsys, "datasets", "get", "etth2", "--data-dir", tmp_path, code=2
    )
    assert "co2_weekly.csv, checksum verified" in run(capsys, "datasets", "get", "co2")
    assert hashlib.sha256(content).hexdigest() not in text


def test_a_data_set_is_downloaded(capsys, tmp_path, monkeypatch):
    content = b"date,x\n2024-01-01,1\n"

    class Response(io.BytesIO):
        headers: ClassVar[dict[str, str]] = {}

    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Response(content))
    digest = hashlib.sha256(content).hexdigest()
    entry = dataclasses.replace(catalog.find_entry("etth1"), sha256=digest)
    monkeypatch.setitem(catalog.CATALOG, "etth1", entry)
    text = run(capsys, "datasets", "get", "etth1", "--data-dir", tmp_path)
    assert "ETTh1.csv, checksum verified. Licence: CC BY-ND" in text
    assert (tmp_path / "ETT-small" / "ETTh1.csv").read_bytes() == content
    assert "etth1" in run(capsys, "datasets", "get", "etth1", "--data-dir", tmp_path)


@pytest.mark.slow
def test_the_demo_takes_less_than_twenty_seconds(tmp_path):
    folder = tmp_path / "demo"
    done, seconds = run_python("-m", "revin_forecast", "demo", "--out", folder)
    assert seconds < 20
    scores = {
        line.split("  ")[0].strip(): float(line.split()[-2])
        for line in done.stdout.splitlines()
        if line.startswith(("linear", "repeat"))
    }
    assert scores["linear map, with RevIN"] < 0.5 * min(
        score for name, score in scores.items() if name != "linear map, with RevIN"
    )
    forecast = pd.read_csv(folder / "forecast.csv")
    assert forecast.shape == (52, 2)
    assert forecast.date[0] == "2002-01-05"
    assert forecast.co2.between(360, 385).all()
    page = (folder / "picture.html").read_text()
    assert len(page) < 1e6
    names = [trace["name"] for trace in extract_data(page, "fan")[0]["data"]]
    assert names[0] == "measured"
    assert any("with RevIN" in name for name in names)
    assert "the year to come" in names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["forcast"], "there is no command 'forcast'. Did you mean forecast?"),
        (["forecast", "absent.csv", "--horizon", "3"], "there is no file 'absent.csv'"),
        (["forecast", "absent.csv"], "horizon"),
        (["forecast", "{sales}", "--horizon", "u"], "--horizon expects a whole number but got u."),
        (["forecast", "{sales}", "--horizon", "3", "--colour", "red"], "no option --colour."),
        (
            ["fit", "{sales}", "--horizon", "500", "--out", "m", "--backbone", "Ridge"],
            "too few for",
        ),
        (["forecast", "{sales}", "--horizon", "3", "--backbone", "Nope"], "--backbone: Nope is"),
        (
            ["forecast", "{sales}", "--horizon", "3", "--backbone", "torch.nn.ReLU"],
            "torch.nn.ReLU is not a",
        ),
        (
            ["forecast", "{sales}", "--horizon", "3", "--out", "f.xls"],
            ".feather or .arrow but got",
        ),
        (["forecast", "{sales}", "--horizon", "3", "--out", "no/f.csv"], "there is no folder no"),
        (
            [
                "forecast",
                "{sales}",
                "--horizon",
                "3",
                *("--backbone", "Ridge", "--backbone.penalties", "[0]"),
            ],
            "can't be built",
        ),
        (
            ["forecast", "{sales}", "--horizon", "3", "--training.patience", "0"],
            "training needs patience > 0 but got 0",
        ),
        (
            ["fit", "{sales}", "--horizon", "3", "--out", "m", "--backbone", "Linear", "--resume"],
            "no checkpoint to resume from",
        ),
        (["evaluate"], "evaluate needs FILE_OR_DATASET"),
        (["evaluate", "eth1"], "Did you mean etth1?"),
        (["evaluate", "etth1", "--data-dir", "/nowhere"], "etth1 is not available"),
        (["predict", "{folder}"], "holds no forecaster"),
        (["fit", "{sales}", "--horizon", "3", "--out", "m", "--resume"], "nothing to resume"),
    ],
)
def test_user_errors_are_reported_in_one_line(capsys, sales, monkeypatch, words, message):
    monkeypatch.chdir(sales.parent)
    arguments = [word.format(sales=sales, folder=sales.parent) for word in words]
    err = run(capsys, *arguments, code=2)
    assert message in err
    assert err.startswith("revin-forecast: ")
    assert err.count("\n") == 1
    assert not Path("f.xls").exists()


def test_a_bug_shows_its_traceback(capsys, monkeypatch):
    def raise_bug(*_):
        raise ZeroDivisionError("oh no")

    monkeypatch.setattr("revin_forecast.cli.main._run_command", raise_bug)
    err = run(capsys, "demo", code=1)
    assert "ZeroDivisionError: oh no" in err
    assert "this is a bug; please report it" in err


def test_a_full_disk_is_a_user_error(capsys, sales, monkeypatch):
    def raise_disk_full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", raise_disk_full)
    err = run(capsys, "forecast", sales, "--horizon", 3, "--out", sales.parent / "f.csv", code=2)
    assert "No space left" in err
    assert list(sales.parent.iterdir()) == [sales]


@pytest.mark.slow
def test_check_prints_a_table_of_promises(capsys, own_classes, tmp_path):
    text = run(capsys, "check", "mine.Scale")
    assert text.startswith("| promise | Scale |")
    assert "| threads do not interfere | holds |" in text
    assert "FAILS" not in text
    run(capsys, "check", "RevIN", "--out", tmp_path / "table.md")
    assert "| NaN and infinities are contained | holds |" in (tmp_path / "table.md").read_text()
    assert "| shapes and dtypes, even and odd | holds |" in run(capsys, "check", "DLinear")


def test_check_reports_broken_promises(capsys, own_classes, tmp_path):
    (tmp_path / "careless.py").write_text(
        "from revin_forecast import Normalizer, Identity\n"
        "class Mean(Normalizer):\n"
        "    def normalize(self, past, observed=None):\n"
        "        mean = past.mean(1, keepdim=True)\n"
        "        return past - mean, (mean,)\n"
        "    def denormalize(self, future, stats, kind='location'):\n"
        "        return future + stats[0]\n"
    )
    assert main(["check", "careless.Mean"]) == 2
    out, err = capsys.readouterr()
    assert "| NaN and infinities are contained | FAILS: one nan gives a z that is not finite" in out
    assert "| denormalize undoes normalize | holds |" in out
    assert "promises do not hold for careless.Mean" in err
    assert "\n\nFailures, worst first:\n\n1. unobserved values do not matter: z with 1e9" in out
    (tmp_path / "copied.py").write_text(
        "from torch import nn\n"
        "class Layer(nn.Module):\n"
        "    def __init__(self, channels):\n"
        "        super().__init__()\n"
        "    def forward(self, x, mode):\n"
        "        if mode == 'norm':\n"
        "            self.mean = x.mean(1, keepdim=True)\n"
        "            return x - self.mean\n"
        "        return x + self.mean\n"
    )
    assert main(["check", "copied.Layer"]) == 2
    out, err = capsys.readouterr()
    assert '\n\nThe layer is called as `layer(x, "norm") and layer(y, "denorm")`.\n' in out
    assert "| statistics are values, not state | FAILS: a forecast after another call" in out
    err = run(capsys, "check", "torch.nn.Linear", code=2)
    assert "Linear is neither a Normalizer nor a backbone" in err
    assert "can't import careless.Nothing" in run(capsys, "check", "careless.Nothing", code=2)


@pytest.mark.parametrize("name", ["SAN", "FAN", "DishTS", "Stationary"])
def test_normalizers_that_depend_on_the_sizes(capsys, sales, tmp_path, name):
    words = ["fit", sales, "--horizon", 7, "--lookback", 14, "--out", tmp_path / "model"]
    words += ["--backbone", "Linear", "--normalizer", name, "--training.max_epochs", 1]
    run(capsys, *words)
    printed = run(capsys, "predict", tmp_path / "model")
    assert len(printed.splitlines()) == 8


def test_several_columns_name_the_series_of_a_long_file(capsys, sales, tmp_path):
    frame = pd.read_csv(sales).melt("date", var_name="shop", value_name="sold")
    frame.insert(1, "item", frame["shop"].map({"shop": "007", "web": "7"}))
    frame.to_csv(tmp_path / "long.csv", index=False)
    options = ["--value", "sold", "--horizon", 2, "--backbone", "Ridge", "--lookback", 14]
    # The file may follow the names of the columns.
    printed = run(capsys, "forecast", "--id", "shop", "item", tmp_path / "long.csv", *options)
    lines = printed.splitlines()
    assert lines[0] == "shop,item,date,sold"
    assert [line.split(",")[:2] for line in lines[1::2]] == [["shop", "007"], ["web", "7"]]
    options += ["--id", "shop", "item"]
    one = run(capsys, "forecast", tmp_path / "long.csv", *options, "--target", "web/7")
    assert_same_forecast(one, "\n".join([lines[0], *lines[3:], ""]))
    run(capsys, "backtest", tmp_path / "long.csv", *options, "--scores", tmp_path / "scores.csv")
    assert pd.read_csv(tmp_path / "scores.csv")["series"].tolist() == ["shop/007", "web/7"]
    run(capsys, "fit", tmp_path / "long.csv", *options, "--out", tmp_path / "model")
    predicted = run(capsys, "predict", tmp_path / "model", tmp_path / "long.csv")
    pd.testing.assert_frame_equal(
        *(pd.read_csv(io.StringIO(text), dtype={"item": str}) for text in (predicted, printed))
    )
