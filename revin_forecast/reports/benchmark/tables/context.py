"""Tables 1, 4, 5 and 6: shift of the data sets, theory checks, failures and provenance."""

import numbers
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.cell_summaries import read_summary
from revin_forecast.reports.benchmark.input_tables import REFERENCE, Frame, Tables, format_shift
from revin_forecast.reports.formatting import format_duration, truncate
from revin_forecast.reports.templates import render_template

MAX_ROWS = 60
"""Failures listed on the page."""
FACT_LABELS = {
    "name": "suite",
    "date": "date",
    "git_rev": "git revision",
    "machine": "machine",
    "cores": "cores",
    "threads": "threads of a task",
    "wall_s": "wall time",
}
"""Labels of the facts, by name."""


def render_provenance(tables: Tables, facts: Mapping[str, Any]) -> Markup:
    """Return the tables of facts, data sets and stages, and the configuration of the suite."""
    runs = tables["runs"].drop_duplicates(["dataset", "data_sha", "lookback", "horizon"])
    return render_template(
        "benchmark/tables/provenance.html.jinja",
        facts=provenance_facts(tables, facts),
        datasets=runs.sort_values("dataset").to_dict("records"),
        stages=facts.get("stages"),
        config=facts.get("config"),
    )


def provenance_facts(tables: Tables, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the provenance of the numbers as text, by label."""
    provenance = {}
    for key, label in FACT_LABELS.items():
        if facts.get(key) is not None:
            provenance[label] = (
                format_duration(float(facts[key])) if key == "wall_s" else str(facts[key])
            )
    if versions := facts.get("versions"):
        provenance["versions"] = ", ".join(
            f"{library} {text}" for library, text in versions.items()
        )
    runs = tables["runs"]
    seeds = sorted(runs.loc[runs["role"] == "model", "seed"].dropna().unique())
    provenance["seeds"] = ", ".join(f"{seed:.0f}" for seed in seeds)
    provenance["runs"] = f"{(runs['status'] == 'done').sum()} done of {len(runs)}"
    counts = read_summary(tables, "statuses").groupby("status")["n"].sum()
    status_labels = {"done": "done", "failed": "failed", "excluded": "not applicable"}
    provenance["cells"] = ", ".join(
        f"{counts.get(status, 0):.0f} {label}" for status, label in status_labels.items()
    )
    return provenance


def render_shift_cards(tables: Tables) -> Markup:
    """Return the median shift over channels of each data set, and a collapsed table of channels."""
    cards = tables["shiftcards"]
    # A floor of 0 has no ratio: the cell is empty rather than infinite.
    cards = cards.assign(energy=cards["energy_raw"] / cards["floor"].where(cards["floor"] > 0))
    unsigned = cards.assign(d_mu=cards["d_mu"].abs(), d_sigma=cards["d_sigma"].abs())
    datasets = [
        {
            "dataset": name,
            "channels": len(rows),
            "medians": rows.median(numeric_only=True),
            "verdict": describe_verdicts(rows),
        }
        for name, rows in unsigned.groupby("dataset", sort=True)
    ]
    channels = cards.sort_values(["dataset"], kind="stable").to_dict("records")
    return render_template(
        "benchmark/tables/shift_cards.html.jinja", datasets=datasets, channels=channels
    )


def describe_verdicts(cards: Frame) -> str:
    """Return the verdicts of a data set's channels, the most frequent first."""
    counts = cards["verdict"].value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return "; ".join(f"{text} ({count})" for text, count in counts.items())


def render_failures(tables: Tables) -> Markup:
    """Return the tables of failed runs and cells, excluded channels and inapplicable shifts."""
    cells, failures = read_summary(tables, "statuses"), _failure_rows(tables)
    excluded_channels = cells.groupby("dataset")["n_excl_channels"].max()
    not_applicable = cells[cells["status"] == "excluded"].groupby(["dataset", "error"], sort=True)
    return render_template(
        "benchmark/tables/failures.html.jinja",
        failures=failures[:MAX_ROWS],
        unlisted_count=len(failures) - MAX_ROWS,
        excluded_channels=excluded_channels[excluded_channels > 0].to_dict(),
        # Shifts that do not apply to a data set are not failures.
        not_applicable=[
            {
                "dataset": name,
                "shifts": _shift_names(rows),
                "count": int(rows["n"].sum()),
                "reason": reason,
            }
            for (name, reason), rows in not_applicable
        ],
    )


def _failure_rows(tables: Tables) -> list[dict[str, Any]]:
    runs, cells = (tables[key][tables[key]["status"] == "failed"] for key in ("runs", "cells"))
    # The cells of a failed run failed for the same reason: the row of the run suffices.
    cells = cells[~cells["run_key"].isin(runs["run_key"])]
    keys = ["dataset", "backbone", "normalizer", "error"]
    return [
        {
            "unit": unit,
            "dataset": dataset,
            "model": backbone if normalizer == REFERENCE else f"{normalizer} on {backbone}",
            "shifts": _shift_names(rows) if unit == "cell" else "",
            "count": len(rows),
            "reason": error,
        }
        for unit, frame in (("run", runs), ("cell", cells))
        for (dataset, backbone, normalizer, error), rows in frame.groupby(keys, sort=True)
    ]


def _shift_names(cells: Frame) -> str:
    pairs = zip(cells["shift"], cells["arm"], strict=True)
    return truncate("; ".join(sorted({format_shift(shift, arm) for shift, arm in pairs})), 80)


def render_checks(tables: Tables) -> Markup:
    """Return the theory checks, a row for each theorem."""
    checks = [
        row | {"numbers": [_format_value(row[key]) for key in ("predicted", "measured", "tol")]}
        for row in tables["checks"].to_dict("records")
    ]
    return render_template("benchmark/tables/checks.html.jinja", checks=checks)


def _format_value(value: object) -> str:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"{float(value):.6g}"
    return "" if value is None else str(value)
