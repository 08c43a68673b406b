"""The catalogue of dated shifts: their sources, dates, causes, references and licences."""

from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from revin_forecast.errors import InputError, did_you_mean

CONTROL_SUFFIX = "_before"
CATALOGUE = Path(__file__).with_name("shifts.yaml")
# (season, look-back, horizon) in steps. A horizon is one natural cycle (four quarters, half a year
# of months, a quarter of weeks, a week of days, a day of hours), so that horizons of all
# frequencies mean the same to a planner; a look-back is three or more of them, short enough for
# the forty to a hundred rows that many series have before their date.
_SIZES = {
    "YS": (1, 8, 2),
    "QS": (4, 12, 4),
    "MS": (12, 24, 6),
    "W": (52, 26, 13),
    "D": (7, 28, 7),
    "B": (5, 20, 5),
    "h": (24, 168, 24),
    "30min": (48, 96, 24),
}


@dataclass(frozen=True)
class DatedSource:
    """A file with one or more dated shifts."""

    name: str
    """Name of the family: shifts of one file are not independent evidence."""
    file: str
    """Path below the installed packages, or below the data folder; .gz and .bz2 are unpacked."""
    sha256: str
    """Checksum of the uncompressed content."""
    frequency: str
    """Pandas frequency of the rows."""
    origin: str
    """Content of the file and its source."""
    licence: str
    caution: str
    """Uses that the data do not permit."""
    package: str | None = None
    """Installed package that holds the file; None: the data folder."""
    is_shipped: bool = False
    """Whether the file is part of this package."""
    time: tuple[str, ...] = ()
    """Column of the time; empty: rows follow each other from `start` on."""
    form: str | None = None
    """Form of the times for strptime, or "quarter" for 2000 Q1."""
    zone: str | None = None
    """Time zone that times in UTC are converted to."""
    start: str | None = None
    """Time of the first row of a file without times."""
    layout: str | None = None
    """"months": a row holds the twelve months of a year."""
    series: str | None = None
    """Column with the names of the series of a long table."""
    value: str | None = None
    """Column with the values of a long table."""
    where: tuple[tuple[str, str], ...] = ()
    """(column, cell) of the rows to keep."""

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Season, look-back and horizon in steps."""
        return _SIZES[self.frequency.split("-")[0]]

    @property
    def location(self) -> str:
        """Where the file is: an installed package, this package, or the data folder."""
        if self.is_shipped:
            return "shipped"
        return f"package {self.package}" if self.package else "data folder"


@dataclass(frozen=True)
class DatedShift:
    """Columns of a file, split at the date on which something happened."""

    name: str
    source: DatedSource
    columns: tuple[str, ...]
    date: pd.Timestamp
    """Day of the event; the row that contains it is the first of the test part."""
    cause: str
    reference: str
    """Documentation of the event: author and year."""
    since: pd.Timestamp | None = None
    """Begin of the rows used, where the file is longer than a model needs; None: its first row."""
    until: pd.Timestamp | None = None
    """End of the test part (exclusive), before another event; None: the end of the file."""
    where: tuple[tuple[str, str], ...] = ()
    """(column, cell) of the rows to keep, in addition to the source's."""
    is_control: bool = False
    """Whether the test part is the last fifth of the rows before the date: nothing happened."""

    @property
    def family(self) -> str:
        """Name of the family: all shifts of one file."""
        return self.source.name

    @property
    def season(self) -> int:
        """Steps of one season; 1 without a season."""
        return self.source.sizes[0]

    @property
    def lookback(self) -> int:
        """Suggested look-back in steps."""
        return self.source.sizes[1]

    @property
    def horizon(self) -> int:
        """Suggested horizon in steps."""
        return self.source.sizes[2]


@cache
def read_dated_shifts() -> dict[str, DatedShift]:
    """Return the catalogue of dated shifts by name.

    Each has a control of the name with "_before", made of the rows before the date only.
    """
    content = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    sources = {
        name: DatedSource(name, **_freeze_fields(DatedSource, entry))
        for name, entry in content["sources"].items()
    }
    shifts = {name: _parse_shift(name, entry, sources) for name, entry in content["shifts"].items()}
    controls = [
        replace(shift, name=f"{name}{CONTROL_SUFFIX}", is_control=True)
        for name, shift in shifts.items()
    ]
    return shifts | {control.name: control for control in controls}


def list_dated_shifts() -> list[DatedShift]:
    """Return the dated shifts without their controls."""
    return [shift for shift in read_dated_shifts().values() if not shift.is_control]


def find_family(dataset: str) -> str:
    """Return the family of a dated shift; any other data set is its own family."""
    shift = read_dated_shifts().get(dataset)
    return dataset if shift is None else shift.family


def find_dated_shift(name: str) -> DatedShift:
    """Return a dated shift.

    Raises:
        InputError: there is no dated shift of this name.
    """
    shifts = read_dated_shifts()
    if name in shifts:
        return shifts[name]
    known = ", ".join(shift.name for shift in list_dated_shifts())
    raise InputError(f"there is no dated shift {name!r} among {known}.{did_you_mean(name, shifts)}")


def _parse_shift(name: str, entry: dict[str, Any], sources: dict[str, DatedSource]) -> DatedShift:
    values = _freeze_fields(DatedShift, entry)
    for key in ("since", "date", "until"):
        if key in values:
            values[key] = pd.Timestamp(values[key])
    return DatedShift(name, sources[values.pop("source")], **values)


def _freeze_fields(kind: type, entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry's fields with tuples for lists and mappings, and text for dates."""
    unknown = set(entry) - {field.name for field in fields(kind)}
    assert not unknown, f"{CATALOGUE.name}: {kind.__name__} has no {unknown}"
    values = dict(entry)
    for key, value in entry.items():
        if isinstance(value, list):
            values[key] = tuple(value)
        elif isinstance(value, dict):
            values[key] = tuple(value.items())
        elif key == "start":
            values[key] = str(value)
    return values
