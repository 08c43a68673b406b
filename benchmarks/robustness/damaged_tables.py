"""Small tables as they occur in practice, with a little of everything wrong."""

import csv
import gzip
import io
import random
from collections.abc import Callable

import pandas as pd

Table = list[list[str]]

# fmt: off
CELLS = [
    "1", "2.5", "", "NaN", "n/a", "oops", "1e300", "-1e-300", "inf", "1e999", "2024-01-01",
    "2024-13-45", "1,5", "1,234", "1.234", "a,b", "x\ny", "'", '"', " 7 ", "é", "0x1F", "12 %",
    "1_000", "True", "\0", "12:30", "1990", "9" * 20, str(2**53 + 1), "#", "-", "€ 5", "1 234",
    "1.234,5", "1,234.5", "1.234.567", "2024-01-01T00:00:00+01:00", "\u22125", "5 kg", "+3",
]
NAMES = [
    "x", "y", "x ", "", "sold", "1", "2024", "Verkäufe", "price €", "Größe", "a;b", "a,b", "время",
]
STEPS = ["h", "D", "B", "W-SAT", "W-WED", "MS", "ME", "15min", "100ms", "QS", "YS", "3h", "10s"]
FORMATS = [
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d", "%d.%m.%Y %H:%M", "%d/%m/%Y",
    "%m/%d/%Y", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y %I:%M %p", "%d.%m.%y", "%Y-%m", "%Y", "%H:%M",
]
# fmt: on
TIME_NAMES = [*["date", "ds", "time", "Date", "moment"] * 4, ""]
ENCODINGS = [
    *["utf-8", "utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16"] * 3,
    "cp1251",
    "utf-16-le",
]


def make_damaged_table(dice: random.Random) -> tuple[str, bytes]:
    """Return the file name ending and the bytes of a table."""
    table = make_long_table(dice) if dice.random() < 0.3 else make_wide_table(dice)
    for damage in (damage_rows, damage_cells, damage_header):
        if dice.random() < 0.12:
            table = damage(table, dice)
    data = encode_text(format_csv(table, dice), dice)
    if dice.random() < 0.15:
        data = damage_bytes(data, dice)
    if dice.random() < 0.02:
        data = dice.randbytes(dice.randint(0, 60))
    ending = dice.choice([*[".csv", ".csv", ".tsv", ".txt", ".csv.gz"] * 6, ".parquet", ".dat"])
    if ending == ".csv.gz" and dice.random() < 0.8:
        data = gzip.compress(data)
        data = damage_bytes(data, dice) if dice.random() < 0.1 else data
    return ending, data


def make_wide_table(dice: random.Random) -> Table:
    """Return a table with one column for each series."""
    stamps = make_timestamps(dice, dice.choice([0, 2, *[5, 8, 8, 12, 30] * 4]))
    names = dice.sample(NAMES, dice.choice([1, 1, 2, 3])) if dice.random() < 0.5 else ["x", "y"]
    columns = [make_numbers(dice, len(stamps)) for _ in names]
    rows = [list(row) for row in zip(stamps, *columns, strict=True)]
    if dice.random() < 0.3:  # all columns in the style of one program
        style = dice.choice(STYLES)
        rows = [[row[0], *(style(dice) for _ in names)] for row in rows]
    return [[dice.choice(TIME_NAMES), *names], *rows]


def make_long_table(dice: random.Random) -> Table:
    """Return a table with one row for each series and time."""
    stamps = make_timestamps(dice, dice.choice([4, 6, 10]))
    style = dice.choice(STYLES)
    rows = []
    for name in dice.sample(["a", "b", "007", "7", "NA", "true", "ö", "1.0"], dice.randint(1, 3)):
        start, stop = dice.choice([0, 0, 1]), len(stamps) - dice.choice([0, 0, 1, 2])
        rows += [[name, stamp, style(dice)] for stamp in stamps[start:stop]]
    if dice.random() < 0.3:
        dice.shuffle(rows)
    return [["unique_id", "ds", "y"], *rows]


def make_timestamps(dice: random.Random, count: int) -> list[str]:
    """Return formatted timestamps, some of them with a time zone."""
    start = pd.Timestamp(
        dice.choice(["2024-01-01", "2024-03-30 20:00", "2024-10-26 20:00", "1999-12-20"])
    )
    step = dice.choice(STEPS)
    zone = dice.choice([None] * 6 + ["Europe/Berlin", "America/New_York", "UTC"])
    stamps = pd.date_range(start, periods=count, freq=step, tz=zone)
    if zone is not None:
        if dice.random() < 0.5:
            stamps = stamps.tz_localize(None)  # the repeated hour in autumn is ambiguous
        return [stamp.isoformat(dice.choice([" ", "T"])) for stamp in stamps]
    template = dice.choice(FORMATS if dice.random() < 0.3 else FORMATS[:2])
    return list(stamps.strftime(template))


STYLES: list[Callable[[random.Random], str]] = [
    lambda dice: str(dice.randint(0, 9)),
    lambda dice: str(dice.randint(-(10**6), 10**6)),
    lambda dice: repr(dice.gauss(0, 1)),
    lambda dice: repr(dice.gauss(0, 1) * 10.0 ** dice.randint(-320, 305)),
    lambda dice: str(dice.randint(2**53, 2**66)),
    lambda dice: f"{dice.uniform(0, 2000):.2f}".replace(".", ","),
    lambda dice: f"{dice.uniform(0, 2000):.3f}".replace(".", ","),
    lambda dice: f"{dice.uniform(0, 2000):.3f}",
    lambda dice: f"{dice.uniform(0, 2e6):,.2f}",
    lambda dice: f"{dice.randint(0, 2000000):,}",
    lambda dice: f"{dice.uniform(0, 2e6):,.2f}".translate({44: 46, 46: 44}),
    lambda dice: f"{dice.uniform(0, 2e6):,.1f}".translate({44: 0x202F, 46: 44}),
    lambda dice: f"{dice.randint(0, 2000000):,}".replace(",", "."),
]


def make_numbers(dice: random.Random, count: int) -> list[str]:
    """Return numbers in one style."""
    style = dice.choice(STYLES)
    return [style(dice) for _ in range(count)]


def damage_rows(table: Table, dice: random.Random) -> Table:
    """Return a table with a row removed, repeated, changed or added."""
    header, *rows = table
    if not rows:
        return table
    position = dice.randrange(len(rows))
    kind = dice.choice(["drop", "repeat", "differ", "shuffle", "blank", "empty", "ragged", "end"])
    if kind == "drop":
        rows.pop(position)
    elif kind == "repeat":
        rows.append(list(rows[position]))
    elif kind == "differ":
        rows.insert(position, [*rows[position][:-1], "5"])
    elif kind == "shuffle":
        dice.shuffle(rows)
    elif kind == "blank":
        rows.insert(position, [])
    elif kind == "empty":
        rows.insert(position, [""] * len(header))
    elif kind == "ragged":
        rows[position] = rows[position][:-1] if dice.random() < 0.5 else [*rows[position], "9"]
    else:
        rows += [[""] * len(header)] * 2
    return [header, *rows]


def damage_cells(table: Table, dice: random.Random) -> Table:
    """Return a table with some cells, or a whole column, replaced."""
    header, *rows = table
    whole_column = dice.random() < 0.1 and rows
    column = dice.randrange(len(header))
    for row in rows:
        if whole_column and len(row) == len(header):
            row[column] = dice.choice(["", "5", "True", "0x1F", "NaN"])
        elif row and dice.random() < 0.1:
            row[dice.randrange(len(row))] = dice.choice(CELLS)
    return table


def damage_header(table: Table, dice: random.Random) -> Table:
    """Return a table with a header that is missing, repeated, preceded or extended."""
    header, *rows = table
    kind = dice.choice(["none", "double", "title", "unnamed", "another time"])
    if kind == "none":
        return rows or table
    if kind == "double":
        return [[*header, header[-1]], *([*row, "1"] for row in rows)]
    if kind == "title":
        return [["Sales of the year"], header, *rows]
    if kind == "unnamed":
        cell = dice.choice(["", "", "3"])
        return [[*header, ""], *([*row, cell] for row in rows)]
    return [[*header, "time"], *([*row, row[0] if row else ""] for row in rows)]


def format_csv(table: Table, dice: random.Random) -> str:
    """Return a table as text with a separator, quotes and line endings."""
    separator = dice.choice([",", ",", ",", ";", ";", "\t", "|"])
    quoted = dice.random() < 0.3
    out = io.StringIO(newline="")
    end = dice.choice(["\n", "\n", "\r\n", "\r", "\n\n"])
    csv.writer(
        out,
        delimiter=separator,
        quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL,
        lineterminator=end,
    ).writerows(table)
    text = out.getvalue()
    if dice.random() < 0.1:
        text = text.rstrip("\r\n")
    if dice.random() < 0.05:
        text = f"sep={separator}\n{text}"
    if dice.random() < 0.05:
        text = text.replace('"', "")
    return text


def encode_text(text: str, dice: random.Random) -> bytes:
    """Return text in one of the encodings."""
    return text.encode(dice.choice(ENCODINGS), errors="replace")


def damage_bytes(data: bytes, dice: random.Random) -> bytes:
    """Return bytes with some flipped, deleted, inserted or cut off."""
    changed = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 5])):
        position = dice.randrange(len(changed) + 1)
        kind = dice.choice(["flip", "delete", "insert", "cut", "digit"])
        if kind == "flip" and position < len(changed):
            changed[position] ^= 1 << dice.randrange(8)
        elif kind == "delete":
            del changed[position : position + dice.randint(1, 3)]
        elif kind == "insert":
            changed[position:position] = dice.choice(
                [b'"', b",", b";", b"\n", b"\r", b"\xe9", b"-", b" "]
            )
        elif kind == "digit":
            changed[position:position] = str(dice.randint(0, 9)).encode()
        elif dice.random() < 0.3:
            del changed[position:]
    return bytes(changed)
