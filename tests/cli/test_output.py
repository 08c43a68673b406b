"""`--json`: one object of strict JSON on standard output, and nothing else there."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.cli.output import print_json, to_jsonable
from tests.support.warm_programs import run_program

SUITE = Path(__file__).parents[2] / "configs" / "shift-smoke.yaml"


def refuse(token):
    raise AssertionError(f"{token} is no JSON")


def record(capsys, *words, code=0):
    """What a command prints, read as strictly as JSON is defined."""
    got = main([str(word) for word in [*words, "--json"]])
    out, err = capsys.readouterr()
    assert got == code, err
    assert out.count("\n") == 1
    assert err == "" or code
    found = json.loads(out, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def sales(tmp_path, monkeypatch):
    """A table whose second series has not been measured at the end."""
    days = pd.date_range("2024-01-01", periods=150, freq="D")
    week = np.sin(np.arange(150) * 2 * np.pi / 7)
    noise = np.random.default_rng(0).normal(size=(2, 150))
    frame = pd.DataFrame(
        {"date": days, "shop": 100 + 10 * week + noise[0], "web": 50 - 5 * week + noise[1]}
    )
    frame.loc[140:, "web"] = np.nan
    monkeypatch.chdir(tmp_path)
    frame.to_csv("sales.csv", index=False)
    return "sales.csv"


@pytest.fixture
def model(sales, capsys):
    words = ["fit", sales, "--horizon", 7, "--lookback", 14, "--backbone", "Ridge"]
    fitted = record(capsys, *words, "--out", "model")
    assert (fitted["folder"], fitted["backbone"], fitted["normalizer"]) == (
        *("model", "Ridge", "RevIN"),
    )
    assert (fitted["lookback"], fitted["horizon"], fitted["frequency"]) == (14, 7, "D")
    assert fitted["targets"] == ["shop", "web"]
    assert fitted["fitted"]["rows"] == 150
    assert fitted["fitted"]["unobserved"] == 10
    return "model"


@dataclass
class Pair:
    name: str
    errors: tuple[float, ...]


def test_what_is_no_number_is_null_and_the_rest_is_plain(capsys):
    print_json(
        {
            "numbers": [1, np.int64(2), np.float32(0.5), math.nan, np.float64(math.inf)],
            "array": np.array([[1.0, math.nan]]),
            "flags": [True, np.bool_(False), None],
            "times": [pd.Timestamp("2024-01-01 03:00"), pd.NaT, np.datetime64("2024-01-02", "ns")],
            "pairs": [Pair("a", (1.0, -math.inf))],
            "place": Path("a") / "b",
            7: "é",
        }
    )
    assert json.loads(capsys.readouterr().out, parse_constant=refuse) == {
        "numbers": [1, 2, 0.5, None, None],
        "array": [[1.0, None]],
        "flags": [True, False, None],
        "times": ["2024-01-01T03:00:00", None, "2024-01-02T00:00:00"],
        "pairs": [{"name": "a", "errors": [1.0, None]}],
        "place": str(Path("a") / "b"),
        "7": "é",
    }
    with pytest.raises(TypeError, match="object has no form in JSON"):
        to_jsonable(object())


def test_predict(capsys, model, sales):
    found = record(capsys, "predict", model, sales, "--level", 80, "--out", "f.csv")
    assert (found["model"], found["file"], found["horizon"]) == (model, sales, 7)
    assert (found["levels"], found["out"]) == ([80.0], "f.csv")
    first = found["forecast"][0]
    assert first["date"] == "2024-05-30T00:00:00"
    assert first["shop-lo-80"] <= first["shop"] <= first["shop-hi-80"]
    table = pd.read_csv("f.csv")
    assert [row["web"] for row in found["forecast"]] == pytest.approx(table["web"].tolist())


def test_fit_tells_what_was_chosen(capsys, sales):
    found = record(capsys, "fit", sales, "--horizon", 7, "--out", "chosen", "--quiet")
    evidence = found["fitted"]["selection"]
    assert evidence["season"] == 7
    assert {"model", "lookback", "mase", "share"} <= set(evidence["candidates"][0])


def test_fit_and_evaluate_tell_of_shifts_in_the_same_object(capsys, sales):
    sizes = ["--horizon", 7, "--lookback", 28, "--target", "shop", "--shifts", "level"]
    fitted = record(capsys, "fit", sales, *sizes, "--out", "m", "--backbone", "Ridge")
    scored = record(capsys, "evaluate", "--file", sales, *sizes, "--compare")
    for found in (fitted, scored):
        assert {row["placement"] for row in found["shifts"]} >= {"clean", "steady"}
    assert scored["without_normalizer"]["windows"] == scored["windows"]


def test_sweep_writes_an_infinite_penalty_as_null(capsys, sales):
    words = ["sweep", sales, "--target", "shop", "--horizons", 5, "--lookbacks", 14]
    found = record(capsys, *words)
    assert found["horizons"][0]["horizon"] == 5
    assert set(found["chosen"]["shared"][0]) == {"lookbacks", "penalties", "error"}


def test_shift_card(capsys, sales):
    found = record(capsys, "shift-card", sales, "--target", "shop", "--lookback", 12)
    assert found["lookback"] == 12
    assert found["channels"][0]["channel"] == "shop"


def test_datasets(capsys, tmp_path):
    found = record(capsys, "datasets", "--data-dir", tmp_path)
    assert found["folder"] == str(tmp_path)
    rows = {row["name"]: row for row in found["datasets"]}
    assert (rows["co2"]["at_hand"], rows["etth1"]["at_hand"]) == ("shipped", "no")
    assert rows["etth1"]["channels"] == 7
    assert record(capsys, "datasets", "get", "co2")["path"].endswith("co2_weekly.csv")


def test_check_counts_and_fails_all_the_same(capsys, tmp_path, monkeypatch):
    found = record(capsys, "check", "RevIN", "--out", tmp_path / "table.md")
    assert found["failed"] == 0
    assert found["passed"] == sum(row["status"] == "passed" for row in found["checks"]) > 10
    assert "| holds |" in (tmp_path / "table.md").read_text()
    (tmp_path / "hasty.py").write_text(
        "from revin_forecast import Normalizer\n"
        "class Mean(Normalizer):\n"
        "    def normalize(self, past, observed=None):\n"
        "        mean = past.mean(1, keepdim=True)\n"
        "        return past - mean, (mean,)\n"
        "    def denormalize(self, future, stats, kind='location'):\n"
        "        return future + stats[0]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = record(capsys, "check", "hasty.Mean", code=2)
    assert found["class"] == "hasty.Mean"
    assert found["failed"] > 0


def test_export(model, tmp_path):
    # In a program of its own: torch can't trace what the tests have checked the types of.
    ended = run_program(
        "revin_forecast.__main__", ["export", model, "--json", "--level", 80], tmp_path
    )
    assert ended.err == ""
    assert ended.out.count("\n") == 1
    found = json.loads(ended.out, parse_constant=refuse)
    assert found["path"] == "model.onnx"
    assert found["bytes"] == Path("model.onnx").stat().st_size
    assert found["outputs"] == ["forecast", "lo-80", "hi-80"]
    assert (found["lookback"], found["horizon"], found["channels"]) == (14, 7, 2)
    assert found["opset"] >= 17
    assert 0 <= found["difference"] < 1e-4


def test_demo(capsys, tmp_path):
    found = record(capsys, "demo", "--out", tmp_path)
    assert found["scores"]["with RevIN"]["mse"] < found["scores"]["without"]["mse"]
    assert Path(found["forecast"]).is_file()
    assert Path(found["picture"]).is_file()


def test_a_benchmark_and_its_plan(capsys, tmp_path):
    words = ["benchmark", SUITE, "--out", tmp_path / "bench", "--workers", 1]
    plan = record(capsys, *words, "--dry-run")
    assert plan["runs"] == sum(row["runs"] for row in plan["datasets"])
    found = record(capsys, *words)
    assert found["cells"]["done"] > 0
    assert found["cells"]["failed"] == found["cells"]["missing"] == 0
    assert found["checks"]["passed"] == found["checks"]["all"] > 0
    assert {"planning", "report"} <= set(found["seconds"])
    assert Path(found["report"]).is_file()


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "nowhere"],
        ["fit", "no.csv", "--horizon", "3", "--out", "m"],
        ["sweep", "no.csv"],
        ["evaluate"],
        ["export", "nowhere"],
        ["datasets", "get", "no"],
    ],
    ids=lambda words: words[0],
)
def test_errors_are_a_line_on_the_error_stream(capsys, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("revin-forecast: ")
    assert err.count("\n") == 1
