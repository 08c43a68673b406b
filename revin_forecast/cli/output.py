"""Output of commands: strict JSON on one line, and the text that describes a fit."""

import json
import math
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date
from enum import Enum
from pathlib import PurePath
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.errors import join_words

if TYPE_CHECKING:  # Commands that print nothing of these must not wait for torch and pandas.
    from revin_forecast.data.series import Series
    from revin_forecast.forecasting.fitted import FittedModel
    from revin_forecast.forecasting.forecast_summary import ForecastSummary

ZERO_PERCENT = 0.005
"""Largest share that is rounded to 0 %."""
NAIVE_NAMES = ("Repeat", "SeasonalNaive ({season})", "naive", "seasonal naive ({season})")
"""Candidates that are always shown, as the baselines."""
MAX_SHOWN_NOTES = 8
"""Most notes on the reading of a table that are printed."""
MIN_NAME_WIDTH = 22
"""Least width of the column of names."""
MAX_SHOWN_MEMBERS = 3
"""Most members of a combination that are shown: those with the largest shares."""


def print_json(record: Mapping[str, object]) -> None:
    """Print a record as one line of strict JSON, with null for numbers that are not finite.

    Args:
        record: any nesting of plain values, numpy and pandas values (timestamps become ISO text),
            paths, enumerations and dataclasses.

    Raises:
        TypeError: a value has another type.
    """
    print(json.dumps(to_jsonable(record), allow_nan=False))


def to_jsonable(value: Any) -> Any:
    """Convert a value to JSON types: None, bool, int, float, str, list and dict.

    Raises:
        TypeError: the value can't be converted.
    """
    import numpy as np

    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.datetime64):  # item() returns nanoseconds as an integer.
        return to_jsonable(value.astype("datetime64[us]").item())
    if isinstance(value, np.generic):
        return to_jsonable(value.item())
    if isinstance(value, date):  # pd.Timestamp and NaT are dates, too.
        return None if value != value else value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): to_jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [to_jsonable(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return to_jsonable(asdict(value))
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return to_jsonable(value.value)
    raise TypeError(f"{type(value).__name__} can't be converted to JSON.")


def print_text(text: str) -> None:
    """Print text, wrapped between words at the width of the terminal (80 columns elsewhere)."""
    width = get_terminal_size().columns
    for line in text.split("\n"):
        print(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False))


def print_table(
    headings: Sequence[str], rows: Iterable[Iterable[object]], left: Collection[str] | None = None
) -> None:
    """Print aligned columns; see `align_table`."""
    print(*align_table(headings, rows, left), sep="\n")


def align_table(
    headings: Sequence[str], rows: Iterable[Iterable[object]], left: Collection[str] | None = None
) -> list[str]:
    """Return the lines of a table with aligned columns.

    Args:
        headings: headings of the columns.
        rows: cells of each row.
        left: columns with text, which starts at the left; by default the first one.
    """
    from tqdm.utils import disp_len  # East Asian characters take two columns

    left = headings[:1] if left is None else left
    lines = [headings, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(disp_len, column)) for column in zip(*lines, strict=True)]
    aligned = []
    for line in lines:
        padded = []
        for heading, width, cell in zip(headings, widths, line, strict=True):
            space = " " * (width - disp_len(cell))
            padded.append(f"{cell}{space}" if heading in left else f"{space}{cell}")
        aligned.append("  ".join(padded).rstrip())
    return aligned


def format_forecast_summary(summary: "ForecastSummary") -> list[str]:
    """Return the summary of a forecast as lines."""
    from revin_forecast.forecasting.describe_forecast import describe_forecast, list_lines

    text = describe_forecast(summary)
    return list_lines(text, align_table(text.headings, text.rows) if text.rows else ())


def to_summary_record(summary: "ForecastSummary") -> dict[str, Any]:
    """Return the summary of a forecast as plain values, with its text."""
    return to_jsonable(summary) | {"text": "\n".join(format_forecast_summary(summary))}


def describe_fit(fitted: "FittedModel") -> str:
    """Describe a fit: the table, the model and the candidates it was chosen from."""
    from revin_forecast.data.step_words import describe_frequency
    from revin_forecast.forecasting.known_inputs import describe_known_inputs

    summary, config = fitted.summary, fitted.config
    gaps, frequency = summary["unobserved"], fitted.history.frequency
    first, last = (format_timestamp(summary[end]) for end in ("first", "last"))
    table = f"{summary['rows']} rows x {summary['series']} series, {first} to {last}"
    table += f", {describe_frequency(frequency)}" if frequency else ""
    lines = [table + (f"; {pluralize(gaps, 'value')} not observed" if gaps else "")]
    lines += describe_notes(summary.get("notes", ()))
    if summary.get("left_out"):
        lines.append(describe_binary_columns(summary["left_out"]))
    lines += describe_known_inputs(summary.get("known_inputs", ()))
    if "selection" in summary:
        lines += format_selection_table(summary["selection"])
    elif "zero_shot" in summary:
        lines.append(
            f"{config.backbone.name}: a network that was trained on synthetic series alone; "
            "nothing was fitted"
        )
        season = summary["zero_shot"]["season"]
        lines.append(f"season {season if season > 1 else 'none'}, look-back {config.lookback} rows")
    else:
        names = f"{config.backbone.name} with {config.normalizer.name}"
        lines.append(f"{names}, look-back {config.lookback}")
    lines += summary.get("range", {}).get("notes", [])
    return "\n".join(lines)


def describe_notes(notes: Sequence[str]) -> list[str]:
    """Return the lines on everything that reading a table changed or left out.

    >>> describe_notes([f"note {number}" for number in range(12)])[-2:]
    ['note 7', 'and 4 more notes on the table; --json lists all']
    """
    hidden = len(notes) - MAX_SHOWN_NOTES
    more = [f"and {hidden} more notes on the table; --json lists all"] if hidden > 0 else []
    return [*notes[:MAX_SHOWN_NOTES], *more]


def describe_binary_columns(names: Sequence[str]) -> str:
    """Return the line that says why columns of 0 and 1 are not forecast, and what to type.

    >>> print(describe_binary_columns(["promo"]))
    promo holds only 0 and 1 and is not forecast. If it is known ahead: --covariates promo \
--future FILE; to forecast it all the same: --target promo
    """
    listed, typed = join_words(names, "and"), " ".join(names)
    is_one = len(names) == 1
    verbs = "holds only 0 and 1 and is" if is_one else "hold only 0 and 1 and are"
    subject, it = ("it is", "it") if is_one else ("they are", "them")
    return (
        f"{listed} {verbs} not forecast. If {subject} known ahead: --covariates {typed} --future "
        f"FILE; to forecast {it} all the same: --target {typed}"
    )


def describe_last_row(series: "Series") -> str:
    """Describe the last row of a table, or the last rows of series that end at different times.

    >>> import numpy as np, pandas as pd
    >>> from revin_forecast.data.series import Series
    >>> stamps = pd.date_range("2024-01-01", periods=3, freq="D")
    >>> describe_last_row(Series(np.zeros((3, 2)), stamps, ("a", "b"), "D"))
    '2024-01-03'
    >>> uneven = Series(np.zeros((3, 2)), stamps, ("a", "b"), "D", last_timestamps=stamps[1:])
    >>> describe_last_row(uneven)
    'the last row of each series, 2024-01-02 to 2024-01-03'
    """
    last = series.timestamps[-1]
    if series.last_timestamps is None or (series.last_timestamps == last).all():
        return format_timestamp(last)
    first = format_timestamp(series.last_timestamps.min())
    return (
        f"the last row of each series, {first} to {format_timestamp(series.last_timestamps.max())}"
    )


def format_selection_table(selection: dict[str, Any]) -> list[str]:
    """Format a selection as a table of the combination's members and the naive forecasts."""
    rows, windows = selection["candidates"], selection["windows"]
    if windows == 0:
        return ["too few rows to compare models; exponential smoothing forecasts them"]
    season = selection["season"]
    naive_names = {name.format(season=season) for name in NAIVE_NAMES}
    members = sorted((row for row in rows if row["share"]), key=lambda row: -row["share"])
    shown = [
        row for row in rows if row in members[:MAX_SHOWN_MEMBERS] or row["model"] in naive_names
    ]
    # Models saved by earlier versions were always compared on validation windows.
    is_expanding = selection.get("protocol") == "expanding origins"
    compared = pluralize(windows, "expanding origin" if is_expanding else "validation window")
    suffix = f", season {season}" if season > 1 else ""
    width = max(MIN_NAME_WIDTH, 2 + max(len(row["model"]) for row in shown))
    lines = [
        f"chosen {'at' if is_expanding else 'on'} {compared}{suffix}:",
        f"  {'model':<{width}}{'level taken':<13}{'look-back':>9}{'MASE':>9}{'share':>8}",
        f"  {'the combination':<{width + 22}}{selection['mase']:>9.4f}{1:>8.0%}",
    ]
    for row in shown:
        name = f"{row['model']:<{width}}{row['normalizer']:<13}{row['lookback']:>9}"
        # A member may have had too few rows before every origin.
        mase = "-" if row["mase"] is None else f"{row['mase']:.4f}"
        lines.append(f"  {name}{mase:>9}{row['share']:>8.0%}")
    if len(rows) > len(shown):
        hidden_share = 1 - sum(row["share"] for row in shown)
        together = f", with {hidden_share:.0%} together" if hidden_share > ZERO_PERCENT else ""
        lines.append(f"  and {pluralize(len(rows) - len(shown), 'more candidate')}{together}")
    if selection["skipped"]:
        lines.append(f"  not tried within the time budget: {'; '.join(selection['skipped'])}")
    return lines
