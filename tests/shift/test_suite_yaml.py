"""Suites in YAML, and the messages for wrong ones."""

from pathlib import Path

import pytest
import yaml

from revin_forecast.errors import InputError
from revin_forecast.shift import generators
from revin_forecast.shift.suite.suite import DatasetConfig, ShiftProtocol, WindowConfig
from revin_forecast.shift.suite.suite_yaml import parse_shifts, read_suite

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {
    "name": "mine",
    "datasets": ["ar"],
    "models": {"backbones": ["Ridge"], "normalizers": ["RevIN"]},
}


def write_suite(folder, **changes):
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, **changes}))
    return path


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("shift-*.yaml")), ids=lambda p: p.name
)
def test_reads_the_shipped_suites(path):
    suite = read_suite(path)
    assert suite.shifts == generators.ALL_SHIFTS
    assert suite.name == path.stem.removeprefix("shift-")


def test_missing_keys_have_defaults(tmp_path):
    suite = read_suite(write_suite(tmp_path))
    assert suite.datasets == (DatasetConfig("ar"),)
    assert suite.windows == WindowConfig()
    assert suite.protocol == ShiftProtocol()
    assert suite.models[0].seeds == (0,)


def test_reads_every_key(tmp_path, monkeypatch):
    (tmp_path / "ownshift.py").write_text(
        "from revin_forecast.shift import Shift\n"
        "class Double(Shift):\n"
        "    def __init__(self, factor: float = 2.0):\n"
        "        self.factor = factor\n"
        "    def apply(self, dataset, onset, knob, rng):\n"
        "        return self.factor * dataset.values[onset.rows]\n"
    )
    (tmp_path / "table.csv").write_text("date,y\n2020-01-01,1\n2020-01-02,2\n")
    monkeypatch.syspath_prepend(tmp_path)
    linear = {"class_path": "MLP", "init_args": {"width": 8}}
    path = write_suite(
        tmp_path,
        datasets=["ar", {"name": "own", "file": "table.csv", "season": 7, "columns": ["y"]}],
        models=[
            {"backbones": ["Ridge", linear], "normalizers": ["RevIN", "Identity"], "seeds": [1, 2]},
            {"backbones": ["Linear"], "normalizers": ["SAN"]},
        ],
        shifts=[
            "level",
            "scale_up",
            {"class_path": "ownshift.Double", "init_args": {"factor": 3.0}},
        ],
        windows={"lookback": 48},
        protocol={"severities": [2], "ages": [0.5]},
        training={"max_epochs": 3},
    )
    suite = read_suite(path)
    assert suite.datasets[1].file == str(tmp_path / "table.csv")
    assert suite.datasets[1].columns == ("y",)
    assert suite.models[0].backbones[1].parameters == {"width": 8}
    assert suite.models[1].normalizers[0].name == "SAN"
    assert [shift.name for shift in suite.shifts] == ["level", "scale", "double"]
    assert suite.shifts[2].factor == 3.0
    assert suite.windows.lookback == 48
    assert suite.protocol.ages == (0.5,)
    assert suite.training.max_epochs == 3


def test_pretrained_is_a_zero_shot_reference_unless_it_is_trained(tmp_path):
    tuned = {"class_path": "Pretrained", "init_args": {"trainable": True}}
    daily = {"class_path": "Pretrained", "init_args": {"season": 7}}
    grids = [
        {"backbones": ["Ridge", "Pretrained", tuned], "normalizers": ["RevIN"]},
        {"backbones": ["Pretrained", daily], "normalizers": ["Identity"]},
    ]
    suite = read_suite(write_suite(tmp_path, models=grids))
    (grid,) = suite.models
    assert [backbone.call_expression for backbone in grid.backbones] == [
        "Ridge()",
        "Pretrained(trainable=True)",
    ]
    assert [backbone.parameters for backbone in suite.zero_shot] == [{}, {"season": 7}]


def test_parses_shifts_by_name_and_arm():
    assert parse_shifts("all") == generators.ALL_SHIFTS
    assert [shift.arm for shift in parse_shifts(["scale"])] == ["up", "down"]
    assert [shift.arm for shift in parse_shifts(["scale_down"])] == ["down"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"datasets": ["etth9"]},
            "no data set 'etth9' among .* Did you mean etth2.*{name: ..., file: ...}",
        ),
        ({"datasets": ["ar", "ar"]}, "each data set needs a unique name but got"),
        (
            {"shifts": ["levle"]},
            "there is no shift 'levle'. Did you mean level. Name all, one of amplitude",
        ),
        ({"shifts": ["nowhere.Shift"]}, "can't import nowhere.Shift"),
        ({"protocol": {"severities": [0]}}, "protocol.severities are numbers from 1 to 5"),
        ({"protocol": {"ages": [2]}}, "protocol.ages are parts of the look-back"),
        ({"windows": {"lookbak": 3}}, "lookbak"),
        ({"training": {"max_epochs": "many"}}, "max_epochs"),
        ({"colour": "red"}, "colour"),
        (
            {"models": {"backbones": ["Rigde"], "normalizers": ["RevIN"]}},
            "backbones: Rigde is not a backbone of revin_forecast. Did you mean Ridge",
        ),
        (
            {"models": {"backbones": [{"class": "Ridge"}], "normalizers": ["RevIN"]}},
            "a class is a name or {class_path",
        ),
        ({"models": {"backbones": ["Ridge"]}}, "normalizers"),
        (
            {"models": {"backbones": ["Pretrained"], "normalizers": ["Identity"]}},
            "no backbone but Pretrained, which is a reference .* compare with it, such as Ridge",
        ),
    ],
)
def test_reports_mistakes(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_suite(write_suite(tmp_path, **changes))


def test_reports_missing_and_invalid_files(tmp_path):
    with pytest.raises(InputError, match="there is no suite at .*configs/shift-smoke.yaml is one"):
        read_suite(tmp_path / "nothing.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(InputError, match="is not YAML"):
        read_suite(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- a")
    with pytest.raises(InputError, match="is not a suite: it must be a mapping"):
        read_suite(tmp_path / "list.yaml")
