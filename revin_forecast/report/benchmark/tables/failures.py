"""Table 5: what failed and what was left out."""

from revin_forecast.report.benchmark.reading import REFERENCE, Frame, Tables, format_shift
from revin_forecast.report.markup import Cell, count_cell, header_row, text_cell, render_paragraph, render_table
from revin_forecast.report.wording import truncate

MAX_ROWS = 60


def render_failures(tables: Tables) -> str:
    """Return the table of failed runs and cells, and the one of excluded channels."""
    rows = _failure_rows(tables)
    words = render_paragraph(
        "A failure stays a failure: nothing is filled in, and aggregates use what all compared "
        "models finished. A channel whose training part hardly moves from one season to the next "
        "has no scale to measure errors by; it is left out and counted."
    )
    if not rows:
        words += render_paragraph("Nothing failed.", "good")
    more = render_paragraph(f"{len(rows) - MAX_ROWS} more rows are in the tables.") if len(rows) > MAX_ROWS else ""
    top = header_row("what", "data set", "model", "shift", "times", "reason")
    failed = render_table(top, rows[:MAX_ROWS]) + more if rows else ""
    return words + failed + _render_excluded_channels(tables["cells"]) + _render_not_applicable(tables["cells"])


def _failure_rows(tables: Tables) -> list[list[Cell]]:
    runs, cells = (tables[key][tables[key]["status"] == "failed"] for key in ("runs", "cells"))
    # A run that failed has no cells to speak of: its own row says it all.
    cells = cells[~cells["run_key"].isin(runs["run_key"])]
    model = ["dataset", "backbone", "normalizer"]
    rows = [
        _failure_row("run", key, "", len(own)) for key, own in runs.groupby([*model, "error"], sort=True)
    ]
    for key, own in cells.groupby([*model, "error"], sort=True):
        rows.append(_failure_row("cell", key, _shift_names(own), len(own)))
    return rows


def _failure_row(what: str, key: tuple, shifts: str, times: int) -> list[Cell]:
    data, backbone, normalizer, error = (str(part) for part in key)
    model = backbone if normalizer == REFERENCE else f"{normalizer} on {backbone}"
    words = (what, data, model, shifts)
    return [*(text_cell(word) for word in words), count_cell(float(times)), text_cell(truncate(error, 200))]


def _render_excluded_channels(cells: Frame) -> str:
    counts = cells.groupby("dataset")["n_excl_channels"].max()
    counts = counts[counts > 0]
    if counts.empty:
        return render_paragraph("No channel was excluded.")
    rows = [[text_cell(data), count_cell(float(number))] for data, number in counts.items()]
    return render_table(header_row("data set", "channels excluded"), rows)


def _render_not_applicable(cells: Frame) -> str:
    """Return shifts that a data set can't have: not failed, never to be had."""
    cells = cells[cells["status"] == "excluded"]
    rows = [
        [text_cell(data), text_cell(_shift_names(own)), count_cell(float(len(own))), text_cell(truncate(str(reason), 200))]
        for (data, reason), own in cells.groupby(["dataset", "error"], sort=True)
    ]
    if not rows:
        return ""
    words = render_paragraph("Shifts that a data set can't have:")
    return words + render_table(header_row("data set", "shift", "cells", "reason"), rows)


def _shift_names(cells: Frame) -> str:
    pairs = zip(cells["shift"], cells["arm"], strict=True)
    return truncate("; ".join(sorted({format_shift(shift, arm) for shift, arm in pairs})), 80)
