import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from revin_forecast.errors import InputError
from revin_forecast.evidence import circumstances
from revin_forecast.report import write_report
from revin_forecast.shift.benchmark import (
    Execution,
    Outcome,
    finish,
    jobs_of,
    run_benchmark,
    sharded,
)
from revin_forecast.shift.engines import engine_named
from revin_forecast.shift.estimate import RunCost, run_costs
from revin_forecast.shift.merging import merge_folders
from revin_forecast.shift.progress import Recorded, recorded
from revin_forecast.shift.suite import Suite
from revin_forecast.shift.suite_file import read_suite
from revin_forecast.shift.work import TRAINING, Event, Job


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
    dry_run: bool = False,
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
        dry_run: print the plan and the time it will take, and stop.
    """
    chosen = read_suite(suite)
    execution = Execution(out, data_dir, timeout, retry, _shard(shard))
    jobs = sharded(jobs_of(chosen, execution), execution.shard)
    start = time.perf_counter()
    costs = run_costs(chosen, [job.run for job in jobs], data_dir)
    known = recorded(jobs)
    crew = (os.cpu_count() or 1) if workers is None else workers
    if dry_run:
        _print_plan(chosen, jobs, costs, known, crew)
        return
    estimated = time.perf_counter() - start
    hands = engine_named(engine, crew, address)
    with _bar(costs, known) as tell:
        outcome = run_benchmark(chosen, execution, hands, tell, costs)
    outcome.stages = {"planning": estimated, **outcome.stages}
    _report(chosen, Path(suite), outcome, Path(out))


def merge(
    suite: str,
    parts: list[str] | None = None,
    out: str = "shift-benchmark",
    data_dir: str | None = None,
) -> None:
    """Put the folders of several shards together, and make tables and report of all.

    Args:
        suite: the YAML file that each shard was run from.
        parts: the shards' folders.
        out: folder for the whole.
        data_dir: where catalogued files lie.
    """
    if not parts:
        raise InputError("benchmark merge needs --parts FOLDER FOLDER ..., those of the shards.")
    chosen = read_suite(suite)
    merge_folders([Path(part) for part in parts], Path(out))
    execution = Execution(out, data_dir)
    outcome = finish(chosen, execution, jobs_of(chosen, execution), {})
    _report(chosen, Path(suite), outcome, Path(out))


def _report(suite: Suite, path: Path, outcome: Outcome, folder: Path) -> None:
    start = time.perf_counter()
    facts = {
        "name": suite.name,
        **circumstances(),
        "threads": 1,
        "wall_s": sum(outcome.stages.values()),
        "config": path.read_text(encoding="utf-8"),
        "stages": outcome.stages,
    }
    write_report(outcome.tables, facts, folder)
    outcome.stages["report"] = time.perf_counter() - start
    _print_outcome(outcome, folder)


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit()):
        raise InputError(f"--shard is i/n, such as 2/8, but got {text!r}.")
    return int(part), int(parts)


class _bar:  # noqa: N801 - a context manager, used as a function
    """A line of progress on the error stream, in seconds of predicted work."""

    def __init__(self, costs: Mapping[str, RunCost], known: Mapping[str, Recorded]):
        self.costs = costs
        left = sum(_left(costs[label], known[label]) for label in costs)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), speed_estimate_period=60)
        self.task = self.bar.add_task("shift benchmark", total=max(left, 1e-9))

    def __enter__(self):
        self.bar.start()
        return self.tell

    def __exit__(self, *error: object) -> None:
        self.bar.update(self.task, description="shift benchmark")
        self.bar.stop()

    def tell(self, event: Event) -> None:
        """Move the bar on by what a finished unit was predicted to take."""
        kind, label, unit = event
        cost = self.costs.get(label, RunCost())
        if kind == "end":
            step = cost.training if unit == TRAINING else cost.cell
            self.bar.advance(self.task, step)
        elif unit == TRAINING:
            self.bar.update(self.task, description=label)


def _left(cost: RunCost, known: Recorded) -> float:
    training = 0.0 if known.trained else cost.training
    return training + cost.cell * max(0, cost.cells - known.cells)


def _print_plan(
    suite: Suite,
    jobs: Sequence[Job],
    costs: Mapping[str, RunCost],
    known: Mapping[str, Recorded],
    workers: int,
) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("data set", "runs", "trained", "cells", "on record", "seconds at most"):
        table.add_column(heading, justify="left" if heading == "data set" else "right")
    total = 0.0
    for dataset in dict.fromkeys(job.run.source.name for job in jobs):
        labels = [job.run.label for job in jobs if job.run.source.name == dataset]
        left = sum(_left(costs[label], known[label]) for label in labels)
        total += left
        figures: list[Any] = [
            len(labels),
            sum(known[label].trained for label in labels),
            sum(known[label].planned for label in labels),
            sum(known[label].cells for label in labels),
            f"{left:.0f}",
        ]
        table.add_row(dataset, *map(str, figures))
    console = Console()
    console.print(table)
    longest = max((_left(costs[label], known[label]) for label in costs), default=0.0)
    seconds = max(total / workers, longest)
    console.print(
        f"\n{suite.name}: {len(jobs)} runs, {sum(one.planned for one in known.values())} cells; "
        f"about {_told(seconds)} with {workers} workers if no training stops early. "
        "Nothing was run."
    )


def _told(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _print_outcome(outcome: Outcome, folder: Path) -> None:
    console = Console()
    cells = outcome.tables["cells"]
    deciles = (cells.placement == "natural") & (cells.status == "done") & (cells.severity > 0)
    once = (cells["shift"] == "scale_decile") | deciles  # deciles of a run come from one cell
    counts = cells.loc[~once, "status"].value_counts()
    console.print(
        f"{counts.get('done', 0)} cells measured, {counts.get('failed', 0)} failed, "
        f"{counts.get('excluded', 0)} not applicable, {outcome.missing} missing"
    )
    checks = outcome.tables["checks"]
    console.print(f"{int(checks.passed.sum())} of {len(checks)} theory checks pass")
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome.stages.items())
    console.print(f"Time: {spent}")
    console.print(f"Report:  {folder / 'report.html'}\nSummary: {folder / 'summary.md'}")
