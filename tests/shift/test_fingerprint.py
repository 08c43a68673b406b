"""The key of a result depends on everything that the result depends on, and on nothing else."""

import argparse
import dataclasses
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

import revin_forecast
from revin_forecast.backbones import NHITS, Linear, PatchTST, Ridge, Siamese
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, RevIN, Robust
from revin_forecast.shift import generators
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.processes import AR
from revin_forecast.shift.runner.store import RunStore
from revin_forecast.shift.shift import Shift
from revin_forecast.shift.suite import plan
from revin_forecast.shift.suite.fingerprint import (
    code_salt,
    component_salt,
    fingerprint,
    public_name,
    shift_parameters,
    with_defaults,
)
from revin_forecast.shift.suite.plan import cell_config, plan_cells
from revin_forecast.shift.suite.suite import DatasetConfig, Exclusion, ModelGrid, WindowConfig
from revin_forecast.shift.suite.suite_yaml import parse_shifts
from revin_forecast.training.settings import TrainingSettings
from tests.support.shift_suites import Unbuildable, make_small_suite, make_spec


def keys(suite):
    """Return the keys of the last run and of its cells."""
    run = RunStore(suite, Path("nowhere")).make_runs()[-1]
    return run.key, [key for key, _ in run.cells]


SUITE = make_small_suite()
OTHER_TRAINING = {
    "max_epochs": 3,
    "learning_rate": 1e-2,
    "decay": 0.5,
    "batch_size": 64,
    "patience": 9,
    "gradient_clip": 2.0,
    "loss": "mae",
    "seed": None,  # replaced by the suite's seeds
    "levels": (0.1, 0.5, 0.9),
    "logger": None,
    "progress": None,
    "devices": None,
    "num_nodes": None,
    "strategy": None,
    "threads": 2,  # another order of summation
    "precision": "bf16-mixed",
    "compile": True,  # another order of summation
}
IRRELEVANT_TRAINING = {
    "seed": 5,
    "logger": "tensorboard",
    "progress": True,
    "devices": 2,
    "num_nodes": 2,
    "strategy": "ddp",
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(TrainingSettings)])
def test_key_depends_on_every_training_setting_that_changes_weights(field):
    value = OTHER_TRAINING[field]  # a new field needs an entry
    if value is None:
        other = dataclasses.replace(SUITE.training, **{field: IRRELEVANT_TRAINING[field]})
        assert keys(dataclasses.replace(SUITE, training=other)) == keys(SUITE)
    else:
        loss = {"loss": "quantile"} if field == "levels" else {}
        other = dataclasses.replace(SUITE.training, **{field: value}, **loss)
        assert keys(dataclasses.replace(SUITE, training=other))[0] != keys(SUITE)[0]


def change_suite(**fields):
    return dataclasses.replace(SUITE, **fields)


def with_models(backbone=Ridge, normalizer=RevIN, seed=0, **parameters):
    models = ModelGrid((make_spec(backbone, **parameters),), (make_spec(normalizer),), (seed,))
    return change_suite(models=(models,))


def test_run_key_depends_on_everything_that_changes_weights():
    variants = [
        SUITE,
        change_suite(windows=WindowConfig(25, 12, 12)),
        change_suite(windows=WindowConfig(24, 11, 12)),
        change_suite(datasets=(DatasetConfig("sine"),)),
        change_suite(datasets=(DatasetConfig("ar", season=7),)),
        with_models(seed=1),
        with_models(backbone=Linear),
        with_models(normalizer=Robust),
        with_models(penalties=[0.5]),
        with_models(per_channel=True),
    ]
    run_keys = [keys(suite)[0] for suite in variants]
    assert len(set(run_keys)) == len(run_keys)


def test_knobs_processes_and_trainings_of_a_suite_are_part_of_the_keys():
    key, cell_keys = keys(SUITE)
    level = SUITE.shifts[0].with_knobs([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    other_key, other_cell_keys = keys(change_suite(shifts=(level, *SUITE.shifts[1:])))
    assert other_key == key
    changed = [one != other for one, other in zip(cell_keys, other_cell_keys, strict=True)]
    cells = [cell for _, cell in RunStore(SUITE, Path("nowhere")).make_runs()[-1].cells]
    assert changed == [cell.shift is not None and cell.shift.name == "level" for cell in cells]
    (grid,) = SUITE.models
    mae = dataclasses.replace(SUITE.training, loss="mae")
    variants = [
        change_suite(datasets=(DatasetConfig("ar", process=AR(correlation=0.6, phi=0.5)),)),
        change_suite(datasets=(DatasetConfig("ar", process=AR(correlation=0.6, rows=3999)),)),
        change_suite(models=(dataclasses.replace(grid, training=mae),)),
    ]
    assert len({key, *(keys(suite)[0] for suite in variants)}) == 4
    same = dataclasses.replace(grid, training=SUITE.training)
    excluded = change_suite(models=(same,), exclusions=(Exclusion("Ridge", "Identity"),))
    assert keys(excluded) == (key, cell_keys)


def test_defaults_are_part_of_the_key(monkeypatch):
    assert with_defaults(make_spec(Ridge))["parameters"]["per_channel"] is False
    named = make_spec(Ridge, penalties=[0.5])
    assert with_defaults(named)["parameters"] == {"per_channel": False, "penalties": [0.5]}
    before = fingerprint(with_defaults(make_spec(Unbuildable)))
    monkeypatch.setattr(
        Unbuildable, "__init__", lambda self, lookback, horizon, channels, w=1: None
    )
    assert fingerprint(with_defaults(make_spec(Unbuildable))) != before


def test_scoring_settings_change_cell_keys_only():
    key, cell_keys = keys(SUITE)
    for other in (
        change_suite(windows=WindowConfig(24, 12, 6)),
        change_suite(protocol=dataclasses.replace(SUITE.protocol, resamples=51)),
    ):
        other_key, other_cell_keys = keys(other)
        assert other_key == key
        assert not set(other_cell_keys) & set(cell_keys)
    more = make_small_suite(shifts=("level", "trend", "sensor_offset"))
    assert keys(more)[0] == key
    assert set(keys(more)[1]) > set(cell_keys)
    severities = dataclasses.replace(SUITE.protocol, severities=(1, 2, 5))
    assert set(keys(change_suite(protocol=severities))[1]) > set(cell_keys)


def test_execution_settings_change_no_key(tmp_path):
    plain = make_jobs(SUITE, ExecutionSettings(str(tmp_path)))
    other = make_jobs(SUITE, ExecutionSettings("elsewhere", "data", 1.0, True, (1, 3), True))
    for job, other_job in zip(plain, other, strict=True):
        assert job.run.key == other_job.run.key
        assert job.run.cells == other_job.run.cells
    names = {field.name for field in dataclasses.fields(ExecutionSettings)}
    assert names == {"folder", "data_dir", "timeout", "retry", "shard", "windows"}


@pytest.fixture(name="own_folder")
def make_own_folder(tmp_path, monkeypatch):
    """Return a folder with a user's backbone, normalizer and shift, and modules they import."""
    folder = tmp_path / "own"
    (folder / "ownpackage").mkdir(parents=True)
    (folder / "ownmodels.py").write_text(
        "from revin_forecast.backbones import Backbone\n"
        "from revin_forecast.normalizers import LastValue\n"
        "from revin_forecast.shift import Shift\n"
        "from ownpackage.ancestor import Ancestor\n"
        "class Net(Ancestor, Backbone):\n"
        "    def forward(self, past):\n"
        "        from ownhelper import SIZE\n"
        "        return past[:, -1:].expand(-1, self.horizon, -1) * SIZE\n"
        "class Late(LastValue): pass\n"
        "class Double(Shift):\n"
        "    def apply(self, dataset, onset, knob, rng):\n"
        "        return 2 * dataset.values[onset.rows]\n"
    )
    (folder / "ownhelper.py").write_text("import ownmodels, missing_module\nSIZE = 1\n")
    (folder / "ownpackage" / "ancestor.py").write_text(
        "from . import constants\nclass Ancestor: pass\n"
    )
    (folder / "ownpackage" / "constants.py").write_text("FACTOR = 1\n")
    (folder / "unused.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [module for module in sys.modules if module.startswith("own")]:
        del sys.modules[name]


def own_suite(backbone="ownmodels.Net", normalizer="ownmodels.Late", shift="ownmodels.Double"):
    models = ModelGrid((ModuleSpec(backbone),), (ModuleSpec(normalizer),), (0,))
    return change_suite(models=(models,), shifts=parse_shifts([shift]))


def recomputed_keys(suite):
    """Return the keys that a new process would compute after a change of files."""
    code_salt.cache_clear()
    importlib.invalidate_caches()
    return keys(suite)


@pytest.mark.parametrize(
    "file", ["ownmodels.py", "ownhelper.py", "ownpackage/ancestor.py", "ownpackage/constants.py"]
)
@pytest.mark.parametrize(
    "parts",
    [
        {"normalizer": "revin_forecast.RevIN"},
        {"backbone": "revin_forecast.Ridge"},
    ],
)
def test_key_depends_on_source_of_own_classes_and_their_imports(own_folder, file, parts):
    suite = own_suite(**parts)
    before = recomputed_keys(suite)
    assert recomputed_keys(suite) == before
    path = own_folder / file
    path.write_text(path.read_text() + "# changed\n")
    after = recomputed_keys(suite)
    assert after[0] != before[0]
    assert not set(after[1]) & set(before[1])


def test_source_of_an_own_shift_changes_its_cells_only(own_folder):
    suite = own_suite("revin_forecast.Ridge", "revin_forecast.RevIN")
    key, before = recomputed_keys(suite)
    (own_folder / "ownhelper.py").write_text("SIZE = 2\n")
    other_key, after = recomputed_keys(suite)
    assert other_key == key
    is_clean = [cell.shift is None for cell in plan_cells(suite, suite.datasets[-1])]
    assert [old == new for old, new in zip(before, after, strict=True)] == is_clean
    assert not all(is_clean)


def test_salt_depends_on_own_classes_inside_other_modules(own_folder):
    net = ModuleSpec("ownmodels.Net")
    backbones = {
        "Siamese": {"backbone": net},
        "Ensemble": {"backbones": [ModuleSpec("revin_forecast.Ridge"), net]},
    }
    salts = []
    for text in ("SIZE = 1\n", "SIZE = 2\n"):
        (own_folder / "ownhelper.py").write_text(text)
        code_salt.cache_clear()
        salts += [
            component_salt(ModuleSpec(f"revin_forecast.{name}", parameters))
            for name, parameters in backbones.items()
        ]
    assert salts[0] != salts[2]
    assert salts[1] != salts[3]


def test_key_ignores_files_that_own_classes_do_not_import(own_folder):
    before = recomputed_keys(own_suite())
    (own_folder / "unused.py").write_text("X = 2\n")
    assert recomputed_keys(own_suite()) == before
    assert "ownhelper" not in sys.modules  # imports are found without importing


def test_key_ignores_the_folder_of_own_classes(own_folder, monkeypatch):
    before = recomputed_keys(own_suite())
    moved = own_folder.rename(own_folder.parent / "elsewhere")
    monkeypatch.syspath_prepend(moved)
    for name in [module for module in sys.modules if module.startswith("own")]:
        del sys.modules[name]
    assert recomputed_keys(own_suite()) == before


def test_every_key_depends_on_version_and_schema(monkeypatch):
    key, cell_keys = keys(SUITE)
    monkeypatch.setattr(revin_forecast, "__version__", "0.1.1")
    other_version = keys(SUITE)
    monkeypatch.undo()
    monkeypatch.setattr(plan, "RESULTS_SCHEMA", plan.RESULTS_SCHEMA + 1)
    other_schema = keys(SUITE)
    assert len({key, other_version[0], other_schema[0]}) == 3
    assert not set(cell_keys) & (set(other_version[1]) | set(other_schema[1]))
    monkeypatch.undo()
    assert keys(SUITE) == (key, cell_keys)


def test_key_ignores_our_source():
    """Version and schema identify our code, so that it can be renamed, moved and documented."""
    assert code_salt(Ridge, RevIN, *map(type, generators.ALL_SHIFTS)) == code_salt()


def test_key_ignores_the_modules_of_our_classes(monkeypatch):
    everything = make_small_suite((Ridge, Siamese), ("all",), normalizers=(Identity, RevIN))
    before = keys(everything)
    public = [ModuleSpec(f"revin_forecast.{kind.__name__}") for kind in (Siamese, RevIN)]
    models = ModelGrid((public[0],), (public[1],))
    assert keys(dataclasses.replace(everything, models=(models,))) == before
    for kind in {Linear, Siamese, RevIN, *map(type, everything.shifts)}:
        monkeypatch.setattr(kind, "__module__", "revin_forecast.another.folder")
    assert recomputed_keys(everything) == before


def test_no_record_names_a_module_of_ours():
    """Neither a key nor a journal names one, even with classes among the defaults."""
    everything = make_small_suite((Siamese, NHITS), ("all",), ("ar", "level_dependent"))
    records = []
    for run in RunStore(everything, Path("nowhere")).make_runs():
        records += [run.config, *(cell_config(everything, cell) for _, cell in run.cells)]
    text = json.dumps(records)  # fails unless all values are plain
    names = set(re.findall(r"revin_forecast\.\w+", text))
    assert {"revin_forecast.Siamese", "revin_forecast.Linear", "revin_forecast.level"} <= names
    assert not re.search(r"revin_forecast\.\w+\.", text)


def test_each_shift_has_its_own_key():
    fingerprints = [fingerprint(shift_parameters(shift)) for shift in generators.ALL_SHIFTS]
    assert len(set(fingerprints)) == len(fingerprints)


def test_public_names_are_in_the_package():
    for kind in (Ridge, Linear, NHITS, PatchTST, RevIN, Identity):
        assert getattr(revin_forecast, public_name(kind).rpartition(".")[2]) is kind
    assert public_name(Unbuildable) == "tests.support.shift_suites.Unbuildable"


def test_classes_of_a_script_have_equal_names_in_its_workers():
    main, worker = (type("Net", (), {"__module__": f"__{prefix}main__"}) for prefix in ("", "mp_"))
    assert public_name(main) == public_name(worker) == "__main__.Net"


def test_salt_ignores_installed_code(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "ownlibrary.py").write_text("class Installed: pass\n")
    monkeypatch.syspath_prepend(folder)
    installed = importlib.import_module("ownlibrary").Installed
    monkeypatch.delitem(sys.modules, "ownlibrary")
    assert code_salt(installed, argparse.Namespace) == code_salt()


def test_shift_parameters_have_the_attributes_of_own_shifts():
    class Mine(Shift):
        def __init__(self, power=1.0):
            self.power = power

        def apply(self, dataset, onset, knob, rng):
            return dataset.values[onset.rows] * self.power

    assert shift_parameters(Mine(1.0)) != shift_parameters(Mine(2.0))
    assert fingerprint(shift_parameters(Mine())) == fingerprint(shift_parameters(Mine()))
