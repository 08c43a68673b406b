"""A whole benchmark: plan it, run it, compile it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.shift.aggregates import aggregates, nce, panels
from revin_forecast.shift.card import shift_card
from revin_forecast.shift.datasets import prepare
from revin_forecast.shift.engines import Engine
from revin_forecast.shift.estimate import RunCost
from revin_forecast.shift.job import MEASURED, Job, Tell
from revin_forecast.shift.plan import LEVEL_DEPENDENT, SCHEMA, Run, cells, runs
from revin_forecast.shift.results import Compiled, compiled, window_rows, write_tables
from revin_forecast.shift.sources import SOURCES
from revin_forecast.shift.suite import Suite
from revin_forecast.shift.theory import theory_checks


@dataclass(frozen=True)
class Execution:
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
class Outcome:
    """The tables of a benchmark, and where its time went."""

    tables: dict[str, pd.DataFrame]
    missing: int
    """Planned cells that are not measured yet: other shards have them."""
    stages: dict[str, float] = field(default_factory=dict)
    """Stage -> seconds."""


def jobs_of(suite: Suite, execution: Execution) -> list[Job]:
    """Return the jobs of a suite, all shards together, in the order of the tables."""
    planned = runs(suite, execution.data_dir)
    drawn = _drawn(suite, planned, execution.data_dir)
    return [
        Job(
            suite,
            run,
            str(Path(execution.folder) / MEASURED),
            execution.data_dir,
            execution.timeout,
            execution.retry,
            examples=run.label in drawn,
        )
        for run in planned
    ]


def _drawn(suite: Suite, planned: Sequence[Run], data_dir: str | None) -> set[str]:
    """Choose the runs whose windows are drawn: one backbone, one seed, one set free to show.

    Real data, where there are some.
    """
    for source in sorted(suite.datasets, key=lambda one: one.name in SOURCES):
        try:
            shown = prepare(source, suite.windows, data_dir).shown
        except Exception:  # the runs will say what is wrong with it
            continue
        if shown and len(cells(suite, source)) > 1:
            first = suite.models[0]
            chosen = first.backbones[0], first.seeds[0]
            models = [one for one in planned if one.role == "model" and one.source == source]
            return {one.label for one in models if (one.backbone, one.seed) == chosen}
    return set()


def sharded(jobs: Sequence[Job], shard: tuple[int, int]) -> list[Job]:
    """Return every n-th job from the i-th on.

    Raises:
        InputError: no such part.
    """
    part, parts = shard
    if not 1 <= part <= parts:
        raise InputError(f"--shard is i/n with 1 <= i <= n but got {part}/{parts}.")
    return list(jobs[part - 1 :: parts])


def run_benchmark(
    suite: Suite, execution: Execution, engine: Engine, tell: Tell, costs: Mapping[str, RunCost]
) -> Outcome:
    """Measure what is not on record yet, then make every table from the record.

    Args:
        suite: what to measure.
        execution: where and how.
        engine: who does it.
        tell: gets what the workers tell.
        costs: what each run costs, by label; the longest go first.
    """
    stages: dict[str, float] = {}
    jobs = jobs_of(suite, execution)
    own = sharded(jobs, execution.shard)
    longest_first = sorted(own, key=lambda job: -costs.get(job.run.label, RunCost()).total)
    beside: dict[str, Future[pd.DataFrame]] = {}
    with ThreadPoolExecutor(1) as aside, _timed(stages, "training and measuring"):
        if engine.elsewhere:  # what needs no result is made while workers start
            beside["shiftcards"] = aside.submit(cards, suite, execution.data_dir)
            beside["checks"] = aside.submit(theory_checks)
        engine.run(longest_first, tell)
    made = {name: future.result() for name, future in beside.items()}
    return finish(suite, execution, jobs, stages, made)


def finish(
    suite: Suite,
    execution: Execution,
    jobs: Sequence[Job],
    stages: dict[str, float],
    made: Mapping[str, pd.DataFrame] | None = None,
) -> Outcome:
    """Make the tables from what is on record, and write them.

    Args:
        suite: what was measured.
        execution: where it lies.
        jobs: all of the suite's.
        stages: gets what each stage takes.
        made: tables that are there already: shiftcards, checks.
    """
    made = made or {}
    with _timed(stages, "compiling"):
        table = compiled(jobs)
    with _timed(stages, "statistics"):
        tables = {
            "runs": table.runs,
            "costs": table.costs,
            "cells": table.cells,
            "examples": table.examples,
            **_aggregates(table, suite.protocol.resamples),
        }
    with _timed(stages, "shift cards"):
        card = made.get("shiftcards")
        tables["shiftcards"] = cards(suite, execution.data_dir) if card is None else card
    with _timed(stages, "theory checks"):
        checks = made.get("checks")
        tables["checks"] = theory_checks() if checks is None else checks
    with _timed(stages, "writing tables"):
        write_tables(tables, Path(execution.folder))
        if execution.windows:
            windows = window_rows(table, suite.windows.stride)
            write_tables({"windows": windows}, Path(execution.folder))
    return Outcome(tables, table.missing, stages)


def _aggregates(table: Compiled, resamples: int) -> dict[str, pd.DataFrame]:
    """Return the aggregates; level-dependent data, a diagnostic, have rows of nCE alone."""
    diagnostic = table.cells.dataset == LEVEL_DEPENDENT
    found = aggregates(table.cells.loc[~diagnostic], table.errors, resamples)
    if diagnostic.any():
        alone = nce(panels(table.cells.loc[diagnostic], table.errors, resamples))
        parts = [part for part in (found["nce"], alone) if len(part)]
        found["nce"] = pd.concat(parts, ignore_index=True) if parts else found["nce"]
    return {name: part.assign(schema_version=SCHEMA) for name, part in found.items()}


def cards(suite: Suite, data_dir: str | None) -> pd.DataFrame:
    """Return the shift card of each channel of each data set at hand."""
    parts: list[pd.DataFrame] = []
    for source in suite.datasets:
        try:
            data = prepare(source, suite.windows, data_dir)
        except Exception:  # its runs are on record as failed
            continue
        if data.split.apart:  # no series: blocks side by side
            continue
        world = data.world
        sizes = world.season, world.lookback, world.horizon
        test_start = data.split.validation
        card = shift_card(world.values, world.train, test_start, *sizes, data.names)
        parts.append(pd.DataFrame(card).assign(dataset=source.name, schema_version=SCHEMA))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


@contextmanager
def _timed(stages: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stages[name] = stages.get(name, 0.0) + time.perf_counter() - start
