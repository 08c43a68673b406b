"""revin_forecast/cli/benchmark.py."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from revin_forecast.cli.output import print_json
from revin_forecast.errors import InputError
from revin_forecast.reports.benchmark import write_benchmark_report
from revin_forecast.shift.benchmark import (
    BenchmarkResult,
    ExecutionSettings,
    compile_tables,
    make_jobs,
    run_benchmark,
    select_shard,
)
from revin_forecast.shift.runner import make_job_engine
from revin_forecast.shift.runner.cost_estimate import RunCost, estimate_costs
from revin_forecast.shift.runner.job import TRAINING, Job, ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.journal import RunProgress, merge_folders, read_progress
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
    """Measure what survives when the world moves: models x data sets x shifts, from a YAML file.

    Interrupted, even killed, it goes on where it stopped when called again. What is on record is
    never measured twice.

    Args:
        suite: a YAML file; configs/shift-smoke.yaml is the smallest.
        out: folder for artefacts, tables (Parquet), summary.md and report.html.
        data_dir: where catalogued files lie.
        workers: processes of one thread each; the machine's cores if not given.
        engine: local processes, or a Ray cluster (needs the extra `ray`).
        address: of the Ray cluster; one is started on this machine if not given.
        shard: do only the i-th of n parts, i/n; `benchmark merge` puts them together.
        timeout: seconds that one training or one cell may take.
        retry: do again what failed.
        windows: write windows.parquet as well, the error of each window of each cell.
        dry_run: print the plan and the time it will take, and stop.
        json: print one JSON object instead of words.
    """
    if timeout <= 0:
        raise InputError(f"--timeout is {timeout:g}; pass a number of seconds above 0.")
    chosen = read_suite(suite)
    execution = ExecutionSettings(out, data_dir, timeout, retry, _parse_shard(shard), windows)
    jobs = select_shard(make_jobs(chosen, execution), execution.shard)
    start = time.perf_counter()
    costs = estimate_costs(chosen, [job.run for job in jobs], data_dir)
    known = read_progress(jobs)
    crew = (os.cpu_count() or 1) if workers is None else workers
    if dry_run:
        plan = plan_to_dict(chosen, jobs, costs, known, crew)
        (print_json if json else print_plan)(plan)
        return
    estimated = time.perf_counter() - start
    hands = make_job_engine(engine, crew, address)
    with eta_display(costs, known) as tell:
        outcome = run_benchmark(chosen, execution, hands, tell, costs)
    outcome.stage_seconds = {"planning": estimated, **outcome.stage_seconds}
    _report_result(chosen, Path(suite), outcome, Path(out), json)


def merge(
    suite: str,
    parts: list[str] | None = None,
    out: str = "shift-benchmark",
    data_dir: str | None = None,
    json: bool = False,
) -> None:
    """Put the folders of several shards together, and make tables and report of all.

    Args:
        suite: the YAML file that each shard was run from.
        parts: the shards' folders.
        out: folder for the whole.
        data_dir: where catalogued files lie.
        json: print one JSON object instead of words.
    """
    if not parts:
        raise InputError("benchmark merge needs --parts FOLDER FOLDER ..., those of the shards.")
    chosen = read_suite(suite)
    with progress(f"merging {len(parts)} parts"):
        merge_folders([Path(part) for part in parts], Path(out))
        execution = ExecutionSettings(out, data_dir)
        outcome = compile_tables(chosen, execution, make_jobs(chosen, execution), {})
    _report_result(chosen, Path(suite), outcome, Path(out), json)


def _report_result(
    suite: Suite, path: Path, outcome: BenchmarkResult, folder: Path, json: bool
) -> None:
    start = time.perf_counter()
    facts = {
        "name": suite.name,
        **environment_info(),
        "threads": 1,
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
    """Return the commit of the checkout that runs; nothing where the package is installed."""
    home = Path(__file__).resolve().parents[2]
    if not (home / ".git").exists():
        return ""
    command = ["git", "-C", str(home), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _parse_shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit()):
        raise InputError(f"--shard is i/n, such as 2/8, but got {text!r}.")
    return int(part), int(parts)


def _result_to_dict(suite: Suite, outcome: BenchmarkResult, folder: Path) -> dict[str, Any]:
    """Return what a benchmark came to, in counts, and where the rest lies."""
    cells, checks = outcome.tables["cells"], outcome.tables["checks"]
    deciles = (cells.placement == "natural") & (cells.status == "done") & (cells.severity > 0)
    once = (cells["shift"] == "scale_decile") | deciles  # deciles of a run come from one cell
    counts = cells.loc[~once, "status"].value_counts()
    named = {name: int(counts.get(name, 0)) for name in ("done", "failed", "excluded")}
    return {
        "suite": suite.name,
        "folder": folder,
        "report": folder / "report.html",
        "summary": folder / "summary.md",
        "cells": named | {"missing": outcome.missing_cells},
        "checks": {"passed": int(checks.passed.sum()), "all": len(checks)},
        "seconds": outcome.stage_seconds,
    }


def _print_result(record: dict[str, Any]) -> None:
    console, cells, checks = Console(), record["cells"], record["checks"]
    console.print(
        f"{cells['done']} cells measured, {cells['failed']} failed, "
        f"{cells['excluded']} not applicable, {cells['missing']} missing"
    )
    console.print(f"{checks['passed']} of {checks['all']} theory checks pass")
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in record["seconds"].items())
    console.print(f"Time: {spent}")
    console.print(f"Report:  {record['report']}\nSummary: {record['summary']}")


@contextmanager
def eta_display(
    costs: Mapping[str, RunCost], known: Mapping[str, RunProgress]
) -> Iterator[ProgressCallback]:
    """Show how far a benchmark is, in seconds of predicted work.

    Args:
        costs: of each run, by label.
        known: what each has on record, by label.

    Yields:
        What is told of each unit that begins or ends.
    """
    total = sum(estimate_remaining_seconds(costs[label], known[label]) for label in costs)
    done, start = 0.0, time.monotonic()
    with progress("benchmark", max(1, round(total)), "s of work") as advance:

        def tell(event: ProgressEvent) -> None:
            nonlocal done
            kind, label, unit = event
            if kind == "end":
                cost = costs.get(label, RunCost())
                before, done = (
                    done,
                    done + (cost.training_seconds if unit == TRAINING else cost.cell_seconds),
                )
                rest = max(0.0, total - done) * (time.monotonic() - start) / max(done, 1e-9)
                advance(
                    round(done) - round(before), f"about {_format_duration(rest)} left, {label}"
                )
            elif unit == TRAINING:
                advance(0, label)

        yield tell


def estimate_remaining_seconds(cost: RunCost, known: RunProgress) -> float:
    """Return the seconds of a run that are still to do."""
    training = 0.0 if known.is_trained else cost.training_seconds
    return training + cost.cell_seconds * max(0, cost.cell_count - known.recorded_cells)


def plan_to_dict(
    suite: Suite,
    jobs: Sequence[Job],
    costs: Mapping[str, RunCost],
    known: Mapping[str, RunProgress],
    workers: int,
) -> dict[str, Any]:
    """Return what a suite comes to, what of it is on record, and how long the rest will take.

    Args:
        suite: what is planned.
        jobs: its runs.
        costs: of each run, by label.
        known: what each has on record, by label.
        workers: processes at work.
    """
    rows = []
    for dataset in dict.fromkeys(job.run.dataset_config.name for job in jobs):
        labels = [job.run.label for job in jobs if job.run.dataset_config.name == dataset]
        rows.append(
            {
                "dataset": dataset,
                "runs": len(labels),
                "trained": sum(known[label].is_trained for label in labels),
                "cells": sum(known[label].planned_cells for label in labels),
                "on_record": sum(known[label].recorded_cells for label in labels),
                "seconds": sum(
                    estimate_remaining_seconds(costs[label], known[label]) for label in labels
                ),
            }
        )
    longest = max(
        (estimate_remaining_seconds(costs[label], known[label]) for label in costs), default=0.0
    )
    return {
        "suite": suite.name,
        "runs": len(jobs),
        "cells": sum(one.planned_cells for one in known.values()),
        "workers": workers,
        "seconds": max(sum(row["seconds"] for row in rows) / workers, longest),
        "datasets": rows,
    }


def print_plan(plan: Mapping[str, Any]) -> None:
    """Print a plan that `as_record` made."""
    table = Table(box=None, pad_edge=False)
    for heading in ("data set", "runs", "trained", "cells", "on record", "seconds"):
        table.add_column(heading, justify="left" if heading == "data set" else "right")
    for row in plan["datasets"]:
        table.add_row(*map(str, (row | {"seconds": round(row["seconds"])}).values()))
    console = Console()
    console.print(table)
    console.print(
        f"\n{plan['suite']}: {plan['runs']} runs, {plan['cells']} cells; about "
        f"{_format_duration(plan['seconds'])} with {plan['workers']} workers if no training stops early. "
        "Nothing was run."
    )


def _format_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
