"""Verdicts of shift cards compared with the measured sign of RevIN's gain, channel by channel."""

import time
from typing import Any

import numpy as np

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from benchmarks.shift.revin_gains import VERDICTS, compare_channels, iter_datasets
from revin_forecast.reports.markdown import markdown_table
from revin_forecast.shift.card.card import shift_card

PARTS = ("catalogue", "outside")
VERDICT_COLUMNS = (("verdict", "card"), ("blind", "blind"))
"""Columns with verdicts, and their labels in the small tables."""
TEXT = """
# Verdicts of shift cards against measured gains

Does `revin-forecast shift-card` predict correctly where RevIN helps? For each channel of each data
set a Ridge is solved with RevIN and without, on that channel alone (look-back and horizon of its
card, penalty selected on validation), and every test window is forecast. `gain %`: reduction of the
mean squared error with RevIN relative to that without; negative where RevIN costs accuracy. `lo`,
`hi`: its 95 % interval, by a moving-block bootstrap of the paired differences with 1000 draws and
blocks as long as look-back and horizon. A cell has a sign if the interval excludes 0 and five
blocks fit; without a sign there is nothing to agree with.

`verdict` is that of the card, made without any fit from all rows after training. The test rows are
among them: it describes the file, and its agreement shows that the closed form is right, not that
it predicts. `blind` is the same rule on training and validation rows only, so that it predicts.
Nothing in the rule is fitted to these data: that the horizon must follow half of a move of the
level is theory (T5); that a gain must exceed its standard error and half a percent are conventions,
as is the minimum of five stretches of look-back and horizon (three before a first run, where the
blind verdicts on so few were often wrong and cards of white noise of a hundred rows were sometimes
sure). Other rules were examined on the same files before this one was adopted; the nearest, "levels
of test windows move by more than sqrt(2) delta*", agreed in three quarters of the catalogue's cells
and nine tenths of the others. `outside` are files that the catalogue does not have (every tenth of
the 207 sensors of los_speed); they are shown separately, but were seen while rules were compared.

{summary}

"Can't tell" does not count as agreement under `agree %`; `of told %` leaves those cells out.
`sign %` uses the sign of the estimated gain alone. `always hurt %` is the score of a card that
answers "hurt" for every channel, and `sets %` the mean of `agree %` over data sets, each counted
once.

Measured sign (rows) and verdict (columns), significant cells:

{confusion}

A card of 50,000 rows took {one:.2f} s for one channel and {seven:.2f} s for seven (the best of
three). Repeat with

    python -m benchmarks.shift.verdicts --data-dir DATA
"""


@measurement(
    "shift_verdicts",
    quick="the shipped data sets only",
    options={"--data-dir": {"help": "folder of the benchmark data"}},
)
def main(options: Options, page: EvidencePage) -> None:
    """Compare the channels of each data set, then fill in the small tables."""
    for dataset in iter_datasets(options.data_dir, options.quick):
        rows = list(compare_channels(dataset))
        page.rows += rows
        significant = [row for row in rows if row["sign"]]
        agree = sum(row["verdict"] == row["sign"] for row in significant)
        print(f"{dataset.name}: {agree} of {len(significant)} verdicts agree", flush=True)
    print(markdown_table(count_confusion(page.rows)))
    page.text = build_text(page.rows)


def build_text(rows: list[Row]) -> str:
    """Return the text of the page with its two small tables."""
    significant = [row for row in rows if row["sign"]]
    groups = {**group_by_part(significant), "all": significant}
    summary = [
        {"cells of": name, "by": label, **measure_agreement(group, column)}
        for name, group in groups.items()
        for column, label in VERDICT_COLUMNS
    ]
    return TEXT.format(
        summary=markdown_table(summary),
        confusion=markdown_table(count_confusion(rows)),
        one=time_card(1),
        seven=time_card(7),
    )


def measure_agreement(rows: list[Row], column: str) -> Row:
    """Return how often a column agrees with the measured sign, over rows that have one."""
    agrees = [row[column] == row["sign"] for row in rows]
    decided = [same for same, row in zip(agrees, rows, strict=True) if row[column] != "can't tell"]
    by_dataset: dict[str, list[bool]] = {}
    for same, row in zip(agrees, rows, strict=True):
        by_dataset.setdefault(row["data"], []).append(same)
    estimate = "estimate" if column == "verdict" else "blind estimate"
    return {
        "cells": len(rows),
        "data sets": len(by_dataset),
        "agree %": to_percent(agrees),
        "of told %": to_percent(decided),
        "sign %": to_percent([row[estimate] == row["sign"] for row in rows]),
        "sets %": to_percent([float(np.mean(group)) for group in by_dataset.values()]),
        "always hurt %": to_percent([row["sign"] == "hurt" for row in rows]),
    }


def count_confusion(rows: list[Row]) -> list[Row]:
    """Count the verdicts on the cells that have a sign, by that sign."""
    return [
        {
            "cells of": name,
            "by": label,
            "measured": sign,
            **{
                verdict: sum(row[column] == verdict for row in group if row["sign"] == sign)
                for verdict in VERDICTS
            },
        }
        for name, group in group_by_part(rows).items()
        for column, label in VERDICT_COLUMNS
        for sign in ("help", "hurt")
    ]


def group_by_part(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows of the catalogue and those of the other files."""
    return {name: [row for row in rows if row["part"] == name] for name in PARTS}


def to_percent(values: list[Any]) -> int | None:
    """Return the mean of values in percent; None without values."""
    return round(100 * float(np.mean(values))) if values else None


def time_card(channels: int) -> float:
    """Return the seconds of a card of 50,000 rows, the best of three."""
    values = np.random.default_rng(0).normal(size=(50_000, channels)).cumsum(axis=0)
    names, times = [str(index) for index in range(channels)], []
    for _ in range(3):
        start = time.perf_counter()
        shift_card(values, 35_000, 40_000, 24, 96, 96, names)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
