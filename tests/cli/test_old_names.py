"""Earlier names of options keep working, with a note; a small file adapts the window sizes."""

import json
from importlib import import_module

import pandas as pd
import pytest
import yaml

from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main
from revin_forecast.cli.options import list_options, replace_old_names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    days = pd.date_range("2024-01-01", periods=120).date
    rows = "".join(f"{day},{20 + row % 7}\n" for row, day in enumerate(days))
    (tmp_path / "sales.csv").write_text(f"date,sold\n{rows}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_options(capsys, *words):
    """Return the options that --print_config prints, and the notes on stderr."""
    with pytest.raises(SystemExit):
        main([*words, "--print_config"])
    out, err = capsys.readouterr()
    return yaml.safe_load(out), err.splitlines()


def test_old_spellings_give_the_options_of_the_new_ones(capsys, folder):
    new, notes = read_options(capsys, "evaluate", "co2", "--out", "run")
    assert notes == []
    old, notes = read_options(capsys, "evaluate", "--shifts", "level", "--dataset", "co2")
    assert (old["file_or_dataset"], old["shifts"]) == ("co2", ["level"])
    assert notes == [
        "revin-forecast: --dataset X is now written X, without a flag; the old spelling still "
        "works."
    ]
    old, notes = read_options(capsys, "evaluate", "--file=co2", "--folder", "run")
    assert old == new
    assert notes[1] == "revin-forecast: --folder is now --out; the old spelling still works."
    assert len(notes) == 2
    old, notes = read_options(capsys, "sweep", "co2", "--lookbacks", "4", "8", "--horizons=4")
    assert (old["lookback"], old["horizon"]) == ([4, 8], [4])
    assert len(notes) == 2


def test_old_keys_of_an_options_file_keep_working(capsys, folder):
    # What --print_config printed before the names changed.
    (folder / "old.yaml").write_text("dataset: co2\nfile: null\nfolder: run\nhorizon: 4\n")
    options, notes = read_options(capsys, "evaluate", "--config", "old.yaml")
    assert (options["file_or_dataset"], options["out"], options["horizon"]) == ("co2", "run", 4)
    assert notes[0].endswith(
        "old.yaml: dataset is now file_or_dataset; the old spelling still works."
    )
    (folder / "new.yaml").write_text(yaml.safe_dump(options))
    again, notes = read_options(capsys, "evaluate", "--config", "new.yaml")
    assert notes == []
    assert {key: again[key] for key in ("file_or_dataset", "out", "horizon", "lookback")} == {
        "file_or_dataset": "co2",
        "out": "run",
        "horizon": 4,
        "lookback": None,
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "--dataset"], "--dataset was given without a value"),
        (
            ["evaluate", "--dataset", "co2", "--file", "sales.csv"],
            "unexpected argument 'sales.csv'",
        ),
        (["evaluate", "co2", "--folders", "run"], "there is no option --folders."),
        (["forecast", "--folder", "run"], "there is no option --folder."),
    ],
)
def test_wrong_uses_of_old_names_are_reported(capsys, folder, words, message):
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_old_names_are_not_names_of_other_options():
    for command in COMMANDS.values():
        module, _, name = command.function.partition(":")
        function = getattr(import_module(f"revin_forecast.cli.{module}"), name)
        options = list_options(function, command.positional)
        keys = {option.key for option in options}
        assert not keys & set(command.old_names)
        assert keys >= set(command.old_names.values())
        assert replace_old_names(["a", "--out", "b"], command.old_names, options)[1] == []


def test_evaluate_takes_a_small_file_and_says_so(capsys, folder):
    assert main(["evaluate", "sales.csv", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["lookback"], record["horizon"]) == (26, 6)
    assert main(["evaluate", "sales.csv"]) == 0
    assert capsys.readouterr().out.startswith(
        "horizon 6 and look-back 26: 120 rows are too few for the usual look-back 336"
    )
    assert main(["evaluate", "sales.csv", "--lookback", "14", "--horizon", "7"]) == 0
    assert "too few" not in capsys.readouterr().out
