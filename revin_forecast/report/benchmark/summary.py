"""The same tables in short, as Markdown for a terminal, a commit or a pull request."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from revin_forecast.reports.markdown import markdown_table
from revin_forecast.report.benchmark.plots.heat_map import BLOCKS
from revin_forecast.report.benchmark.reading import SCORED_COLUMNS, TWIN, Tables, backbones
from revin_forecast.report.benchmark.tables.data_sets import verdict
from revin_forecast.report.benchmark.tables.headline import model_rows
from revin_forecast.report.benchmark.tables.provenance import stated
from revin_forecast.report.wording import interval, shown

LEAD = """\
Two experiments, never averaged: under process shift (steady, transition) look-back and truth move
together; under observation corruption the look-back moves and the truth stays clean. The sign of
a normalizer's effect flips between them. MASE*: pulled back through the shift, no unit, lower is
better. Ratios are against the twin: same backbone and seed, no normalizer (Identity); below 1 is
less error. Brackets: 95 % moving-block bootstrap intervals. #: rank, given where the clean error
is within 10 % of the best.\
"""


def summary(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the Markdown page.

    Args:
        tables: every table with every column, as `reading.complete` returns them.
        facts: as for `write_report`.
    """
    parts = {
        f"# Shift benchmark {plain(str(facts.get('name', '')))}".rstrip(): LEAD,
        "## Data sets": _lines(_data_sets(tables)),
        "## MASE*": _lines(_scores(tables)),
        "## Error against the twin": _lines(_twins(tables)),
        "## mCE, geometric mean over shifts of the error against the twin": _lines(_mce(tables)),
        "## Theory checks": _checks(tables),
        "## Failures": _failures(tables),
        "## Provenance": "\n".join(
            f"- {key}: {plain(value)}" for key, value in stated(tables, facts).items()
        ),
    }
    return "\n\n".join(f"{title}\n\n{text}" for title, text in parts.items()) + "\n"


def plain(text: str) -> str:
    r"""Return text that Markdown shows as it is, in a table, too.

    >>> plain("<b>|*")
    '&lt;b&gt;\\|\\*'
    """
    flat = escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\|*_`[]#" else letter for letter in flat)


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return markdown_table(rows) if rows else "Nothing to show."


def _data_sets(tables: Tables) -> list[dict[str, str]]:
    measures = {"removable": "removable", "level gap": "gap_mu", "δ*": "delta_star"}
    return [
        {
            "data set": plain(str(name)),
            "channels": str(len(cards)),
            **{key: shown(float(cards[column].median())) for key, column in measures.items()},
            "verdict": plain(verdict(cards)),
        }
        for name, cards in tables["shiftcards"].groupby("dataset")
    ]


def _scores(tables: Tables) -> list[dict[str, str]]:
    rows = []
    for (backbone, normalizer), parts in model_rows(tables):
        row = {"backbone": plain(backbone), "normalizer": plain(normalizer)}
        for column in SCORED_COLUMNS:
            row[column] = ""
            if column in parts:
                one = parts[column]
                rank = "" if math.isnan(one["rank"]) else f" #{one['rank']:.0f}"
                row[column] = interval(one["mase"], one["lo"], one["hi"]) + rank
        rows.append(row)
    return rows


def _twins(tables: Tables) -> list[dict[str, str]]:
    rows = []
    for (backbone, normalizer), parts in model_rows(tables):
        if normalizer in (TWIN, "(reference)"):
            continue
        row = {"backbone": plain(backbone), "normalizer": plain(normalizer)}
        for column in SCORED_COLUMNS:
            row[column] = ""
            if column in parts:
                keys = ("against_twin", "twin_lo", "twin_hi")
                row[column] = interval(*(math.exp(parts[column][key]) for key in keys))
        rows.append(row)
    return rows


def _mce(tables: Tables) -> list[dict[str, str]]:
    frame = tables["mce"]
    values = {
        (row["backbone"], row["normalizer"], row["semantics"], row["placement"]): row["mce"]
        for row in frame.to_dict("records")
    }
    blocks = [block for block in BLOCKS if any(key[2:] == block for key in values)]
    models = dict.fromkeys(key[:2] for key in values if key[0] in backbones(tables))
    return [
        {"backbone": plain(backbone), "normalizer": plain(normalizer)}
        | {BLOCKS[b]: shown(values.get((backbone, normalizer, *b), math.nan)) for b in blocks}
        for backbone, normalizer in models
        if normalizer != TWIN
    ]


def _checks(tables: Tables) -> str:
    frame = tables["checks"]
    if frame.empty:
        return "None were run."
    passed = frame["passed"].astype(bool)
    failed = ", ".join(plain(name) for name in frame.loc[~passed, "name"])
    return f"{passed.sum()} of {len(frame)} passed" + (f"; FAILED: {failed}." if failed else ".")


def _failures(tables: Tables) -> str:
    counts = {key: int((tables[key]["status"] == "failed").sum()) for key in ("runs", "cells")}
    if not any(counts.values()):
        return "None."
    return f"{counts['runs']} runs and {counts['cells']} cells failed; the page names them."
