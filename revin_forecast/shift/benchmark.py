"""A whole benchmark: plan it, run it, compile it."""

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
    """How a benchmark is run; nothing here changes a figure."""

    folder: str
    """Gets artefacts, tables and report."""
    data_dir: str | None = None
    """Where catalogued files lie."""
    timeout: float = 600.0
    """Seconds that one training or one cell may take."""
    retry: bool = False
    """Do again what failed."""
    shard: tuple[int, int] = (1, 1)
    """Do the i-th of n parts."""
    windows: bool = False
    """Write the error of each window, too."""


@dataclass
class BenchmarkResult:
    """The tables of a benchmark, and where its time went."""

    tables: dict[str, pd.DataFrame]
    missing_cells: int
    """Planned cells that are not measured yet: other shards have them."""
    stage_seconds: dict[str, float] = field(default_factory=dict)
    """Stage -> seconds."""


def make_jobs(suite: Suite, execution: ExecutionSettings) -> list[Job]:
    """Return the jobs of a suite, all shards together, in the order of the tables."""
    planned = plan_runs(suite, execution.data_dir)
    drawn = _labels_with_examples(suite, planned, execution.data_dir)
    return [
        Job(
            suite,
            run,
            str(Path(execution.folder) / ARTEFACTS),
            execution.data_dir,
            execution.timeout,
            execution.retry,
            keeps_examples=run.label in drawn,
        )
        for run in planned
    ]


def _labels_with_examples(
    suite: Suite, planned_runs: Sequence[PlannedRun], data_dir: str | None
) -> set[str]:
    """Choose the runs whose windows are drawn: one backbone, one seed, one set free to show.

    Real data, where there are some.
    """
    for source in sorted(suite.datasets, key=lambda one: one.name in PROCESSES):
        try:
            shown = prepare_dataset(source, suite.windows, data_dir).can_show_excerpts
        except Exception:  # the runs will say what is wrong with it
            continue
        if shown and len(plan_cells(suite, source)) > 1:
            first = suite.models[0]
            chosen = first.backbones[0], first.seeds[0]
            models = [
                one for one in planned_runs if one.role == "model" and one.dataset_config == source
            ]
            return {one.label for one in models if (one.backbone, one.seed) == chosen}
    return set()


def select_shard(jobs: Sequence[Job], shard: tuple[int, int]) -> list[Job]:
    """Return every n-th job from the i-th on.

    Raises:
        InputError: no such part.
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
    """Measure what is not on record yet, then make every table from the record.

    Args:
        suite: what to measure.
        execution: where and how.
        engine: who does it.
        on_progress: gets what the workers tell.
        costs: what each run costs, by label; the longest go first.
    """
    stages: dict[str, float] = {}
    jobs = make_jobs(suite, execution)
    own = select_shard(jobs, execution.shard)
    longest_first = sorted(own, key=lambda job: -costs.get(job.run.label, RunCost()).total_seconds)
    beside: dict[str, Future[pd.DataFrame]] = {}
    with ThreadPoolExecutor(1) as aside, _time_stage(stages, "training and measuring"):
        if engine.has_worker_processes:  # what needs no result is made while workers start
            beside["shiftcards"] = aside.submit(shift_cards, suite, execution.data_dir)
            beside["checks"] = aside.submit(run_theory_checks)
        engine.run(longest_first, on_progress)
    made = {name: future.result() for name, future in beside.items()}
    return compile_tables(suite, execution, jobs, stages, made)


def compile_tables(
    suite: Suite,
    execution: ExecutionSettings,
    jobs: Sequence[Job],
    stage_seconds: dict[str, float],
    ready_tables: Mapping[str, pd.DataFrame] | None = None,
) -> BenchmarkResult:
    """Make the tables from what is on record, and write them.

    Args:
        suite: what was measured.
        execution: where it lies.
        jobs: all of the suite's.
        stage_seconds: gets what each stage takes.
        ready_tables: tables that are there already: shiftcards, checks.
    """
    ready_tables = ready_tables or {}
    with _time_stage(stage_seconds, "compiling"):
        table = compile_results(jobs)
    with _time_stage(stage_seconds, "statistics"):
        tables = {
            "runs": table.runs,
            "costs": table.costs,
            "cells": table.cells,
            "examples": table.examples,
            **_aggregate_cells(table, suite.protocol.resamples),
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
            windows = window_rows(table, suite.windows.stride)
            write_tables({"windows": windows}, Path(execution.folder))
    return BenchmarkResult(tables, table.missing_cells, stage_seconds)


def _aggregate_cells(table: CompiledResults, resamples: int) -> dict[str, pd.DataFrame]:
    """Return the aggregates; level-dependent data, a diagnostic, have rows of nCE alone."""
    diagnostic = table.cells.dataset == LEVEL_DEPENDENT
    found = aggregate_tables(table.cells.loc[~diagnostic], table.window_errors, resamples)
    if diagnostic.any():
        alone = normalized_error(
            build_panels(table.cells.loc[diagnostic], table.window_errors, resamples)
        )
        parts = [part for part in (found["nce"], alone) if len(part)]
        found["nce"] = pd.concat(parts, ignore_index=True) if parts else found["nce"]
    return {name: part.assign(schema_version=TABLES_SCHEMA) for name, part in found.items()}


def shift_cards(suite: Suite, data_dir: str | None) -> pd.DataFrame:
    """Return the shift card of each channel of each data set at hand."""
    parts: list[pd.DataFrame] = []
    for source in suite.datasets:
        try:
            data = prepare_dataset(source, suite.windows, data_dir)
        except Exception:  # its runs are on record as failed
            continue
        if data.split.has_independent_parts:  # no series: blocks side by side
            continue
        world = data.shift_dataset
        sizes = world.season, world.lookback, world.horizon
        test_start = data.split.validation
        card = shift_card(world.values, world.train, test_start, *sizes, data.channel_names)
        parts.append(pd.DataFrame(card).assign(dataset=source.name, schema_version=TABLES_SCHEMA))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@contextmanager
def _time_stage(stage_seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stage_seconds[name] = stage_seconds.get(name, 0.0) + time.perf_counter() - start
