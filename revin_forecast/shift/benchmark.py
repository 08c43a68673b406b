"""Run a whole benchmark: plan the runs, measure them, compile the tables."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates import aggregate_tables, build_panels, normalized_error
from revin_forecast.shift.card.card import shift_card
from revin_forecast.shift.processes import PROCESSES
from revin_forecast.shift.runner import JobEngine
from revin_forecast.shift.runner.cost_estimate import RunCost
from revin_forecast.shift.runner.job import ARTEFACTS, Job, ProgressCallback
from revin_forecast.shift.runner.results import (
    CompiledResults,
    compile_results,
    window_rows,
    write_tables,
)
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.plan import (
    LEVEL_DEPENDENT,
    TABLES_SCHEMA,
    PlannedRun,
    plan_cells,
    plan_runs,
)
from revin_forecast.shift.suite.suite import Suite
from revin_forecast.shift.theory import run_theory_checks


@dataclass(frozen=True)
class ExecutionSettings:
    """Settings of the execution, none of which changes a figure."""

    folder: str
    """Folder for artefacts, tables and the report."""
    data_dir: str | None = None
    """Folder of the catalogued files."""
    timeout: float = 600.0
    """Time limit in seconds for one training or one cell."""
    retry: bool = False
    """Whether to repeat failed runs and cells."""
    shard: tuple[int, int] = (1, 1)
    """(i, n): run the i-th of n parts."""
    windows: bool = False
    """Whether to write the error of each window, too."""


@dataclass
class BenchmarkResult:
    """The tables of a benchmark and the seconds spent on each stage."""

    tables: dict[str, pd.DataFrame]
    missing_cells: int
    """Number of planned cells without a result: other shards measure them."""
    stage_seconds: dict[str, float] = field(default_factory=dict)
    """Seconds by stage."""


def make_jobs(suite: Suite, execution: ExecutionSettings) -> list[Job]:
    """Return the jobs of a suite, those of all shards, in the order of the tables."""
    planned_runs = plan_runs(suite, execution.data_dir)
    labels = _labels_with_examples(suite, planned_runs, execution.data_dir)
    return [
        Job(
            suite,
            run,
            str(Path(execution.folder) / ARTEFACTS),
            execution.data_dir,
            execution.timeout,
            execution.retry,
            keeps_examples=run.label in labels,
        )
        for run in planned_runs
    ]


def _labels_with_examples(
    suite: Suite, planned_runs: Sequence[PlannedRun], data_dir: str | None
) -> set[str]:
    """Return the labels of the runs whose example windows the report shows.

    One backbone and one seed on one data set whose licence permits excerpts; real data first.
    """
    for dataset in sorted(suite.datasets, key=lambda config: config.name in PROCESSES):
        try:
            showable = prepare_dataset(dataset, suite.windows, data_dir).can_show_excerpts
        except Exception:  # the runs on this data set report the error
            continue
        if showable and len(plan_cells(suite, dataset)) > 1:
            grid = suite.models[0]
            backbone_and_seed = grid.backbones[0], grid.seeds[0]
            model_runs = [
                run for run in planned_runs if run.role == "model" and run.dataset_config == dataset
            ]
            return {
                run.label for run in model_runs if (run.backbone, run.seed) == backbone_and_seed
            }
    return set()


def select_shard(jobs: Sequence[Job], shard: tuple[int, int]) -> list[Job]:
    """Return every n-th job from the i-th on.

    Args:
        jobs: all jobs of a suite.
        shard: (i, n).

    Raises:
        InputError: i is not in 1 to n.
    """
    part, parts = shard
    if not 1 <= part <= parts:
        raise InputError(f"--shard is i/n with 1 <= i <= n but got {part}/{parts}.")
    return list(jobs[part - 1 :: parts])


def run_benchmark(
    suite: Suite,
    execution: ExecutionSettings,
    engine: JobEngine,
    on_progress: ProgressCallback,
    costs: Mapping[str, RunCost],
) -> BenchmarkResult:
    """Measure the cells that have no result yet, then compile and write every table.

    Args:
        suite: the runs and cells.
        execution: folder, data and limits.
        engine: runs the jobs, in this process or in workers.
        on_progress: receives the workers' progress events.
        costs: predicted cost of each run, by label. The longest runs start first.
    """
    stages: dict[str, float] = {}
    jobs = make_jobs(suite, execution)
    own_jobs = select_shard(jobs, execution.shard)
    # Longest first: a long run that started last would keep one worker busy and the others idle.
    longest_first = sorted(
        own_jobs, key=lambda job: -costs.get(job.run.label, RunCost()).total_seconds
    )
    futures: dict[str, Future[pd.DataFrame]] = {}
    with ThreadPoolExecutor(1) as executor, _time_stage(stages, "training and measuring"):
        if engine.has_worker_processes:
            # These tables need no result of a run: compute them while the workers start.
            futures["shiftcards"] = executor.submit(shift_cards, suite, execution.data_dir)
            futures["checks"] = executor.submit(run_theory_checks)
        engine.run(longest_first, on_progress)
    ready_tables = {name: future.result() for name, future in futures.items()}
    return compile_tables(suite, execution, jobs, stages, ready_tables)


def compile_tables(
    suite: Suite,
    execution: ExecutionSettings,
    jobs: Sequence[Job],
    stage_seconds: dict[str, float],
    ready_tables: Mapping[str, pd.DataFrame] | None = None,
) -> BenchmarkResult:
    """Compile the tables from the results in the folder and write them.

    Args:
        suite: the measured suite.
        execution: the folder of the results.
        jobs: all jobs of the suite.
        stage_seconds: seconds by stage; those of the stages here are added to it.
        ready_tables: tables computed before: shiftcards, checks.
    """
    ready_tables = ready_tables or {}
    with _time_stage(stage_seconds, "compiling"):
        results = compile_results(jobs)
    with _time_stage(stage_seconds, "statistics"):
        tables = {
            "runs": results.runs,
            "costs": results.costs,
            "cells": results.cells,
            "examples": results.examples,
            **_aggregate_cells(results, suite.protocol.resamples),
        }
    with _time_stage(stage_seconds, "shift cards"):
        card = ready_tables.get("shiftcards")
        tables["shiftcards"] = shift_cards(suite, execution.data_dir) if card is None else card
    with _time_stage(stage_seconds, "theory checks"):
        checks = ready_tables.get("checks")
        tables["checks"] = run_theory_checks() if checks is None else checks
    with _time_stage(stage_seconds, "writing tables"):
        write_tables(tables, Path(execution.folder))
        if execution.windows:
            windows = window_rows(results, suite.windows.stride)
            write_tables({"windows": windows}, Path(execution.folder))
    return BenchmarkResult(tables, results.missing_cells, stage_seconds)


def _aggregate_cells(results: CompiledResults, resamples: int) -> dict[str, pd.DataFrame]:
    """Return the aggregates by name; level-dependent data enter the table of nCE only."""
    # Level-dependent data are a diagnostic, not a benchmark: they enter no mean over data sets.
    cells, errors = results.cells, results.window_errors
    is_diagnostic = cells.dataset == LEVEL_DEPENDENT
    aggregates = aggregate_tables(cells.loc[~is_diagnostic], errors, resamples)
    if is_diagnostic.any():
        diagnostic = normalized_error(build_panels(cells.loc[is_diagnostic], errors, resamples))
        parts = [part for part in (aggregates["nce"], diagnostic) if len(part)]
        aggregates["nce"] = pd.concat(parts, ignore_index=True) if parts else aggregates["nce"]
    return {name: table.assign(schema_version=TABLES_SCHEMA) for name, table in aggregates.items()}


def shift_cards(suite: Suite, data_dir: str | None) -> pd.DataFrame:
    """Return the shift card of each channel of each available data set."""
    parts: list[pd.DataFrame] = []
    for config in suite.datasets:
        try:
            data = prepare_dataset(config, suite.windows, data_dir)
        except Exception:  # the runs on this data set are recorded as failed
            continue
        if data.split.has_independent_parts:  # separate blocks, not one series
            continue
        dataset = data.shift_dataset
        sizes = dataset.season, dataset.lookback, dataset.horizon
        test_start = data.split.validation
        card = shift_card(dataset.values, dataset.train, test_start, *sizes, data.channel_names)
        parts.append(pd.DataFrame(card).assign(dataset=config.name, schema_version=TABLES_SCHEMA))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@contextmanager
def _time_stage(stage_seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stage_seconds[name] = stage_seconds.get(name, 0.0) + time.perf_counter() - start
