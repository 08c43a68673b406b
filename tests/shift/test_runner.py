"""A benchmark loses nothing, measures nothing twice, and believes no damaged file."""

import json
import os
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest

from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates import aggregate_tables
from revin_forecast.shift.benchmark import (
    ExecutionSettings,
    compile_tables,
    make_jobs,
    select_shard,
)
from revin_forecast.shift.measuring.baselines import Constant
from revin_forecast.shift.runner import engine as engines
from revin_forecast.shift.runner.engine import InlineJobEngine
from revin_forecast.shift.runner.job import TRAINING
from revin_forecast.shift.runner.journal import merge_folders
from revin_forecast.shift.runner.local import LocalJobEngine
from revin_forecast.shift.runner.lock import run_lock
from revin_forecast.shift.runner.results import compile_results
from revin_forecast.shift.suite.suite import DatasetConfig
from tests.support.shift_suites import (
    Broken,
    Crashing,
    Damped,
    Hanging,
    Slow,
    Unbuildable,
    small_suite,
)
from tests.support.warm_programs import Program

pytestmark = pytest.mark.usefixtures("plain_shapes")


def do(suite, folder, engine=None, **how):
    """Run a suite; return its jobs and how many units were begun."""
    jobs = make_jobs(suite, ExecutionSettings(str(folder), **how))
    begun = []
    (engine or InlineJobEngine()).run(jobs, lambda event: begun.append(event))
    return jobs, sum(kind == "begin" for kind, *_ in begun)


def content(table):
    """What was measured, to the bit."""
    errors = {key: value.tobytes() for key, value in table.errors.items()}
    return table.runs.to_json(), table.cells.to_json(double_precision=15), errors


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("done")
    jobs, begun = do(small_suite(), folder)
    assert begun == 5 * (1 + 8)  # three references, two models; each is trained, in eight cells
    return folder, jobs


def copy_of(folder, target):
    merge_folders([folder], target)
    return target


def test_every_planned_cell_is_measured_once(done):
    folder, jobs = done
    table = compile_results(jobs)
    assert table.missing_cells == 0
    assert (table.cells.status == "done").all()
    lines = [line for path in folder.rglob("cells.jsonl") for line in path.read_text().splitlines()]
    keys = [json.loads(line)["key"] for line in lines]
    assert len(keys) == len(set(keys)) == 5 * 8
    assert do(small_suite(), folder)[1] == 0


def test_a_shift_more_trains_nothing_anew(done, tmp_path):
    folder = copy_of(done[0], tmp_path / "more")
    _, begun = do(small_suite(shifts=("level", "trend", "sensor_offset")), folder)
    assert begun == 5 * 4  # trend: two severities, two ages


@pytest.mark.parametrize("harm", ["cut", "changed", "weights", "cut weights", "record", "empty"])
def test_damaged_artefacts_are_found_and_made_again(done, tmp_path, harm):
    folder = copy_of(done[0], tmp_path / "harmed")
    run = sorted((folder / "measured/runs").iterdir())[0]
    journal, weights, record = (
        run / name for name in ("cells.jsonl", "weights.safetensors", "run.json")
    )
    if harm == "cut":
        journal.write_bytes(journal.read_bytes()[:-100])
    elif harm == "changed":
        text = journal.read_text()
        place = text.index('"mase_pb": ') + len('"mase_pb": ')
        digit = "1" if text[place] != "1" else "2"
        journal.write_text(text[:place] + digit + text[place + 1 :])
    elif harm == "weights":
        held = bytearray(weights.read_bytes())
        held[-1] ^= 1
        weights.write_bytes(held)
    elif harm == "cut weights":
        whole = weights.read_bytes()  # a run of a model without weights holds some ten bytes
        weights.write_bytes(whole[: len(whole) // 2])
    elif harm == "record":
        record.write_text(record.read_text().replace('"status": "done"', '"status": "dome"'))
    else:
        record.write_text("")
    jobs, begun = do(small_suite(), folder)
    assert begun == 1
    assert content(compile_results(jobs)) == content(compile_results(done[1]))


def test_failures_are_kept_and_the_rest_goes_on(tmp_path):
    suite = small_suite(backbones=(Broken, Unbuildable, Ridge), datasets=("ar",))
    missing = DatasetConfig("nowhere", file=str(tmp_path / "nowhere.csv"))
    suite = suite.__class__(**{**vars(suite), "datasets": (*suite.datasets, missing)})
    jobs, _ = do(suite, tmp_path)
    cells = compile_results(jobs).cells
    found = cells[(cells.dataset == "ar") & (cells.normalizer == "Identity")].set_index("backbone")
    assert (found.loc["Ridge"].status == "done").all()
    broken = found.loc["Broken"]
    assert set(broken.status) == {"done", "failed"}
    assert broken[broken.status == "failed"].error.str.contains("forecasts hold NaN").all()
    assert broken[broken.status == "failed"].mase_pb.isna().all()
    assert (found.loc["Unbuildable"].status == "failed").all()
    assert found.loc["Unbuildable"].error.str.contains("this one is never built").all()
    lost = cells[cells.dataset == "nowhere"]
    assert len(lost)
    assert lost.error.str.contains("nowhere.csv").all()
    assert do(suite, tmp_path)[1] == 0
    _, again = do(suite, tmp_path, retry=True)
    ours = cells[(cells.backbone == "Broken") & (cells.dataset == "ar")]
    again -= (ours.status == "failed").sum()
    assert again == 2  # trainings of what is never built


def test_what_takes_too_long_fails_alone(tmp_path):
    suite = small_suite(backbones=(Slow,))
    jobs, events = make_jobs(suite, ExecutionSettings(str(tmp_path), timeout=1.0)), []
    InlineJobEngine().run(jobs, events.append)
    cells = compile_results(jobs).cells
    slow = cells[cells.backbone == "Slow"]
    assert (slow.status == "failed").all()
    assert slow.error.str.contains("took longer than 1 s; raise --timeout").all()
    assert (cells[cells.role == "reference"].status == "done").all()
    # Clean forecasts are tried once a run, not once a cell.
    tried = [label for kind, label, unit in events if kind == "begin" and unit != TRAINING]
    assert sum("Slow" in label for label in tried) == 2


@pytest.mark.usefixtures("warm_workers")
def test_workers_that_die_or_hang_are_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "GRACE_SECONDS", 1.0)
    from revin_forecast.normalizers import Identity

    suite = small_suite(backbones=(Crashing, Hanging, Ridge), shifts=(), normalizers=(Identity,))
    jobs, _ = do(suite, tmp_path, LocalJobEngine(2), timeout=1.0)
    cells = compile_results(jobs).cells.set_index("backbone")
    assert (cells.loc["Ridge"].status == "done").all()
    assert cells.loc["Crashing"].error.str.contains("the worker died").all()
    assert cells.loc["Hanging"].error.str.contains("hung longer than 1 s and was killed").all()


def test_results_do_not_depend_on_workers_or_shards(done, tmp_path):
    suite = small_suite()
    jobs, begun = do(suite, tmp_path / "two", LocalJobEngine(2))
    assert begun
    assert content(compile_results(jobs)) == content(compile_results(done[1]))
    for part in (1, 2, 3):
        how = ExecutionSettings(str(tmp_path / f"shard {part}"))
        InlineJobEngine().run(select_shard(make_jobs(suite, how), (part, 3)), lambda event: None)
    merge_folders([tmp_path / f"shard {part}" for part in (1, 2, 3)], tmp_path / "whole")
    whole = compile_results(make_jobs(suite, ExecutionSettings(str(tmp_path / "whole"))))
    assert content(whole) == content(compile_results(done[1]))
    with pytest.raises(InputError, match="holds no measured/"):
        merge_folders([tmp_path], tmp_path / "x")
    with pytest.raises(InputError, match="--shard is i/n with 1 <= i <= n but got 4/3"):
        select_shard(jobs, (4, 3))


def test_a_run_is_one_workers(tmp_path):
    with run_lock(tmp_path / "run") as mine:
        assert mine
        with run_lock(tmp_path / "run") as theirs:
            assert not theirs
    with run_lock(tmp_path / "run") as mine:
        assert mine
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    place = tmp_path / "dead" / "claim"
    place.mkdir(parents=True)
    owner = {"host": socket.gethostname(), "pid": process.pid}
    (place / "owner.json").write_text(json.dumps(owner))
    with run_lock(tmp_path / "dead") as mine:
        assert mine  # its process is gone
    far = tmp_path / "far" / "claim"
    far.mkdir(parents=True)
    (far / "owner.json").write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    with run_lock(tmp_path / "far") as mine:
        assert not mine
    old = time.time() - 3600
    os.utime(far / "owner.json", (old, old))
    with run_lock(tmp_path / "far") as mine:
        assert mine


def test_neither_a_constant_nor_a_damped_forecaster_tops_a_ranking(tmp_path):
    suite = small_suite(
        backbones=(Ridge, Constant, Damped), shifts=("all",), datasets=("ar", "sine")
    )
    jobs, _ = do(suite, tmp_path)
    table = compile_results(jobs)
    headline = aggregate_tables(table.cells, table.window_errors, 50)["headline"]
    naive = headline[headline.backbone.isin(["Constant", "Damped"])]
    assert len(naive)
    assert not naive.ranked.any()
    for _, column in headline.groupby("column"):
        assert column.set_index("rank").loc[1.0, "backbone"] == "Ridge"
    # They would have won by degradation, and some columns by absolute error.
    shifted = headline[headline.column == "observation"].set_index(["backbone", "normalizer"])
    assert shifted.degradation.idxmin()[0] == "Constant"


SCRIPT = """
import sys
from tests.support.shift_suites import small_suite
from revin_forecast.shift.benchmark import Execution, jobs_of
from revin_forecast.shift.runner.local import LocalEngine

if __name__ == "__main__":
    jobs = jobs_of(small_suite(), Execution(sys.argv[1]))
    LocalEngine(2).run(jobs, lambda event: print(*event, flush=True))
    print("finished")
"""


def test_killed_at_any_point_it_goes_on_where_it_was(done, tmp_path):
    suite = small_suite()
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    for lines in (2, 31, None):
        program = Program(script, [tmp_path / "killed"], tmp_path)
        while lines and program.said().count("\n") < lines:
            assert program.process.is_alive()
            time.sleep(0.001)
        if lines:
            program.process.kill()
        told = program.end().out
    assert told.endswith("finished\n")
    jobs = make_jobs(suite, ExecutionSettings(str(tmp_path / "killed")))
    lines = [
        line
        for path in (tmp_path / "killed").rglob("cells.jsonl")
        for line in path.read_text().splitlines()
    ]
    keys = [json.loads(line)["key"] for line in lines]
    assert len(keys) == len(set(keys))
    ours, theirs = compile_results(jobs), compile_results(done[1])
    assert ours.missing_cells == 0
    assert content(ours) == content(theirs)


def test_tables_are_the_same_to_the_byte(done, tmp_path):
    suite = small_suite()
    for name in ("one", "two"):
        folder = copy_of(done[0], tmp_path / name)
        how = ExecutionSettings(str(folder))
        compile_tables(suite, how, make_jobs(suite, how), {})
    for path in sorted((tmp_path / "one").glob("*.parquet")):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    cells = pd.read_parquet(tmp_path / "one/cells.parquet")
    assert {"mase_pb", "r_log", "schema_version"} <= set(cells.columns)
    assert "train_s" in pd.read_parquet(tmp_path / "one/costs.parquet").columns
