"""`read_series`: tables of every supported kind and layout as a `Series`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from revin_forecast.data.check_format import FieldError
from revin_forecast.data.formatting import format_names
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.inspect_table import inspect_columns
from revin_forecast.data.reading.parse_table import fill_gaps, parse_table
from revin_forecast.data.reading.raw_table import read_table
from revin_forecast.data.reading.reading_options import (
    Aggregate,
    DecimalMark,
    LongGapPolicy,
    MissingPolicy,
    OutlierPolicy,
)
from revin_forecast.data.reading.rows.total_rows import drop_total_rows
from revin_forecast.data.reading.to_table import TableLike, to_table
from revin_forecast.data.reading.values.hide_outliers import SeenValues
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import UNKNOWN_FORMAT, TableFormat, load_format
from revin_forecast.errors import InputError
from revin_forecast.utils.arguments import check_choice, check_names

STEADY_FIELDS = ("time", "id", "value", "resample", "aggregate")
"""Fields of a format that later tables of the same kind share."""


def read_series(
    source: TableLike,
    *,
    time: str | Sequence[str] | None = None,
    id: str | Sequence[str] | None = None,
    value: str | None = None,
    columns: Sequence[str] | None = None,
    frequency: str | None = None,
    grid: bool = True,
    target: Sequence[str] | None = None,
    inputs: Sequence[str] | None = None,
    missing: MissingPolicy = "observed",
    long_gaps: LongGapPolicy = "refuse",
    resample: str | None = None,
    aggregate: Aggregate | None = None,
    outliers: OutlierPolicy = "missing",
    decimal: DecimalMark | None = None,
    time_form: str | None = None,
    format: TableFormat | str | Path | None = None,
    encoding: str | None = None,
    skip_rows: int | None = None,
    like: TableFormat | None = None,
    range_settings: RangeSettings | None = None,
    seen: SeenValues | None = None,
) -> Series:
    """Read a table of one or more series.

    A wide table has a time column and one column per series. A long table has one row per series
    and time, in columns `unique_id`, `ds` and `y` or those named. Values are the nearest float64
    (whole numbers beyond 2**53 are rounded); empty cells, NaN and infinities are unobserved, True
    and False are 1 and 0. Rows are sorted by time.

    Args:
        source: a path (.csv, .tsv, .txt separated by comma, semicolon, tab or bar; Parquet; Arrow
            and Feather; JSON lines or an array of records; Excel, `file.xlsx::Sheet`; SQLite,
            `file.db::table`; also .gz), "-" for the same on standard input, a data frame of pandas,
            Polars or Arrow (times in a column or in its index), or a Series, which is read already:
            only `columns`, `target`, `inputs`, `missing` and `range_settings` apply to it.
        time: the time column, or several (year and month, date and hour); None: columns with usual
            names, else a column that can be parsed.
        id: the series column of a long table, or several columns that name a series together; its
            name has their cells with a slash between them (S1/apples), where a slash or backslash
            within a cell is preceded by a backslash.
        value: the value column of a long table.
        columns: series to read, in this order; None: all.
        frequency: pandas frequency string of the rows; None: detect it.
        grid: put the rows on a full regular grid, with absent rows unobserved. False keeps the
            rows as they are, including repeated timestamps, and does not detect a frequency.
        target: series to forecast; only these and the inputs are read. None: all of `columns`; the
            automatic choice then leaves columns of 0 and 1 out, see `find_binary_columns`.
        inputs: series that are used but not forecast.
        missing: treatment of gaps. "observed" leaves them unobserved; "interpolate" fills them
            linearly in time, except before the first and after the last value; "error" rejects
            the first one. A series of a long table begins and ends with its own rows.
        long_gaps: treatment of up to three rows at either end that are far from all others:
            "refuse" rejects them, since a mistyped date is likely; "accept" leaves a gap.
        resample: pandas frequency string of steps (h, D, W-MON, MS) on which irregular rows or
            transactions are put. A step is named by its start; W is weeks from Monday to Sunday. A
            step without a row is 0 for a sum or count, and unobserved for others.
        aggregate: value of a step with several rows: "sum", "mean", "last", "min", "max", "median"
            or "count". Sums and counts leave out a first or last step that the rows do not fill.
        outliers: treatment of values that are so far beyond all others of their series that they
            are mistakes: a number such as 1e12 among values near 100, or one that programs write
            for a missing value, such as -9999. "missing" treats them as unobserved and says so in
            `Series.notes`; "keep" keeps them. A new level, which lasts for four rows or more, is
            kept. See `find_outliers` for the rule.
        decimal: the decimal mark; None: detect it.
        time_form: the form of the times, see `TableFormat.time_form`; None: detect it.
        format: how the table is written, as such or as the path of a YAML file: the remedy for a
            table that can't be read unaided. Fields that neither it nor the options above give are
            detected.
        encoding: encoding of a text file; None: detect it.
        skip_rows: number of lines of a text file, or of rows of a sheet, above the names of the
            columns; None: find the names.
        like: format of an earlier table of the same kind. It names the columns, and decides where
            this table is ambiguous (order of day and month, decimal mark, separator, encoding).
        range_settings: the values that a forecast may take; None: at least 0 if all values are, and
            whole numbers if all are.
        seen: values of earlier rows, by which outliers are found as well.

    Raises:
        InputError: the table can't be read; the message has the position, the problem and the fix.
    """
    check_policies(missing, long_gaps, outliers)
    names = resolve_requested_series(columns, target, inputs)
    source = to_table(source)
    if isinstance(source, Series):
        if resample or aggregate:
            raise InputError(
                "a Series has regular steps already; pass the table that it was read from to "
                "resample, or leave --resample and --aggregate out."
            )
        series = source if names is None else mark_targets(source.select(names))
        series = series if inputs is None else mark_inputs(series, inputs)
        return _add_range(fill_gaps(series, missing), range_settings)
    options = {
        "time": time,
        "id": id,
        "value": value,
        "decimal": decimal,
        "frequency": frequency,
        "time_form": time_form,
        "resample": resample,
        "aggregate": aggregate,
        "encoding": encoding,
        "skip_rows": skip_rows,
    }
    given = complete_format(load_format(format), like, options)
    if given.aggregate is not None and given.resample is None:
        raise InputError(
            f"--aggregate {given.aggregate} needs the step whose rows are combined, too; pass "
            "--resample (h, D, W, MS, ...), or leave --aggregate out."
        )
    like = like or UNKNOWN_FORMAT
    table = drop_total_rows(read_table(source, given, like))
    inspected = inspect_columns(table, given, like, names)
    parsed = parse_table(
        table, inspected, names, grid, missing, long_gaps, inputs or (), outliers, seen
    )
    parsed = parsed if names is None else mark_targets(parsed)
    parsed = parsed if inputs is None else mark_inputs(parsed, inputs)
    return _add_range(parsed, range_settings)


def _add_range(series: Series, settings: RangeSettings | None) -> Series:
    """Return the series with range settings; None: those that it has."""
    return series if settings is None else replace(series, range_settings=settings)


def check_policies(missing: Any, long_gaps: Any, outliers: Any) -> None:
    """Reject unknown treatments, which would otherwise be those by default without a word.

    Raises:
        InputError: a treatment is unknown.
    """
    check_choice("missing", missing, get_args(MissingPolicy))
    check_choice("long_gaps", long_gaps, get_args(LongGapPolicy))
    check_choice("outliers", outliers, get_args(OutlierPolicy))


def complete_format(
    format: TableFormat, like: TableFormat | None, options: Mapping[str, Any]
) -> TableFormat:
    """Return the known part of a table's format.

    Args:
        format: the format that was given.
        like: format of an earlier table, which names the columns and the steps.
        options: fields that were given as options, which have precedence; and `skip_rows`.

    Raises:
        InputError: `skip_rows` is negative, or contradicts the format.
    """
    known = {name: value for name, value in options.items() if value is not None}
    if "skip_rows" in known:
        known["header"] = _to_header(int(known.pop("skip_rows")), format.header)
    if like is not None:
        columns = {name: getattr(like, name) for name in STEADY_FIELDS}
        known = columns | format.to_dict() | known
    try:
        return replace(format, **known)
    except FieldError as error:
        if options.get(error.name) is None:
            raise
        raise InputError(error.describe_option()) from None


def _to_header(skip_rows: int, header: int | None) -> int:
    """Return the line of the names below this number of lines."""
    if skip_rows < 0:
        raise InputError(f"--skip-rows is {skip_rows}; pass the number of lines above the names.")
    if header not in (None, skip_rows + 1):
        raise InputError(
            f"--skip-rows {skip_rows} means that line {skip_rows + 1} names the columns, but the "
            f"format says header: {header}. Leave one of them out."
        )
    return skip_rows + 1


def resolve_requested_series(
    columns: Sequence[str] | None, target: Sequence[str] | None, inputs: Sequence[str] | None
) -> list[str] | None:
    """Return the series to read; None: all.

    Raises:
        InputError: the options contradict each other.
    """
    for role, listed in (("columns", columns), ("target", target), ("inputs", inputs)):
        check_names(role, listed)
    if columns is not None and target is not None:
        raise InputError(
            "columns and target both name the series to forecast; pass target, and inputs "
            "for series that are used but not forecast."
        )
    overlap = [name for name in target or () if name in (inputs or ())]
    if overlap:
        raise InputError(
            f"{format_names(overlap)} can't be both targets and inputs; name each in --target or "
            "in --inputs."
        )
    targets = columns if target is None else target
    # Targets first, and each series once.
    return None if targets is None else list(dict.fromkeys([*targets, *(inputs or ())]))


def mark_targets(series: Series) -> Series:
    """Mark that the user named the series to forecast."""
    return replace(series, has_named_targets=True)


def mark_inputs(series: Series, inputs: Sequence[str]) -> Series:
    """Mark some channels as used but not forecast.

    Raises:
        InputError: an input does not exist, or no series is left to forecast.
    """
    series.select(inputs)  # raises for unknown names
    marked = replace(series, inputs=tuple(name for name in series.names if name in inputs))
    if not marked.targets:
        raise InputError(
            f"all series are inputs ({format_names(inputs)}); none is left to forecast."
        )
    return marked
