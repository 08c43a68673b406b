"""A run's data, key and cells are made once, and a worker notices if its own inputs differ."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast.backbones import Ridge
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.runner import store as stores
from revin_forecast.shift.runner.results import compile_results
from revin_forecast.shift.runner.run_jobs import run_jobs
from revin_forecast.shift.runner.store import TRAINING, RunProgress, RunStore
from revin_forecast.shift.suite import datasets
from revin_forecast.shift.suite.suite import DatasetConfig
from revin_forecast.utils.parallel.inline import InlineEngine
from tests.support.shift_suites import make_small_suite


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "own.csv"
    write_table(path, 0)
    return path


def write_table(path, seed):
    values = np.random.default_rng(seed).standard_normal(400).cumsum()
    dates = pd.date_range("2024-01-01", periods=400)
    pd.DataFrame({"date": dates, "y": values}).to_csv(path, index=False)


def suite_of(*datasets):
    suite = make_small_suite(shifts=("level",))
    return suite.__class__(**{**vars(suite), "datasets": datasets})


def own_suite(table):
    return suite_of(DatasetConfig("own", file=str(table)))


def count_calls(monkeypatch, module, name):
    calls, function = [], getattr(module, name)

    def count(*arguments, **options):
        calls.append(arguments)
        return function(*arguments, **options)

    monkeypatch.setattr(module, name, count)
    return calls


def run_as_worker(jobs):
    """Run jobs as a worker process does, from copies; return the units that began."""
    events = []
    run_jobs(pickle.loads(pickle.dumps(jobs)), InlineEngine(), events.append)
    return [unit for kind, _, unit in events if kind == "begin"]


def test_data_keys_and_cells_are_made_once(table, tmp_path, monkeypatch):
    reads = count_calls(monkeypatch, datasets, "read_series")
    configs = count_calls(monkeypatch, stores, "run_config")
    cell_configs = count_calls(monkeypatch, stores, "cell_config")
    missing = DatasetConfig("nowhere", file=str(tmp_path / "nowhere.csv"))
    jobs = make_jobs(
        suite_of(DatasetConfig("own", file=str(table)), DatasetConfig("ar"), missing),
        ExecutionSettings(str(tmp_path / "results")),
    )
    run_jobs(jobs, InlineEngine(), lambda event: None)
    results = compile_results([job.run for job in jobs])
    assert results.missing_cells == 0
    assert len(jobs) == 15
    assert len(configs) == 10
    cells = len(jobs[0].run.cells)
    assert len(cell_configs) == 3 * cells  # once a data set
    assert [path.name for (path,) in reads] == ["own.csv", "nowhere.csv"]


def test_a_changed_file_is_read_again_by_the_next_store(table):
    first, second = (RunStore(own_suite(table), table.parent) for _ in range(2))
    config = first.suite.datasets[0]
    before = first.load_dataset(config)
    assert second.load_dataset(config) is before
    write_table(table, 1)
    assert second.load_dataset(config) is before  # one benchmark has one version of its data
    third = RunStore(own_suite(table), table.parent)
    assert third.load_dataset(config).sha256 != before.sha256


def test_workers_receive_keys_but_no_data(table, tmp_path, monkeypatch):
    jobs = make_jobs(own_suite(table), ExecutionSettings(str(tmp_path / "results")))
    for name in ("run_config", "cell_config", "plan_cells"):
        monkeypatch.setattr(stores, name, None)
    assert len(pickle.dumps(jobs[0])) < 10_000
    units = run_as_worker(jobs)
    keys = [key for job in jobs for key, _ in job.run.cells]
    assert sorted(units) == sorted([*keys, *[TRAINING] * len(jobs)])
    assert all(job.run.read_progress() == RunProgress(True, 6, 6) for job in jobs)


@pytest.mark.parametrize("is_trained", [False, True])
def test_worker_with_other_data_records_a_failure(table, tmp_path, is_trained):
    settings = ExecutionSettings(str(tmp_path / "results"))
    jobs = make_jobs(own_suite(table), settings)
    if is_trained:
        run_jobs(jobs, InlineEngine(), lambda event: None)
        for job in jobs:
            job.run.folder.journal.unlink()
    original = table.read_bytes()
    write_table(table, 1)
    assert run_as_worker(jobs) == []
    cells = compile_results([job.run for job in jobs]).cells
    assert (cells.status == "failed").all()
    assert cells.error.str.contains("a worker has other data than the process that planned").all()
    assert cells.error.str.contains("repeat with --retry").all()
    table.write_bytes(original)
    retried = make_jobs(own_suite(table), ExecutionSettings(settings.folder, retry=True))
    assert run_as_worker(retried)
    assert (compile_results([job.run for job in jobs]).cells.status == "done").all()


def test_worker_without_the_data_records_a_failure(table, tmp_path):
    jobs = make_jobs(own_suite(table), ExecutionSettings(str(tmp_path / "results")))
    table.unlink()
    assert run_as_worker(jobs) == []
    cells = compile_results([job.run for job in jobs]).cells
    assert cells.error.str.contains("not trained: .*own.csv").all()


@pytest.mark.parametrize("name", ["shift_code", "config"])
def test_worker_with_other_code_records_a_failure(tmp_path, name):
    runs = RunStore(make_small_suite(), tmp_path).make_runs()
    runs[0].check_inputs()
    if name == "shift_code":
        runs[0].store.shift_code = "another source"
        expected = "other shifts than"
    else:
        runs[0].config["libraries"]["torch"] = "1.0"
        expected = "other libraries than"
    with pytest.raises(ValueError, match=expected):
        runs[0].check_inputs()


def test_losses_of_a_worker_are_recorded_by_its_parent(tmp_path):
    first, second = RunStore(make_small_suite(), tmp_path).make_runs()[:2]
    first.record_failure(TRAINING, "the worker died")
    record = first.folder.read_training()
    assert record is not None
    assert (record["key"], record["status"], record["error"]) == (
        first.key,
        "failed",
        "the worker died",
    )
    second.record_failure(second.cells[1][0], "the worker died")
    second.fail_remaining("not measured")
    errors = {key: entry["error"] for key, entry in second.folder.read_cells().items()}
    assert errors == dict.fromkeys([key for key, _ in second.cells], "not measured")
    with second.folder.lock():
        second.record_failure(TRAINING, "another process holds the run")
    assert second.folder.read_training() is None


def test_a_class_that_cannot_be_imported_fails_alone(tmp_path):
    from revin_forecast.models.spec import ModuleSpec
    from revin_forecast.normalizers import Identity
    from revin_forecast.shift.suite.suite import ModelGrid

    suite = make_small_suite()
    backbones = ModuleSpec("nowhere.Net"), ModuleSpec.from_class(Ridge)
    models = ModelGrid(backbones, (ModuleSpec.from_class(Identity),))
    suite = suite.__class__(**{**vars(suite), "models": (models,)})
    runs = RunStore(suite, Path(tmp_path)).make_runs()
    assert [bool(run.error) for run in runs] == [False, False, False, True, False]
    assert not runs[3].key
