"""Outputs of calls that fail in part, options without effect, and the report of a saved model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli import report as cli_report
from revin_forecast.cli.main import main
from revin_forecast.cli.outcomes import removing_empty_folders
from revin_forecast.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    days = pd.date_range("2024-01-01", periods=90, freq="D")
    noise = np.random.default_rng(0).normal(size=90)
    pd.DataFrame({"date": days, "sold": 20 + noise + np.arange(90) % 7}).to_csv(
        tmp_path / "sales.csv", index=False
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


RIDGE = ["sales.csv", "--horizon", "3", "--backbone", "Ridge"]


@pytest.mark.parametrize("error", [InputError("no space. Pass --level 80."), OSError("disk full")])
def test_a_forecast_is_kept_if_its_report_fails(folder, capsys, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli_report, "write_forecast_report", fail)
    words = ["forecast", *RIDGE, "--report", "r.html", "--quiet"]
    assert main([*words, "--out", "f.csv"]) == 2
    reason = getattr(error, "message", str(error))
    assert capsys.readouterr().err == (
        f"revin-forecast: f.csv: written; the report or image failed: {reason}\n"
    )
    assert len(pd.read_csv("f.csv")) == 3
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == Path("f.csv").read_text()
    assert "the forecast was printed; the report or image failed" in err
    assert main([*words, "--json"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("existing", [True, False])
def test_a_failed_fit_leaves_no_empty_folder(folder, capsys, existing):
    if existing:
        (folder / "a").mkdir()
        (folder / "a" / "note.txt").write_text("mine")
    words = ["fit", "sales.csv", "--horizon", "80", "--backbone", "DLinear", "--out", "a/b/model"]
    assert main(words) == 2
    assert "too few for a horizon of 80" in capsys.readouterr().err
    assert (folder / "a").exists() == existing
    if existing:
        assert [path.name for path in (folder / "a").iterdir()] == ["note.txt"]


def test_only_empty_folders_of_this_call_are_removed(tmp_path):
    model = tmp_path / "new" / "model"

    @removing_empty_folders(model)
    def write_and_fail(names):
        for name in names:
            (model / name).parent.mkdir(parents=True, exist_ok=True)
            (model / name).write_text("x")
        (model / "training" / "logs").mkdir(parents=True, exist_ok=True)
        raise ValueError("stop")

    def fail_after(*names):
        with pytest.raises(ValueError, match="stop"):
            write_and_fail(names)

    fail_after()
    assert list(tmp_path.iterdir()) == []
    fail_after("training/checkpoints/last.ckpt")
    assert (model / "training" / "checkpoints" / "last.ckpt").is_file()
    assert not (model / "training" / "logs").exists()
    with removing_empty_folders(tmp_path / "kept"):
        (tmp_path / "kept").mkdir()
    assert (tmp_path / "kept").is_dir()


def test_options_without_effect_are_named_on_stderr(folder, capsys):
    note = "revin-forecast: --max-epochs has no effect: Ridge is not trained by gradient descent."
    calls = [
        ["forecast", *RIDGE, "--quiet", "--out", "f.csv"],
        ["fit", *RIDGE, "--quiet", "--out", "model"],
        ["backtest", *RIDGE, "--quiet"],
        ["evaluate", *RIDGE, "--lookback", "7"],
    ]
    for words in calls:
        assert main([*words, "--max-epochs", "3"]) == 0
        assert note in capsys.readouterr().err
        assert main(words) == 0
        assert "no effect" not in capsys.readouterr().err
    Path("options.yaml").write_text("training: {max_epochs: 3}\n")
    assert main([*calls[0], "--config", "options.yaml"]) == 0
    assert note in capsys.readouterr().err
    # The options that were saved with the model are the defaults: nothing was given.
    assert main(["fit", "--config", "model/config.yaml", "--out", "again"]) == 0
    assert "no effect" not in capsys.readouterr().err


def test_a_saved_model_writes_a_report_and_can_be_quiet(folder, capsys):
    assert main(["fit", *RIDGE, "--out", "model", "--quiet"]) == 0
    capsys.readouterr()
    words = ["predict", "model", "sales.csv", "--report", "r.html"]
    assert main([*words, "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("date,sold\n2024-03-31")
    page = Path("r.html").read_text()
    assert "which was not fitted again. For a backtest, run revin-forecast backtest" in page
    assert "revin-forecast predict model sales.csv --report r.html --quiet" in page
    assert main([*words, "--out", "f.csv", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["report"], record["out"]) == ("r.html", "f.csv")
    assert main([*words, "--out", "f.csv"]) == 0
    assert capsys.readouterr().out.endswith("f.csv: 3 steps\nr.html: the report\n")
    assert main(["predict", "model", "--report", "r.pdf"]) == 2
    assert "a report is one page, written as .html" in capsys.readouterr().err
