"""What a benchmark will take, and how far it is."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from revin_forecast.progress import progress
from revin_forecast.shift.estimate import RunCost
from revin_forecast.shift.job import TRAINING, ProgressEvent, Job, ProgressCallback
from revin_forecast.shift.progress import RunProgress
from revin_forecast.shift.suite import Suite


@contextmanager
def eta_display(costs: Mapping[str, RunCost], known: Mapping[str, RunProgress]) -> Iterator[ProgressCallback]:
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
                before, done = done, done + (cost.training_seconds if unit == TRAINING else cost.cell_seconds)
                rest = max(0.0, total - done) * (time.monotonic() - start) / max(done, 1e-9)
                advance(round(done) - round(before), f"about {_format_duration(rest)} left, {label}")
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
                "seconds": sum(estimate_remaining_seconds(costs[label], known[label]) for label in labels),
            }
        )
    longest = max((estimate_remaining_seconds(costs[label], known[label]) for label in costs), default=0.0)
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
