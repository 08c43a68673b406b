"""Wrong values of the options of every command: one short line, exit code 2, nothing written."""

import subprocess
import sys

import pandas as pd
import pytest

from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main

MAX_MESSAGE_CHARACTERS = 700
CALLS = {
    "inspect": ["inspect", "sales.csv"],
    "forecast": ["forecast", "sales.csv", "--horizon", "3"],
    "fit": ["fit", "sales.csv", "--horizon", "3", "--out", "model"],
    "predict": ["predict", "saved", "sales.csv"],
    "update": ["update", "saved", "sales.csv"],
    "explain": ["explain", "saved"],
    "backtest": ["backtest", "sales.csv", "--horizon", "3"],
    "evaluate": ["evaluate", "sales.csv"],
    "sweep": ["sweep", "sales.csv"],
    "shift-card": ["shift-card", "sales.csv"],
    "export": ["export", "saved"],
    "serve": ["serve", "saved"],
    "check": ["check", "RevIN"],
    "benchmark": ["benchmark", "suite.yaml"],
    "benchmark merge": ["benchmark", "merge", "suite.yaml"],
    "benchmark compare": ["benchmark", "compare", "suite.yaml"],
    "datasets": ["datasets"],
    "datasets get": ["datasets", "get", "etth1"],
    "demo": ["demo"],
}
SIZES = ["0", "-1", "1.5", "u", "nan", ""]
FITTING = ("forecast", "fit", "backtest")
TRAINED = ("fit", "evaluate")
"""Commands whose training settings are tried; the others take the same dataclass."""
READING = ("forecast", "fit", "backtest", "evaluate", "sweep", "shift-card")
WRONG = [
    *((name, "horizon", SIZES) for name in READING),
    *((name, "horizon", ["1000000000", "1" + 20 * "0"]) for name in FITTING),
    *((name, "lookback", SIZES) for name in READING),
    *((name, "level", ["0", "100", "120", "0.8", "nan", "-5", "u"]) for name in FITTING[::2]),
    *((name, "level", ["0", "100", "120", "0.8", "nan"]) for name in ("predict", "export")),
    *((name, "season", ["0", "-7", "x", "1.5"]) for name in READING),
    *((name, "budget", ["-1", "inf", "nan", "x"]) for name in FITTING),
    *((name, "effort", ["much", ""]) for name in FITTING),
    *((name, "missing", ["drop"]) for name in FITTING),
    *((name, "decimal", [";", ""]) for name in (*FITTING, "predict", "inspect")),
    *((name, "minimum", ["low", "inf"]) for name in FITTING),
    *((name, "maximum", ["high", "inf", "none"]) for name in FITTING),
    *((name, "whole-numbers", ["maybe"]) for name in FITTING),
    *((name, "quiet", ["--quiet=maybe"]) for name in (*FITTING, "predict")),
    *((name, "json", ["--json=maybe"]) for name in CALLS if name != "serve"),
    ("backtest", "test-share", ["0", "1", "1.5", "-0.2", "nan", "u"]),
    ("backtest", "step", SIZES),
    ("backtest", "refit", SIZES),
    ("update", "window", SIZES),
    *(("explain", option, SIZES[:-1]) for option in ("step", "top")),
    ("forecast", "workers", SIZES),
    ("forecast", "engine", ["loacl"]),
    ("fit", "memory-map", ["maybe"]),
    ("sweep", "blocks", ["0", "1", "-1", "u"]),
    ("serve", "workers", SIZES),
    ("serve", "port", ["-1", "70000", "u"]),
    ("serve", "timeout", ["0", "-1", "nan", "1e9"]),
    ("serve", "size", ["0", "-1", "nan"]),
    ("serve", "pretrained", ["--pretrained=maybe"]),
    ("benchmark", "timeout", ["0", "-1", "nan", "u"]),
    ("benchmark", "workers", ["0", "-1", "u"]),
    ("benchmark", "engine", ["loacl"]),
    ("export", "to", ["onx"]),
    *(
        (name, option, ["0", "-3", "1.5", "u", "nan"])
        for name in TRAINED
        for option in ("max-epochs", "batch-size", "patience", "devices", "num-nodes")
    ),
    *(
        (name, option, ["0", "-1", "u", "nan", "inf"])
        for name in TRAINED
        for option in ("learning-rate", "decay", "gradient-clip")
    ),
    *((name, "seed", ["-1", "4294967296", "1.5", "u"]) for name in TRAINED),
    *((name, "threads", ["0", "-1", "u"]) for name in TRAINED),
    *((name, "loss", ["huber"]) for name in TRAINED),
    *((name, "precision", ["16"]) for name in TRAINED),
    *((name, "strategy", ["dp"]) for name in TRAINED),
    *((name, "logger", ["wandb"]) for name in TRAINED),
]


def omit_option(words, option):
    """Return the words of a call without this option and its value."""
    flag = f"--{option}"
    kept = zip(words, ["", *words], strict=False)
    return [word for word, before in kept if flag not in (word, before)]


CASES = [
    [
        *omit_option(CALLS[name], option),
        *([value] if value.startswith("--") else [f"--{option}={value}"]),
    ]
    for name, option, values in WRONG
    for value in values
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    days = pd.date_range("2024-01-01", periods=90, freq="D")
    table = pd.DataFrame({"date": days, "sold": [20.0 + day % 7 for day in range(90)]})
    table.to_csv(tmp_path / "sales.csv", index=False)
    (tmp_path / "suite.yaml").write_text("models: []\n")
    (tmp_path / "saved").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def list_files(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_wrong_value_is_one_short_line(words, folder, capsys):
    before = list_files(folder)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("revin-forecast: ")
    assert err.count("\n") == 1
    assert len(err) < MAX_MESSAGE_CHARACTERS
    assert list_files(folder) == before


def test_every_command_has_wrong_values():
    assert set(CALLS) == set(COMMANDS)
    assert {name for name, *_ in WRONG} >= set(COMMANDS) - {"serve"}


PROGRAM = """
import sys
from revin_forecast.cli.main import main
for words in {calls}:
    assert main(words) == 2, words
    found = {{"torch", "lightning", "plotly", "scipy"}} & set(sys.modules)
    assert not found, (words, found)
"""


def test_wrong_numbers_are_refused_without_torch(folder):
    # One value of each option: the last of its kind replaces the others.
    light = list(
        {
            words[-1].partition("=")[0]: words
            for words in CASES
            if words[0] in ("forecast", "fit", "backtest", "evaluate")
        }.values()
    )
    light += [
        [*CALLS["forecast"], "--backbone", "DLinear", "--max-epochs", "0"],
        [*CALLS["fit"], "--backbone", "TiDE", "--seed", "-1"],
    ]
    program = [sys.executable, "-c", PROGRAM.format(calls=light)]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
