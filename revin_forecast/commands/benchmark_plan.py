"""What a benchmark will take, and how far it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from revin_forecast.shift.estimate import RunCost
from revin_forecast.shift.job import TRAINING, Event, Job, Tell
from revin_forecast.shift.progress import Recorded
from revin_forecast.shift.suite import Suite


class WorkBar:
    """A line of progress on the error stream, in seconds of predicted work."""

    def __init__(self, costs: Mapping[str, RunCost], known: Mapping[str, Recorded]):
        self.costs = costs
        total = sum(left(costs[label], known[label]) for label in costs)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), speed_estimate_period=60)
        self.task = self.bar.add_task("shift benchmark", total=max(total, 1e-9))

    def __enter__(self) -> Tell:
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


def left(cost: RunCost, known: Recorded) -> float:
    """Return the seconds of a run that are still to do."""
    training = 0.0 if known.trained else cost.training
    return training + cost.cell * max(0, cost.cells - known.cells)


def print_plan(
    suite: Suite,
    jobs: Sequence[Job],
    costs: Mapping[str, RunCost],
    known: Mapping[str, Recorded],
    workers: int,
) -> None:
    """Print what a suite comes to, what of it is on record, and how long the rest will take.

    Args:
        suite: what is planned.
        jobs: its runs.
        costs: of each run, by label.
        known: what each has on record, by label.
        workers: processes at work.
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("data set", "runs", "trained", "cells", "on record", "seconds"):
        table.add_column(heading, justify="left" if heading == "data set" else "right")
    total = 0.0
    for dataset in dict.fromkeys(job.run.source.name for job in jobs):
        labels = [job.run.label for job in jobs if job.run.source.name == dataset]
        seconds = sum(left(costs[label], known[label]) for label in labels)
        total += seconds
        figures: list[Any] = [
            len(labels),
            sum(known[label].trained for label in labels),
            sum(known[label].planned for label in labels),
            sum(known[label].cells for label in labels),
            f"{seconds:.0f}",
        ]
        table.add_row(dataset, *map(str, figures))
    console = Console()
    console.print(table)
    longest = max((left(costs[label], known[label]) for label in costs), default=0.0)
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
