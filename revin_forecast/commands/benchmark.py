import os
import subprocess
import time
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from revin_forecast.commands.benchmark_plan import plan_to_dict, print_plan, eta_display
from revin_forecast.commands.shared.machine import print_json
from revin_forecast.errors import InputError
from revin_forecast.utils.environment import environment_info
from revin_forecast.progress import progress
from revin_forecast.report.benchmark import write_benchmark_report
from revin_forecast.shift.benchmark import (
    ExecutionSettings,
    BenchmarkResult,
    compile_tables,
    make_jobs,
    run_benchmark,
    select_shard,
)
from revin_forecast.shift.engines import make_job_engine
from revin_forecast.shift.estimate import estimate_costs
from revin_forecast.shift.merging import merge_folders
from revin_forecast.shift.progress import read_progress
from revin_forecast.shift.suite import Suite
from revin_forecast.shift.suite_file import read_suite


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


def _report_result(suite: Suite, path: Path, outcome: BenchmarkResult, folder: Path, json: bool) -> None:
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
