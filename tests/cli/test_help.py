"""The short help fits a screen, the full one has every option, and the examples run."""

import shlex
from pathlib import Path

import pytest

from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [
    f"{name} {example}" for name, command in COMMANDS.items() for example in command.examples
]
LONG_COMMANDS = ("forecast", "fit", "backtest", "evaluate")


def read_help(capsys, *words):
    with pytest.raises(SystemExit) as exit_info:
        main(list(words))
    assert exit_info.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_fits_a_screen(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    lines = read_help(capsys, *name.split(), "--help").splitlines()
    assert len(lines) <= 60, len(lines)
    assert "  --help-all" in "\n".join(lines)
    assert max(len(line) for line in lines if "revin-forecast" not in line) <= 80


@pytest.mark.parametrize("name", LONG_COMMANDS)
def test_the_full_help_has_every_option(capsys, name):
    assert len(COMMANDS[name].examples) == 3
    short = read_help(capsys, name, "--help")
    full = read_help(capsys, name, "--help-all")
    for option in (
        "--backbone BACKBONE",
        "--time TIME",
        "--target TARGET ...",
        "--config",
    ):
        assert option in short
        assert option in full
    assert "--training" not in short
    assert "--training.max-epochs MAX_EPOCHS" in full
    assert "more, of training" in " ".join(short.split())


def test_a_class_has_a_help(capsys):
    text = " ".join(read_help(capsys, "forecast", "--backbone.help", "DLinear").split())
    assert text.startswith("DLinear: ")
    assert "--backbone.kernel KERNEL" in text
    assert "(default 25)" in text
    assert main(["forecast", "--backbone.help", "DLinaer"]) == 2
    assert "Did you mean DLinear?" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(capsys, monkeypatch, tmp_path, example):
    for name in ("configs", "datasets"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(example)) == 0, capsys.readouterr().err
