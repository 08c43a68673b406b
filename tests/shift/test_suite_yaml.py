"""Suites in YAML, and the messages for wrong ones."""

import functools
from pathlib import Path

import numpy as np
import pytest
import yaml

from revin_forecast import backbones
from revin_forecast.errors import InputError
from revin_forecast.normalizers import RevIN
from revin_forecast.shift import ShiftOnset, generators
from revin_forecast.shift.processes import AR
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.plan import plan_runs
from revin_forecast.shift.suite.suite import DatasetConfig, ShiftProtocol, WindowConfig
from revin_forecast.shift.suite.suite_yaml import parse_shifts, read_suite

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {
    "name": "mine",
    "datasets": ["ar"],
    "models": {"backbones": ["Ridge"], "normalizers": ["RevIN"]},
}

GRID = PLAIN["models"]
MLP = {"class_path": "MLP", "init_args": {"widht": 8}}


def write_suite(folder, **changes):
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, **changes}))
    return path


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("shift-*.yaml")), ids=lambda p: p.name
)
def test_reads_the_shipped_suites(path):
    suite = read_suite(path)
    # The shifts of the dated suite are those in its data.
    assert suite.shifts == (() if suite.name == "dated" else generators.ALL_SHIFTS)
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


def test_knobs_are_the_strength_of_a_shift_and_of_each_of_its_arms():
    shifts = parse_shifts([{"class_path": "scale", "init_args": {"knobs": [0, 0.1, 1]}}])
    assert [(shift.arm, shift.knobs) for shift in shifts] == [
        ("up", (0.0, 0.1, 1.0)),
        ("down", (0.0, 0.1, 1.0)),
    ]
    (level,) = parse_shifts([{"class_path": "Level", "init_args": {"knobs": [0, 0.1, 0.3]}}])
    dataset = prepare_dataset(DatasetConfig("ar"), WindowConfig(24, 12)).shift_dataset
    onset = ShiftOnset.from_test_start(dataset, dataset.steps)
    moved = level.apply_severity(dataset, onset, 2) - dataset.values[onset.rows]
    np.testing.assert_allclose(np.abs(moved), 0.3)
    assert generators.Level().knobs[2] == 0.5


def test_a_process_has_parameters_of_its_own(tmp_path):
    config = {"name": "ar2", "process": "ar", "phi": 0.2, "rows": 600, "channels": 2, "horizon": 4}
    (dataset,) = read_suite(write_suite(tmp_path, datasets=[config])).datasets
    assert dataset.process == AR(rows=600, phi=0.2, channels=2, correlation=0.6)
    assert dataset.horizon == 4
    prepared = prepare_dataset(dataset, WindowConfig(24, 12))
    assert prepared.channel_names == ("ar2 1", "ar2 2")
    assert prepared.split.values.shape == (600, 2)
    assert prepared.shift_dataset.process == dataset.process


def test_excluded_pairs_are_not_planned(tmp_path):
    models = {"backbones": ["Ridge", "Linear"], "normalizers": ["RevIN", "Identity"]}
    exclude = [{"backbone": "Linear", "normalizer": "RevIN"}]
    suite = read_suite(write_suite(tmp_path, models=models, exclude=exclude))
    pairs = [run.display_names for run in plan_runs(suite, DatasetConfig("ar"))]
    assert pairs[3:] == [("Ridge", "RevIN"), ("Ridge", "Identity"), ("Linear", "Identity")]


def test_a_grid_changes_the_training_of_the_suite(tmp_path):
    grid = {"backbones": ["MLP"], "normalizers": ["RevIN"]}
    quantile = {"loss": "quantile", "levels": [0.1, 0.5, 0.9]}
    models = [grid, {**grid, "training": quantile}]
    suite = read_suite(write_suite(tmp_path, models=models, training={"max_epochs": 3}))
    *_, point, intervals = plan_runs(suite, DatasetConfig("ar"))
    assert point.display_names == ("MLP", "RevIN")
    assert intervals.display_names[0] == "MLP [loss=quantile]"
    assert intervals.make_model_config(suite).quantile_levels == (0.1, 0.5, 0.9)
    assert intervals.make_training(suite).max_epochs == 3
    models = [{**grid, "training": {"loss": "mse"}}]
    suite = read_suite(write_suite(tmp_path, models=models, training=quantile))
    reference, *_, point = plan_runs(suite, DatasetConfig("ar"))
    assert not point.make_model_config(suite).quantile_levels
    assert reference.make_training(suite).loss == "mse"  # a naive forecast learns no quantiles


def test_a_suite_of_python_has_classes_for_names():
    models = {
        "backbones": [functools.partial(backbones.MLP, width=8)],
        "normalizers": [RevIN, "Identity"],
    }
    suite = read_suite({**PLAIN, "models": models, "shifts": [generators.Level, "trend"]})
    (grid,) = suite.models
    assert [grid.backbones[0].call_expression, *(one.name for one in grid.normalizers)] == [
        "MLP(width=8)",
        "RevIN",
        "Identity",
    ]
    assert [shift.name for shift in suite.shifts] == ["level", "trend"]
    assert read_suite({**PLAIN, "shifts": "none"}).shifts == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"datasets": ["etth9"]},
            "no data set 'etth9' among .* Did you mean etth2.*{name: ..., file: ...}",
        ),
        ({"datasets": ["ar", "ar"]}, "each data set needs a unique name but got"),
        ({"datasets": []}, "datasets is empty; give at least one"),
        ({"datasets": "ar"}, r"datasets is a list but got 'ar'. Write, for instance, \[ar, sine\]"),
        (
            {"datasets": [{"name": "x", "fil": "a.csv"}]},
            "the data set 'x' has no key 'fil'. Did you mean file",
        ),
        ({"datasets": [{"file": "a.csv"}]}, "a data set has no name"),
        (
            {"datasets": [{"name": "x", "process": "arr"}]},
            "the data set 'x' has no process 'arr' among .* Did you mean ar",
        ),
        (
            {"datasets": [{"name": "x", "process": "ar", "phy": 0.2}]},
            "the data set 'x' has no key 'phy'. Did you mean phi",
        ),
        (
            {"datasets": [{"name": "x", "process": "ar", "phi": 2}]},
            "phi of AR is a number from -0.999 to 0.999 but got 2",
        ),
        (
            {"datasets": [{"name": "x", "process": "ar", "rows": 0}]},
            "rows of AR is a number of rows from 1 up but got 0",
        ),
        (
            {"datasets": [{"name": "x", "process": "sine", "periods": [7.0]}]},
            "as many powers of at least 0 as it has periods",
        ),
        (
            {"datasets": [{"name": "x", "process": "level_dependent", "channels": 9}]},
            "level_dependent is the name of data of the process of that name.* Change the name",
        ),
        ({"shifts": []}, "shifts is empty; give at least one, or write none"),
        (
            {"shifts": ["none", "level"]},
            "shifts: none excludes all others but is one of 2. Remove it",
        ),
        ({"shifts": ["all", "level"]}, "shifts: each is listed once but got level 2 times"),
        (
            {"shifts": [{"class_path": "Scale", "init_args": {"arms": "up"}}]},
            "Scale has no parameter 'arms'. Did you mean arm. It has arm, knobs",
        ),
        (
            {"shifts": [{"class_path": "Scale", "init_args": {"arm": "upp"}}]},
            "Scale can't be built: there is no arm 'upp'. Choose one of up, down",
        ),
        (
            {"shifts": [{"class_path": "level", "init_args": {"knob": [0, 1]}}]},
            "level takes knobs only but got knob. Did you mean knobs",
        ),
        (
            {"shifts": [{"class_path": "level", "init_args": {"knobs": [1, 2]}}]},
            "and the first, severity 0, is 0, but got .1, 2.. Pass, for instance, .0.0, 0.25, 0.5.",
        ),
        (
            {"shifts": [{"class_path": "level", "init_args": {"knobs": [0, 2, 1]}}]},
            "knobs of the shift level are ascending strengths but got",
        ),
        (
            {"shifts": [{"class_path": "spikes", "init_args": {"knobs": [0, 0.5, 2]}}]},
            "knobs of the shift spikes are ascending strengths up to 1 but got",
        ),
        (
            {"shifts": [{"class_path": "level", "init_args": {"knobs": ["a"]}}]},
            "knobs of the shift level are numbers but got",
        ),
        (
            {"shifts": [{"class_path": "concept", "init_args": {"knobs": [0, 0.5]}}]},
            "the shift concept_reversal has no strength, it is off or on",
        ),
        (
            {
                "shifts": [{"class_path": "spikes", "init_args": {"knobs": [0, 0.5]}}],
                "protocol": {"severities": [3]},
            },
            "the shift spikes has severities 1 to 1, .* it would never be measured",
        ),
        ({"protocol": {"severities": []}}, "protocol.severities is empty; give at least one"),
        ({"protocol": {"severitys": [1]}}, "no key 'severitys'. Did you mean severities"),
        ({"protocol": {"resamples": 0}}, "protocol.resamples is a number of draws from 40 up"),
        ({"protocol": {"shift_seeds": [0, 0]}}, "shift_seeds: each is listed once but got 0 2 ti"),
        ({"windows": {"lookback": 0}}, "windows.lookback is a number of steps from 1 up but got 0"),
        ({"windows": {"horizon": -3}}, "windows.horizon is a number of steps from 1 up but got -3"),
        ({"windows": {"stride": 0}}, "windows.stride is a number of steps from 1 up but got 0"),
        (
            {"windows": {"lookback": "24"}},
            "windows.lookback is a whole number but got the text '24'",
        ),
        ({"windows": 3}, "windows is a mapping with the keys lookback, horizon and stride but"),
        ({"training": {"max_epoch": 3}}, "no key 'max_epoch'. Did you mean max_epochs"),
        ({"training": {"max_epochs": 0}}, "training needs max_epochs > 0 but got 0"),
        ({"name": ""}, "a suite needs a name"),
        ({"datasets": [{"name": " ", "process": "ar"}]}, "each data set needs a name"),
        ({"name": 3}, "name is a text but got 3"),
        ({"models": []}, "a suite needs models but got none"),
        (
            {"models": {"backbones": ["Ridge"], "normalizers": ["RevINN"]}},
            "normalizers: RevINN is not a normalizer of revin_forecast. Did you mean RevIN",
        ),
        (
            {"models": {"backbones": [], "normalizers": ["RevIN"]}},
            "models.backbones is empty; give at least one",
        ),
        ({"models": {**GRID, "seeds": []}}, "models.seeds is empty; give at least one"),
        ({"models": {**GRID, "seeds": [-1]}}, "a seed of models.seeds is a number of seeds from 0"),
        ({"models": {**GRID, "seed": [0]}}, "models has no key 'seed'. Did you mean seeds"),
        (
            {"models": {**GRID, "training": {"los": "mae"}}},
            "models.training has no key 'los'. Did you mean loss",
        ),
        ({"models": [GRID, GRID]}, r"models: each is listed once but got Ridge\(\) in RevIN\(\)"),
        (
            {"models": {"backbones": [MLP], "normalizers": ["RevIN"]}},
            "MLP has no option 'widht'; .* Did you mean width",
        ),
        (
            {"exclude": [{"backbone": "Rigde", "normalizer": "RevIN"}]},
            "exclude: the suite has no backbone 'Rigde'. Did you mean Ridge",
        ),
        (
            {"exclude": [{"backbone": "Ridge", "normaliser": "RevIN"}]},
            "a member of exclude has no key 'normaliser'. Did you mean normalizer",
        ),
        (
            {"exclude": [{"backbone": "Ridge", "normalizer": "RevIN"}] * 2},
            "exclude: each is listed once but got Ridge in RevIN 2 times",
        ),
        (
            {"exclude": [{"backbone": "Ridge", "normalizer": "RevIN"}]},
            r"exclude leaves no normalizer for Ridge\(\)",
        ),
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
