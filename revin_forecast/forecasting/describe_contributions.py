"""Contributions to a forecast in words: a short table for each series and step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from revin_forecast.data.amounts import format_amount
from revin_forecast.data.step_words import StepWords
from revin_forecast.forecasting.contribution_rows import (
    CONSTANT,
    INPUTS,
    LAG_GROUPS,
    NOT_LINEAR,
    OTHER_LAGS,
    ROUNDING,
)

SHOWN_DIGITS = 3
"""Digits of the largest contribution."""
MAX_DECIMALS = 8
"""Most decimal places shown."""
HEADINGS = ("", "lag", "time", "value", "weight", "contribution")
Rows = Sequence[dict[str, Any]]
"""Rows of one series and step, by column."""


@dataclass(frozen=True)
class ContributionText:
    """The contributions to one value of a forecast, as text."""

    title: str
    """Series, time and forecast."""
    rows: tuple[tuple[str, ...], ...]
    """Cells under `HEADINGS`, from the level to the forecast."""
    groups: str
    """Sums of the lags by age, of known inputs and of the constant."""


def describe_contributions(
    parts: pd.DataFrame, largest: pd.DataFrame, frequency: str | None
) -> list[ContributionText]:
    """Put contributions into words, a text for each series and step.

    Args:
        parts: the result of `Forecaster.explain`.
        largest: the same with `top` lags.
        frequency: frequency of the table.
    """
    words = StepWords.from_frequency(frequency)
    every = dict(split_parts(parts))
    return [_describe_part(rows, every[key], words) for key, rows in split_parts(largest)]


def split_parts(parts: pd.DataFrame) -> list[tuple[tuple[str, int], Rows]]:
    """Return the rows of each series and step."""
    by_key: dict[tuple[str, int], list[dict[str, Any]]] = {}
    records: list[dict[str, Any]] = parts.to_dict("records")  # pyright: ignore[reportAssignmentType]
    for row in records:
        by_key.setdefault((row["series"], row["step"]), []).append(row)
    return list(by_key.items())


def sum_groups(rows: Rows) -> dict[str, float]:
    """Return the sum of each group of lags, of the known inputs and of the constant.

    Args:
        rows: all rows of one series and step.
    """
    sums: dict[str, float] = {}
    for row in rows:
        sums[row["group"]] = sums.get(row["group"], 0.0) + row["contribution"]
    wanted = (*LAG_GROUPS, INPUTS, NOT_LINEAR, CONSTANT)
    return {group: sums[group] for group in wanted if group in sums}


def sum_forecast(rows: Rows) -> float:
    """Return the forecast, the sum of all rows of one series and step."""
    return math.fsum(row["contribution"] for row in rows)


def find_shown_resolution(rows: Rows) -> float:
    """Return the power of ten that the contributions to one value are rounded to."""
    changes = [row for row in rows if row["source"] not in ("level", "rounding")]
    largest = max((abs(row["contribution"]) for row in changes), default=0.0)
    largest = largest or abs(sum_forecast(rows)) or 1.0
    return 10.0 ** (math.floor(math.log10(largest)) - SHOWN_DIGITS + 1)


def format_shown(amount: float, resolution: float, sign: str = "") -> str:
    """Return an amount with as many decimals as its neighbours.

    Args:
        amount: the amount.
        resolution: power of ten to round to.
        sign: "+" to begin with a sign.

    >>> format_shown(0.3, 0.01, "+"), format_shown(-12.34, 0.1), format_shown(4321.0, 10.0)
    ('+0.30', '-12.3', '4,320')
    """
    decimals = max(0, round(-math.log10(resolution)))
    if decimals > MAX_DECIMALS:
        return format_amount(amount, resolution)
    rounded = round(amount / resolution) * resolution if resolution > 1 else amount
    text = f"{rounded:{sign},.{decimals}f}"
    # Not "-0.00".
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")


def _describe_part(rows: Rows, every: Rows, words: StepWords) -> ContributionText:
    resolution = find_shown_resolution(rows)
    total = format_shown(sum_forecast(rows), resolution)
    first = rows[0]
    # Rounding is shown only if it shows.
    shown = [
        _describe_row(row, resolution, words)
        for row in rows
        if row["group"] != ROUNDING or abs(row["contribution"]) >= resolution / 2
    ]
    groups = sum_groups(every).items()
    return ContributionText(
        f"{first['series']}, {words.format_stamp(first['time'])} (step {first['step']}): {total}",
        (*shown, ("forecast", "", "", "", "", total)),
        ", ".join(f"{name} {format_shown(size, resolution, '+')}" for name, size in groups),
    )


def _describe_row(row: dict[str, Any], resolution: float, words: StepWords) -> tuple[str, ...]:
    """Return the cells of a row."""
    source: str = row["source"]
    group: str = row["group"]
    weight = f"{row['weight']:.3f}" if math.isfinite(row["weight"]) else ""
    if source == "level":
        return (group, "", "", "", weight, format_shown(row["contribution"], resolution))
    change = format_shown(row["contribution"], resolution, "+")
    if source == "lag":
        value = format_shown(row["value"], resolution)
        return (group, str(row["lag"]), words.format_stamp(row["lag_time"]), value, weight, change)
    labels = {"input": f"known input {row['name']}", "member": f"{row['name']}, not linear"}
    return (labels.get(source, group), "", "", "", weight if group == OTHER_LAGS else "", change)
