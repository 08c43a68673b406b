"""A benchmark resumes without loss, measures nothing twice and detects damaged files."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast.backbones import Pretrained, Ridge
from revin_forecast.errors import InputError, naming_flags
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift.aggregates import aggregate_tables
from revin_forecast.shift.benchmark import (
    ExecutionSettings,
    compile_tables,
    make_jobs,
    select_shard,
)
from revin_forecast.shift.measuring.baselines import Constant
from revin_forecast.shift.measuring.windows import clean_windows, forecast_windows
from revin_forecast.shift.runner import cost_estimate
from revin_forecast.shift.runner.cost_estimate import choose_worker_count, estimate_costs
from revin_forecast.shift.runner.failures import group_failures
from revin_forecast.shift.runner.planning import PlanningWorker, read_suite_in_worker
from revin_forecast.shift.runner.results import compile_results
from revin_forecast.shift.runner.run_jobs import EventSender, run_jobs
from revin_forecast.shift.runner.store import INPUTS, TRAINING, RunStore, merge_folders
from revin_forecast.shift.suite.suite import DatasetConfig
from revin_forecast.utils.parallel import count_usable_cores
from revin_forecast.utils.parallel.engine import Engine, Outcome, WorkerLostError
from revin_forecast.utils.parallel.inline import InlineEngine
from revin_forecast.utils.parallel.local import LocalEngine
from tests.support.shift_suites import (
    Broken,
    Crashing,
    Damped,
    Exiting,
    ExitingConstructor,
    Faulty,
    Hanging,
    Interrupting,
    KilledOnce,
    Meddling,
    Raising,
    Sleeping,
    SleepingConstructor,
    Slow,
    Unbuildable,
    make_small_suite,
    make_spec,
)
from tests.support.warm_programs import Program

pytestmark = pytest.mark.usefixtures("plain_shapes")


def run_suite(suite, folder, engine=None, **execution):
    """Run a suite; return its jobs and the number of units that began."""
    jobs = make_jobs(suite, ExecutionSettings(str(folder), **execution))
    events = []
    run_jobs(jobs, engine or InlineEngine(), events.append)
    return jobs, sum(kind == "begin" for kind, *_ in events)


def compile_jobs(jobs):
    return compile_results([job.run for job in jobs])


def exact_results(jobs):
    """Return the results of jobs in a form that compares bit for bit."""
    results = compile_jobs(jobs)
    errors = {key: value.tobytes() for key, value in results.window_errors.items()}
    return results.runs.to_json(), results.cells.to_json(double_precision=15), errors


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished_run")
    jobs, begins = run_suite(make_small_suite(), folder)
    # Three baselines and two models, each trained and measured in eight cells.
    assert begins == 5 * (1 + 8)
    return folder, jobs


def copy_folder(folder, target):
    merge_folders([folder], target)
    return target


def test_every_planned_cell_is_measured_once(finished_run):
    folder, jobs = finished_run
    results = compile_jobs(jobs)
    assert results.missing_cells == 0
    assert (results.cells.status == "done").all()
    lines = [line for path in folder.rglob("cells.jsonl") for line in path.read_text().splitlines()]
    keys = [json.loads(line)["key"] for line in lines]
    assert len(keys) == len(set(keys)) == 5 * 8
    assert run_suite(make_small_suite(), folder)[1] == 0


def test_additional_shift_needs_no_training(finished_run, tmp_path):
    folder = copy_folder(finished_run[0], tmp_path / "more")
    _, begins = run_suite(make_small_suite(shifts=("level", "trend", "sensor_offset")), folder)
    assert begins == 5 * 4  # trend: two severities, two ages


@pytest.mark.parametrize("damage", ["cut", "changed", "weights", "cut weights", "record", "empty"])
def test_damaged_artefacts_are_detected_and_replaced(finished_run, tmp_path, damage):
    folder = copy_folder(finished_run[0], tmp_path / "damaged")
    run = sorted((folder / "measured/runs").iterdir())[0]
    journal, weights, record = (
        run / name for name in ("cells.jsonl", "weights.safetensors", "run.json")
    )
    if damage == "cut":
        journal.write_bytes(journal.read_bytes()[:-100])
    elif damage == "changed":
        text = journal.read_text()
        position = text.index('"mase_pb": ') + len('"mase_pb": ')
        digit = "1" if text[position] != "1" else "2"
        journal.write_text(text[:position] + digit + text[position + 1 :])
    elif damage == "weights":
        changed = bytearray(weights.read_bytes())
        changed[-1] ^= 1
        weights.write_bytes(changed)
    elif damage == "cut weights":
        complete = weights.read_bytes()  # about ten bytes for a model without weights
        weights.write_bytes(complete[: len(complete) // 2])
    elif damage == "record":
        record.write_text(record.read_text().replace('"status": "done"', '"status": "dome"'))
    else:
        record.write_text("")
    jobs, begins = run_suite(make_small_suite(), folder)
    assert begins == 1
    assert exact_results(jobs) == exact_results(finished_run[1])


def test_failures_are_recorded_and_other_units_go_on(tmp_path):
    suite = make_small_suite(backbones=(Broken, Unbuildable, Ridge), datasets=("ar",))
    missing = DatasetConfig("nowhere", file=str(tmp_path / "nowhere.csv"))
    suite = suite.__class__(**{**vars(suite), "datasets": (*suite.datasets, missing)})
    jobs, _ = run_suite(suite, tmp_path)
    cells = compile_jobs(jobs).cells
    on_ar = cells[(cells.dataset == "ar") & (cells.normalizer == "Identity")].set_index("backbone")
    assert (on_ar.loc["Ridge"].status == "done").all()
    broken = on_ar.loc["Broken"]
    assert set(broken.status) == {"done", "failed"}
    assert broken[broken.status == "failed"].error.str.contains("forecasts contain NaN").all()
    assert broken[broken.status == "failed"].mase_pb.isna().all()
    assert (on_ar.loc["Unbuildable"].status == "failed").all()
    assert on_ar.loc["Unbuildable"].error.str.contains("this backbone can never be built").all()
    without_data = cells[cells.dataset == "nowhere"]
    assert len(without_data)
    assert without_data.error.str.contains("nowhere.csv").all()
    assert run_suite(suite, tmp_path)[1] == 0
    _, retried = run_suite(suite, tmp_path, retry=True)
    broken = cells[(cells.backbone == "Broken") & (cells.dataset == "ar")]
    retried -= (broken.status == "failed").sum()
    assert retried == 2  # trainings of Unbuildable


@pytest.mark.slow
def test_unit_over_its_time_limit_fails_alone(tmp_path):
    suite = make_small_suite(backbones=(Slow,))
    # The other units take milliseconds, so they meet this limit on a busy machine, too.
    jobs, events = make_jobs(suite, ExecutionSettings(str(tmp_path), timeout=3.0)), []
    run_jobs(jobs, InlineEngine(), events.append)
    cells = compile_jobs(jobs).cells
    slow = cells[cells.backbone == "Slow"]
    assert (slow.status == "failed").all()
    assert slow.error.str.contains("took longer than 3 s; raise --timeout to allow more").all()
    assert (cells[cells.role == "reference"].status == "done").all()
    # Clean forecasts are attempted once a run, not once a cell.
    attempts = [label for kind, label, unit in events if kind == "begin" and unit != TRAINING]
    assert sum("Slow" in label for label in attempts) == 2


class LosingEngine(Engine):
    """An engine that loses the worker of each job in its first unit, if it has begun any."""

    def __init__(self, begins):
        self.begins = begins

    def run(self, function, queue, on_report):
        while queue:
            job = queue.popleft()
            if self.begins:
                # Imports have their time, however short the limit of a unit.
                assert on_report(job, [("prepare", job.run.label, INPUTS)]) == 120
                limit = on_report(job, [("begin", job.run.label, TRAINING)])
                assert limit == job.timeout + 10
            yield Outcome(job, error=WorkerLostError("it ended"))


def test_a_unit_that_loses_two_workers_is_failed(tmp_path):
    suite = make_small_suite(shifts=("none",), datasets=("ar",))
    jobs = make_jobs(suite, ExecutionSettings(str(tmp_path), timeout=5.0))[:1]
    events = []
    run_jobs(jobs, LosingEngine(True), events.append)
    assert [kind for kind, *_ in events] == 2 * ["prepare", "begin"]
    assert jobs[0].run.folder.read_training()["error"] == "the worker died twice: it ended"
    jobs[0].run.forget_failures()
    with pytest.raises(RuntimeError, match="died: it ended, 3 times before its first unit"):
        run_jobs(jobs, LosingEngine(False), events.append)


def test_a_run_of_another_process_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("revin_forecast.shift.runner.run_jobs.BUSY_SECONDS", 0.0)
    jobs = make_jobs(make_small_suite(), ExecutionSettings(str(tmp_path)))[:2]
    answers, labels = iter([False, True, True]), []

    def run_job(job, on_progress):
        labels.append(job.run.label)
        return next(answers)

    monkeypatch.setattr("revin_forecast.shift.runner.run_jobs.run_job", run_job)
    run_jobs(jobs, InlineEngine(), lambda event: None)
    first, second = (job.run.label for job in jobs)
    assert labels == [first, second, first]


def test_a_training_begins_after_its_imports(tmp_path, monkeypatch):
    events = []
    importing = "revin_forecast.shift.runner.warm_up._import_trainer"
    monkeypatch.setattr(importing, lambda: events.append(("import", "", "")))
    suite = make_small_suite((Ridge, Damped), shifts=("none",), normalizers=(Identity,))
    run_jobs(make_jobs(suite, ExecutionSettings(str(tmp_path))), InlineEngine(), events.append)
    kinds = [kind for kind, *_ in events]
    # A closed form, and the baselines, need no such imports.
    assert kinds.count("import") == 1
    position = kinds.index("import")
    (before, label, unit), after = events[position - 1], events[position + 1]
    assert (before, unit) == ("prepare", INPUTS)
    assert after == ("begin", label, TRAINING)
    assert "Damped" in label


def test_begin_is_sent_at_once_with_the_buffered_ends():
    sent = []
    sender = EventSender(sent.append)
    first, end = ("begin", "run", "a"), ("end", "run", "a")
    second, last = ("begin", "run", "b"), ("end", "run", "b")
    sender.send(first)
    assert sent == [[first]]
    sender.send(end)
    sender.send(second)
    assert sent == [[first], [end, second]]
    sender.send(last)
    sender.flush()
    sender.flush()
    assert sent == [[first], [end, second], [last]]


BAD_MODELS = {
    Crashing: "the worker died: killed by signal 9 (Killed, perhaps for want of memory)",
    Exiting: "the worker died: ended by os._exit with status 0",
    ExitingConstructor: "not trained: the worker died twice: ended by os._exit with status 1",
    Faulty: "the worker died: killed by signal 11 (Segmentation fault)",
    Hanging: "hung longer than 2 s and was killed",
    Interrupting: "clean data: ModelInterruptError: the model raised KeyboardInterrupt",
    Raising: "clean data: SystemExit: no forecast today",
    Sleeping: "clean data: TimeLimitError: took longer than 2 s",
    SleepingConstructor: "not trained: TimeLimitError: took longer than 2 s",
}


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
def test_bad_models_fail_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("revin_forecast.shift.runner.losses.GRACE_SECONDS", 4.0)
    good = make_small_suite(shifts=("none",), normalizers=(Identity,))
    killed = make_spec(KilledOnce, marker=str(tmp_path / "killed"))
    bad = tuple(make_spec(kind) for kind in BAD_MODELS)
    grid = replace(good.models[0], backbones=(*bad, killed, *good.models[0].backbones))
    # The limit is for a busy machine, too: the sound units take milliseconds.
    jobs, _ = run_suite(
        replace(good, models=(grid,)), tmp_path / "all", LocalEngine(2), timeout=2.0
    )
    cells = compile_jobs(jobs).cells.set_index("backbone")
    for kind, reason in BAD_MODELS.items():
        rows = cells.loc[[kind.__name__]]
        assert (rows.status == "failed").all()
        assert rows.error.str.contains(reason, regex=False).all(), rows.error.iloc[0]
    # One kill leaves no trace: the unit is tried again.
    assert (cells.loc["KilledOnce"].status == "done").all()
    alone, _ = run_suite(good, tmp_path / "alone")
    expected = compile_jobs(alone).cells.set_index("backbone")
    for name in expected.index.unique():
        pd.testing.assert_frame_equal(cells.loc[[name]], expected.loc[[name]], rtol=0, atol=0)
    errors = [cells.loc[name].mase_pb.to_list() for name in ("KilledOnce", "Ridge")]
    assert errors[0] == errors[1]
    groups = group_failures(cells.reset_index())
    assert [group.cells for group in groups] == [2] * len(BAD_MODELS)
    assert {group.model.split()[0] for group in groups} == {kind.__name__ for kind in BAD_MODELS}
    assert str(groups[0]).startswith(f"{groups[0].cells} x ")


def test_a_model_cannot_change_the_settings_of_the_next(tmp_path):
    small = {"shifts": ("none",), "normalizers": (Identity,)}
    suite = make_small_suite((Meddling, Ridge), **small)
    jobs, _ = run_suite(suite, tmp_path / "both")
    alone, _ = run_suite(make_small_suite((Ridge,), **small), tmp_path / "alone")
    both, alone = (compile_jobs(part).cells.set_index("backbone") for part in (jobs, alone))
    pd.testing.assert_frame_equal(both.loc[["Ridge"]], alone.loc[["Ridge"]], rtol=0, atol=0)
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
def test_planning_runs_no_model_of_a_user_in_this_process(tmp_path):
    backbones = ExitingConstructor, SleepingConstructor, Damped
    suite = make_small_suite(
        backbones, shifts=("none",), datasets=("ar", "sine"), normalizers=(Identity,)
    )
    runs = RunStore(suite, tmp_path).make_runs()
    with PlanningWorker(3.0) as worker:
        costs = estimate_costs(runs, worker)
    known = {run.planned.display_names[0]: costs[run.label].is_known for run in runs}
    unknown = {"ExitingConstructor", "SleepingConstructor"}
    assert {name for name, is_known in known.items() if not is_known} == unknown
    assert choose_worker_count(costs.values(), 0.0) == count_usable_cores()
    names = {
        run.planned.display_names[0]
        for run in runs
        if not estimate_costs([run])[run.label].is_known
    }
    assert names == unknown | {"Damped"}


def test_planning_tries_a_bad_model_once_and_ends_in_time(tmp_path, monkeypatch):
    suite = make_small_suite((ExitingConstructor, Damped), datasets=("ar", "sine"))
    runs = RunStore(suite, tmp_path).make_runs()
    tried = []

    def lose_worker(function, run, at_most):
        assert at_most <= cost_estimate.MAX_TIMED_SECONDS
        tried.append(run.planned.display_names[0])
        raise WorkerLostError("it ended")

    worker: Any = SimpleNamespace(call=lose_worker)
    costs = estimate_costs(runs, worker)
    assert tried == ["ExitingConstructor", "Damped"]
    monkeypatch.setattr(cost_estimate, "MAX_TIMED_SECONDS", -1.0)
    assert estimate_costs(runs, worker).keys() == costs.keys()
    assert len(tried) == 2
    models = [costs[run.label] for run in runs if run.planned.role == "model"]
    assert not any(cost.is_known for cost in models)


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os._exit(0)", "was lost: ended by os._exit with status 0. Correct the module"),
        ("import time; time.sleep(3600)", "took longer than 1 s; raise --timeout"),
    ],
)
def test_modules_that_end_or_stop_planning_are_reported(tmp_path, code, message):
    (tmp_path / "module_of_a_user.py").write_text(code)
    path = tmp_path / "suite.yaml"
    path.write_text(
        "{name: s, datasets: [ar], models: {backbones: [module_of_a_user.Net], "
        "normalizers: [RevIN]}}"
    )
    with PlanningWorker(1.0) as worker, naming_flags(), pytest.raises(InputError, match=message):
        read_suite_in_worker(path, worker)


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
def test_results_do_not_depend_on_workers_or_shards(finished_run, tmp_path):
    suite = make_small_suite()
    jobs, begins = run_suite(suite, tmp_path / "two", LocalEngine(2))
    assert begins
    assert exact_results(jobs) == exact_results(finished_run[1])
    for part in (1, 2, 3):
        execution = ExecutionSettings(str(tmp_path / f"shard {part}"))
        shard = select_shard(make_jobs(suite, execution), (part, 3))
        run_jobs(shard, InlineEngine(), lambda event: None)
    merge_folders([tmp_path / f"shard {part}" for part in (1, 2, 3)], tmp_path / "merged")
    merged = make_jobs(suite, ExecutionSettings(str(tmp_path / "merged")))
    assert exact_results(merged) == exact_results(finished_run[1])
    with pytest.raises(InputError, match="is not the folder of a benchmark: it has no measured/"):
        merge_folders([tmp_path], tmp_path / "x")
    with pytest.raises(InputError, match="`shard` is i/n with 1 <= i <= n but got 4/3"):
        select_shard(jobs, (4, 3))


@pytest.mark.slow
def test_constant_and_damped_forecasters_lead_no_column(tmp_path):
    suite = make_small_suite(
        backbones=(Ridge, Constant, Damped), shifts=("all",), datasets=("ar", "sine")
    )
    jobs, _ = run_suite(suite, tmp_path)
    results = compile_jobs(jobs)
    headline = aggregate_tables(results.cells, results.window_errors, 50)["headline"]
    naive = headline[headline.backbone.isin(["Constant", "Damped"]) & (headline.role == "model")]
    assert len(naive)
    assert (naive["rank"] > 1).all()
    for _, column in headline.groupby("column"):
        assert column.set_index("rank").loc[1.0, "backbone"] == "Ridge"
    # They would lead by degradation, and in some columns by absolute error.
    shifted = headline[headline.column == "observation"].set_index(["backbone", "normalizer"])
    assert shifted.degradation.idxmin()[0] == "Constant"


def test_zero_shot_reference_is_scored_like_a_model_but_never_trained(tmp_path):
    suite = make_small_suite(shifts=("level",), datasets=("sine",), normalizers=(RevIN,))
    suite = replace(suite, zero_shot=(make_spec(Pretrained),))
    jobs, _ = run_suite(suite, tmp_path)
    results = compile_jobs(jobs)
    cells = results.cells[results.cells.role == "zero-shot"].set_index("placement")
    assert (cells.status == "done").all()
    assert np.isfinite(cells.mase_pb).all()
    (run,) = results.runs[results.runs.role == "zero-shot"].to_dict("records")
    assert (run["backbone"], run["normalizer"], run["epochs_run"]) == ("Pretrained", "reference", 0)
    dataset = jobs[0].run.dataset.shift_dataset
    season = json.loads(run["config_json"])["backbone"]["parameters"]["season"]
    assert season == dataset.season > 1
    model = Pretrained(24, 12, dataset.channels, season=season)
    windows = clean_windows(dataset, suite.windows.stride)
    errors = dataset.scale_errors(forecast_windows(model, windows.past) - windows.targets)
    assert cells.mase_pb["clean"] == pytest.approx(errors.mean(), rel=1e-6)
    # A level that moved long ago changes nothing, by construction.
    assert cells.r_log["steady"].abs().max() < 1e-4
    headline = aggregate_tables(results.cells, results.window_errors, 50)["headline"]
    row = headline[(headline.backbone == "Pretrained") & (headline.column == "steady")].iloc[0]
    assert (row.ranked, row.note) == (False, "a zero-shot reference: no training")


SCRIPT = """
import multiprocessing
import sys
from types import SimpleNamespace
from tests.support.shift_suites import make_small_suite
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.utils.parallel import process
from revin_forecast.utils.parallel.local import LocalEngine
from revin_forecast.shift.runner.run_jobs import run_jobs

if __name__ == "__main__":
    if sys.argv[2] == "fork":  # the start of a worker takes seconds otherwise
        fork = multiprocessing.get_context("fork")
        process.multiprocessing = SimpleNamespace(get_context=lambda _: fork)
    jobs = make_jobs(make_small_suite(), ExecutionSettings(sys.argv[1]))
    run_jobs(jobs, LocalEngine(2), lambda event: print(*event, flush=True))
    print("finished")
"""


@pytest.mark.slow
def test_killed_run_resumes_at_any_point(finished_run, tmp_path):
    suite = make_small_suite()
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    for lines in (2, 31, None):
        start_method = "fork" if lines else "spawn"
        program = Program(script, [tmp_path / "killed", start_method], tmp_path)
        while lines and program.read_output().count("\n") < lines and program.process.is_alive():
            time.sleep(0.001)
        if lines:
            program.process.kill()
        output = program.end().out
    assert output.endswith("finished\n")
    jobs = make_jobs(suite, ExecutionSettings(str(tmp_path / "killed")))
    lines = [
        line
        for path in (tmp_path / "killed").rglob("cells.jsonl")
        for line in path.read_text().splitlines()
    ]
    keys = [json.loads(line)["key"] for line in lines]
    assert len(keys) == len(set(keys))
    assert compile_jobs(jobs).missing_cells == 0
    assert exact_results(jobs) == exact_results(finished_run[1])


@pytest.mark.slow
def test_tables_are_equal_to_the_byte(finished_run, tmp_path):
    suite = make_small_suite()
    for name in ("one", "two"):
        folder = copy_folder(finished_run[0], tmp_path / name)
        execution = ExecutionSettings(str(folder))
        compile_tables(make_jobs(suite, execution), execution, {})
    for path in sorted((tmp_path / "one").glob("*.parquet")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    cells = pd.read_parquet(tmp_path / "one/cells.parquet")
    assert {"mase_pb", "r_log", "schema_version"} <= set(cells.columns)
    assert "train_s" in pd.read_parquet(tmp_path / "one/costs.parquet").columns


def test_little_work_gets_few_workers(monkeypatch):
    monkeypatch.setattr(cost_estimate, "count_usable_cores", lambda: 16)
    cost = cost_estimate.RunCost(1.0, 0.1, 10)
    assert cost_estimate.choose_worker_count([cost], 0.0) == 1
    assert cost_estimate.choose_worker_count([cost], 9.0) == 2
    assert cost_estimate.choose_worker_count([cost], 1e4) == 16
    # A run without an estimate may take long.
    assert cost_estimate.choose_worker_count([cost, cost_estimate.RunCost()], 2.0) == 16
