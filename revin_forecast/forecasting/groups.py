"""Fit one model for each group of a long table, such as a region or a category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.data.key_names import join_key
from revin_forecast.data.reading.inspect_table import inspect_columns
from revin_forecast.data.reading.raw_table import RawTable, read_table
from revin_forecast.data.reading.read_series import (
    TableLike,
    check_policies,
    complete_format,
    read_series,
)
from revin_forecast.data.reading.reading_options import DecimalMark, OutlierPolicy
from revin_forecast.data.reading.rows.total_rows import drop_total_rows
from revin_forecast.data.reading.times.timestamps import parse_timestamps
from revin_forecast.data.reading.to_table import to_table
from revin_forecast.data.reading.values.hide_outliers import hide_cell_outliers
from revin_forecast.data.reading.values.numbers import parse_numbers
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import UNKNOWN_FORMAT, TableFormat, load_format
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecast_summary import ForecastSummary, predict_with_summary
from revin_forecast.forecasting.supports_fit import SupportsFit
from revin_forecast.utils.parallel import Engine
from revin_forecast.utils.parallel.inline import InlineEngine

MAX_REASONS = 3
"""Most groups whose reasons an error message names."""


@dataclass(frozen=True, eq=False)
class Group:
    """The rows of one group."""

    label: Any
    """Value of the group column."""
    frame: pd.DataFrame
    """Rows in long format: names, timestamps and numbers."""
    read_options: Mapping[str, Any] = field(default_factory=dict)
    """Options for `read_series`."""
    format: TableFormat = UNKNOWN_FORMAT
    """Format of the table, whose form of times a forecast repeats."""
    table_notes: tuple[str, ...] = ()
    """Sentences on everything that reading the whole table changed or left out."""

    def read(self) -> Series:
        """Read the group as a table of its own."""
        series = read_series(self.frame, **self.read_options)
        form, names = self.format.time_form, self.format.time
        # Rows are counted within the group.
        own = (note.replace("the table,", f"group {self.label!r},", 1) for note in series.notes)
        form_of_table = replace(series.format, time=names, time_form=form)
        return replace(series, format=form_of_table, notes=(*self.table_notes, *own))


@dataclass(frozen=True, eq=False)
class GroupForecast:
    """The forecast of one group."""

    label: Any
    """Value of the group column."""
    table: pd.DataFrame
    """The forecast, without the group column."""
    summary: ForecastSummary | None
    """Its summary; None for a forecaster of another class."""
    notes: tuple[str, ...]
    """Notes on the reading of the whole table and of the group, see `Series.notes`."""
    format: TableFormat
    """Format of the whole table, for writing the forecast alike."""


def forecast_groups(
    forecaster: SupportsFit,
    table: TableLike,
    group: str,
    *,
    level: Sequence[float] = (),
    engine: Engine | None = None,
    read_options: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Fit a forecaster to each group of a long table and forecast the group.

    Groups are independent: each may have its own step, last timestamp and series names.

    Args:
        forecaster: a new one with the same parameters is fitted to each group; this one does not
            change.
        table: a long table with a group column.
        group: name of the group column; with the series column, each series gets its own model.
        level: interval levels in percent.
        engine: runs the groups; None: this process. The results are the same.
        read_options: further options of `read_series`: time, id, value, decimal, frequency,
            missing, outliers.

    Returns:
        The forecasts of all groups in order of appearance, with the group column first. If the
        reading changed something, `attrs["notes"]` says what.

    Raises:
        InputError: the table can't be used, or some groups can't be forecast; the message gives
            the reasons of the first ones.
    """
    return join_group_forecasts(
        group,
        forecast_each_group(
            forecaster, table, group, level=level, engine=engine, read_options=read_options
        ),
    )


def join_group_forecasts(group: str, forecasts: Sequence[GroupForecast]) -> pd.DataFrame:
    """Return the forecasts of all groups as one table, with the group column first."""
    parts = [_add_group_column(part.table, group, part.label) for part in forecasts]
    table = pd.concat(parts, ignore_index=True)
    notes = collect_notes(forecasts)
    if notes:
        table.attrs["notes"] = notes
    return table


def collect_notes(forecasts: Sequence[GroupForecast]) -> list[str]:
    """Return the notes on the reading of all groups, each once."""
    return list(dict.fromkeys(note for part in forecasts for note in part.notes))


def forecast_each_group(
    forecaster: SupportsFit,
    table: TableLike,
    group: str,
    *,
    level: Sequence[float] = (),
    engine: Engine | None = None,
    read_options: Mapping[str, Any] | None = None,
) -> list[GroupForecast]:
    """Return the forecast of each group; see `forecast_groups`."""
    groups = split_groups(table, group, **(read_options or {}))
    tasks = [_GroupTask(forecaster, part, tuple(level)) for part in groups]
    results = (engine or InlineEngine()).map(_forecast_or_explain, tasks)
    forecasts, reasons = [], []
    for part, result in zip(groups, results, strict=True):
        if isinstance(result, str):
            reasons.append(f"{part.label!r}: {result}")
        else:
            forecasts.append(result)
    if reasons:
        more = [f"and {len(reasons) - MAX_REASONS} more"] if len(reasons) > MAX_REASONS else []
        raise InputError(
            f"{len(reasons)} of {len(groups)} groups of column {group!r} can't be forecast, so "
            f"nothing was. {'; '.join([*reasons[:MAX_REASONS], *more])}"
        )
    return forecasts


def split_groups(
    source: TableLike,
    group: str,
    *,
    time: str | Sequence[str] | None = None,
    id: str | Sequence[str] | None = None,
    value: str | None = None,
    decimal: DecimalMark | None = None,
    time_form: str | None = None,
    format: TableFormat | str | Path | None = None,
    encoding: str | None = None,
    skip_rows: int | None = None,
    outliers: OutlierPolicy = "missing",
    **read_options: Any,
) -> list[Group]:
    """Split a long table by a column, in order of appearance.

    Args:
        source: a path or a frame; not a `Series`, which has no group column.
        group: name of the group column.
        time: name of the time column, or names of several; None: detected.
        id: name of the series column, or of several; None: unique_id, or detected.
        value: name of the value column; None: y, or detected.
        decimal: decimal mark; None: detected from the numbers.
        time_form: form of the times, see `TableFormat.time_form`; None: detected.
        format: how the table is written, see `read_series`.
        encoding: encoding of a text file; None: detected.
        skip_rows: number of lines above the names of the columns; None: detected.
        outliers: treatment of values far beyond all others of their series, see `read_series`.
        read_options: further options of `read_series`.

    Raises:
        InputError: a column is missing, a cell can't be read, or a row is repeated.
    """
    plain = to_table(source)
    if isinstance(plain, Series):
        raise InputError("a Series has no column of groups; pass the table that it was read from.")
    check_policies("observed", "refuse", outliers)
    options = {"time": time, "id": id, "value": value, "decimal": decimal}
    options |= {"time_form": time_form, "encoding": encoding, "skip_rows": skip_rows}
    given = complete_format(load_format(format), None, options | {"layout": "long"})
    table = drop_total_rows(read_table(plain, given, text_columns=[group]))
    named = [("--group", group), *(("--id", name) for name in given.id_columns)]
    for option, name in [*named, *(("--value", name) for name in [given.value] if name)]:
        table.require_column(name, option)
    resample = read_options.pop("resample", None) or given.resample
    inspected = inspect_columns(table, replace(given, resample=resample), group=group)
    time, value = inspected.time_name, str(inspected.value)
    if group in (*inspected.time_columns, value):
        raise InputError(f"--group {group} is the column of times or values; name another one.")
    # Numbers and timestamps are parsed once for the whole table, not group by group: the decimal
    # mark and the date format must be the same in all groups, and errors name lines of the file.
    frame = pd.DataFrame(
        {
            **{name: _read_name_column(table, name) for name in inspected.id_columns},
            time: parse_timestamps(table, inspected),
            value: parse_numbers(table, [value], inspected.decimal)[:, 0],
        }
    )
    labels = frame[group] if group in frame else _read_name_column(table, group)
    # "\0" clashes with no column read from a file: files with a zero byte are refused.
    if resample is None:
        _check_unique_rows(table, frame.assign(**{"\0": labels}).drop(columns=value), inspected)
    if outliers == "missing":
        # Here, where rows have lines: a group is a frame of its own.
        names = pd.DataFrame(
            {group: labels, **{name: frame[name] for name in inspected.id_columns}}
        )
        keys = names.groupby(list(names), sort=False).ngroup().to_numpy()
        titles = [", ".join(map(str, row)) for row in names.drop_duplicates().to_numpy()]
        order = np.argsort(pd.DatetimeIndex(frame[time]).asi8, kind="stable")
        cells = frame[[value]].to_numpy()[order]
        frame.loc[order, value] = hide_cell_outliers(table, cells, order, keys[order], titles)[:, 0]
    codes, unique_labels = pd.factorize(labels)
    order, ends = np.argsort(codes, kind="stable"), np.bincount(codes).cumsum()
    # The frame of a group holds timestamps and numbers, whatever the form of the table's cells.
    columns = {"time": time, "id": inspected.id_columns, "value": value}
    frequency = read_options.pop("frequency", None) or inspected.frequency
    read_options = {**read_options, **columns, "frequency": frequency, "resample": resample}
    read_options |= {"outliers": "keep"}
    read_options.setdefault("aggregate", given.aggregate)
    return [
        Group(label, frame.iloc[rows], read_options, inspected, tuple(table.notes))
        for label, rows in zip(unique_labels, np.split(order, ends[:-1]), strict=True)
    ]


def _read_name_column(table: RawTable, name: str) -> pd.Series:
    """Return a column of names as the text of its cells, such as "007"."""
    labels = table.text_column(name).reset_index(drop=True)
    empty = np.flatnonzero(labels.isna() | (labels == ""))
    if len(empty):
        raise InputError(
            f"{table.describe_position(int(empty[0]))}: column {name!r} is empty; give it a name."
        )
    return labels


def _check_unique_rows(table: RawTable, keys: pd.DataFrame, format: TableFormat) -> None:
    repeated = np.flatnonzero(keys.duplicated())
    if len(repeated):
        row = int(repeated[0])
        name = join_key([str(keys[column].iloc[row]) for column in format.id_columns])
        stamp = keys[str(format.time)].iloc[row]
        raise InputError(
            f"{table.describe_position(row)}: {stamp} of series {name!r} appears a second "
            "time in its group. Keep one row for each series and time."
        )


@dataclass(frozen=True, eq=False)
class _GroupTask:
    forecaster: Any
    group: Group
    level: tuple[float, ...]


def _forecast_or_explain(task: _GroupTask) -> GroupForecast | str:
    """Return the forecast of a group, or the reason why it can't be forecast."""
    # Text, not the exception: one failing group must not stop the others, and it may come from
    # another process.
    new_forecaster = type(task.forecaster)(**task.forecaster.get_params(deep=False))
    label, format = task.group.label, task.group.format
    try:
        series = task.group.read()
        forecaster = new_forecaster.fit(series)
        if isinstance(getattr(forecaster, "fitted", None), FittedModel):
            table, summary = predict_with_summary(forecaster.fitted, series, level=task.level)
            return GroupForecast(label, table, summary, series.notes, format)
        table = forecaster.predict(level=task.level) if task.level else forecaster.predict()
        return GroupForecast(label, table, None, series.notes, format)
    except InputError as error:
        return error.message


def _add_group_column(forecast: pd.DataFrame, group: str, label: Any) -> pd.DataFrame:
    if group not in forecast:
        forecast.insert(0, group, label)
    return forecast
