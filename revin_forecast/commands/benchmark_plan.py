"""What a benchmark will take, and how far it is."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from revin_forecast.progress import progress
from revin_forecast.shift.estimate import RunCost
from revin_forecast.shift.job import TRAINING, Event, Job, Tell
from revin_forecast.shift.progress import Recorded
from revin_forecast.shift.suite import Suite


@contextmanager
def telling(costs: Mapping[str, RunCost], known: Mapping[str, Recorded]) -> Iterator[Tell]:
    """Show how far a benchmark is, in seconds of predicted work.

    Args:
        costs: of each run, by label.
        known: what each has on record, by label.

    Yields:
        What is told of each unit that begins or ends.
    """
    total = sum(left(costs[label], known[label]) for label in costs)
    done, start = 0.0, time.monotonic()
    with progress("benchmark", max(1, round(total)), "s of work") as advance:

        def tell(event: Event) -> None:
            nonlocal done
            kind, label, unit = event
            if kind == "end":
                cost = costs.get(label, RunCost())
                before, done = done, done + (cost.training if unit == TRAINING else cost.cell)
                rest = max(0.0, total - done) * (time.monotonic() - start) / max(done, 1e-9)
                advance(round(done) - round(before), f"about {_told(rest)} left, {label}")
            elif unit == TRAINING:
                advance(0, label)

        yield tell


def left(cost: RunCost, known: Recorded) -> float:
    """Return the seconds of a run that are still to do."""
    training = 0.0 if known.trained else cost.training
    return training + cost.cell * max(0, cost.cells - known.cells)


def as_record(
    suite: Suite,
    jobs: Sequence[Job],
    costs: Mapping[str, RunCost],
    known: Mapping[str, Recorded],
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
    for dataset in dict.fromkeys(job.run.source.name for job in jobs):
        labels = [job.run.label for job in jobs if job.run.source.name == dataset]
        rows.append(
            {
                "dataset": dataset,
                "runs": len(labels),
                "trained": sum(known[label].trained for label in labels),
                "cells": sum(known[label].planned for label in labels),
                "on_record": sum(known[label].cells for label in labels),
                "seconds": sum(left(costs[label], known[label]) for label in labels),
            }
        )
    longest = max((left(costs[label], known[label]) for label in costs), default=0.0)
    return {
        "suite": suite.name,
        "runs": len(jobs),
        "cells": sum(one.planned for one in known.values()),
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
        f"{_told(plan['seconds'])} with {plan['workers']} workers if no training stops early. "
        "Nothing was run."
    )


def _told(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
