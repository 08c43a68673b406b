"""The commands `benchmark` and `benchmark merge`: measure models under every shift of a suite."""

import time
from pathlib import Path
from typing import Literal

from revin_forecast.cli.outcomes import EXIT_FAILED_CELLS
from revin_forecast.cli.output import print_json
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

MAX_PLANNING_SECONDS = 30.0
"""Longest time in which a user's class is imported or timed for the plan."""


def benchmark(
    suite: str,
    out: str = "shift-benchmark",
    data_dir: str | None = None,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    shard: str = "1/1",
    timeout: float = 600.0,
    retry: bool = False,
    windows: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Measure models on data sets under shifts, as a YAML suite lists them.

    An interrupted or killed benchmark continues when it is started again. Recorded results are
    never measured twice. The exit code is 3 if cells failed; their reasons are printed.

    Args:
        suite: YAML file; configs/shift-smoke.yaml is the smallest.
        out: folder for results, tables (Parquet), summary.md and report.html.
        data_dir: folder of the catalogued data sets.
        workers: number of worker processes with one thread each; by default one per usable core, or
            fewer for little work.
        engine: local worker processes, or a Ray cluster (needs the extra `ray`).
        address: address of the Ray cluster; by default one is started on this machine.
        shard: run only the i-th of n shards, written i/n; `benchmark merge` merges them.
        timeout: longest time of one training or one cell, in seconds; a longer one fails alone.
        retry: repeat failed trainings and cells.
        windows: also write windows.parquet with the error of each window of each cell.
        dry_run: print the plan and the estimated time, and stop.
        json: print one JSON object instead of text.
    """
    if timeout <= 0:
        raise InputError(f"--timeout is {timeout:g}; pass a number of seconds above 0.")
    _require_suite(suite)
    with progress(f"reading {suite}"):
        from revin_forecast.cli.benchmark_output import (
            estimate_remaining_seconds,
            eta_display,
            plan_to_dict,
            print_plan,
            report_result,
        )
        from revin_forecast.shift.benchmark import (
            ExecutionSettings,
            make_jobs,
            measure_jobs,
            select_shard,
        )
        from revin_forecast.shift.runner.cost_estimate import choose_worker_count, estimate_costs
        from revin_forecast.shift.runner.planning import PlanningWorker, read_suite_in_worker
        from revin_forecast.shift.suite.check_suite import check_suite
        from revin_forecast.utils.parallel import make_engine

    execution = ExecutionSettings(out, data_dir, timeout, retry, _parse_shard(shard), windows)
    start = time.perf_counter()
    with PlanningWorker(min(timeout, MAX_PLANNING_SECONDS)) as worker:
        with progress(f"reading {suite}"):
            parsed_suite = read_suite_in_worker(suite, worker)
            check_suite(parsed_suite, data_dir)
        jobs = make_jobs(parsed_suite, execution)
        # Estimate the costs of this shard only; other shards run on other machines.
        runs = [job.run for job in select_shard(jobs, execution.shard)]
        costs = estimate_costs(runs, worker)
    recorded = {run.label: run.read_progress() for run in runs}
    remaining = sum(estimate_remaining_seconds(costs[name], recorded[name]) for name in costs)
    if workers is None:
        workers = choose_worker_count(costs.values(), remaining)
    if dry_run:
        plan = plan_to_dict(parsed_suite, runs, costs, recorded, workers)
        (print_json if json else print_plan)(plan)
        return 0
    planning_seconds = time.perf_counter() - start
    task_engine = make_engine(engine, workers, address)
    with eta_display(costs, recorded) as on_progress:
        outcome = measure_jobs(jobs, execution, task_engine, on_progress, costs)
    outcome.stage_seconds = {"planning": planning_seconds, **outcome.stage_seconds}
    failures = report_result(parsed_suite, Path(suite), outcome, Path(out), json)
    return EXIT_FAILED_CELLS if failures else 0


def merge(
    suite: str,
    parts: list[str] | None = None,
    out: str = "shift-benchmark",
    data_dir: str | None = None,
    json: bool = False,
) -> int:
    """Merge the folders of several shards and write the tables and the report of all results.

    The exit code is 3 if cells failed, or are missing because no folder has them.

    Args:
        suite: YAML file from which every shard was run.
        parts: folders of the shards.
        out: folder for the merged results.
        data_dir: folder of the catalogued data sets.
        json: print one JSON object instead of text.
    """
    if not parts:
        raise InputError(
            "benchmark merge needs --parts FOLDER FOLDER ..., the folders of the shards."
        )
    _require_suite(suite)
    with progress(f"merging {len(parts)} shards"):
        from revin_forecast.cli.benchmark_output import report_result
        from revin_forecast.shift.benchmark import ExecutionSettings, compile_tables, make_jobs
        from revin_forecast.shift.runner.planning import PlanningWorker, read_suite_in_worker
        from revin_forecast.shift.runner.store import merge_folders

        with PlanningWorker(MAX_PLANNING_SECONDS) as worker:
            parsed_suite = read_suite_in_worker(suite, worker)
        merge_folders([Path(part) for part in parts], Path(out))
        execution = ExecutionSettings(out, data_dir)
        outcome = compile_tables(make_jobs(parsed_suite, execution), execution, {})
    failures = report_result(parsed_suite, Path(suite), outcome, Path(out), json)
    return EXIT_FAILED_CELLS if failures or outcome.missing_cells else 0


def _require_suite(suite: str) -> None:
    """Check that a suite exists before slow imports."""
    if not Path(suite).is_file():
        raise InputError(f"there is no suite at {suite}. configs/shift-smoke.yaml is one.")


def _parse_shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit()):
        raise InputError(f"--shard is i/n, such as 2/8, but got {text!r}.")
    return int(index), int(count)
