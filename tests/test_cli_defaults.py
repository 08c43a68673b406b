"""A class named on the command line has its own defaults, none of the class it stands in for."""

import inspect
from collections.abc import Sequence

import pytest
import yaml

from revin_forecast import backbones, normalizers
from revin_forecast.backbones import Backbone
from revin_forecast.cli import main
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
