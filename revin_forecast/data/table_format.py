"""`TableFormat`: how a table is written, as it was inspected or as it is given by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from revin_forecast.data.check_format import CHARACTERS, check_fields
from revin_forecast.data.formatting import format_columns, format_names
from revin_forecast.data.reading.reading_options import Aggregate, DecimalMark
from revin_forecast.data.step_words import describe_frequency
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.utils.files import atomic_write

SEPARATOR_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", " ": "space"}


@dataclass(frozen=True)
class TableFormat:
    """The properties of a table that are needed to read it, and to write its forecast alike.

    `inspect_table` fills in all fields that apply. By hand only those need to be given that a table
    leaves open; the others are detected.

    Raises:
        InputError: a field has a value that it can't have, or two fields contradict each other.

    >>> print(TableFormat(separator=";", time="day", time_form="%d.%m.%Y", decimal=","))
    columns separated by semicolons
    times in column 'day', in the form %d.%m.%Y
    decimal mark ','
    """

    encoding: str | None = None
    """Encoding of a text file, such as utf-8, cp1252 or utf-16."""
    separator: str | None = None
    """Character between the cells of a text file."""
    header: int | None = None
    """Line of a text file that names the columns; the lines above it are skipped."""
    time: str | Sequence[str] | None = None
    """Name of the time column, or names of several: the year and the month, the date and the hour.
    A `time` of several names is a tuple, of one a text."""
    time_form: str | None = None
    """Form of the times: "ISO 8601", "day first", "month first", "quarters" (2024Q1), a format of
    strftime (%d.%m.%Y), "seconds since 1970" (also milliseconds, microseconds, nanoseconds) or
    "days since 1899-12-30" (spreadsheets); see `time_forms`. Several columns have one form each,
    separated by a bar: "%Y | %m". None: the column holds timestamps, or the form is detected."""
    zone: str | None = None
    """Time zone of the times (UTC, Europe/Berlin, UTC+02:00); None: that of the cells, if any."""
    layout: Literal["wide", "long"] | None = None
    """wide: one column for each series; long: one row for each series and time."""
    id: str | Sequence[str] | None = None
    """Name of the series column of a long table, or the names of several that name a series
    together (store, product)."""
    value: str | None = None
    """Name of the value column of a long table."""
    decimal: DecimalMark | Mapping[str, DecimalMark] | None = None
    """Decimal mark of the numbers, or of the numbers by column if they differ."""
    frequency: str | None = None
    """Pandas frequency string of the rows (h, D, W-SAT, MS)."""
    resample: str | None = None
    """Pandas frequency string of the steps that irregular rows are put on."""
    aggregate: Aggregate | None = None
    """Value of a step with several rows: sum, mean, last, min, max, median or count."""

    def __post_init__(self):
        check_fields(vars(self))
        separator = CHARACTERS.get(self.separator or "", self.separator)
        object.__setattr__(self, "separator", separator)  # the dataclass is frozen
        if self.time is not None and not isinstance(self.time, str):
            first, *others = self.time
            object.__setattr__(self, "time", (first, *others) if others else first)
        if self.id is not None:
            # One form of each content, so that formats can be compared and hashed.
            columns = self.id_columns
            object.__setattr__(self, "id", columns[0] if len(columns) == 1 else columns)

    @property
    def time_columns(self) -> tuple[str, ...]:
        """Names of the time columns, of which most tables have one."""
        if self.time is None:
            return ()
        return (self.time,) if isinstance(self.time, str) else tuple(self.time)

    @property
    def time_name(self) -> str:
        """Name of the column of timestamps in a frame: that of the table, or "date" for several."""
        return self.time if isinstance(self.time, str) else "date"

    @property
    def id_columns(self) -> tuple[str, ...]:
        """Names of the series columns of a long table; empty for a wide one."""
        if self.id is None:
            return ()
        return (self.id,) if isinstance(self.id, str) else tuple(self.id)

    @property
    def is_long(self) -> bool:
        """Whether the table has one row for each series and time."""
        return self.id is not None or self.layout == "long"

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "TableFormat":
        """Return the format with these fields.

        Raises:
            InputError: a field is unknown, or can't be used.
        """
        names = [field.name for field in fields(cls)]
        for name in content:
            if name not in names:
                raise InputError(
                    f"a table format has no field {name!r} but {format_names(names, len(names))}."
                    f"{did_you_mean(str(name), names)} Correct the name, or leave it out."
                )
        # Checked before the call, since a file may hold values of any type.
        check_fields(dict.fromkeys(names) | dict(content))
        return cls(**content)

    @classmethod
    def load(cls, path: str | Path) -> "TableFormat":
        """Read a format from a YAML file, as `save` writes it.

        Raises:
            InputError: the file can't be read, or says something that can't be used.
        """
        import yaml  # for the few calls with a file

        try:
            content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(
                f"there is no format file {str(path)!r}. Write one by hand, or with: "
                f"revin-forecast inspect TABLE --out {path}"
            ) from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} is not a format file: {reason}. Write lines such as separator: ';'."
            ) from error
        if not isinstance(content, dict):
            raise InputError(
                f"{path} holds {content!r:.60} but a format is a list of fields. Write lines such "
                "as separator: ';'."
            )
        try:
            return cls.from_dict(content)
        except InputError as error:
            raise InputError(f"{path}: {error.message}") from None

    def save(self, path: str | Path) -> None:
        """Write the format as a YAML file, which `load` and the option --format read."""
        with atomic_write(Path(path)) as partial:
            partial.write_text(self.to_yaml(), encoding="utf-8")

    def to_yaml(self) -> str:
        """Return the known fields as YAML."""
        import yaml

        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the known fields as plain values."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        if isinstance(self.decimal, Mapping):
            known["decimal"] = dict(self.decimal)
        if len(self.time_columns) > 1:
            known["time"] = list(self.time_columns)
        if not isinstance(self.id, str | None):
            known["id"] = list(self.id)
        return known

    def __str__(self) -> str:
        """Return the known fields in words, in one line for each subject."""
        lines = [", ".join(self._describe_text()), self._describe_times(), self._describe_layout()]
        if isinstance(self.decimal, Mapping):
            marks = (f"{mark!r} in {name!r}" for name, mark in self.decimal.items())
            lines.append(f"decimal mark {', '.join(marks)}")
        elif self.decimal is not None:
            lines.append(f"decimal mark {self.decimal!r}")
        if self.frequency is not None:
            lines.append(f"step {self.frequency} ({describe_frequency(self.frequency)})")
        if self.resample is not None:
            each = "" if self.aggregate is None else f", the {self.aggregate} of each"
            lines.append(f"rows resampled to steps of {self.resample}{each}")
        return "\n".join(filter(None, lines))

    def _describe_text(self) -> list[str]:
        parts = [] if self.encoding is None else [f"text in {self.encoding}"]
        if self.separator is not None:
            parts.append(f"columns separated by {_name_separator(self.separator)}")
        return parts if self.header is None else [*parts, f"names on line {self.header}"]

    def _describe_times(self) -> str:
        if self.time is None:
            return ""
        form = "" if self.time_form is None else f", in the form {self.time_form}"
        zone = "" if self.zone is None else f", in the time zone {self.zone}"
        is_one = isinstance(self.time, str)
        columns = f"column {self.time!r}" if is_one else f"columns {format_names(self.time)}"
        return f"times in {columns}{form}{zone}"

    def _describe_layout(self) -> str:
        if self.is_long:
            series = format_columns(self.id_columns)
            return f"long: series in {series}, values in column {self.value!r}"
        return "wide: one column for each series" if self.layout == "wide" else ""


def load_format(format: "TableFormat | str | Path | None") -> TableFormat:
    """Return a format that is given as such, as the path of a file, or not at all."""
    if format is None:
        return UNKNOWN_FORMAT
    return format if isinstance(format, TableFormat) else TableFormat.load(format)


def suggest_format(*lines: str) -> str:
    """Return the remedy by a format file with one of these lines.

    >>> suggest_format('separator: ","', 'separator: ";"')
    '--format FILE, where FILE says separator: "," or separator: ";"'
    """
    return f"--format FILE, where FILE says {' or '.join(lines)}"


def _name_separator(separator: str) -> str:
    name = SEPARATOR_NAMES.get(separator)
    return repr(separator) if name is None else f"{name}s"


UNKNOWN_FORMAT = TableFormat()
"""Format of which everything is detected."""
WIDE_FORMAT = TableFormat(time="date")
"""Format of the forecast of a series that was not read from a table."""
