"""A second reader of tables, slow and plain, that shares no code with the package's.

It follows the documented rules with the csv module and Python's own float and integers. It reads
only files that the package's reader accepted.
"""

import csv
import datetime
import gzip
import io
import itertools
import re

from revin_forecast.data.series import Series

MISSING = {"", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "#N/A", "None"}
BYTE_ORDER_MARKS = (
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xef\xbb\xbf", "utf-8"),
)
EPOCH = datetime.datetime(1970, 1, 1)
DAY = r"(\d{1,4})(?:([-/.]?)(\d{1,2})(?:\2(\d{1,4}))?)?"
CLOCK = r"(?:[T ] ?(\d{1,2})(?::?(\d{1,2}))?(?::?(\d{1,2})(?:[.,](\d{1,9}))?)?)?"
ZONE = r"(?: ?([AaPp][Mm]))?(Z|z|[+-]\d{1,2}(?::?\d{1,2})?)?"


class DisagreementError(Exception):
    """The two readers disagree about a file."""


def compare_with_reference(data: bytes, series: Series) -> int:
    """Compare a series with its file, read again; return the number of values compared.

    Raises:
        DisagreementError: a name, a timestamp or a value differs.
    """
    header, rows = parse_cells(decode_text(data))
    format = series.format
    number_of = {name: number for number, name in enumerate(header)}
    times = parse_timestamps([row[number_of[str(format.time)]] for row in rows])
    if any(is_aware != (series.timestamps.tz is not None) for _, is_aware in times):
        raise DisagreementError("time zone")
    moments = [moment for moment, _ in times]
    if format.id is None:
        # Constant columns, such as one shop's number, are left out with a note.
        noted = " ".join(note for note in series.notes if "not read" in note)
        names = [name for name in header if name != format.time and repr(name) not in noted]
        columns = parse_columns([[row[number_of[name]] for row in rows] for name in names])
        expected = {
            (moment, name): value
            for name, column in zip(names, columns, strict=True)
            for moment, value in zip(moments, column, strict=True)
        }
        count = len(names) * len(rows)
    else:
        ids = [name_series([row[number_of[name]] for name in format.id_columns]) for row in rows]
        names = list(dict.fromkeys(ids))
        values = parse_columns([[row[number_of[str(format.value)]] for row in rows]])[0]
        expected = dict(zip(zip(moments, ids, strict=True), values, strict=True))
        count = len(rows)
        # A series ends with its last value, unless it has none.
        ends = {name: [m for (m, i), v in expected.items() if i == name] for name in names}
        valued = {
            name: [m for (m, i), v in expected.items() if i == name and v is not None]
            for name in names
        }
        last = [max(valued[name] or ends[name]) for name in names]
        got = series.last_timestamps
        if (to_nanoseconds(got) if got is not None else [max(last)] * len(names)) != last:
            raise DisagreementError("ends of series")
    if tuple(names) != series.names:
        raise DisagreementError(f"names {names} {series.names}")
    if len(expected) != count:
        raise DisagreementError("a repeated time was accepted")
    check_values(series, expected)
    return len(expected)


def name_series(cells: list[str]) -> str:
    """Return the name of a series from its cell in each of its columns."""
    if len(cells) == 1:
        return cells[0]
    return "/".join(cell.replace("\\", r"\\").replace("/", r"\/") for cell in cells)


def check_values(series: Series, expected: dict[tuple[int, str], float | None]) -> None:
    """Raise a DisagreementError unless a series has exactly the expected values."""
    moments = to_nanoseconds(series.timestamps)
    # Rows without a value at the beginning and at the end are left out.
    needed = {moment for (moment, _), value in expected.items() if value is not None}
    if sorted(set(moments)) != moments or not needed <= set(moments):
        raise DisagreementError("timestamps")
    for row, moment in enumerate(moments):
        for channel, name in enumerate(series.names):
            value, got = expected.get((moment, name)), float(series.values[row, channel])
            is_missing = got != got  # NaN
            if (value is None) != is_missing or (value is not None and value != got):
                raise DisagreementError(f"{name} at {series.timestamps[row]}: {got} for {value}")


def to_nanoseconds(stamps) -> list[int]:
    """Return timestamps as nanoseconds since 1970 in UTC."""
    plain = stamps if stamps.tz is None else stamps.tz_convert("UTC").tz_localize(None)
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[plain.unit]
    return [int(moment) * factor for moment in plain.asi8]


def decode_text(data: bytes) -> str:
    """Return the text of a file: unpacked, and decoded by its byte order mark or by trial."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    try:
        return data.decode()
    except UnicodeDecodeError:
        # Words of other alphabets have no ASCII letters.
        is_cyrillic = re.search(rb"[\xc0-\xff]{4}", data) is not None
        return data.decode("cp1251" if is_cyrillic else "cp1252")


def parse_cells(text: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows, without empty rows at the end and empty columns without a name."""
    declared = re.match(r"sep=([,;\t|])\r?\n", text)
    separators = declared[1] if declared else ",;\t|"
    text = text[declared.end() :] if declared else text
    # A title is only looked for if the lines differ in length.
    tables = split_rows(text, separators, False) or split_rows(text, separators, True)
    if len(tables) > 1:  # a separator inside quotes leaves an odd number of them in a name
        whole = [table for table in tables if not any(n.count('"') % 2 for n in table[0])]
        tables = whole or tables
    if len(tables) != 1:
        raise DisagreementError(f"{len(tables)} separators fit")
    header, *rows = tables[0]
    empty = {
        number
        for number, name in enumerate(header)
        if not name.strip() and all(row[number] in MISSING for row in rows)
    }
    numbers = [number for number in range(len(header)) if number not in empty]
    while rows and all(rows[-1][number] in MISSING for number in numbers):
        rows.pop()
    return [header[n] for n in numbers], [[row[n] for n in numbers] for row in rows]


def split_rows(text: str, separators: str, has_title: bool) -> list[list[list[str]]]:
    """Return the rows by each separator that gives equally many cells."""
    tables = []
    for separator in separators:
        source = io.StringIO(text, newline="")
        table = [cells for cells in csv.reader(source, delimiter=separator) if cells]
        while has_title and len(table) > 2 and len(table[0]) == 1 < len(table[1]):
            table.pop(0)
        if len({len(cells) for cells in table}) == 1 and len(table[0]) > 1:
            tables.append(table)
    return tables


def parse_timestamps(cells: list[str]) -> list[tuple[int, bool]]:
    """Return (nanoseconds since 1970 in UTC, has an offset) for each cell."""
    parts = [re.fullmatch(DAY + CLOCK + ZONE, cell.strip()) for cell in cells]
    quarters = [re.fullmatch(r"(\d{4})[- ]?[qQ]([1-4])", cell.strip()) for cell in cells]
    if all(quarters):
        return [(compute_moment(int(q[1]), 3 * int(q[2]) - 2, 1), False) for q in quarters if q]
    if not all(parts):
        cell = cells[parts.index(None)]
        raise DisagreementError(f"{cell!r} was accepted as a time")
    orders = [order for order in ("ymd", "mdy", "dmy") if all(is_date(p, order) for p in parts)]
    if not orders:
        raise DisagreementError("no order of day, month and year fits")
    readings = [[parse_moment(p, order) for p in parts] for order in orders]
    if any(reading != readings[0] for reading in readings):
        readings = [reading for reading in readings if is_regular([m for m, _ in reading])]
    if len(readings) != 1 and any(reading != readings[0] for reading in readings):
        raise DisagreementError(f"day and month could be either: {cells[:3]}")
    if not readings:
        raise DisagreementError(f"no order of day and month gives regular rows: {cells[:3]}")
    return readings[0]


def is_regular(moments: list[int]) -> bool:
    """Return whether moments are the same time apart, or the same number of months."""
    times = [EPOCH + datetime.timedelta(microseconds=m // 1000) for m in sorted(set(moments))]
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    months = [12 * time.year + time.month for time in times]
    month_steps = {later - earlier for earlier, later in itertools.pairwise(months)}
    # The first or the last day of a month: the next day, or this one, begins a month.
    is_calendar = any(
        all((time + datetime.timedelta(days=shift)).day == 1 for time in times) for shift in (0, 1)
    )
    is_weekdays = all(
        later - earlier == datetime.timedelta(days=3 if earlier.weekday() == 4 else 1)
        and later.weekday() < 5
        for earlier, later in itertools.pairwise(times)
    )
    return (
        len(steps) == 1
        or is_weekdays
        or (is_calendar and len(month_steps) == 1 and 0 not in month_steps)
    )


def read_date(part, order: str) -> tuple[int, int, int] | None:
    """Return year, month and day, if the numbers fit this order."""
    first, separator, second, third = part[1], part[2], part[3], part[4]
    if order == "ymd":
        if len(first) != 4:
            return None
        return int(first), int(second or 1), int(third or 1)
    if third is None:  # 12/2024 has no day
        return None
    if len(third) not in (2, 4) or len(first) > 2 or not separator:
        return None
    day, month = (first, second) if order == "dmy" else (second, first)
    year = int(third) + (2000 if len(third) == 2 else 0)
    return year - 100 * (len(third) == 2 and year > 2049), int(month), int(day)


def is_date(part, order: str) -> bool:
    """Return whether the numbers are a date in this order."""
    date = read_date(part, order)
    if date is None:
        return False
    try:
        datetime.date(*date)
        return True
    except ValueError:
        return False


def parse_moment(part, order: str) -> tuple[int, bool]:
    """Return (nanoseconds since 1970 in UTC, has an offset) of a time in this order."""
    year, month, day = read_date(part, order)  # type: ignore[misc], checked by is_date
    hour, minute, second = (int(part[number] or 0) for number in (5, 6, 7))
    if part[9]:
        hour = hour % 12 + 12 * (part[9].lower() == "pm")
    fraction = int((part[8] or "0").ljust(9, "0"))
    seconds = (hour * 60 + minute) * 60 + second
    zone = part[10]
    if zone and zone not in "zZ":
        hours, _, minutes = zone[1:].partition(":")
        hours, minutes = hours[:2], minutes or hours[2:]
        offset = int(hours) * 3600 + int(minutes or 0) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return compute_moment(year, month, day) + seconds * 10**9 + fraction, bool(zone)


def compute_moment(year: int, month: int, day: int) -> int:
    """Return the nanoseconds from 1970 to a day."""
    return (datetime.datetime(year, month, day) - EPOCH).days * 86_400 * 10**9


def parse_columns(columns: list[list[str]]) -> list[list[float | None]]:
    """Return the values of columns, None where unobserved."""
    plain = [[cell.strip().replace("\u2212", "-") for cell in column] for column in columns]
    marks: list[set[str]] = [
        {str(mark) for mark in map(find_decimal_mark, column) if mark in (",", ".")}
        for column in plain
    ]
    table_marks = {mark for column_marks in marks for mark in column_marks}
    return [parse_column(*pair, table_marks) for pair in zip(plain, marks, strict=True)]


def parse_column(
    column: list[str], column_marks: set[str], table_marks: set[str]
) -> list[float | None]:
    """Return the values of a column, given the decimal marks that it and its table show."""
    # One marker, such as -, that is repeated in a column of numbers means that there is no value.
    markers = {cell for cell in column if cell not in MISSING and not re.search(r"\w", cell)}
    column = ["" if len(markers) == 1 and cell in markers else cell for cell in column]
    values = [cell for cell in column if cell not in MISSING]
    words = {"true": 1.0, "false": 0.0}
    if values and all(cell.lower() in words or cell in "01" for cell in values):
        return [words[c.lower()] if c.lower() in words else parse_number(c, ".") for c in column]
    if len(column_marks) > 1:
        raise DisagreementError("a column with both decimal marks was accepted")
    mark = next(iter(column_marks), ".")
    kinds = {find_decimal_mark(cell) for cell in column}
    if not column_marks and "open," in kinds:
        if table_marks != {","} or "open." in kinds:
            raise DisagreementError("a comma that may be either was accepted")
        mark = ","
    if not column_marks and "open." in kinds and "," in table_marks:
        raise DisagreementError("a point that may be either was accepted")
    return [parse_number(cell, mark) for cell in column]


def find_decimal_mark(cell: str) -> str | None:
    """Return the decimal mark of a cell, after "open" if it may group digits instead."""
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
    may_group = re.fullmatch(r"[1-9]\d{0,2}", before) and re.fullmatch(r"\d{3}", after)
    return f"open{signs}" if may_group else signs


def parse_number(cell: str, mark: str) -> float | None:
    """Return the value of a cell with this decimal mark, None if it is missing."""
    if cell in MISSING or re.fullmatch(r"(?i)[+-]?(inf|infinity|nan(\(\w*\))?)", cell):
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
