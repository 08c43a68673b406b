"""Run a whole benchmark: plan the runs, measure them, compile the tables."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates import (
    ChannelErrors,
    aggregate_tables,
    build_panels,
    channel_cells,
    normalized_error,
)
from revin_forecast.shift.card.card import measure_card
from revin_forecast.shift.runner.cost_estimate import RunCost
from revin_forecast.shift.runner.job import Job, ProgressCallback
from revin_forecast.shift.runner.results import (
    CompiledResults,
    compile_results,
    window_rows,
    write_tables,
)
from revin_forecast.shift.runner.run_jobs import run_jobs
from revin_forecast.shift.runner.store import RunStore, StoredRun
from revin_forecast.shift.suite.dataset_config import LEVEL_DEPENDENT
from revin_forecast.shift.suite.plan import TABLES_SCHEMA
from revin_forecast.shift.suite.suite import Suite
from revin_forecast.shift.theory import run_theory_checks
from revin_forecast.utils.parallel import Engine


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
    runs = RunStore(suite, Path(execution.folder), execution.data_dir).make_runs()
    labels = _labels_with_examples(suite, runs)
    return [
        Job(run, execution.timeout, execution.retry, keeps_examples=run.label in labels)
        for run in runs
    ]


def _labels_with_examples(suite: Suite, runs: Sequence[StoredRun]) -> set[str]:
    """Return the labels of the runs whose example windows the report shows.

    One backbone and one seed on one data set whose licence permits excerpts; real data first.
    """
    grid = suite.models[0]
    backbone_and_seed = grid.backbones[0], grid.seeds[0]
    for dataset in sorted(suite.datasets, key=lambda config: config.known_process is not None):
        candidates = [
            run
            for run in runs
            if run.planned.role == "model"
            and run.planned.dataset_config == dataset
            and (run.planned.backbone, run.planned.seed) == backbone_and_seed
        ]
        first = candidates[0]
        if not first.error and len(first.cells) > 1 and first.dataset.can_show_excerpts:
            return {run.label for run in candidates}
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


def measure_jobs(
    jobs: Sequence[Job],
    execution: ExecutionSettings,
    engine: Engine,
    on_progress: ProgressCallback,
    costs: Mapping[str, RunCost],
) -> BenchmarkResult:
    """Measure the cells that have no result yet, then compile and write every table.

    Args:
        jobs: all jobs of the suite, as `make_jobs` returns them.
        execution: folder, data and limits.
        engine: runs the jobs, in this process or in workers.
        on_progress: receives the workers' progress events.
        costs: predicted cost of each run, by label. The longest runs start first.
    """
    stages: dict[str, float] = {}
    store = jobs[0].run.store
    own_jobs = select_shard(jobs, execution.shard)
    # Longest first: a long run that started last would keep one worker busy and the others idle.
    # A run of unknown length may be the longest.
    job_costs = [costs.get(job.run.label, RunCost()) for job in own_jobs]
    order = sorted(
        range(len(own_jobs)),
        key=lambda number: (job_costs[number].is_known, -job_costs[number].total_seconds),
    )
    longest_first = [own_jobs[number] for number in order]
    futures: dict[str, Future[pd.DataFrame]] = {}
    with ThreadPoolExecutor(1) as executor, _time_stage(stages, "training and measuring"):
        if engine.has_worker_processes:
            # These tables need no result of a run: compute them while the workers start.
            futures["shiftcards"] = executor.submit(shift_cards, store)
            futures["checks"] = executor.submit(run_theory_checks)
        run_jobs(longest_first, engine, on_progress)
    ready_tables = {name: future.result() for name, future in futures.items()}
    return compile_tables(jobs, execution, stages, ready_tables)


def compile_tables(
    jobs: Sequence[Job],
    execution: ExecutionSettings,
    stage_seconds: dict[str, float],
    ready_tables: Mapping[str, pd.DataFrame] | None = None,
) -> BenchmarkResult:
    """Compile the tables from the results in the folder and write them.

    Args:
        jobs: all jobs of the suite.
        execution: the folder of the results.
        stage_seconds: seconds by stage; those of the stages here are added to it.
        ready_tables: tables computed before: shiftcards, checks.
    """
    ready_tables = ready_tables or {}
    runs = [job.run for job in jobs]
    store = runs[0].store
    with _time_stage(stage_seconds, "compiling"):
        results = compile_results(runs)
    with _time_stage(stage_seconds, "statistics"):
        tables = {
            "runs": results.runs,
            "costs": results.costs,
            "cells": results.cells,
            "examples": results.examples,
            "channels": _channel_table(results),
            **_aggregate_cells(results, store.suite.protocol.resamples),
        }
    with _time_stage(stage_seconds, "shift cards"):
        card = ready_tables.get("shiftcards")
        tables["shiftcards"] = shift_cards(store) if card is None else card
    with _time_stage(stage_seconds, "theory checks"):
        checks = ready_tables.get("checks")
        tables["checks"] = run_theory_checks() if checks is None else checks
    with _time_stage(stage_seconds, "writing tables"):
        write_tables(tables, Path(execution.folder))
        if execution.windows:
            write_tables({"windows": window_rows(results, runs)}, Path(execution.folder))
    return BenchmarkResult(tables, results.missing_cells, stage_seconds)


def _aggregate_cells(results: CompiledResults, resamples: int) -> dict[str, pd.DataFrame]:
    """Return the aggregates by name; level-dependent data enter the table of nCE only."""
    # Level-dependent data are a diagnostic, not a benchmark: they enter no mean over data sets.
    cells, errors = results.cells, results.window_errors
    is_diagnostic = cells.dataset == LEVEL_DEPENDENT
    arrays = results.errors
    channels = ChannelErrors(arrays.channels, arrays.channel_blocks, results.channel_names)
    measured = errors, resamples, arrays.blocks, channels
    aggregates = aggregate_tables(cells.loc[~is_diagnostic], *measured)
    if is_diagnostic.any():
        diagnostic = normalized_error(build_panels(cells.loc[is_diagnostic], errors, resamples))
        parts = [part for part in (aggregates["nce"], diagnostic) if len(part)]
        aggregates["nce"] = pd.concat(parts, ignore_index=True) if parts else aggregates["nce"]
    return {name: table.assign(schema_version=TABLES_SCHEMA) for name, table in aggregates.items()}


def _channel_table(results: CompiledResults) -> pd.DataFrame:
    errors = results.errors
    arrays = errors.channels, errors.channel_blocks
    table = channel_cells(results.cells, *arrays, results.channel_names)
    return table.assign(schema_version=TABLES_SCHEMA)


def shift_cards(store: RunStore) -> pd.DataFrame:
    """Return the shift card of each channel of each available data set."""
    parts: list[pd.DataFrame] = []
    for config in store.suite.datasets:
        try:
            data = store.load_dataset(config)
        except Exception:  # the runs on this data set are recorded as failed
            continue
        if data.split.has_independent_parts:  # separate blocks, not one series
            continue
        dataset = data.shift_dataset
        sizes = dataset.season, dataset.lookback, dataset.horizon
        test_start = data.split.validation
        card = measure_card(dataset.values, dataset.train, test_start, *sizes, data.channel_names)
        parts.append(pd.DataFrame(card).assign(dataset=config.name, schema_version=TABLES_SCHEMA))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@contextmanager
def _time_stage(stage_seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stage_seconds[name] = stage_seconds.get(name, 0.0) + time.perf_counter() - start
