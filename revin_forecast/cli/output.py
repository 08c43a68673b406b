"""JSON for machines: strict, one object on a line of its own."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

from revin_forecast.data.series import Series, format_timestamp, pluralize
from revin_forecast.forecasting.fitted import FittedModel


def print_json(record: Mapping[str, object]) -> None:
    """Print a record as one line of strict JSON: what is no finite number is null.

    Args:
        record: plain values, or such of numpy, pandas (timestamps become ISO text), paths and
            dataclasses, nested as you like.

    Raises:
        TypeError: a value is of another kind.
    """
    print(json.dumps(to_jsonable(record), allow_nan=False))


def to_jsonable(value: Any) -> Any:
    """Return a value as JSON knows it: None, bool, int, float, text, lists and dictionaries.

    Raises:
        TypeError: it is of no kind that has such a form.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.datetime64):  # numbers, to item(), where they count nanoseconds
        return to_jsonable(value.astype("datetime64[us]").item())
    if isinstance(value, np.generic):
        return to_jsonable(value.item())
    if isinstance(value, date):  # pandas' timestamps are dates too, and NaT is one
        return None if value != value else value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): to_jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [to_jsonable(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return to_jsonable(asdict(value))
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return to_jsonable(value.value)
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


ZERO_PERCENT = 0.005
"""A share that is rounded to 0 %."""
NAIVE_NAMES = ("Repeat", "SeasonalNaive")
MIN_SHOWN_SHARE = 0.05
"""Members of a combination with less are not shown."""


def describe_fit(fitted: FittedModel) -> str:
    """Return what a fit came to: the table read, the model, and the candidates it was chosen of."""
    summary, recipe = fitted.summary, fitted.config
    gaps, frequency = summary["unobserved"], fitted.history.frequency
    first, last = (format_timestamp(summary[end]) for end in ("first", "last"))
    read = f"{summary['rows']} rows x {summary['series']} series, {first} to {last}"
    read += f", step {frequency}" if frequency else ""
    lines = [read + (f"; {gaps} values not observed" if gaps else "")]
    if "selection" in summary:
        lines += format_selection_table(summary["selection"])
    elif "note" in summary["fit"]:
        lines.append(summary["fit"]["note"])
    else:
        names = f"{recipe.backbone.name} with {recipe.normalizer.name}"
        lines.append(f"{names}, look-back {recipe.lookback}")
    return "\n".join(lines)


def describe_last_row(series: Series) -> str:
    """Return the last row, or that series have ends of their own.

    >>> import numpy as np, pandas as pd
    >>> stamps = pd.date_range("2024-01-01", periods=3, freq="D")
    >>> describe_last_row(Series(np.zeros((3, 2)), stamps, ("a", "b"), "D"))
    '2024-01-03'
    >>> describe_last_row(Series(np.zeros((3, 2)), stamps, ("a", "b"), "D", last_timestamps=stamps[1:]))
    "each one's own last row, 2024-01-02 to 2024-01-03"
    """
    last = series.timestamps[-1]
    if series.last_timestamps is None or (series.last_timestamps == last).all():
        return format_timestamp(last)
    first = format_timestamp(series.last_timestamps.min())
    return f"each one's own last row, {first} to {format_timestamp(series.last_timestamps.max())}"


def format_selection_table(selection: dict[str, Any]) -> list[str]:
    """Return the evidence as a table: the members of the combination, and the naive forecasts."""
    rows = selection["candidates"]
    shown = [
        row
        for row in rows
        if row["share"] >= MIN_SHOWN_SHARE or row["model"].startswith(NAIVE_NAMES)
    ]
    season = f", season {selection['season']}" if selection["season"] > 1 else ""
    lines = [
        f"chosen on {pluralize(selection['windows'], 'validation window')}{season}:",
        f"  {'model':<22}{'level taken':<13}{'look-back':>9}{'MASE':>9}{'share':>8}",
        f"  {'the combination':<44}{selection['mase']:>9.4f}{1:>8.0%}",
    ]
    for row in shown:
        name = f"{row['model']:<22}{row['normalizer']:<13}{row['lookback']:>9}"
        lines.append(f"  {name}{row['mase']:>9.4f}{row['share']:>8.0%}")
    if len(rows) > len(shown):
        rest = 1 - sum(row["share"] for row in shown)
        together = f", with {rest:.0%} together" if rest > ZERO_PERCENT else ""
        lines.append(f"  and {len(rows) - len(shown)} more candidates{together}")
    if selection["skipped"]:
        lines.append(f"  not tried for want of time: {'; '.join(selection['skipped'])}")
    return lines
