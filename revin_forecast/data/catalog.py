"""Where the files of the benchmark data sets lie, and reading them."""

import gzip
import hashlib
import os
from pathlib import Path

from revin_forecast.data.entries import CATALOG, CatalogEntry
from revin_forecast.data.reading import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError, did_you_mean

DATA_VARIABLE = "REVIN_FORECAST_DATA"


def find_entry(name: str) -> CatalogEntry:
    """Return a data set's row.

    Raises:
        InputError: no such name.
    """
    if name in CATALOG:
        return CATALOG[name]
    known = ", ".join(CATALOG)
    raise InputError(f"there is no data set {name!r} among {known}.{did_you_mean(name, CATALOG)}")


def data_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of benchmark data: the one chosen, $REVIN_FORECAST_DATA, or a cache."""
    if folder is not None:
        return Path(folder)
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "revin_forecast"


def shipped_folder() -> Path:
    """Return the folder of the data in this package: installed inside it, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "datasets"
    return installed if installed.is_dir() else package.parent / "datasets"


def locate_file(name: str, folder: str | Path | None = None) -> Path | None:
    """Return the path of a data set's file, plain or gzipped; None where it is not at hand."""
    entry = find_entry(name)
    home = shipped_folder() if entry.is_shipped else data_folder(folder)
    plain = home / entry.file
    for path in (plain, plain.with_name(f"{plain.name}.gz")):
        if path.is_file():
            return path
    return None


def verify_checksum(name: str, folder: str | Path | None = None) -> None:
    """Compare a data set's content with its checksum, where one is known.

    Raises:
        InputError: not at hand, or another content.
    """
    entry, path = find_entry(name), _require_file(name, folder)
    if entry.sha256 is not None and (got := content_sha256(path)) != entry.sha256:
        raise InputError(
            f"{path} is not the file that results are known for: sha256 {got}, wanted "
            f"{entry.sha256}. Get it again with: revin-forecast datasets get {name}"
        )


def load_dataset(name: str, folder: str | Path | None = None) -> Series:
    """Read a data set, rows as they stand in its file, since its split counts those.

    Raises:
        InputError: not at hand, or not of the rows and channels it should have.
    """
    entry = find_entry(name)
    path = _require_file(name, folder)
    series = read_series(path, grid=False, frequency=entry.frequency)
    if series.values.shape != (entry.rows, entry.channels):
        raise InputError(
            f"{path} has {series.values.shape[0]} rows of {series.values.shape[1]} channels; "
            f"{name} has {entry.rows} of {entry.channels}. Is it another version?"
        )
    return series


def content_sha256(path: Path) -> str:
    """Return the sha256 of a file's content, unpacked if it is gzipped."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_file(name: str, folder: str | Path | None) -> Path:
    path = locate_file(name, folder)
    if path is not None:
        return path
    entry = find_entry(name)
    home = data_folder(folder)
    how = (
        f"get it with: revin-forecast datasets get {name} --data-dir {home}"
        if entry.url
        else f"no public address is known; put the file at {home / entry.file}"
    )
    raise InputError(
        f"{name} is not at hand: {home / entry.file}(.gz) is missing. Name another folder with "
        f"--data-dir or ${DATA_VARIABLE}, or {how}"
    )
