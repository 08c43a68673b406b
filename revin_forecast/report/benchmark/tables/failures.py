"""Table 5: what failed and what was left out."""

from revin_forecast.report.benchmark.reading import REFERENCE, Frame, Tables, shift_name
from revin_forecast.report.markup import Cell, count, heads, name, paragraph, table
from revin_forecast.report.wording import trimmed

MOST = 60


def failures(tables: Tables) -> str:
    """Return the table of failed runs and cells, and the one of excluded channels."""
    rows = _failed(tables)
    words = paragraph(
        "A failure stays a failure: nothing is filled in, and aggregates use what all compared "
        "models finished. A channel whose training part hardly moves from one season to the next "
        "has no scale to measure errors by; it is left out and counted."
    )
    if not rows:
        words += paragraph("Nothing failed.", "good")
    more = paragraph(f"{len(rows) - MOST} more rows are in the tables.") if len(rows) > MOST else ""
    top = heads("what", "data set", "model", "shift", "times", "reason")
    failed = table(top, rows[:MOST]) + more if rows else ""
    return words + failed + _excluded(tables["cells"]) + _not_applicable(tables["cells"])


def _failed(tables: Tables) -> list[list[Cell]]:
    runs, cells = (tables[key][tables[key]["status"] == "failed"] for key in ("runs", "cells"))
    # A run that failed has no cells to speak of: its own row says it all.
    cells = cells[~cells["run_key"].isin(runs["run_key"])]
    model = ["dataset", "backbone", "normalizer"]
    rows = [
        _row("run", key, "", len(own)) for key, own in runs.groupby([*model, "error"], sort=True)
    ]
    for key, own in cells.groupby([*model, "error"], sort=True):
        rows.append(_row("cell", key, _shifts(own), len(own)))
    return rows


def _row(what: str, key: tuple, shifts: str, times: int) -> list[Cell]:
    data, backbone, normalizer, error = (str(part) for part in key)
    model = backbone if normalizer == REFERENCE else f"{normalizer} on {backbone}"
    words = (what, data, model, shifts)
    return [*(name(word) for word in words), count(float(times)), name(trimmed(error, 200))]


def _excluded(cells: Frame) -> str:
    counts = cells.groupby("dataset")["n_excl_channels"].max()
    counts = counts[counts > 0]
    if counts.empty:
        return paragraph("No channel was excluded.")
    rows = [[name(data), count(float(number))] for data, number in counts.items()]
    return table(heads("data set", "channels excluded"), rows)


def _not_applicable(cells: Frame) -> str:
    """Return shifts that a data set can't have: not failed, never to be had."""
    cells = cells[cells["status"] == "excluded"]
    rows = [
        [name(data), name(_shifts(own)), count(float(len(own))), name(trimmed(str(reason), 200))]
        for (data, reason), own in cells.groupby(["dataset", "error"], sort=True)
    ]
    if not rows:
        return ""
    words = paragraph("Shifts that a data set can't have:")
    return words + table(heads("data set", "shift", "cells", "reason"), rows)


def _shifts(cells: Frame) -> str:
    pairs = zip(cells["shift"], cells["arm"], strict=True)
    return trimmed("; ".join(sorted({shift_name(shift, arm) for shift, arm in pairs})), 80)
