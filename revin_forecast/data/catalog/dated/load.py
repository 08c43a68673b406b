"""Read the data of a dated shift and split it at its date."""

import bz2
import gzip
import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.catalog.catalog import (
    DATA_VARIABLE,
    SplitBorders,
    data_folder,
    shipped_folder,
)
from revin_forecast.data.catalog.dated.dated_shift import (
    DatedShift,
    DatedSource,
    find_dated_shift,
)
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError, format_install_command

EXTRA = "shift-data"
HELD_BACK_SHARE = 0.2
"""Share of the rows before the test part that select the model; of a control's, its test part."""


@dataclass(frozen=True, eq=False)
class DatedSeries:
    """The rows of a dated shift and their split."""

    shift: DatedShift
    series: Series
    """Its rows end where the test part ends."""
    borders: SplitBorders
    """The test part begins with the row that contains the date; a control's ends before it."""


def load_dated_shift(name: str, folder: str | Path | None = None) -> DatedSeries:
    """Read a dated shift: training and validation end before its date, the test begins at it.

    Args:
        name: name in the catalogue of dated shifts.
        folder: the data folder; by default $REVIN_FORECAST_DATA, or a cache.

    Raises:
        InputError: unknown name, missing file or package, or other content than the catalogue's.
    """
    shift = find_dated_shift(name)
    table = _read_rows(shift, _read_table(shift.source, folder))
    table = table.loc[slice(shift.since, None)]
    if shift.until is not None:
        table = table.loc[table.index < shift.until]
    # A row is dated by the start of its period, so the last one up to the date contains it.
    test = int(table.index.searchsorted(shift.date, side="right")) - 1
    if shift.is_control:
        table, test = table.iloc[:test], test - round(HELD_BACK_SHARE * test)
    train = test - round(HELD_BACK_SHARE * test)
    series = Series(
        table.to_numpy(np.float64),
        pd.DatetimeIndex(table.index),
        shift.columns,
        frequency=shift.source.frequency,
    )
    return DatedSeries(shift, series, SplitBorders(train, test, len(table)))


def locate_source(source: DatedSource, folder: str | Path | None = None) -> Path | None:
    """Return the path of a source's file; None if its package or the file is missing."""
    if source.package is not None:
        # Found without importing the package, which may be slow and is not needed.
        spec = find_spec(source.package)
        home = Path(spec.origin).parent.parent if spec is not None and spec.origin else None
    else:
        home = shipped_folder() if source.is_shipped else data_folder(folder)
    if home is None:
        return None
    plain = home / source.file
    return next((path for path in (plain, Path(f"{plain}.gz")) if path.is_file()), None)


def _read_table(source: DatedSource, folder: str | Path | None) -> pd.DataFrame:
    path = locate_source(source, folder)
    if path is None:
        raise InputError(_describe_missing(source, folder))
    return _parse_once(source, path, path.stat().st_mtime_ns).copy(deep=False)


def _describe_missing(source: DatedSource, folder: str | Path | None) -> str:
    if source.package is not None:
        return (
            f"{source.name} needs the file {source.file} of the Python package {source.package}, "
            f"which is not installed. Install it with: {format_install_command(EXTRA)}"
        )
    path = data_folder(folder) / source.file
    return (
        f"{source.name} is not available: {path}(.gz) is missing. Name another folder with "
        f"--data-dir or ${DATA_VARIABLE}."
    )


@lru_cache(maxsize=8)
def _parse_once(source: DatedSource, path: Path, changed: int) -> pd.DataFrame:
    openers = {".gz": gzip.open, ".bz2": bz2.open}
    with openers.get(path.suffix, open)(path, "rb") as file:
        content = file.read()
    got = hashlib.sha256(content).hexdigest()
    if got != source.sha256:
        install = f"Install the tested version with: {format_install_command(EXTRA)}"
        remedy = install if source.package else "Replace the file."
        raise InputError(
            f"{path} is not the file of the catalogue: sha256 {got}, wanted {source.sha256}. "
            f"{remedy}"
        )
    return pd.read_csv(io.BytesIO(content))


def _read_rows(shift: DatedShift, table: pd.DataFrame) -> pd.DataFrame:
    """Return a shift's columns, indexed by the start of each row's period."""
    source = shift.source
    for column, cell in (*source.where, *shift.where):
        table = table.loc[(table[column] == cell).to_numpy()]
    if source.layout == "months":
        values = table.iloc[:, 1:].to_numpy(np.float64).ravel()
        table = pd.DataFrame({shift.columns[0]: values})
    if source.series is not None:
        table = table.pivot(index=list(source.time), columns=source.series, values=source.value)
        table = table.reset_index()
    index = parse_times(source, table)
    # A dot, as in files of FRED, and text of other kinds are unobserved.
    columns = {name: pd.to_numeric(table[name], errors="coerce") for name in shift.columns}
    table = pd.DataFrame(columns).set_axis(index).sort_index(kind="stable")
    # Channels of one file may begin later: the rows before all have begun teach nothing.
    return table.loc[table.notna().all(axis=1).idxmax() :]


def parse_times(source: DatedSource, table: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the start of each row's period."""
    if not source.time:
        return pd.date_range(source.start, periods=len(table), freq=source.frequency)
    text = table[source.time[0]].astype(str)
    if source.form == "quarter":
        return pd.PeriodIndex(text.str.replace(" ", ""), freq="Q").to_timestamp()
    if source.form is not None and source.form.endswith("%u"):
        text = text + " 1"  # a week begins on Monday
    times = pd.DatetimeIndex(pd.to_datetime(text, format=source.form))
    if source.zone is not None:
        # Local time without its zone: an hour is repeated in autumn, and rows keep their order.
        times = times.tz_localize("UTC").tz_convert(source.zone).tz_localize(None)
    return times
