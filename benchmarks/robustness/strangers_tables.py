"""Tables with a usual habit or mistake of their authors, and the series in them."""

import io
import random
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.robustness.reference_reader import DisagreementError
from revin_forecast.data.series import Series

STEPS = ["D", "D", "h", "W-SUN", "MS", "MS", "B", "QS", "YS", "15min"]
FILLS = ["4294967295", "1e20", "9.96921e36", "-3.4e38", "1e12", "-1e11", "65535e6"]
"""Values far beyond any measurement; some are fills that sensors and archives write."""
# fmt: off
TITLES = [
    "# exported 2024-11-30", "# unit: kg", "Sales report", "Source: own measurements",
    "Monatsbericht 2024", "% station 17", "// generated", "",
]
TIME_FORMS: dict[str, Callable[[pd.Timestamp], str]] = {
    "%d.%m.%Y": lambda day: day.strftime("%d.%m.%Y"),
    "%m/%d/%Y": lambda day: day.strftime("%m/%d/%Y"),
    "%d %b %Y": lambda day: day.strftime("%d %b %Y"),
    "milliseconds": lambda day: str(int(day.timestamp() * 1000)),
    "weeks": lambda day: day.strftime("%G-W%V"),
    "quarters": lambda day: f"Q{(day.month + 2) // 3} {day.year}",
    "%b-%y": lambda day: day.strftime("%b-%y"),
    "%Y%m": lambda day: day.strftime("%Y%m"),
    "German months": lambda day: f"{GERMAN[day.month - 1]} {day.year}",
    "French months": lambda day: f"{day.day} {FRENCH[day.month - 1]} {day.year}",
}
FORM_STEPS = {
    "weeks": "W-MON", "quarters": "QS", "%b-%y": "MS", "%Y%m": "MS", "German months": "MS",
}
"""Step of the rows of a form that gives no days; days for all others."""
GERMAN = [
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
    "Oktober", "November", "Dezember",
]
FRENCH = [
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
]
# fmt: on


@dataclass(frozen=True, eq=False)
class StrangersTable:
    """A file, the series in it, and the answer that a reader owes."""

    kind: str
    """The habit or the mistake."""
    ending: str
    """End of the file's name."""
    data: bytes
    truth: pd.DataFrame | None
    """The values by time (index) and series (columns), NaN where unobserved; None: the file
    must be refused."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of `read_series` that a user would pass."""
    is_changed: bool = False
    """Whether reading has to change or leave out something, which a note must say."""
    line: int | None = None
    """Line that the note or the message must name; None: any."""
    part: str = ""
    """Part of the file that is read, appended to the path (::sheet)."""


def make_strangers_table(dice: random.Random) -> StrangersTable:
    """Return a table of a random kind."""
    return dice.choice(list(KINDS.values()))(dice)


def compare_with_truth(series: Series, truth: pd.DataFrame) -> int:
    """Compare a series with the values in its file; return the number of values compared.

    Rows without any value at the beginning and at the end do not count.

    Raises:
        DisagreementError: a name, a timestamp or a value differs.
    """
    names = [name if isinstance(name, str) else join_keys(name) for name in truth.columns]
    if sorted(series.names) != sorted(names):
        raise DisagreementError(f"names {series.names} for {names}")
    got = pd.DataFrame(series.values, index=series.timestamps, columns=list(series.names))
    got, wanted = got[names].dropna(how="all"), truth.set_axis(names, axis=1).dropna(how="all")
    if len(got) != len(wanted) or not (got.index == wanted.index).all():
        raise DisagreementError(f"{len(got)} times for {len(wanted)}, {got.index[:1]}")
    is_equal = (got == wanted) | (got.isna() & wanted.isna())
    if not is_equal.to_numpy().all():
        row, column = np.argwhere(~is_equal.to_numpy())[0]
        raise DisagreementError(
            f"{names[column]} at {got.index[row]}: {got.iloc[row, column]} for "
            f"{wanted.iloc[row, column]}"
        )
    return int(wanted.size)


def join_keys(keys: Sequence[str]) -> str:
    """Return the name of a series with several keys."""
    return "/".join(key.replace("\\", "\\\\").replace("/", "\\/") for key in keys)


def make_truth(dice: random.Random, rows: int, step: str | None = None) -> pd.DataFrame:
    """Return values of one to three series: levels, walks, counts or positive skewed values."""
    start = dice.choice(["2023-01-02", "2019-12-30", "2022-06-01", "2024-02-26"])
    stamps = pd.date_range(start, periods=rows, freq=step or dice.choice(STEPS), name="date")
    noise = np.random.default_rng(dice.randrange(2**32))
    makers = [
        lambda: 100 + noise.normal(0, 5, rows),
        lambda: 50 + noise.normal(0, 1, rows).cumsum(),
        lambda: noise.poisson(20, rows).astype(float),
        lambda: np.exp(noise.normal(3, 0.5, rows)),
        lambda: 1e6 * (1 + 0.1 * np.sin(np.arange(rows) / 3)) + noise.normal(0, 1e4, rows),
    ]
    names = dice.sample(["sold", "price", "Berlin", "north"], dice.choice([1, 1, 2, 3]))
    columns = {name: np.round(dice.choice(makers)(), 2) for name in names}
    return pd.DataFrame(columns, index=stamps)


def make_absurd_value(dice: random.Random) -> StrangersTable:
    """Return a table with one or two values far beyond all others."""
    truth = make_truth(dice, dice.choice([30, 60, 120, 300]))
    cells = truth.map(repr)
    count = dice.choice([1, 1, 2])
    rows = sorted(dice.sample(range(len(truth)), count))
    column, fill = dice.randrange(truth.shape[1]), dice.choice(FILLS)
    for row in rows:
        cells.iloc[row, column] = fill
        truth.iloc[row, column] = np.nan
    data = write_csv(cells, dice)
    return StrangersTable("absurd value", ".csv", data, truth, is_changed=True, line=rows[0] + 2)


def make_wrong_date(dice: random.Random) -> StrangersTable:
    """Return a table whose last, first or some other date has a mistyped year."""
    truth = make_truth(dice, dice.choice([20, 60, 200]), dice.choice(["D", "D", "MS", "h"]))
    stamps = list(truth.index)
    row = dice.choice([len(stamps) - 1, len(stamps) - 1, 0, len(stamps) // 2])
    years = dice.choice([-100, -10, 1, 2, 10, 75]) if row else dice.choice([-100, -10, -2])
    if row == len(stamps) - 1:
        years = abs(years)
    # A whole table within that distance would hide the mistake.
    if abs(years) * 366 < (stamps[-1] - stamps[0]).days * 2:
        years = 40
    stamps[row] += pd.DateOffset(years=years)
    cells = truth.map(repr).set_axis(pd.DatetimeIndex(stamps, name="date"))
    return StrangersTable("wrong date", ".csv", write_csv(cells, dice), None, line=row + 2)


def make_empty_tail(dice: random.Random) -> StrangersTable:
    """Return a table whose last rows have dates and no values, as templates do."""
    rows, empty = dice.choice([24, 60, 100]), dice.choice([1, 3, 12, 28])
    truth = make_truth(dice, rows)
    stamps = pd.date_range(
        truth.index[0], periods=rows + empty, freq=pd.DatetimeIndex(truth.index).freq, name="date"
    )
    cells = truth.map(repr).reindex(stamps).fillna(dice.choice(["", "", "NA"]))
    data = write_csv(cells, dice)
    return StrangersTable("empty tail", ".csv", data, truth, is_changed=True, line=rows + 2)


def make_comment_lines(dice: random.Random) -> StrangersTable:
    """Return a table with comments, titles or blank lines above its header."""
    truth = make_truth(dice, dice.choice([12, 40]))
    separator = dice.choice([",", ";", "\t"])
    lines = dice.sample(TITLES, dice.choice([1, 1, 2, 3]))
    if dice.random() < 0.3:  # a spreadsheet fills the line up with separators
        lines = [line + separator * truth.shape[1] for line in lines]
    text = "\n".join(lines) + "\n" + truth.to_csv(sep=separator)
    # Blank lines alone need no note.
    is_changed = any(line.strip(separator) for line in lines)
    return StrangersTable("comment lines", ".csv", text.encode(), truth, is_changed=is_changed)


def make_several_keys(dice: random.Random) -> StrangersTable:
    """Return a long table whose series are named by two or three columns."""
    keys = ["store", "product", "region"][: dice.choice([2, 2, 3])]
    rows = dice.choice([10, 30])
    base = make_truth(dice, rows)
    choices = [["S1", "S2", "007"], ["apples", "a/b", "Öl"], ["1", "2"]]
    parts = []
    for number in range(dice.choice([2, 3, 4])):
        names = [choices[place][(number // 2 + place * number) % 2] for place in range(len(keys))]
        values = np.round(base.iloc[:, 0].to_numpy() + number, 2)
        part = pd.DataFrame(dict(zip(keys, names, strict=True)), index=base.index)
        parts.append(part.assign(sales=values))
    table = pd.concat(parts).reset_index().drop_duplicates([*keys, "date"])
    table = table[dice.sample([*keys, "date", "sales"], len(keys) + 2)]
    wide = table.pivot_table(index="date", columns=keys, values="sales", sort=False)
    data = table.to_csv(index=False).encode()
    options = {"id": keys, "value": "sales"}
    return StrangersTable("several keys", ".csv", data, wide, options)


def make_workbook(dice: random.Random) -> StrangersTable:
    """Return an Excel workbook, wide or long, some with a title or an empty margin."""
    truth = make_truth(dice, dice.choice([10, 40]), dice.choice(["D", "MS", "h"]))
    table, is_long = truth.reset_index(), dice.random() < 0.3
    if is_long:
        table = table.melt("date", var_name="unique_id", value_name="y")
        table = table.rename(columns={"date": "ds"})
    top, left = dice.choice([(0, 0), (0, 0), (2, 0), (1, 1)])
    sheet = dice.choice(["Sheet1", "Sales 2024", "Tabelle1"])
    out = io.BytesIO()
    with pd.ExcelWriter(out, engine="openpyxl") as book:
        table.to_excel(book, sheet_name=sheet, index=False, startrow=top, startcol=left)
        if top:
            book.sheets[sheet].cell(1, left + 1, "Sales report")
    part = f"::{sheet}" if dice.random() < 0.3 else ""
    has_title = bool(top)
    return StrangersTable("Excel", ".xlsx", out.getvalue(), truth, is_changed=has_title, part=part)


def make_index_file(dice: random.Random) -> StrangersTable:
    """Return a Parquet or Feather file of pandas with times in the index."""
    truth = make_truth(dice, dice.choice([10, 40]))
    name = dice.choice([None, "date", "ds", "index"])
    table: pd.DataFrame = truth.rename_axis(name)
    options: dict[str, Any] = {}
    if dice.random() < 0.25:
        long = (
            truth.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
        )
        table = long.set_index(["unique_id", "ds"])
    out = io.BytesIO()
    ending = dice.choice([".parquet", ".parquet", ".feather"])
    if ending == ".parquet":
        table.to_parquet(out)
    else:
        table.reset_index().to_feather(out)
    return StrangersTable("Parquet index", ending, out.getvalue(), truth, options)


def make_records(dice: random.Random) -> StrangersTable:
    """Return JSON lines or an SQLite database."""
    truth = make_truth(dice, dice.choice([10, 40]))
    table = truth.reset_index().assign(
        date=pd.DatetimeIndex(truth.index).strftime("%Y-%m-%d %H:%M:%S")
    )
    if dice.random() < 0.5:
        data = str(table.to_json(orient="records", lines=True)).encode()
        return StrangersTable("JSON lines", ".jsonl", data, truth)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.db"
        connection = sqlite3.connect(path)
        table.to_sql("sales", connection, index=False)
        if several := dice.random() < 0.5:
            table.to_sql("copy", connection, index=False)
        connection.close()
        data = path.read_bytes()
    part = "::sales" if several else ""
    return StrangersTable("SQLite", ".db", data, truth, part=part)


def make_time_form(dice: random.Random) -> StrangersTable:
    """Return a table whose times have another form than ISO 8601."""
    form = dice.choice(list(TIME_FORMS))
    truth = make_truth(dice, dice.choice([20, 60]), FORM_STEPS.get(form, "D"))
    cells = truth.map(repr).set_axis(pd.Index(map(TIME_FORMS[form], truth.index), name="date"))
    return StrangersTable("form of times", ".csv", cells.to_csv().encode(), truth)


def make_total(dice: random.Random) -> StrangersTable:
    """Return a table whose last row has the totals."""
    truth = make_truth(dice, dice.choice([12, 40]))
    word = dice.choice(["Total", "TOTAL", "Summe", "Grand total", "Gesamt"])
    totals = pd.DataFrame([truth.sum().map(repr)], index=pd.Index([word], name="date"))
    dates = pd.DatetimeIndex(truth.index).strftime("%Y-%m-%d %H:%M:%S")
    cells = pd.concat([truth.map(repr).set_axis(pd.Index(dates, name="date")), totals])
    data = cells.to_csv(index_label="date").encode()
    line = len(truth) + 2
    return StrangersTable("totals row", ".csv", data, truth, is_changed=True, line=line)


def make_currency(dice: random.Random) -> StrangersTable:
    """Return a table whose numbers have a currency sign or another unit."""
    truth = make_truth(dice, dice.choice([12, 40]))
    style = dice.choice(["${:,.2f}", "{:.2f} €", "EUR {:.2f}", "£{:.2f}", "{:.2f} %"])
    cells = truth.map(style.format)
    data = cells.to_csv(sep=";").encode(dice.choice(["utf-8", "cp1252"]))
    return StrangersTable("currency", ".csv", data, truth, is_changed=True)


def make_unsorted(dice: random.Random) -> StrangersTable:
    """Return a table with the newest row first, or in random order."""
    truth = make_truth(dice, dice.choice([12, 40]))
    cells = truth.iloc[::-1] if dice.random() < 0.6 else truth.sample(frac=1, random_state=1)
    data = cells.to_csv().encode()
    return StrangersTable("unsorted rows", ".csv", data, truth, is_changed=True)


def write_csv(cells: pd.DataFrame, dice: random.Random) -> bytes:
    """Return cells of text as CSV, in UTF-8."""
    separator = dice.choice([",", ",", ";", "\t"])
    return cells.to_csv(sep=separator, date_format="%Y-%m-%d %H:%M:%S").encode()


KINDS: dict[str, Callable[[random.Random], StrangersTable]] = {
    "absurd value": make_absurd_value,
    "wrong date": make_wrong_date,
    "empty tail": make_empty_tail,
    "comment lines": make_comment_lines,
    "several keys": make_several_keys,
    "Excel": make_workbook,
    "Parquet index": make_index_file,
    "records": make_records,
    "form of times": make_time_form,
    "totals row": make_total,
    "currency": make_currency,
    "unsorted rows": make_unsorted,
}
"""Makers of tables by kind."""
