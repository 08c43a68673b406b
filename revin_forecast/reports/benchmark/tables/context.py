"""Table 6: how, where and from what the numbers were made."""

import numbers
from collections.abc import Mapping
from typing import Any

from revin_forecast.reports.benchmark.input_tables import REFERENCE, Frame, Tables, format_shift
from revin_forecast.reports.formatting import format_duration, truncate
from revin_forecast.reports.html import (
    Cell,
    count_cell,
    header_row,
    number_cell,
    render_code,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)

FACT_LABELS = {
    "name": "suite",
    "date": "date",
    "git_rev": "git revision",
    "machine": "machine",
    "cores": "cores",
    "threads": "threads of a task",
    "wall_s": "wall time",
}


def render_provenance(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the tables of facts, data and stages, and the suite's own text."""
    rows = [
        [text_cell(key), text_cell(value)] for key, value in provenance_facts(tables, facts).items()
    ]
    parts = [render_table(header_row("fact", "value"), rows), _render_datasets(tables)]
    if stages := facts.get("stages"):
        total = sum(stages.values())
        spent = [
            [
                text_cell(stage),
                text_cell(format_duration(float(value))),
                number_cell(100 * value / total if total else 0, 2),
            ]
            for stage, value in stages.items()
        ]
        words = render_paragraph("Where the time went (by the clock):")
        parts += [words, render_table(header_row("stage", "time", "%"), spent)]
    if facts.get("config"):
        parts.append(
            render_collapsible("The suite, as it was run (YAML)", render_code(str(facts["config"])))
        )
    return "".join(parts)


def provenance_facts(tables: Tables, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known about the making, as words."""
    told = {}
    for key, words in FACT_LABELS.items():
        if facts.get(key) is not None:
            told[words] = format_duration(float(facts[key])) if key == "wall_s" else str(facts[key])
    if versions := facts.get("versions"):
        told["versions"] = ", ".join(f"{library} {text}" for library, text in versions.items())
    runs = tables["runs"]
    seeds = sorted(runs.loc[runs["role"] == "model", "seed"].dropna().unique())
    told["seeds"] = ", ".join(f"{seed:.0f}" for seed in seeds)
    told["runs"] = f"{(runs['status'] == 'done').sum()} done of {len(runs)}"
    cells = tables["cells"]
    counts = cells["status"].value_counts()
    words = {"done": "done", "failed": "failed", "excluded": "not applicable"}
    told["cells"] = ", ".join(f"{counts.get(key, 0)} {word}" for key, word in words.items())
    return told


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
    words = render_paragraph("Data, with the first digits of the SHA-256 of their content:")
    return (
        words + render_table(header_row("data set", "look-back", "horizon", "data"), rows)
        if rows
        else ""
    )


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


def render_shift_cards(tables: Tables) -> str:
    """Return the table: a row a data set, medians over channels; each channel's row folded away."""
    cards = tables["shiftcards"]
    cards = cards.assign(energy=cards["energy_raw"] / cards["floor"].where(cards["floor"] > 0))
    words = render_paragraph(
        "How far the test part lies from the training part, medians over channels. Δ level, W1, "
        "δ* in training sd; Δ log sd is log(sd_test/sd_train). energy / floor: distance of "
        "look-back windows between training and test over the distance between halves of the "
        "training part; below 3 there is no shift to speak of, and no removable fraction. "
        "removable: the part of it that instance normalization takes away (1: all). gap: from "
        "look-back to horizon, what instance normalization gets wrong. residual: change in the "
        "residuals of a frozen linear forecast, which no normalizer removes. δ*: level shift "
        "beyond which RevIN should pay."
    )
    rows = [_card_row(data, own) for data, own in cards.groupby("dataset", sort=True)]
    top = header_row("data set", "channels", *MEASURE_LABELS.values(), "verdict")
    if len(cards) <= len(rows):
        return words + render_table(top, rows)
    each = [
        [
            text_cell(row["dataset"]),
            text_cell(row["channel"]),
            *(number_cell(row[measure], 2) for measure in MEASURE_LABELS),
            Cell(row["verdict"], "words"),
            Cell(row["reason"], "words"),
        ]
        for row in cards.sort_values(["dataset"], kind="stable").to_dict("records")
    ]
    signed = header_row("data set", "channel", *MEASURE_LABELS.values(), "verdict", "reason")
    signed = [[Cell(cell.text.replace("|", ""), cell.css_class) for cell in row] for row in signed]
    return (
        words
        + render_table(top, rows)
        + render_collapsible(f"All {len(each)} channels", render_table(signed, each))
    )


def _card_row(data: object, cards: Frame) -> list[Cell]:
    sized = cards.assign(d_mu=cards["d_mu"].abs(), d_sigma=cards["d_sigma"].abs())
    return [
        text_cell(data),
        count_cell(float(len(cards))),
        *(number_cell(float(sized[measure].median()), 2) for measure in MEASURE_LABELS),
        Cell(describe_verdicts(cards), "words"),
    ]


def describe_verdicts(cards: Frame) -> str:
    """Return the verdicts of a data set's channels, the most frequent first."""
    counts = cards["verdict"].value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return "; ".join(f"{text} ({count})" for text, count in counts.items())


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
    more = (
        render_paragraph(f"{len(rows) - MAX_ROWS} more rows are in the tables.")
        if len(rows) > MAX_ROWS
        else ""
    )
    top = header_row("what", "data set", "model", "shift", "times", "reason")
    failed = render_table(top, rows[:MAX_ROWS]) + more if rows else ""
    return (
        words
        + failed
        + _render_excluded_channels(tables["cells"])
        + _render_not_applicable(tables["cells"])
    )


def _failure_rows(tables: Tables) -> list[list[Cell]]:
    runs, cells = (tables[key][tables[key]["status"] == "failed"] for key in ("runs", "cells"))
    # A run that failed has no cells to speak of: its own row says it all.
    cells = cells[~cells["run_key"].isin(runs["run_key"])]
    model = ["dataset", "backbone", "normalizer"]
    rows = [
        _failure_row("run", key, "", len(own))
        for key, own in runs.groupby([*model, "error"], sort=True)
    ]
    for key, own in cells.groupby([*model, "error"], sort=True):
        rows.append(_failure_row("cell", key, _shift_names(own), len(own)))
    return rows


def _failure_row(what: str, key: tuple, shifts: str, times: int) -> list[Cell]:
    data, backbone, normalizer, error = (str(part) for part in key)
    model = backbone if normalizer == REFERENCE else f"{normalizer} on {backbone}"
    words = (what, data, model, shifts)
    return [
        *(text_cell(word) for word in words),
        count_cell(float(times)),
        text_cell(truncate(error, 200)),
    ]


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
        [
            text_cell(data),
            text_cell(_shift_names(own)),
            count_cell(float(len(own))),
            text_cell(truncate(str(reason), 200)),
        ]
        for (data, reason), own in cells.groupby(["dataset", "error"], sort=True)
    ]
    if not rows:
        return ""
    words = render_paragraph("Shifts that a data set can't have:")
    return words + render_table(header_row("data set", "shift", "cells", "reason"), rows)


def _shift_names(cells: Frame) -> str:
    pairs = zip(cells["shift"], cells["arm"], strict=True)
    return truncate("; ".join(sorted({format_shift(shift, arm) for shift, arm in pairs})), 80)


def render_checks(tables: Tables) -> str:
    """Return the table, a row a theorem."""
    frame = tables["checks"]
    words = render_paragraph(
        "Closed-form predictions against the models of this suite's own code. A failed check means "
        "that the code or the reading of the theory is wrong: trust no other number of this page "
        "before it is explained."
    )
    rows = [
        [
            text_cell(row["name"]),
            text_cell(row["claim"]),
            *(_value_cell(row[key]) for key in ("predicted", "measured", "tol")),
            Cell("PASS", "pass") if bool(row["passed"]) else Cell("FAIL", "fail"),
        ]
        for row in frame.to_dict("records")
    ]
    return words + render_table(
        header_row("check", "claim", "predicted", "measured", "tolerance", "result"), rows
    )


def _value_cell(value: object) -> Cell:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return Cell(f"{float(value):.6g}", "number")
    return text_cell("" if value is None else value)
