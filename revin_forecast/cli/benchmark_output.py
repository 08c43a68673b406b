"""Output of `benchmark`: its plan, its progress and its result."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revin_forecast.cli.outcomes import MAX_REASONS, print_failed_cells, print_sentences
from revin_forecast.cli.output import print_json, print_table, print_text
from revin_forecast.reports.benchmark import write_benchmark_report
from revin_forecast.shift.benchmark import (
    BenchmarkResult,
)
from revin_forecast.shift.runner.cost_estimate import RunCost
from revin_forecast.shift.runner.failures import FailureGroup, group_failures
from revin_forecast.shift.runner.job import ProgressCallback, ProgressEvent
from revin_forecast.shift.runner.store import TRAINING, RunProgress, StoredRun
from revin_forecast.shift.suite.suite import Suite
from revin_forecast.utils.environment import environment_info
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:
    import pandas as pd


def report_result(
    suite: Suite, path: Path, outcome: BenchmarkResult, folder: Path, json: bool
) -> list[FailureGroup]:
    """Write the report of a benchmark and print its result.

    Args:
        suite: the suite.
        path: its YAML file.
        outcome: result of all runs.
        folder: folder of the results.
        json: print one JSON object instead of text.

    Returns:
        The reasons of failed cells.
    """
    start = time.perf_counter()
    facts = {
        "name": suite.name,
        **environment_info(),
        "threads": 1,  # Workers use one thread each, whatever this process uses.
        "git_rev": _git_revision(),
        "wall_s": sum(outcome.stage_seconds.values()),
        "config": path.read_text(encoding="utf-8"),
        "stages": outcome.stage_seconds,
    }
    with progress("writing the report"):
        write_benchmark_report(outcome.tables, facts, folder)
    outcome.stage_seconds["report"] = time.perf_counter() - start
    failures = group_failures(_without_deciles(outcome))
    record = _result_to_dict(suite, outcome, folder)
    record["failures"] = [asdict(group) for group in failures]
    record["lacking"] = _lacking_cells(outcome)
    if json:
        print_json(record)
        return failures
    _print_result(record)
    print_failed_cells(failures, "; --retry measures them again")
    print_lacking(record["lacking"])
    return failures


def _git_revision() -> str:
    """Return the commit of the running checkout; an empty string for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _without_deciles(outcome: BenchmarkResult) -> "pd.DataFrame":
    """Return the table with one row for each cell."""
    cells = outcome.tables["cells"]
    deciles = (cells.placement == "natural") & (cells.status == "done") & (cells.severity > 0)
    # All deciles of a run come from one cell, so their rows would count it several times.
    return cells.loc[~((cells["shift"] == "scale_decile") | deciles)]


def _lacking_cells(outcome: BenchmarkResult) -> list[dict[str, Any]]:
    """Return the headlines that lack cells, as rows of the table of that name."""
    table = outcome.tables.get("lacking")
    if table is None:
        return []
    return table.drop(columns="schema_version", errors="ignore").to_dict("records")


def _result_to_dict(suite: Suite, outcome: BenchmarkResult, folder: Path) -> dict[str, Any]:
    """Return the counts of a benchmark and the paths of its results as plain values."""
    checks = outcome.tables["checks"]
    counts = _without_deciles(outcome).status.value_counts()
    cell_counts = {name: int(counts.get(name, 0)) for name in ("done", "failed", "excluded")}
    return {
        "suite": suite.name,
        "folder": folder,
        "report": folder / "report.html",
        "summary": folder / "summary.md",
        "cells": cell_counts | {"missing": outcome.missing_cells},
        "checks": {"passed": int(checks.passed.sum()), "all": len(checks)},
        "seconds": outcome.stage_seconds,
    }


def _print_result(record: dict[str, Any]) -> None:
    cells, checks = record["cells"], record["checks"]
    print_text(
        f"{cells['done']} cells measured, {cells['failed']} failed, "
        f"{cells['excluded']} not applicable, {cells['missing']} missing"
    )
    print_text(f"{checks['passed']} of {checks['all']} theory checks pass")
    durations = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in record["seconds"].items())
    print_text(f"Time: {durations}")
    print(f"Report:  {record['report']}\nSummary: {record['summary']}")


def print_lacking(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print on stderr the cells for want of which a model has no headline.

    Args:
        rows: rows of the table `lacking`.
    """
    lines = [
        f"  {' in '.join(filter(None, (row['backbone'], row['normalizer'])))}: {row['n_lacking']} "
        f"of {row['n_required'] or row['n_lacking']} cells of {row['dataset']}, {row['column']} "
        f"({row['what']})"
        for row in rows[:MAX_REASONS]
    ]
    if len(rows) > MAX_REASONS:
        lines.append(f"  {len(rows) - MAX_REASONS} more: see lacking.parquet")
    if lines:
        print_sentences(["models without these cells have no figures in the headline:"])
        print("\n".join(lines), file=sys.stderr)


@contextmanager
def eta_display(
    costs: Mapping[str, RunCost], recorded: Mapping[str, RunProgress]
) -> Iterator[ProgressCallback]:
    """Display the progress of a benchmark in seconds of estimated work.

    Args:
        costs: estimated cost of each run, by label.
        recorded: recorded progress of each run, by label.

    Yields:
        A callback for the start and the end of each training and cell.
    """
    total = sum(estimate_remaining_seconds(costs[label], recorded[label]) for label in costs)
    done = 0.0
    # The bar estimates the remaining time from the pace, which depends on the number of workers.
    with progress("benchmark", max(1, round(total)), "s of work") as advance:

        def on_progress(event: ProgressEvent) -> None:
            nonlocal done
            kind, label, unit = event
            if kind == "end":
                cost = costs.get(label, RunCost())
                before = done
                done += cost.training_seconds if unit == TRAINING else cost.cell_seconds
                advance(round(done) - round(before), label)
            elif unit == TRAINING:
                advance(0, label)

        yield on_progress


def estimate_remaining_seconds(cost: RunCost, recorded: RunProgress) -> float:
    """Estimate the remaining seconds of a run."""
    training = 0.0 if recorded.is_trained else cost.training_seconds
    return training + cost.cell_seconds * max(0, cost.cell_count - recorded.recorded_cells)


def plan_to_dict(
    suite: Suite,
    runs: Sequence[StoredRun],
    costs: Mapping[str, RunCost],
    recorded: Mapping[str, RunProgress],
    workers: int,
) -> dict[str, Any]:
    """Return the size of a suite, its recorded part and the estimated remaining time.

    Args:
        suite: the planned suite.
        runs: runs of the suite.
        costs: estimated cost of each run, by label.
        recorded: recorded progress of each run, by label.
        workers: number of worker processes.
    """
    rows = []
    for dataset in dict.fromkeys(run.planned.dataset_config.name for run in runs):
        labels = [run.label for run in runs if run.planned.dataset_config.name == dataset]
        rows.append(
            {
                "dataset": dataset,
                "runs": len(labels),
                "trained": sum(recorded[label].is_trained for label in labels),
                "cells": sum(recorded[label].planned_cells for label in labels),
                "on_record": sum(recorded[label].recorded_cells for label in labels),
                "seconds": sum(
                    estimate_remaining_seconds(costs[label], recorded[label]) for label in labels
                ),
            }
        )
    unknown = sum(not costs[label].is_known for label in costs)
    longest = max(
        (estimate_remaining_seconds(costs[label], recorded[label]) for label in costs), default=0.0
    )
    return {
        "suite": suite.name,
        "runs": len(runs),
        "cells": sum(run.planned_cells for run in recorded.values()),
        "workers": workers,
        # The longest run is a lower bound, because one worker executes it alone.
        "seconds": max(sum(row["seconds"] for row in rows) / workers, longest),
        "runs_of_unknown_length": unknown,
        "datasets": rows,
    }


def print_plan(plan: Mapping[str, Any]) -> None:
    """Print a plan made by `plan_to_dict`."""
    print_table(
        ("data set", "runs", "trained", "cells", "on record", "seconds"),
        [(row | {"seconds": round(row["seconds"])}).values() for row in plan["datasets"]],
    )
    duration = _format_duration(plan["seconds"])
    if unknown := plan["runs_of_unknown_length"]:
        duration += f" and {unknown} runs of unknown length"
    print_text(
        f"\n{plan['suite']}: {plan['runs']} runs, {plan['cells']} cells; about {duration} with "
        f"{plan['workers']} workers if no training stops early. Nothing was run."
    )


def _format_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
