"""Messages name options as flags on the command line, and as keyword arguments in Python."""

import ast
import inspect
import pickle
import re
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main
from revin_forecast.cli.options import list_options
from revin_forecast.data.catalog import catalog
from revin_forecast.data.memory_mapped.series import memory_map_table
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import (
    COMMAND_LINE,
    FLAG,
    PYTHON_NAMES,
    InputError,
    naming_flags,
    to_python_spelling,
)
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.shift import run_benchmark
from revin_forecast.training.settings import TrainingSettings

PACKAGE = Path(__file__).resolve().parents[1] / "revin_forecast"
CALLABLES = (
    read_series,
    memory_map_table,
    Forecaster,
    Forecaster.fit,
    Forecaster.predict,
    forecast_groups,
    catalog.load_dataset,
    run_benchmark,
    RangeSettings,
    SelectionSettings,
    TrainingSettings,
)
"""What users call from Python, whose parameters messages name."""


@pytest.mark.parametrize(
    ("flags", "python"),
    [
        ("or pass --missing interpolate or --missing error.", "or pass missing='interpolate' or"),
        ("Pass --frequency (h, D, W-SAT, MS, ...).", "Pass `frequency` (h, D, W-SAT, MS, ...)."),
        ("--frequency -1D does not go", "frequency='-1D' does not go"),
        (
            "empty the cell; --backbone Ridge --normalizer Robust is less",
            "empty the cell; backbone=Ridge, normalizer=Robust is less",
        ),
        ("(--backbone Linear, DLinear, PatchTST)", "(backbone=Linear, DLinear, PatchTST)"),
        (
            "needs columns; see --time, --id and --value.",
            "needs columns; see `time`, `id` and `value`.",
        ),
        ("step of the horizon (--future FILE). Fill", "step of the horizon (future=...). Fill"),
        ("--covariates promo 'a b' --future FILE", "covariates=['promo', 'a b'], future=..."),
        ("with --format FILE, where FILE says decimal: x", "with format=FILE, where FILE says"),
        ("with --decimal , or --decimal . Or", "with decimal=',' or decimal='.' Or"),
        ("the mark with --decimal, or pass", "the mark with `decimal`, or pass"),
        ("intervals are --level 80 95; for", "intervals are level=[80, 95]; for"),
        (
            "fit with --loss quantile --training.levels '[0.1,0.5,0.9]'.",
            "fit with loss='quantile', levels=[0.1, 0.5, 0.9].",
        ),
        ("Pass --minimum 0, or --minimum none for", "Pass minimum=0, or minimum='none' for"),
        ("--whole-numbers false turns", "whole_numbers=False turns"),
        ("Leave them out, or pass --memory-map never.", "Leave them out, or read it with read_ser"),
        ("fit on the table itself (--memory-map never)", "fit on the table itself (read_series)"),
        ("or use --engine local.", "or use engine=make_engine('local')."),
        ("name the column: --target 'a b'.", "name the column: target=['a b']."),
        ("or pass --id store for it", "or pass id='store' for it"),
        ("or pass --id store product for both", "or pass id=['store', 'product'] for both"),
        (
            "Write one with: revin-forecast inspect T --out f.yaml; then pass --time t.",
            "Write one with: revin-forecast inspect T --out f.yaml; then pass time='t'.",
        ),
        ("folders that `benchmark --out` wrote", "folders that `benchmark --out` wrote"),
        ("a -- b --- c x--y", "a -- b --- c x--y"),
    ],
)
def test_options_are_written_as_keyword_arguments(flags, python):
    assert python in to_python_spelling(flags)


def test_the_command_line_keeps_flags_and_an_error_its_text():
    error = InputError("Pass --time day.")
    with naming_flags():
        assert str(error) == "Pass --time day."
        with naming_flags():
            pass
        assert f"{error}" == "Pass --time day."
    assert str(error) == "Pass time='day'."
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, str(copy)) == ("Pass --time day.", "Pass time='day'.")


def test_a_table_read_in_python_gives_a_message_in_python(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("date,sold\n2024-01-01,1\n2024-01-02,\n2024-01-03,3\n2024-01-04,4\n")
    with pytest.raises(InputError, match="or pass missing='interpolate' or missing='observed'"):
        read_series(path, missing="error")


def list_message_texts():
    """Yield the position and text of each literal that names an option, without docstrings."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        nodes = list(ast.walk(tree))
        skipped = {
            node.value for node in nodes if isinstance(node, ast.Expr) and is_text(node.value)
        }
        joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
        skipped |= {part for node in joined for part in node.values}
        for node in nodes:
            if isinstance(node, ast.JoinedStr) or (is_text(node) and node not in skipped):
                text = write_literal(node)
                if re.search(r"(?<![\w-])--[a-z]", text) and not text.startswith("--print"):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", text


def is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def write_literal(node: Any) -> str:
    """Return a literal with XXX for each inserted value."""
    if is_text(node):
        return node.value
    return "".join(part.value if is_text(part) else "XXX" for part in node.values)


def list_options_of_commands():
    options = {}
    for command in COMMANDS.values():
        module, _, name = command.function.partition(":")
        function = getattr(import_module(f"revin_forecast.cli.{module}"), name)
        for option in list_options(function, command.positional):
            options[option.key.rpartition(".")[2]] = option
    return options


TEXTS = [
    pytest.param(text, id=position)
    for position, text in list_message_texts()
    # Templates of requests, and other programs than this one.
    if not text.startswith(("curl", "(?", "--short=")) and "{" not in text and "curl --" not in text
]
PARAMETERS = {name for call in CALLABLES for name in inspect.signature(call).parameters}
PARAMETERS |= {field.name for kind in (TrainingSettings, RangeSettings) for field in fields(kind)}
LIBRARY_TEXTS = [
    param
    for param in TEXTS
    if not str(param.id).startswith(("cli/", "shift/", "serving/", "reports/"))
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_option_that_a_message_names_exists(text):
    options = list_options_of_commands() | dict.fromkeys(("help", "help_all", "version"))
    names = [flag[1].rpartition(".")[2].replace("-", "_") for flag in FLAG.finditer(text)]
    assert not [name for name in names if name not in options and "XXX" not in name]


@pytest.mark.parametrize("text", LIBRARY_TEXTS)
def test_the_python_form_is_a_parameter_with_a_value_that_it_takes(text):
    options = list_options_of_commands()
    for part in COMMAND_LINE.split(text)[::2]:
        written = to_python_spelling(part.replace("--memory-map never", ""))
        assert "--" not in written
        for flag in FLAG.finditer(part.replace("--memory-map never", "")):
            name = flag[1].rpartition(".")[2].replace("-", "_")
            name = PYTHON_NAMES.get(name, name)
            assert name in PARAMETERS | {"group", "engine"}, name
            assert name in written
        for name, value in re.findall(r"\b(\w+)='([a-z][a-z_]*)'", written):
            # A word of the sentence must not be taken for a value: add it to SENTENCE_WORDS.
            kinds = [options[name].annotation, *get_args(options[name].annotation)]
            choices = [get_args(kind) for kind in kinds if get_origin(kind) is Literal]
            assert not choices or value in choices[0], (name, value)
            assert choices or (name, value) in {("minimum", "none")}, (name, value)


def write_outlier(folder):
    """Write a table with one value that reading takes for a mistake."""
    rows = [f"2024-01-{day:02d},{10 + day % 7}" for day in range(1, 31)]
    rows[20] = "2024-01-21,1e12"
    path = folder / "outlier.csv"
    path.write_text("\n".join(["date,sold", *rows, ""]))
    return path


def test_notes_write_options_as_the_caller_does(tmp_path, capsys):
    path = write_outlier(tmp_path)
    (note,) = read_series(path).notes
    assert note.endswith("outliers='keep' uses it")
    assert main(["inspect", str(path)]) == 0
    assert "--outliers keep uses it" in capsys.readouterr().out


def test_saved_notes_are_written_for_who_loads_them(tmp_path, capsys):
    arguments = [str(write_outlier(tmp_path)), "--horizon", "2", "--out", str(tmp_path / "model")]
    assert main(["fit", *arguments, "--seed", "3"]) == 0
    shown = capsys.readouterr()
    assert "--whole-numbers false" in shown.out
    assert "--outliers keep" in shown.out
    summary = Forecaster.load(tmp_path / "model").fitted.summary
    notes = [*summary["notes"], *summary["range"]["notes"], *summary["without_effect"]]
    assert not [note for note in notes if "--" in note]
    assert any("outliers='keep' uses it" in note for note in notes)
    with naming_flags():
        summary = Forecaster.load(tmp_path / "model").fitted.summary
    assert "--outliers keep uses it" in summary["notes"][0]


def test_worker_processes_write_options_as_their_parent_does():
    # In a process of its own, whose workers have no earlier environment.
    program = """
from revin_forecast.errors import naming_flags, spell_options
from revin_forecast.utils.parallel import make_engine

if __name__ == "__main__":
    with naming_flags():
        print(*make_engine("local", 1).map(spell_options, ["Pass --time day."]))
"""
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == "Pass --time day.\n"
