"""A second reader of tables, slow and plain, that shares no code with the first one.

It follows the documented rules with the csv module, Python's own float and whole numbers, and is
asked about files only that the first reader accepted.
"""

import csv
import datetime
import gzip
import io
import re

from revin_forecast.data.series import Series

NOTHING = {"", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "#N/A", "None"}
MARKS = (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")
EPOCH = datetime.datetime(1970, 1, 1)
DAY = r"(\d{1,4})(?:([-/.]?)(\d{1,2})(?:\2(\d{1,4}))?)?"
CLOCK = r"(?:[T ] ?(\d{1,2})(?::?(\d{1,2}))?(?::?(\d{1,2})(?:[.,](\d{1,9}))?)?)?"
ZONE = r"(?: ?([AaPp][Mm]))?(Z|z|[+-]\d{1,2}(?::?\d{1,2})?)?"


class DisagreementError(Exception):
    """The two readers differ."""


def compare(data: bytes, series: Series) -> int:
    """Compare what was read with the file; return the number of values compared.

    Raises:
        DisagreementError: a name, a stamp or a value is another.
    """
    header, rows = cells_of(text_of(data))
    layout = series.layout
    place = {name: number for number, name in enumerate(header)}
    times = stamps_of([row[place[layout.time]] for row in rows])
    if any(aware != (series.timestamps.tz is not None) for _, aware in times):
        raise DisagreementError("time zone")
    moments = [moment for moment, _ in times]
    if layout.id is None:
        names = [name for name in header if name != layout.time]
        columns = numbers_of([[row[place[name]] for row in rows] for name in names])
        wanted = {
            (moment, name): value
            for name, column in zip(names, columns, strict=True)
            for moment, value in zip(moments, column, strict=True)
        }
        count = len(names) * len(rows)
    else:
        ids = [row[place[str(layout.id)]] for row in rows]
        names = list(dict.fromkeys(ids))
        values = numbers_of([[row[place[str(layout.value)]] for row in rows]])[0]
        wanted = dict(zip(zip(moments, ids, strict=True), values, strict=True))
        count = len(rows)
        last = [max(m for m, one in zip(moments, ids, strict=True) if one == n) for n in names]
        got = series.last_timestamps
        if (nanoseconds(got) if got is not None else [max(moments)] * len(names)) != last:
            raise DisagreementError("ends of series")
    if tuple(names) != series.names:
        raise DisagreementError(f"names {names} {series.names}")
    if len(wanted) != count:
        raise DisagreementError("a repeated time was accepted")
    check_values(series, wanted)
    return len(wanted)


def check_values(series: Series, wanted: dict[tuple[int, str], float | None]) -> None:
    moments = nanoseconds(series.timestamps)
    if sorted(set(moments)) != moments or not {moment for moment, _ in wanted} <= set(moments):
        raise DisagreementError("stamps")
    for row, moment in enumerate(moments):
        for channel, name in enumerate(series.names):
            value, got = wanted.get((moment, name)), float(series.values[row, channel])
            if (value is None) != (got != got) or (value is not None and value != got):
                raise DisagreementError(f"{name} at {series.timestamps[row]}: {got} for {value}")


def nanoseconds(stamps) -> list[int]:
    plain = stamps if stamps.tz is None else stamps.tz_convert("UTC").tz_localize(None)
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[plain.unit]
    return [int(moment) * factor for moment in plain.asi8]


def text_of(data: bytes) -> str:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252")


def cells_of(text: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows, less what is empty at the end or has no name."""
    told = re.match(r"sep=([,;\t|])\r?\n", text)
    separators = told[1] if told else ",;\t|"
    found = []
    for separator in separators:
        source = io.StringIO(text[told.end() :] if told else text, newline="")
        table = [cells for cells in csv.reader(source, delimiter=separator) if cells]
        if len({len(cells) for cells in table}) == 1 and len(table[0]) > 1:
            found.append(table)
    if len(found) > 1:  # a separator inside quotes parts nothing
        found = [table for table in found if not any(n.count('"') % 2 for n in table[0])] or found
    if len(found) != 1:
        raise DisagreementError(f"{len(found)} separators fit")
    header, *rows = found[0]
    hollow = {
        number
        for number, name in enumerate(header)
        if not name.strip() and all(row[number] in NOTHING for row in rows)
    }
    kept = [number for number in range(len(header)) if number not in hollow]
    while rows and all(rows[-1][number] in NOTHING for number in kept):
        rows.pop()
    return [header[number] for number in kept], [[row[n] for n in kept] for row in rows]


def stamps_of(cells: list[str]) -> list[tuple[int, bool]]:
    """Return (nanoseconds since 1970 in UTC, has an offset) of each cell."""
    parts = [re.fullmatch(DAY + CLOCK + ZONE, cell.strip()) for cell in cells]
    loose = [re.fullmatch(r"(\d{4})[- ]?[qQ]([1-4])", cell.strip()) for cell in cells]
    if all(loose):
        return [(moment_of(int(q[1]), 3 * int(q[2]) - 2, 1), False) for q in loose if q]
    if not all(parts):
        cell = cells[parts.index(None)]
        raise DisagreementError(f"{cell!r} was accepted as a time")
    orders = [order for order in ("ymd", "mdy", "dmy") if all(fits(p, order) for p in parts)]
    if not orders:
        raise DisagreementError("no order of day, month and year fits")
    readings = [[moment_in(p, order) for p in parts] for order in orders]
    if any(reading != readings[0] for reading in readings):
        raise DisagreementError(f"day and month could be either: {cells[:3]}")
    return readings[0]


def dated(part, order: str) -> tuple[int, int, int] | None:
    """Return year, month and day, if the numbers can be that in this order."""
    first, sign, second, third = part[1], part[2], part[3], part[4]
    if order == "ymd":
        if len(first) != 4:
            return None
        return int(first), int(second or 1), int(third or 1)
    if third is None:  # 12/2024 has none of a day
        return None
    if len(third) != 4 or len(first) > 2 or not sign:
        return None
    day, month = (first, second) if order == "dmy" else (second, first)
    return int(third), int(month), int(day)


def fits(part, order: str) -> bool:
    found = dated(part, order)
    if found is None:
        return False
    try:
        datetime.date(*found)
        return True
    except ValueError:
        return False


def moment_in(part, order: str) -> tuple[int, bool]:
    year, month, day = dated(part, order)  # type: ignore[misc], it fits
    hour, minute, second = (int(part[number] or 0) for number in (5, 6, 7))
    if part[9]:
        hour = hour % 12 + 12 * (part[9].lower() == "pm")
    fraction = int((part[8] or "0").ljust(9, "0"))
    seconds = (hour * 60 + minute) * 60 + second
    zone = part[10]
    if zone and zone not in "zZ":
        hours, _, minutes = zone[1:].partition(":")
        hours, minutes = hours[:2], minutes or hours[2:]
        shift = int(hours) * 3600 + int(minutes or 0) * 60
        seconds -= shift if zone[0] == "+" else -shift
    return moment_of(year, month, day) + seconds * 10**9 + fraction, bool(zone)


def moment_of(year: int, month: int, day: int) -> int:
    return (datetime.datetime(year, month, day) - EPOCH).days * 86_400 * 10**9


def numbers_of(columns: list[list[str]]) -> list[list[float | None]]:
    """Return the columns' values, None where unobserved."""
    bare = [[cell.strip().replace("\u2212", "-") for cell in column] for column in columns]
    shown: list[set[str]] = [
        {str(mark) for mark in map(mark_of, column) if mark in (",", ".")} for column in bare
    ]
    anywhere = {mark for own in shown for mark in own}
    return [column_of(column, own, anywhere) for column, own in zip(bare, shown, strict=True)]


def column_of(column: list[str], own: set[str], anywhere: set[str]) -> list[float | None]:
    seen = [cell for cell in column if cell not in NOTHING]
    words = {"true": 1.0, "false": 0.0}
    if seen and all(cell.lower() in words or cell in "01" for cell in seen):
        return [words[c.lower()] if c.lower() in words else number(c, ".") for c in column]
    if len(own) > 1:
        raise DisagreementError("a column with both decimal marks was accepted")
    mark = next(iter(own), ".")
    kinds = {mark_of(cell) for cell in column}
    if not own and "open," in kinds:
        if anywhere != {","} or "open." in kinds:
            raise DisagreementError("a comma that may be either was accepted")
        mark = ","
    if not own and "open." in kinds and "," in anywhere:
        raise DisagreementError("a point that may be either was accepted")
    return [number(cell, mark) for cell in column]


def mark_of(cell: str) -> str | None:
    """Return the decimal mark a cell shows, "open" with it if it may group digits instead."""
    cell = re.sub(r"^[+-]", "", cell)
    signs = re.sub(r"[^.,]", "", cell)
    if not re.fullmatch(r"[\d.,' \u2019\u00a0\u202f]*\d?[\d.,]*([eE][+-]?\d+)?", cell) or not signs:
        return None
    if len(set(signs)) == 2:
        return signs[-1]
    if len(signs) > 1:
        return {",": ".", ".": ","}[signs[0]]
    before, _, after = cell.partition(signs)
    if re.search(r"[' \u2019\u00a0\u202f]", before) or "e" in after.lower():
        return signs
    maybe = re.fullmatch(r"[1-9]\d{0,2}", before) and re.fullmatch(r"\d{3}", after)
    return f"open{signs}" if maybe else signs


def number(cell: str, mark: str) -> float | None:
    if cell in NOTHING or re.fullmatch(r"(?i)[+-]?(inf|infinity|nan(\(\w*\))?)", cell):
        return None
    other = {",": ".", ".": ","}[mark]
    digits = re.sub(rf"[' \u2019\u00a0\u202f{other}]", "", cell)
    if digits != cell and not re.match(
        rf"[+-]?[1-9]\d{{0,2}}([' \u2019\u00a0\u202f{other}]\d{{3}})+(?!\d)", cell
    ):
        raise DisagreementError(f"{cell!r} was accepted as a number")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", digits.replace(mark, ".")):
        raise DisagreementError(f"{cell!r} was accepted as a number")
    return float(digits.replace(mark, "."))
