"""A result's name holds everything that it depends on, and nothing else."""

import dataclasses
import importlib
import sys

import pytest
from shift_suites import Unbuildable, component, small_suite

from revin_forecast.backbones import NHITS, Linear, PatchTST, Ridge
from revin_forecast.normalizers import RevIN, Robust
from revin_forecast.settings import TrainingSettings
from revin_forecast.shift.base import Shift
from revin_forecast.shift.benchmark import Execution, jobs_of
from revin_forecast.shift.datasets import prepare
from revin_forecast.shift.keys import code_salt, component_salt, digest, facts_of, resolved
from revin_forecast.shift.plan import cell_key, cells, run_config, runs
from revin_forecast.shift.suite import DataSource, Models, WindowGrid


def keys(suite):
    """Keys of the last run and of its cells."""
    run = runs(suite)[-1]
    key = digest(run_config(suite, run, prepare(run.source, suite.windows)))
    return key, [cell_key(key, suite, cell) for cell in cells(suite, run.source)]


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
    models = Models((component(backbone, **parameters),), (component(normalizer),), (seed,))
    return changed(models=(models,))


def test_whatever_weights_depend_on_changes_the_run():
    variants = [
        SUITE,
        changed(windows=WindowGrid(25, 12, 12)),
        changed(windows=WindowGrid(24, 11, 12)),
        changed(datasets=(DataSource("sine"),)),
        changed(datasets=(DataSource("ar", season=7),)),
        with_models(seed=1),
        with_models(backbone=Linear),
        with_models(normalizer=Robust),
        with_models(penalties=[0.5]),
        with_models(per_channel=True),
    ]
    found = [keys(suite)[0] for suite in variants]
    assert len(set(found)) == len(found)


def test_defaults_are_part_of_the_key(monkeypatch):
    assert resolved(component(Ridge))["parameters"]["per_channel"] is False
    named = component(Ridge, penalties=[0.5])
    assert resolved(named)["parameters"] == {"per_channel": False, "penalties": [0.5]}
    before = digest(resolved(component(Unbuildable)))
    monkeypatch.setattr(
        Unbuildable, "__init__", lambda self, lookback, horizon, channels, w=1: None
    )
    assert digest(resolved(component(Unbuildable))) != before


def test_whatever_only_scores_depend_on_keeps_the_run():
    key, found = keys(SUITE)
    for other in (
        changed(windows=WindowGrid(24, 12, 6)),
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
    plain = jobs_of(SUITE, Execution(str(tmp_path)))
    other = jobs_of(SUITE, Execution("elsewhere", "data", 1.0, True, (1, 3), True))
    assert [job.run for job in plain] == [job.run for job in other]
    named = {one.name for one in dataclasses.fields(Execution)}
    assert named == {"folder", "data_dir", "timeout", "retry", "shard", "windows"}


def test_code_salts_follow_imports(tmp_path, monkeypatch):
    package = tmp_path / "ownpackage"
    package.mkdir()
    (package / "__init__.py").write_text("from ownpackage.first import A\nfrom .second import B\n")
    (package / "first.py").write_text("from ownpackage.helper import f\nclass A: pass\n")
    (package / "second.py").write_text("class B: pass\n")
    (package / "helper.py").write_text("def f(): return 1\n")
    (tmp_path / "user.py").write_text("def g():\n    from ownpackage import A\n    return A\n")
    monkeypatch.syspath_prepend(tmp_path)

    def salt():
        for cached in vars(sys.modules["revin_forecast.shift.keys"]).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()
        importlib.invalidate_caches()
        return code_salt("user")

    before = salt()
    (package / "second.py").write_text("class B: x = 1\n")
    assert salt() == before  # user takes A alone, which is defined elsewhere
    (package / "helper.py").write_text("def f(): return 2\n")
    assert salt() != before
    assert "ownpackage" not in sys.modules


def test_backbones_have_salts_of_their_own():
    kinds = (Ridge, Linear, NHITS, PatchTST)
    assert len({component_salt(component(kind)) for kind in kinds}) == 4


def test_a_shift_is_told_from_another_by_what_it_is():
    class Mine(Shift):
        def __init__(self, power=1.0):
            self.power = power

        def moved(self, world, at, knob, draw):
            return world.values[at.rows] * self.power

    assert facts_of(Mine(1.0)) != facts_of(Mine(2.0))
    assert digest(facts_of(Mine())) == digest(facts_of(Mine()))
