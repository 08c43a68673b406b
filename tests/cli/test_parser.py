"""A class named on the command line keeps its own defaults; options of settings can be short."""

import inspect
import subprocess
import sys
from collections.abc import Sequence

import pytest
import yaml

from revin_forecast import backbones, normalizers
from revin_forecast.backbones import Backbone
from revin_forecast.cli.forecast import forecast
from revin_forecast.cli.main import main
from revin_forecast.cli.options import group_values, list_options
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.normalizers import Normalizer


def list_concrete(package, base, skip=()):
    classes = [getattr(package, name) for name in package.__all__ if name not in skip]
    return [kind for kind in classes if issubclass(kind, base) and not inspect.isabstract(kind)]


# Adapters take a network, which only Python code can pass.
ADAPTERS = {"ChannelFirstAdapter", "SingleSeriesAdapter", "TSLibAdapter"}
BACKBONES = list_concrete(backbones, Backbone, ADAPTERS)
CASES = [(["--backbone", backbone.__name__], backbone) for backbone in BACKBONES]
CASES += [
    (["--normalizer", normalizer.__name__], normalizer)
    for normalizer in list_concrete(normalizers, Normalizer)
]
CASES += [
    (["--backbone", wrapper, "--backbone.backbone", "NHITS"], backbones.NHITS)
    for wrapper in ("Siamese", "PerChannel")
]


@pytest.mark.parametrize(("words", "kind"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_class_keeps_its_own_defaults(words, kind, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["forecast", "table.csv", "--horizon", "2", *words, "--print_config"])
    assert exit_info.value.code == 0
    option = yaml.safe_load(capsys.readouterr().out)[words[0].removeprefix("--")]
    if len(words) > 2:
        option = option["init_args"]["backbone"]
    assert option["class_path"].endswith(f".{kind.__name__}")
    parameters = option.get("init_args", {})
    if getattr(kind, "is_completed_by_data", False):
        # The data decide on parameters without an option.
        assert parameters == {}
        return
    for name, parameter in inspect.signature(kind).parameters.items():
        default = parameter.default
        if default is inspect.Parameter.empty or isinstance(default, type):
            continue
        is_plain = isinstance(default, str) or not isinstance(default, Sequence)
        assert parameters[name] == (default if is_plain else list(default)), name


SHORT_OPTIONS = ["--loss", "quantile", "--max-epochs=3", "--num_nodes", "2", "--progress"]


@pytest.mark.parametrize("command", ["fit", "forecast", "evaluate"])
def test_training_options_can_omit_the_group(command, capsys):
    words = {"evaluate": ["etth1"]}.get(command, ["table.csv"])
    words = [command, *words, "--horizon", "2", "--lookback", "9"]
    if command == "fit":
        words += ["--out", "model"]
    printed = []
    for options in (
        SHORT_OPTIONS,
        [word.replace("--", "--training.", 1) for word in SHORT_OPTIONS],
    ):
        with pytest.raises(SystemExit):
            main([*words, *options, "--print_config"])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    training = yaml.safe_load(printed[0])["training"]
    values = {name: training[name] for name in ("loss", "max_epochs", "num_nodes", "progress")}
    assert values == {"loss": "quantile", "max_epochs": 3, "num_nodes": 2, "progress": True}


def test_help_mentions_short_options(capsys):
    with pytest.raises(SystemExit):
        main(["forecast", "--help-all"])
    text = " ".join(capsys.readouterr().out.split())
    assert "can omit the group: --max-epochs is short for --training.max-epochs" in text


def test_commands_share_the_options_of_a_dataclass(capsys):
    """Each field is an option and a key of its own, unless the command leaves it out."""
    words = ["--time", "day", "--target", "a", "b", "--season", "24", "168", "--decimal", ","]
    with pytest.raises(SystemExit):
        main(["forecast", "table.csv", "--horizon", "2", *words, "--print_config"])
    options = yaml.safe_load(capsys.readouterr().out)
    assert (options["time"], options["target"]) == (["day"], ["a", "b"])
    assert options["season"] == [24, 168]
    assert "reading" not in options
    values = dict.fromkeys(option.key for option in list_options(forecast, ["file"])) | options
    grouped = group_values(forecast, values)
    assert grouped["reading"] == ReadingOptions(time=("day",), target=("a", "b"), decimal=",")
    assert grouped["selection"].season == (24, 168)
    assert main(["evaluate", "co2", "--missing", "error"]) == 2
    assert "there is no option --missing." in capsys.readouterr().err


@pytest.mark.slow
def test_classes_are_found_by_name_in_a_fresh_process():
    words = ["forecast", "missing.csv", "--horizon", "3", "--backbone", "TimesNet", "--normalizer"]
    program = [sys.executable, "-m", "revin_forecast", *words, "SAN"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 2
    assert "missing.csv" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--horizon", "3", "--horizon=4"], "--horizon was given twice; leave one of them out."),
        (
            ["--horizon", "3", "--target", "a", "--target", "b c"],
            "--target was given twice; write all values after one, --target a 'b c'.",
        ),
        (
            ["--horizon", "3", "--seed", "1", "--training.seed", "2"],
            "--training.seed was given twice; leave one of them out.",
        ),
        (["--horizon", "3", "--memory-map", "never", "--memory_map", "auto"], "--memory-map was"),
    ],
)
def test_an_option_with_two_values_is_refused(words, message, capsys):
    assert main(["fit", "sales.csv", "--out", "model", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_same_value_twice_is_the_value(capsys):
    words = ["--horizon", "3", "--horizon=3", "--json", "--json", "--level", "80", "--level", "80"]
    with pytest.raises(SystemExit):
        main(["forecast", "sales.csv", *words, "--print-config"])
    assert "horizon: 3" in capsys.readouterr().out
