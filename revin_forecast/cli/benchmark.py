"""The commands `benchmark` and `benchmark merge`: measure models under every shift of a suite."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from revin_forecast.cli.output import print_json, print_table, print_text
from revin_forecast.errors import InputError
from revin_forecast.parallel import make_engine
from revin_forecast.reports.benchmark import write_benchmark_report
from revin_forecast.shift.benchmark import (
    BenchmarkResult,
    ExecutionSettings,
    compile_tables,
    make_jobs,
    run_benchmark,
    select_shard,
)
from revin_forecast.shift.runner.cost_estimate import RunCost, estimate_costs
from revin_forecast.shift.runner.job import ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.store import TRAINING, RunProgress, StoredRun, merge_folders
from revin_forecast.shift.suite.suite import Suite
from revin_forecast.shift.suite.suite_yaml import read_suite
from revin_forecast.utils.environment import environment_info
from revin_forecast.utils.progress import progress


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
) -> None:
    """Measure models on data sets under shifts, as a YAML suite lists them.

    An interrupted or killed benchmark continues when it is started again. Recorded results are
    never measured twice.

    Args:
        suite: YAML file; configs/shift-smoke.yaml is the smallest.
        out: folder for results, tables (Parquet), summary.md and report.html.
        data_dir: folder of the catalogued data sets.
        workers: number of worker processes with one thread each; one per core by default.
        engine: local worker processes, or a Ray cluster (needs the extra `ray`).
        address: address of the Ray cluster; by default one is started on this machine.
        shard: run only the i-th of n shards, written i/n; `benchmark merge` merges them.
        timeout: longest time of one training or one cell, in seconds.
        retry: repeat failed trainings and cells.
        windows: also write windows.parquet with the error of each window of each cell.
        dry_run: print the plan and the estimated time, and stop.
        json: print one JSON object instead of text.
    """
    if timeout <= 0:
        raise InputError(f"--timeout is {timeout:g}; pass a number of seconds above 0.")
    parsed_suite = read_suite(suite)
    execution = ExecutionSettings(out, data_dir, timeout, retry, _parse_shard(shard), windows)
    jobs = make_jobs(parsed_suite, execution)
    # Estimate the costs of this shard only; other shards run on other machines.
    runs = [job.run for job in select_shard(jobs, execution.shard)]
    start = time.perf_counter()
    costs = estimate_costs(runs)
    recorded = {run.label: run.read_progress() for run in runs}
    worker_count = (os.cpu_count() or 1) if workers is None else workers
    if dry_run:
        plan = plan_to_dict(parsed_suite, runs, costs, recorded, worker_count)
        (print_json if json else print_plan)(plan)
        return
    planning_seconds = time.perf_counter() - start
    task_engine = make_engine(engine, worker_count, address)
    with eta_display(costs, recorded) as on_progress:
        outcome = run_benchmark(jobs, execution, task_engine, on_progress, costs)
    outcome.stage_seconds = {"planning": planning_seconds, **outcome.stage_seconds}
    _report_result(parsed_suite, Path(suite), outcome, Path(out), json)


def merge(
    suite: str,
    parts: list[str] | None = None,
    out: str = "shift-benchmark",
    data_dir: str | None = None,
    json: bool = False,
) -> None:
    """Merge the folders of several shards and write the tables and the report of all results.

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
    parsed_suite = read_suite(suite)
    with progress(f"merging {len(parts)} shards"):
        merge_folders([Path(part) for part in parts], Path(out))
        execution = ExecutionSettings(out, data_dir)
        outcome = compile_tables(make_jobs(parsed_suite, execution), execution, {})
    _report_result(parsed_suite, Path(suite), outcome, Path(out), json)


def _report_result(
    suite: Suite, path: Path, outcome: BenchmarkResult, folder: Path, json: bool
) -> None:
    start = time.perf_counter()
    facts = {
        "name": suite.name,
        **environment_info(),
        "threads": 1,  # Workers use one thread each, whatever this process uses.
        "git_rev": _git_revision(),
        "wall_s": sum(outcome.stage_seconds.values()),
        "config": path.read_text(encoding="utf-8"),
        "stages": outcome.stage_seconds,
    }
    with progress("writing the report"):
        write_benchmark_report(outcome.tables, facts, folder)
    outcome.stage_seconds["report"] = time.perf_counter() - start
    record = _result_to_dict(suite, outcome, folder)
    (print_json if json else _print_result)(record)


def _git_revision() -> str:
    """Return the commit of the running checkout; an empty string for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _parse_shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit()):
        raise InputError(f"--shard is i/n, such as 2/8, but got {text!r}.")
    return int(index), int(count)


def _result_to_dict(suite: Suite, outcome: BenchmarkResult, folder: Path) -> dict[str, Any]:
    """Return the counts of a benchmark and the paths of its results as plain values."""
    cells, checks = outcome.tables["cells"], outcome.tables["checks"]
    deciles = (cells.placement == "natural") & (cells.status == "done") & (cells.severity > 0)
    # All deciles of a run come from one cell, so their rows would count it several times.
    is_decile = (cells["shift"] == "scale_decile") | deciles
    counts = cells.loc[~is_decile, "status"].value_counts()
    cell_counts = {name: int(counts.get(name, 0)) for name in ("done", "failed", "excluded")}
    return {
        "suite": suite.name,
        "folder": folder,
        "report": folder / "report.html",
        "summary": folder / "summary.md",
        "cells": cell_counts | {"missing": outcome.missing_cells},
        "checks": {"passed": int(checks.passed.sum()), "all": len(checks)},
        "seconds": outcome.stage_seconds,
    }


def _print_result(record: dict[str, Any]) -> None:
    cells, checks = record["cells"], record["checks"]
    print_text(
        f"{cells['done']} cells measured, {cells['failed']} failed, "
        f"{cells['excluded']} not applicable, {cells['missing']} missing"
    )
    print_text(f"{checks['passed']} of {checks['all']} theory checks pass")
    durations = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in record["seconds"].items())
    print_text(f"Time: {durations}")
    print(f"Report:  {record['report']}\nSummary: {record['summary']}")


@contextmanager
def eta_display(
    costs: Mapping[str, RunCost], recorded: Mapping[str, RunProgress]
) -> Iterator[ProgressCallback]:
    """Display the progress of a benchmark in seconds of estimated work.

    Args:
        costs: estimated cost of each run, by label.
        recorded: recorded progress of each run, by label.

    Yields:
        A callback for the start and the end of each training and cell.
    """
    total = sum(estimate_remaining_seconds(costs[label], recorded[label]) for label in costs)
    done = 0.0
    # The bar estimates the remaining time from the pace, which depends on the number of workers.
    with progress("benchmark", max(1, round(total)), "s of work") as advance:

        def on_progress(event: ProgressEvent) -> None:
            nonlocal done
            kind, label, unit = event
            if kind == "end":
                cost = costs.get(label, RunCost())
                before = done
                done += cost.training_seconds if unit == TRAINING else cost.cell_seconds
                advance(round(done) - round(before), label)
            elif unit == TRAINING:
                advance(0, label)

        yield on_progress


def estimate_remaining_seconds(cost: RunCost, recorded: RunProgress) -> float:
    """Estimate the remaining seconds of a run."""
    training = 0.0 if recorded.is_trained else cost.training_seconds
    return training + cost.cell_seconds * max(0, cost.cell_count - recorded.recorded_cells)


def plan_to_dict(
    suite: Suite,
    runs: Sequence[StoredRun],
    costs: Mapping[str, RunCost],
    recorded: Mapping[str, RunProgress],
    workers: int,
) -> dict[str, Any]:
    """Return the size of a suite, its recorded part and the estimated remaining time.

    Args:
        suite: the planned suite.
        runs: runs of the suite.
        costs: estimated cost of each run, by label.
        recorded: recorded progress of each run, by label.
        workers: number of worker processes.
    """
    rows = []
    for dataset in dict.fromkeys(run.planned.dataset_config.name for run in runs):
        labels = [run.label for run in runs if run.planned.dataset_config.name == dataset]
        rows.append(
            {
                "dataset": dataset,
                "runs": len(labels),
                "trained": sum(recorded[label].is_trained for label in labels),
                "cells": sum(recorded[label].planned_cells for label in labels),
                "on_record": sum(recorded[label].recorded_cells for label in labels),
                "seconds": sum(
                    estimate_remaining_seconds(costs[label], recorded[label]) for label in labels
                ),
            }
        )
    longest = max(
        (estimate_remaining_seconds(costs[label], recorded[label]) for label in costs), default=0.0
    )
    return {
        "suite": suite.name,
        "runs": len(runs),
        "cells": sum(run.planned_cells for run in recorded.values()),
        "workers": workers,
        # The longest run is a lower bound, because one worker executes it alone.
        "seconds": max(sum(row["seconds"] for row in rows) / workers, longest),
        "datasets": rows,
    }


def print_plan(plan: Mapping[str, Any]) -> None:
    """Print a plan made by `plan_to_dict`."""
    print_table(
        ("data set", "runs", "trained", "cells", "on record", "seconds"),
        [(row | {"seconds": round(row["seconds"])}).values() for row in plan["datasets"]],
    )
    duration = _format_duration(plan["seconds"])
    print_text(
        f"\n{plan['suite']}: {plan['runs']} runs, {plan['cells']} cells; about {duration} with "
        f"{plan['workers']} workers if no training stops early. Nothing was run."
    )


def _format_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
