"""Shift cards held against what happens: verdict and measured sign of RevIN's gain, by channel."""

import time
from typing import Any

import numpy as np

from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.shift.revin_gains import CALLED, files, rows_of
from revin_forecast.reports.markdown import markdown_table
from revin_forecast.shift.card.card import shift_card

PARTS = ("catalogue", "outside")
TEXT = """
# Verdicts of shift cards against measured gains

Does `revin-forecast shift-card` tell rightly where RevIN helps? For each channel of each data set a
Ridge is solved with RevIN and without, on that channel alone (look-back and horizon are those of
its card, penalty by validation), and every test window is forecast. `gain %`: what RevIN saves of
the mean squared error without it, negative where it costs. `lo`, `hi`: its 95 % interval, by a
moving-block bootstrap of the paired differences, 1000 draws, blocks as long as look-back and
horizon. A cell has a sign if the interval leaves 0 out and five blocks fit; where a sign is blank,
there is nothing to agree with.

`verdict` is the card's, made without any fit from all rows after training. The test rows are among
them: it describes the file, and its agreement shows the closed form right, not that it foresees.
`blind` is the same rule shown training and validation rows only, so that it predicts. Nothing in
the rule is fitted to these data: that the horizon must follow half of a level's move is theory
(T5); that a gain must exceed its standard error and half a percent are conventions, as are five
stretches of look-back and horizon (three before a first run, where the blind verdicts on so few
were often wrong and cards of white noise of a hundred rows were sometimes sure). Other rules were
looked at on the same files before this one was taken; the nearest, "levels of test windows move by
more than sqrt(2) delta*", agreed in three quarters of the catalogue's cells and nine tenths of the
others. `outside` are files that the catalogue does not have (of los_speed's 207 sensors every
tenth); they stand apart, but were not kept unseen while rules were compared.

{summary}

"Can't tell" counts as no agreement under `agree %`; `of told %` leaves those cells out. `sign %` is
by the sign of the estimated gain alone. `always hurt %` is what a card would reach that
says so of every channel, and `sets %` the mean of `agree %` over data sets, each counted once.

Measured sign (rows) and verdict (columns), significant cells:

{confusion}

A card of 50,000 rows took {one:.2f} s for one channel and {seven:.2f} s for seven (the best of
three). Repeat with

    python -m benchmarks.shift.verdicts --data-dir DATA
"""


def agreement(rows: list[dict[str, Any]], column: str) -> dict[str, Any]:
    """Return how often a column says what was measured, over rows with a sign."""
    agree = [row[column] == row["sign"] for row in rows]
    told = [same for same, row in zip(agree, rows, strict=True) if row[column] != "can't tell"]
    by_set: dict[str, list[bool]] = {}
    for same, row in zip(agree, rows, strict=True):
        by_set.setdefault(row["data"], []).append(same)
    estimate = "estimate" if column == "verdict" else "blind estimate"
    return {
        "cells": len(rows),
        "data sets": len(by_set),
        "agree %": percent(agree),
        "of told %": percent(told),
        "sign %": percent([row[estimate] == row["sign"] for row in rows]),
        "sets %": percent([float(np.mean(part)) for part in by_set.values()]),
        "always hurt %": percent([row["sign"] == "hurt" for row in rows]),
    }


def card_seconds(channels: int) -> float:
    """Return how long a card of 50,000 rows takes, the best of three."""
    values = np.random.default_rng(0).normal(size=(50_000, channels)).cumsum(axis=0)
    names, times = [str(place) for place in range(channels)], []
    for _ in range(3):
        start = time.perf_counter()
        shift_card(values, 35_000, 40_000, 24, 96, 96, names)
        times.append(time.perf_counter() - start)
    return min(times)


def percent(parts: list[Any]) -> int | None:
    return round(100 * float(np.mean(parts))) if parts else None


def grouped(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [row for row in rows if row["part"] == name] for name in PARTS}


def confusion(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count the verdicts on the cells that have a sign, by that sign."""
    return [
        {
            "cells of": name,
            "by": label,
            "measured": sign,
            **{
                call: sum(row[column] == call for row in group if row["sign"] == sign)
                for call in CALLED
            },
        }
        for name, group in grouped(rows).items()
        for column, label in (("verdict", "card"), ("blind", "blind"))
        for sign in ("help", "hurt")
    ]


def page_text(rows: list[dict[str, Any]]) -> str:
    """Return the text with its two small tables filled in."""
    signed = [row for row in rows if row["sign"]]
    groups = grouped(signed)
    summary = [
        {"cells of": name, "by": label, **agreement(group, column)}
        for name, group in {**groups, "all": signed}.items()
        for column, label in (("verdict", "card"), ("blind", "blind"))
    ]
    return TEXT.format(
        summary=markdown_table(summary),
        confusion=markdown_table(confusion(rows)),
        one=card_seconds(1),
        seven=card_seconds(7),
    )


@measurement(
    "shift_verdicts",
    quick="the shipped data sets only",
    options={"--data-dir": {"help": "folder of the benchmark data"}},
)
def main(options: Options, page: EvidencePage) -> None:
    for file in files(options.data_dir, options.quick):
        rows = list(rows_of(file))
        page.rows += rows
        signed = [row for row in rows if row["sign"]]
        agree = sum(row["verdict"] == row["sign"] for row in signed)
        print(f"{file.name}: {agree} of {len(signed)} signs as told", flush=True)
    print(markdown_table(confusion(page.rows)))
    page.text = page_text(page.rows)


if __name__ == "__main__":
    main()
