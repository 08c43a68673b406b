"""A class named on the command line has its own defaults, none of the class it stands in for."""

import inspect
from collections.abc import Sequence

import pytest
import yaml

from revin_forecast import backbones, normalizers
from revin_forecast.backbones import Backbone
from revin_forecast.cli.main import main
from revin_forecast.normalizers import Normalizer


def concrete(home, base, skip=()):
    found = [getattr(home, name) for name in home.__all__ if name not in skip]
    return [kind for kind in found if issubclass(kind, base) and not inspect.isabstract(kind)]


ADAPTERS = {"ChannelFirst", "SingleSeries", "TimeSeriesLibrary"}  # made of a net, in Python
NETS = concrete(backbones, Backbone, ADAPTERS)
CASES = [(["--backbone", net.__name__], net) for net in NETS]
CASES += [(["--normalizer", scale.__name__], scale) for scale in concrete(normalizers, Normalizer)]
CASES += [
    (["--backbone", wrapper, "--backbone.backbone", "NHITS"], backbones.NHITS)
    for wrapper in ("Siamese", "PerChannel")
]


@pytest.mark.parametrize(("words", "kind"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_defaults_are_the_classs_own(words, kind, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["forecast", "table.csv", "--horizon", "2", *words, "--print_config"])
    assert stopped.value.code == 0
    chosen = yaml.safe_load(capsys.readouterr().out)[words[0].removeprefix("--")]
    if len(words) > 2:
        chosen = chosen["init_args"]["backbone"]
    assert chosen["class_path"].endswith(f".{kind.__name__}")
    given = chosen.get("init_args", {})
    for name, parameter in inspect.signature(kind).parameters.items():
        default = parameter.default
        if default is inspect.Parameter.empty or isinstance(default, type):
            continue
        plain = isinstance(default, str) or not isinstance(default, Sequence)
        assert given[name] == (default if plain else list(default)), name


SHORT = ["--loss", "quantile", "--max-epochs=3", "--num_nodes", "2", "--progress"]


@pytest.mark.parametrize("command", ["fit", "forecast", "evaluate"])
def test_settings_of_training_need_not_name_the_group(command, capsys):
    words = {"evaluate": ["--dataset", "etth1"]}.get(command, ["table.csv"])
    words = [command, *words, "--horizon", "2", "--lookback", "9"]
    if command == "fit":
        words += ["--out", "model"]
    printed = []
    for given in (SHORT, [word.replace("--", "--training.", 1) for word in SHORT]):
        with pytest.raises(SystemExit):
            main([*words, *given, "--print_config"])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    training = yaml.safe_load(printed[0])["training"]
    chosen = {name: training[name] for name in ("loss", "max_epochs", "num_nodes", "progress")}
    assert chosen == {"loss": "quantile", "max_epochs": 3, "num_nodes": 2, "progress": True}


def test_help_tells_of_short_names(capsys):
    with pytest.raises(SystemExit):
        main(["forecast", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "need not name the group: --max-epochs is --training.max-epochs" in text
