"""A result's name holds everything that it depends on, and nothing else."""

import argparse
import dataclasses
import importlib
import json
import re
import sys

import pytest

import revin_forecast
from revin_forecast.backbones import NHITS, Linear, PatchTST, Ridge, Siamese
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, RevIN, Robust
from revin_forecast.shift import generators
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.shift import Shift
from revin_forecast.shift.suite import plan
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.fingerprint import (
    code_salt,
    component_salt,
    fingerprint,
    public_name,
    shift_parameters,
    with_defaults,
)
from revin_forecast.shift.suite.plan import cell_config, cell_key, plan_cells, plan_runs, run_config
from revin_forecast.shift.suite.suite import DatasetConfig, ModelGrid, WindowConfig
from revin_forecast.shift.suite.suite_yaml import parse_shifts
from revin_forecast.training.settings import TrainingSettings
from tests.support.shift_suites import Unbuildable, component, small_suite


def keys(suite):
    """Keys of the last run and of its cells."""
    run = plan_runs(suite)[-1]
    key = fingerprint(run_config(suite, run, prepare_dataset(run.dataset_config, suite.windows)))
    return key, [cell_key(key, suite, cell) for cell in plan_cells(suite, run.dataset_config)]


SUITE = small_suite()
OTHER_TRAINING = {
    "max_epochs": 3,
    "learning_rate": 1e-2,
    "decay": 0.5,
    "batch_size": 64,
    "patience": 9,
    "gradient_clip": 2.0,
    "loss": "mae",
    "seed": None,  # set from the suite's seeds
    "levels": (0.1, 0.5, 0.9),
    "logger": None,
    "progress": None,
    "devices": None,
    "num_nodes": None,
    "strategy": None,
    "threads": 2,  # sums in another order
    "precision": "bf16-mixed",
    "compile": True,  # sums in another order
}
ONLY_TELLING = {
    "seed": 5,
    "logger": "tensorboard",
    "progress": True,
    "devices": 2,
    "num_nodes": 2,
    "strategy": "ddp",
}


@pytest.mark.parametrize("field", [one.name for one in dataclasses.fields(TrainingSettings)])
def test_each_training_setting_counts_but_those_that_only_tell(field):
    value = OTHER_TRAINING[field]  # a new field must say here whether it counts
    if value is None:
        other = dataclasses.replace(SUITE.training, **{field: ONLY_TELLING[field]})
        assert keys(dataclasses.replace(SUITE, training=other)) == keys(SUITE)
    else:
        loss = {"loss": "quantile"} if field == "levels" else {}
        other = dataclasses.replace(SUITE.training, **{field: value}, **loss)
        assert keys(dataclasses.replace(SUITE, training=other))[0] != keys(SUITE)[0]


def changed(**fields):
    return dataclasses.replace(SUITE, **fields)


def with_models(backbone=Ridge, normalizer=RevIN, seed=0, **parameters):
    models = ModelGrid((component(backbone, **parameters),), (component(normalizer),), (seed,))
    return changed(models=(models,))


def test_whatever_weights_depend_on_changes_the_run():
    variants = [
        SUITE,
        changed(windows=WindowConfig(25, 12, 12)),
        changed(windows=WindowConfig(24, 11, 12)),
        changed(datasets=(DatasetConfig("sine"),)),
        changed(datasets=(DatasetConfig("ar", season=7),)),
        with_models(seed=1),
        with_models(backbone=Linear),
        with_models(normalizer=Robust),
        with_models(penalties=[0.5]),
        with_models(per_channel=True),
    ]
    found = [keys(suite)[0] for suite in variants]
    assert len(set(found)) == len(found)


def test_defaults_are_part_of_the_key(monkeypatch):
    assert with_defaults(component(Ridge))["parameters"]["per_channel"] is False
    named = component(Ridge, penalties=[0.5])
    assert with_defaults(named)["parameters"] == {"per_channel": False, "penalties": [0.5]}
    before = fingerprint(with_defaults(component(Unbuildable)))
    monkeypatch.setattr(
        Unbuildable, "__init__", lambda self, lookback, horizon, channels, w=1: None
    )
    assert fingerprint(with_defaults(component(Unbuildable))) != before


def test_whatever_only_scores_depend_on_keeps_the_run():
    key, found = keys(SUITE)
    for other in (
        changed(windows=WindowConfig(24, 12, 6)),
        changed(protocol=dataclasses.replace(SUITE.protocol, resamples=51)),
    ):
        again, cell_keys = keys(other)
        assert again == key
        assert not set(cell_keys) & set(found)
    more = small_suite(shifts=("level", "trend", "sensor_offset"))
    assert keys(more)[0] == key
    assert set(keys(more)[1]) > set(found)
    severities = dataclasses.replace(SUITE.protocol, severities=(1, 2, 5))
    assert set(keys(changed(protocol=severities))[1]) > set(found)


def test_how_a_benchmark_is_run_changes_no_key(tmp_path):
    plain = make_jobs(SUITE, ExecutionSettings(str(tmp_path)))
    other = make_jobs(SUITE, ExecutionSettings("elsewhere", "data", 1.0, True, (1, 3), True))
    assert [job.run for job in plain] == [job.run for job in other]
    named = {one.name for one in dataclasses.fields(ExecutionSettings)}
    assert named == {"folder", "data_dir", "timeout", "retry", "shard", "windows"}


@pytest.fixture(name="own")
def own_modules(tmp_path, monkeypatch):
    """A folder with a user's backbone, normalizer and shift, and the files beside them."""
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
    for name in [one for one in sys.modules if one.startswith("own")]:
        del sys.modules[name]


def own_suite(backbone="ownmodels.Net", normalizer="ownmodels.Late", shift="ownmodels.Double"):
    models = ModelGrid((ModuleSpec(backbone),), (ModuleSpec(normalizer),), (0,))
    return changed(models=(models,), shifts=parse_shifts([shift]))


def keys_afresh(suite):
    """Keys as a new process would make them, after files have changed."""
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
def test_source_of_own_classes_and_of_files_beside_them_counts(own, file, parts):
    suite = own_suite(**parts)
    before = keys_afresh(suite)
    assert keys_afresh(suite) == before
    path = own / file
    path.write_text(path.read_text() + "# changed\n")
    after = keys_afresh(suite)
    assert after[0] != before[0]
    assert not set(after[1]) & set(before[1])


def test_source_of_an_own_shift_counts_in_its_cells_alone(own):
    suite = own_suite("revin_forecast.Ridge", "revin_forecast.RevIN")
    key, before = keys_afresh(suite)
    (own / "ownhelper.py").write_text("SIZE = 2\n")
    again, after = keys_afresh(suite)
    assert again == key
    kept = [cell.shift is None for cell in plan_cells(suite, plan_runs(suite)[-1].dataset_config)]
    assert [one == other for one, other in zip(before, after, strict=True)] == kept
    assert not all(kept)


def test_own_classes_inside_other_components_count(own):
    net = ModuleSpec("ownmodels.Net")
    backbones = {
        "Siamese": {"backbone": net},
        "Ensemble": {"backbones": [ModuleSpec("revin_forecast.Ridge"), net]},
    }
    salts = []
    for text in ("SIZE = 1\n", "SIZE = 2\n"):
        (own / "ownhelper.py").write_text(text)
        code_salt.cache_clear()
        salts += [
            component_salt(ModuleSpec(f"revin_forecast.{name}", parameters))
            for name, parameters in backbones.items()
        ]
    assert salts[0] != salts[2]
    assert salts[1] != salts[3]


def test_files_that_own_classes_do_not_import_do_not_count(own):
    before = keys_afresh(own_suite())
    (own / "unused.py").write_text("X = 2\n")
    assert keys_afresh(own_suite()) == before
    assert "ownhelper" not in sys.modules  # nothing is imported to find what is imported


def test_another_folder_keeps_the_keys_of_own_classes(own, monkeypatch):
    before = keys_afresh(own_suite())
    moved = own.rename(own.parent / "elsewhere")
    monkeypatch.syspath_prepend(moved)
    for name in [one for one in sys.modules if one.startswith("own")]:
        del sys.modules[name]
    assert keys_afresh(own_suite()) == before


def test_another_version_or_schema_of_results_changes_every_key(monkeypatch):
    key, found = keys(SUITE)
    monkeypatch.setattr(revin_forecast, "__version__", "0.1.1")
    other_version = keys(SUITE)
    monkeypatch.undo()
    monkeypatch.setattr(plan, "RESULTS_SCHEMA", plan.RESULTS_SCHEMA + 1)
    other_schema = keys(SUITE)
    assert len({key, other_version[0], other_schema[0]}) == 3
    assert not set(found) & (set(other_version[1]) | set(other_schema[1]))
    monkeypatch.undo()
    assert keys(SUITE) == (key, found)


def test_source_of_our_own_code_does_not_count():
    """So that it can be renamed, moved and documented; the version and the schema stand for it."""
    assert code_salt(Ridge, RevIN, *map(type, generators.ALL_SHIFTS)) == code_salt()


def test_where_a_module_of_ours_lies_does_not_count(monkeypatch):
    everything = small_suite((Ridge, Siamese), ("all",), normalizers=(Identity, RevIN))
    before = keys(everything)
    public = [ModuleSpec(f"revin_forecast.{kind.__name__}") for kind in (Siamese, RevIN)]
    models = ModelGrid((public[0],), (public[1],))
    assert keys(dataclasses.replace(everything, models=(models,))) == before
    for kind in {Linear, Siamese, RevIN, *map(type, everything.shifts)}:
        monkeypatch.setattr(kind, "__module__", "revin_forecast.another.folder")
    assert keys_afresh(everything) == before


def test_nothing_on_record_names_a_module_of_ours():
    """Neither a key nor a journal, whatever is measured, with defaults that are classes."""
    everything = small_suite((Siamese, NHITS), ("all",), ("ar", "level_dependent"))
    records = []
    for run in plan_runs(everything):
        data = prepare_dataset(run.dataset_config, everything.windows)
        records.append(run_config(everything, run, data))
        records += [
            cell_config(everything, cell) for cell in plan_cells(everything, run.dataset_config)
        ]
    text = json.dumps(records)  # all is plain
    named = set(re.findall(r"revin_forecast\.\w+", text))
    assert {"revin_forecast.Siamese", "revin_forecast.Linear", "revin_forecast.level"} <= named
    assert not re.search(r"revin_forecast\.\w+\.", text)


def test_each_shift_has_a_key_of_its_own():
    every = [fingerprint(shift_parameters(one)) for one in generators.ALL_SHIFTS]
    assert len(set(every)) == len(every)


def test_public_names_are_those_of_the_package():
    for kind in (Ridge, Linear, NHITS, PatchTST, RevIN, Identity):
        assert getattr(revin_forecast, public_name(kind).rpartition(".")[2]) is kind
    assert public_name(Unbuildable) == "tests.support.shift_suites.Unbuildable"


def test_a_script_names_its_classes_alike_in_its_workers():
    main, worker = (type("Net", (), {"__module__": f"__{one}main__"}) for one in ("", "mp_"))
    assert public_name(main) == public_name(worker) == "__main__.Net"


def test_installed_code_does_not_count(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "ownlibrary.py").write_text("class Theirs: pass\n")
    monkeypatch.syspath_prepend(folder)
    theirs = importlib.import_module("ownlibrary").Theirs
    monkeypatch.delitem(sys.modules, "ownlibrary")
    assert code_salt(theirs, argparse.Namespace) == code_salt()


def test_a_shift_is_told_from_another_by_what_it_is():
    class Mine(Shift):
        def __init__(self, power=1.0):
            self.power = power

        def apply(self, dataset, onset, knob, rng):
            return dataset.values[onset.rows] * self.power

    assert shift_parameters(Mine(1.0)) != shift_parameters(Mine(2.0))
    assert fingerprint(shift_parameters(Mine())) == fingerprint(shift_parameters(Mine()))
