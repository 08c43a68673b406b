"""One fitted model for each group of a long table: each region, each category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from revin_forecast.data.reading.numbers import DecimalMark, parse_numbers
from revin_forecast.data.reading.raw_table import RawTable, read_table
from revin_forecast.data.reading.read_series import LONG_FORMAT, TableLike, read_series
from revin_forecast.data.reading.timestamps import TIME_NAMES, find_time_column, parse_timestamps
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.parallel import Engine
from revin_forecast.parallel.inline import InlineEngine

MAX_REASONS = 3
"""Groups whose reasons a message tells."""


@runtime_checkable
class SupportsFit(Protocol):
    """What fits a table and forecasts it: a `Forecaster`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments that make another one like it."""
        ...

    def fit(self, table: Any) -> Any:
        """Fit on a table; return itself."""
        ...


def forecast_groups(
    forecaster: SupportsFit,
    table: TableLike,
    group: str,
    *,
    level: Sequence[float] = (),
    engine: Engine | None = None,
    read_options: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Fit a forecaster to each group of a long table and forecast it.

    Groups share nothing: each may have a rhythm, an end and names of series of its own.

    Args:
        forecaster: made anew for each group from its parameters; it stays as it is.
        table: a long table with a further column.
        group: the name of that column; the series column itself gives each series a model.
        level: intervals wanted, in percent.
        engine: who does the groups; None: this process. The results are the same.
        read_options: what else `read_series` takes: time, id, value, decimal, frequency, missing.

    Returns:
        The groups' forecasts one below the other, in order of appearance, the group's column first.

    Raises:
        InputError: the table can't be used, or groups of it can't be forecast; the first of them
            are named with their reasons.
    """
    parts = split_groups(table, group, **(read_options or {}))
    tasks = [_GroupTask(forecaster, part, tuple(level)) for part in parts]
    results = (engine or InlineEngine()).map(_forecast_or_reason, tasks)
    forecasts, told = [], []
    for part, result in zip(parts, results, strict=True):
        if isinstance(result, str):
            told.append(f"{part.label!r}: {result}")
        else:
            forecasts.append(_with_group_column(result, group, part.label))
    if told:
        more = [f"and {len(told) - MAX_REASONS} more"] if len(told) > MAX_REASONS else []
        raise InputError(
            f"{len(told)} of {len(parts)} groups of column {group!r} can't be forecast, so none "
            f"is. {'; '.join([*told[:MAX_REASONS], *more])}"
        )
    return pd.concat(forecasts, ignore_index=True)


@dataclass(frozen=True, eq=False)
class Group:
    """The rows of one group."""

    label: Any
    """What stands in the group's column."""
    frame: pd.DataFrame
    """Long: text, time stamps and numbers."""
    read_options: Mapping[str, Any] = field(default_factory=dict)
    """How `read_series` reads it."""

    def read(self) -> Series:
        """Read the group as if it were a table of its own."""
        return read_series(self.frame, **self.read_options)


def split_groups(
    source: TableLike,
    group: str,
    *,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    decimal: DecimalMark | None = None,
    **read_options: Any,
) -> list[Group]:
    """Part a long table by a column, in order of appearance.

    Args:
        source: a path or a frame; not a `Series`, which has no further column.
        group: the column.
        time: the time column; None: found.
        id: the series column; None: unique_id.
        value: the value column; None: y.
        decimal: the mark before the decimals; None: told by the numbers.
        reading: what else `read_series` takes.

    Raises:
        InputError: a column is missing, a cell can't be read, or a row stands there twice.
    """
    if isinstance(source, Series):
        raise InputError("a Series has no column of groups; pass the table that it was read from.")
    indices = [name for name in (time, id, group, LONG_FORMAT.id, *TIME_NAMES) if name is not None]
    table = read_table(source, indices)
    id, value = id or str(LONG_FORMAT.id), value or str(LONG_FORMAT.value)
    for name, option in ((group, "--group"), (id, "--id"), (value, "--value")):
        table.require_column(name, option)
    usual = LONG_FORMAT.time if LONG_FORMAT.time in table.names else None
    time = find_time_column(table, time or usual, (group, id, value))
    if group in (time, value):
        raise InputError(f"--group {group} is the column of times or values; name another one.")
    frame = pd.DataFrame(
        {
            id: _name_column(table, id),
            time: parse_timestamps(table, time),
            value: parse_numbers(table, [value], decimal)[:, 0],
        }
    )
    labels = frame[id] if group == id else _name_column(table, group)
    _check_unique_rows(table, frame.assign(**{"\0": labels}).drop(columns=value))
    codes, found = pd.factorize(labels)
    order, ends = np.argsort(codes, kind="stable"), np.bincount(codes).cumsum()
    read_options = {**read_options, "time": time, "id": id, "value": value}
    return [
        Group(label, frame.iloc[rows], read_options)
        for label, rows in zip(found, np.split(order, ends[:-1]), strict=True)
    ]


def _name_column(table: RawTable, name: str) -> pd.Series:
    """Return a column of names, letter by letter."""
    labels = table.text_column(name).reset_index(drop=True)
    empty = np.flatnonzero(labels.isna() | (labels == ""))
    if len(empty):
        raise InputError(
            f"{table.describe_position(int(empty[0]))}: column {name!r} is empty; give it a name."
        )
    return labels


def _check_unique_rows(table: RawTable, keys: pd.DataFrame) -> None:
    repeated = np.flatnonzero(keys.duplicated())
    if len(repeated):
        row = int(repeated[0])
        name, stamp = keys.iloc[row, :2]
        raise InputError(
            f"{table.describe_position(row)}: {stamp} of series {str(name)!r} stands there a second time in "
            "its group. Keep one row for each series and time."
        )


@dataclass(frozen=True, eq=False)
class _GroupTask:
    forecaster: Any
    group: Group
    level: tuple[float, ...]


def _forecast_or_reason(task: _GroupTask) -> pd.DataFrame | str:
    """Return the forecast of a group, or why there is none."""
    fresh = type(task.forecaster)(**task.forecaster.get_params(deep=False))
    try:
        fitted = fresh.fit(task.group.read())
        return fitted.predict(level=task.level) if task.level else fitted.predict()
    except InputError as error:
        return str(error)


def _with_group_column(forecast: pd.DataFrame, group: str, label: Any) -> pd.DataFrame:
    if group not in forecast:
        forecast.insert(0, group, label)
    return forecast
