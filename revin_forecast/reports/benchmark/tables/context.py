"""Tables 1, 4, 5 and 6: shift of the data sets, theory checks, failures and provenance."""

import numbers
from collections.abc import Mapping
from typing import Any

from revin_forecast.reports.benchmark.input_tables import REFERENCE, Frame, Tables, format_shift
from revin_forecast.reports.formatting import format_duration, truncate
from revin_forecast.reports.html import (
    TableCell,
    count_cell,
    header_row,
    number_cell,
    render_code,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)

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
MEASURE_LABELS = {
    "d_mu": "|Δ level|",
    "d_sigma": "|Δ log sd|",
    "w1": "W1",
    "energy": "energy / floor",
    "removable": "removable",
    "gap_mu": "gap in level",
    "gap_logsd": "gap in log sd",
    "residual": "residual",
    "delta_star": "δ*",
}
"""Labels of the measures of a shift card, by column."""


def render_provenance(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the tables of facts, data sets and stages, and the configuration of the suite."""
    rows = [
        [text_cell(key), text_cell(value)] for key, value in provenance_facts(tables, facts).items()
    ]
    parts = [render_table(header_row("fact", "value"), rows), _render_datasets(tables)]
    if stages := facts.get("stages"):
        total = sum(stages.values())
        stage_rows = [
            [
                text_cell(stage),
                text_cell(format_duration(float(value))),
                number_cell(100 * value / total if total else 0, 2),
            ]
            for stage, value in stages.items()
        ]
        text = render_paragraph("Time by stage (wall clock):")
        parts += [text, render_table(header_row("stage", "time", "%"), stage_rows)]
    if facts.get("config"):
        parts.append(
            render_collapsible(
                "Configuration of the suite (YAML)", render_code(str(facts["config"]))
            )
        )
    return "".join(parts)


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
    cells = tables["cells"]
    counts = cells["status"].value_counts()
    status_labels = {"done": "done", "failed": "failed", "excluded": "not applicable"}
    provenance["cells"] = ", ".join(
        f"{counts.get(status, 0)} {label}" for status, label in status_labels.items()
    )
    return provenance


def _render_datasets(tables: Tables) -> str:
    runs = tables["runs"].drop_duplicates(["dataset", "data_sha", "lookback", "horizon"])
    rows = [
        [
            text_cell(row["dataset"]),
            count_cell(row["lookback"]),
            count_cell(row["horizon"]),
            text_cell(row["data_sha"][:16]),
        ]
        for row in runs.sort_values("dataset").to_dict("records")
    ]
    if not rows:
        return ""
    text = render_paragraph("Data sets, with the first digits of the SHA-256 of their content:")
    return text + render_table(header_row("data set", "look-back", "horizon", "data"), rows)


def render_shift_cards(tables: Tables) -> str:
    """Return the median shift over channels of each data set, and a collapsed table of channels."""
    cards = tables["shiftcards"]
    # A floor of 0 has no ratio: the cell is empty rather than infinite.
    cards = cards.assign(energy=cards["energy_raw"] / cards["floor"].where(cards["floor"] > 0))
    text = render_paragraph(
        "Distance of the test part from the training part, medians over channels. Δ level, W1, "
        "δ* in training sd; Δ log sd is log(sd_test/sd_train). energy / floor: distance of "
        "look-back windows between training and test over the distance between halves of the "
        "training part; below 3 the shift is negligible and has no removable fraction. removable: "
        "the fraction of the distance that instance normalization removes (1: all). gap: the "
        "change from look-back to horizon, which instance normalization gets wrong. residual: "
        "change in the residuals of a frozen linear forecast, which no normalizer removes. δ*: "
        "level shift beyond which RevIN should pay."
    )
    rows = [_card_row(name, rows) for name, rows in cards.groupby("dataset", sort=True)]
    headers = header_row("data set", "channels", *MEASURE_LABELS.values(), "verdict")
    if len(cards) <= len(rows):
        return text + render_table(headers, rows)
    channel_rows = [
        [
            text_cell(row["dataset"]),
            text_cell(row["channel"]),
            *(number_cell(row[measure], 2) for measure in MEASURE_LABELS),
            TableCell(row["verdict"], "words"),
            TableCell(row["reason"], "words"),
        ]
        for row in cards.sort_values(["dataset"], kind="stable").to_dict("records")
    ]
    # Single channels keep their signs; medians are of absolute values, as their labels say.
    labels = [label.replace("|", "") for label in MEASURE_LABELS.values()]
    channel_headers = header_row("data set", "channel", *labels, "verdict", "reason")
    channel_table = render_table(channel_headers, channel_rows)
    return (
        text
        + render_table(headers, rows)
        + render_collapsible(f"All {len(channel_rows)} channels", channel_table)
    )


def _card_row(name: object, cards: Frame) -> list[TableCell]:
    unsigned = cards.assign(d_mu=cards["d_mu"].abs(), d_sigma=cards["d_sigma"].abs())
    return [
        text_cell(name),
        count_cell(float(len(cards))),
        *(number_cell(float(unsigned[measure].median()), 2) for measure in MEASURE_LABELS),
        TableCell(describe_verdicts(cards), "words"),
    ]


def describe_verdicts(cards: Frame) -> str:
    """Return the verdicts of a data set's channels, the most frequent first."""
    counts = cards["verdict"].value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return "; ".join(f"{text} ({count})" for text, count in counts.items())


def render_failures(tables: Tables) -> str:
    """Return the tables of failed runs and cells, excluded channels and inapplicable shifts."""
    rows = _failure_rows(tables)
    text = render_paragraph(
        "Failures are not imputed: aggregates use the cells that all compared models finished. A "
        "channel whose training part hardly changes from one season to the next has no scale for "
        "its errors; it is excluded and counted."
    )
    if not rows:
        text += render_paragraph("Nothing failed.", "good")
    note = (
        render_paragraph(f"{len(rows) - MAX_ROWS} more failures are in the Parquet tables.")
        if len(rows) > MAX_ROWS
        else ""
    )
    headers = header_row("what", "data set", "model", "shift", "times", "reason")
    failures = render_table(headers, rows[:MAX_ROWS]) + note if rows else ""
    return (
        text
        + failures
        + _render_excluded_channels(tables["cells"])
        + _render_not_applicable(tables["cells"])
    )


def _failure_rows(tables: Tables) -> list[list[TableCell]]:
    runs, cells = (tables[key][tables[key]["status"] == "failed"] for key in ("runs", "cells"))
    # The cells of a failed run failed for the same reason: the row of the run suffices.
    cells = cells[~cells["run_key"].isin(runs["run_key"])]
    model = ["dataset", "backbone", "normalizer"]
    rows = [
        _failure_row("run", key, "", len(group))
        for key, group in runs.groupby([*model, "error"], sort=True)
    ]
    for key, group in cells.groupby([*model, "error"], sort=True):
        rows.append(_failure_row("cell", key, _shift_names(group), len(group)))
    return rows


def _failure_row(unit: str, key: tuple, shifts: str, count: int) -> list[TableCell]:
    dataset, backbone, normalizer, error = (str(part) for part in key)
    model = backbone if normalizer == REFERENCE else f"{normalizer} on {backbone}"
    return [
        *map(text_cell, (unit, dataset, model, shifts)),
        count_cell(float(count)),
        text_cell(truncate(error, 200)),
    ]


def _render_excluded_channels(cells: Frame) -> str:
    counts = cells.groupby("dataset")["n_excl_channels"].max()
    counts = counts[counts > 0]
    if counts.empty:
        return render_paragraph("No channel was excluded.")
    rows = [[text_cell(name), count_cell(float(count))] for name, count in counts.items()]
    return render_table(header_row("data set", "channels excluded"), rows)


def _render_not_applicable(cells: Frame) -> str:
    """Return the shifts that do not apply to a data set; they are not failures."""
    cells = cells[cells["status"] == "excluded"]
    rows = [
        [
            text_cell(name),
            text_cell(_shift_names(group)),
            count_cell(float(len(group))),
            text_cell(truncate(str(reason), 200)),
        ]
        for (name, reason), group in cells.groupby(["dataset", "error"], sort=True)
    ]
    if not rows:
        return ""
    text = render_paragraph("Shifts that do not apply to a data set:")
    return text + render_table(header_row("data set", "shift", "cells", "reason"), rows)


def _shift_names(cells: Frame) -> str:
    pairs = zip(cells["shift"], cells["arm"], strict=True)
    return truncate("; ".join(sorted({format_shift(shift, arm) for shift, arm in pairs})), 80)


def render_checks(tables: Tables) -> str:
    """Return the theory checks, a row for each theorem."""
    frame = tables["checks"]
    text = render_paragraph(
        "Closed-form predictions compared with measurements of this suite's own code. A failed "
        "check means that the code or the interpretation of the theory is wrong: do not trust any "
        "other number on this page until it is explained."
    )
    rows = [
        [
            text_cell(row["name"]),
            text_cell(row["claim"]),
            *(_value_cell(row[key]) for key in ("predicted", "measured", "tol")),
            TableCell("PASS", "pass") if bool(row["passed"]) else TableCell("FAIL", "fail"),
        ]
        for row in frame.to_dict("records")
    ]
    return text + render_table(
        header_row("check", "claim", "predicted", "measured", "tolerance", "result"), rows
    )


def _value_cell(value: object) -> TableCell:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return TableCell(f"{float(value):.6g}", "number")
    return text_cell("" if value is None else value)
