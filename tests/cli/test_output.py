"""With --json, each command prints one object of strict JSON and nothing else on stdout."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.cli.output import print_json, print_table, print_text, to_jsonable
from tests.support.warm_programs import run_program

SUITE = """
name: small
datasets: [ar]
models: {backbones: [Ridge], normalizers: [Identity, RevIN]}
shifts: [level]
windows: {lookback: 48, horizon: 24, stride: 12}
protocol: {severities: [3], ages: [0.5], resamples: 50}
"""


def reject_constant(token):
    raise AssertionError(f"{token} is not JSON")


def read_json(capsys, *words, code=0):
    """Run a command with --json; return its output, parsed as strict JSON."""
    exit_code = main([str(word) for word in [*words, "--json"]])
    out, err = capsys.readouterr()
    assert exit_code == code, err
    assert out.count("\n") == 1
    assert err == "" or code
    record = json.loads(out, parse_constant=reject_constant)
    assert isinstance(record, dict)
    return record


@pytest.fixture
def sales(tmp_path, monkeypatch):
    """A table whose second series is not observed at the end."""
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
    fitted = read_json(capsys, *words, "--out", "model")
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


def test_values_are_converted_to_json_types(capsys):
    print_json(
        {
            "numbers": [1, np.int64(2), np.float32(0.5), math.nan, np.float64(math.inf)],
            "array": np.array([[1.0, math.nan]]),
            "flags": [True, np.bool_(False), None],
            "times": [pd.Timestamp("2024-01-01 03:00"), pd.NaT, np.datetime64("2024-01-02", "ns")],
            "pairs": [Pair("a", (1.0, -math.inf))],
            "path": Path("a") / "b",
            7: "é",
        }
    )
    assert json.loads(capsys.readouterr().out, parse_constant=reject_constant) == {
        "numbers": [1, 2, 0.5, None, None],
        "array": [[1.0, None]],
        "flags": [True, False, None],
        "times": ["2024-01-01T03:00:00", None, "2024-01-02T00:00:00"],
        "pairs": [{"name": "a", "errors": [1.0, None]}],
        "path": str(Path("a") / "b"),
        "7": "é",
    }
    with pytest.raises(TypeError, match="object can't be converted to JSON"):
        to_jsonable(object())


def test_predict(capsys, model, sales):
    record = read_json(capsys, "predict", model, sales, "--level", 80, "--out", "f.csv")
    assert (record["model"], record["file"], record["horizon"]) == (model, sales, 7)
    assert (record["levels"], record["out"]) == ([80.0], "f.csv")
    first = record["forecast"][0]
    assert first["date"] == "2024-05-30T00:00:00"
    assert first["shop-lo-80"] <= first["shop"] <= first["shop-hi-80"]
    table = pd.read_csv("f.csv")
    assert [row["web"] for row in record["forecast"]] == pytest.approx(table["web"].tolist())


def test_fit_reports_the_candidates(capsys, sales):
    record = read_json(capsys, "fit", sales, "--horizon", 7, "--out", "chosen", "--quiet")
    evidence = record["fitted"]["selection"]
    assert evidence["season"] == 7
    assert {"model", "lookback", "mase", "share"} <= set(evidence["candidates"][0])


def test_fit_and_evaluate_add_shifts_to_the_same_object(capsys, sales):
    sizes = ["--horizon", 7, "--lookback", 28, "--target", "shop", "--shifts", "level"]
    fitted = read_json(capsys, "fit", sales, *sizes, "--out", "m", "--backbone", "Ridge")
    scored = read_json(capsys, "evaluate", sales, *sizes, "--compare")
    for record in (fitted, scored):
        assert {row["placement"] for row in record["shifts"]} >= {"clean", "steady"}
    assert scored["without_normalizer"]["windows"] == scored["windows"]


def test_sweep_writes_an_infinite_penalty_as_null(capsys, sales):
    words = ["sweep", sales, "--target", "shop", "--horizon", 5, "--lookback", 14]
    record = read_json(capsys, *words)
    assert record["horizons"][0]["horizon"] == 5
    assert set(record["chosen"]["shared"][0]) == {"lookbacks", "penalties", "error"}


def test_shift_card(capsys, sales):
    record = read_json(capsys, "shift-card", sales, "--target", "shop", "--lookback", 12)
    assert record["lookback"] == 12
    assert record["channels"][0]["channel"] == "shop"


def test_datasets(capsys, tmp_path):
    record = read_json(capsys, "datasets", "--data-dir", tmp_path)
    assert record["folder"] == str(tmp_path)
    rows = {row["name"]: row for row in record["datasets"]}
    assert (rows["co2"]["at_hand"], rows["etth1"]["at_hand"]) == ("shipped", "no")
    assert rows["etth1"]["channels"] == 7
    assert read_json(capsys, "datasets", "get", "co2")["path"].endswith("co2_weekly.csv")


def test_check_counts_results_and_exits_with_2(capsys, tmp_path, monkeypatch):
    record = read_json(capsys, "check", "RevIN", "--out", tmp_path / "table.md")
    assert record["failed"] == 0
    assert record["passed"] == sum(row["status"] == "passed" for row in record["checks"]) > 10
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
    record = read_json(capsys, "check", "hasty.Mean", code=2)
    assert record["class"] == "hasty.Mean"
    assert record["failed"] == len(record["failures_worst_first"]) > 0
    assert record["failures_worst_first"][0] == "unobserved values do not matter"


@pytest.mark.slow
def test_export(model, tmp_path):
    # In a separate process: torch can't trace functions that the tests have wrapped in type checks.
    program = run_program(
        "revin_forecast.__main__", ["export", model, "--json", "--level", 80], tmp_path
    )
    assert program.err == ""
    assert program.out.count("\n") == 1
    record = json.loads(program.out, parse_constant=reject_constant)
    assert record["path"] == "model.onnx"
    assert record["bytes"] == Path("model.onnx").stat().st_size
    assert record["outputs"] == ["forecast", "lo-80", "hi-80"]
    assert (record["lookback"], record["horizon"], record["channels"]) == (14, 7, 2)
    assert record["opset"] >= 17
    assert 0 <= record["difference"] < 1e-4


def test_demo(capsys, tmp_path):
    record = read_json(capsys, "demo", "--out", tmp_path)
    assert record["scores"]["with RevIN"]["mse"] < record["scores"]["without"]["mse"]
    assert Path(record["forecast"]).is_file()
    assert Path(record["picture"]).is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
def test_benchmark_and_its_plan(capsys, tmp_path):
    (tmp_path / "suite.yaml").write_text(SUITE)
    words = ["benchmark", tmp_path / "suite.yaml", "--out", tmp_path / "bench", "--workers", 1]
    plan = read_json(capsys, *words, "--dry-run")
    assert plan["runs"] == sum(row["runs"] for row in plan["datasets"])
    record = read_json(capsys, *words)
    assert record["cells"]["done"] > 0
    assert record["cells"]["failed"] == record["cells"]["missing"] == 0
    assert record["checks"]["passed"] == record["checks"]["all"] > 0
    assert {"planning", "report"} <= set(record["seconds"])
    assert Path(record["report"]).is_file()


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
def test_errors_are_one_line_on_stderr(capsys, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("revin-forecast: ")
    assert err.count("\n") == 1


def test_tables_are_aligned_by_columns_of_the_terminal(capsys):
    print_table(("name", "rows", "step"), [("名前", 7, "h"), ("a", "12,345", "")], left={"name"})
    assert capsys.readouterr().out.splitlines() == [
        "name    rows  step",
        "名前       7     h",
        "a     12,345",
    ]


def test_text_is_wrapped_between_words(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    print_text("\nOne sentence of several words, and /a/path/that/is-longer/than-a/line")
    lines = ["", "One sentence of", "several words, and", "/a/path/that/is-longer/than-a/line"]
    assert capsys.readouterr().out.splitlines() == lines
