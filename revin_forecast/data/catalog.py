"""The benchmark data sets: one row each, and where their files lie."""

import difflib
import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from revin_forecast.data.reading import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError

DATA_VARIABLE = "REVIN_FORECAST_DATA"
_ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small"
_ETT_LICENCE = "CC BY-ND 4.0: no modified copies"


@dataclass(frozen=True)
class Borders:
    """End rows of training, validation and test; each part starts where the one before ends."""

    train: int
    validation: int
    test: int


def chronological_borders(rows: int) -> Borders:
    """Split 7:1:2 as the Time-Series-Library does: validation is what rounding leaves."""
    return Borders(int(0.7 * rows), rows - int(0.2 * rows), rows)


@dataclass(frozen=True)
class CatalogEntry:
    """A benchmark data set."""

    name: str
    file: str
    """Path in the data folder, as the Time-Series-Library lays it out; .csv or .csv.gz."""
    rows: int
    channels: int
    frequency: str
    season: int
    licence: str
    sha256: str | None = None
    """Of the uncompressed content; None: not known."""
    url: str | None = None
    """Public address of the CSV; None: none is known."""
    fixed_borders: Borders | None = None
    shipped: bool = False
    """Inside this package."""

    @property
    def borders(self) -> Borders:
        """The standard split."""
        return self.fixed_borders or chronological_borders(self.rows)


# Twelve, four and four months of 30 days; what follows is not used.
_HOURLY = Borders(8640, 11520, 14400)
_QUARTER_HOURLY = Borders(34560, 46080, 57600)

_ENTRIES = [
    CatalogEntry(
        "etth1",
        "ETT-small/ETTh1.csv",
        17420,
        7,
        "h",
        24,
        _ETT_LICENCE,
        "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        f"{_ETT}/ETTh1.csv",
        _HOURLY,
    ),
    CatalogEntry(
        "etth2",
        "ETT-small/ETTh2.csv",
        17420,
        7,
        "h",
        24,
        _ETT_LICENCE,
        "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
        f"{_ETT}/ETTh2.csv",
        _HOURLY,
    ),
    CatalogEntry(
        "ettm1",
        "ETT-small/ETTm1.csv",
        69680,
        7,
        "15min",
        96,
        _ETT_LICENCE,
        "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e",
        f"{_ETT}/ETTm1.csv",
        _QUARTER_HOURLY,
    ),
    CatalogEntry(
        "ettm2",
        "ETT-small/ETTm2.csv",
        69680,
        7,
        "15min",
        96,
        _ETT_LICENCE,
        "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd",
        f"{_ETT}/ETTm2.csv",
        _QUARTER_HOURLY,
    ),
    CatalogEntry(
        "weather",
        "weather/weather.csv",
        52696,
        21,
        "10min",
        144,
        "none stated",
        "34ee981d07313e51da2a50bb600072c8ae4a69cb4b0651f4cb93a069d7a2ba63",
    ),
    CatalogEntry(
        # Trading days under the dates of consecutive ones: a week has five.
        "exchange",
        "exchange_rate/exchange_rate.csv",
        7588,
        8,
        "D",
        5,
        "none stated",
        "faf47a24641c1bd9aed59c63e3ef1e76f4d156f188a2749538399b076f1494ca",
    ),
    CatalogEntry(
        "ili",
        "illness/national_illness.csv",
        966,
        7,
        "W-TUE",
        52,
        "none stated; work of a US federal agency",
        "8594cecb98c6f2f9dc014eca11c4d5d1e38ad5ce6ed0592d4abe65b146fce395",
    ),
    CatalogEntry("ecl", "electricity/electricity.csv", 26304, 321, "h", 24, "CC BY 4.0"),
    CatalogEntry("traffic", "traffic/traffic.csv", 17544, 862, "h", 24, "CC BY 4.0"),
    CatalogEntry(
        "co2",
        "co2_weekly.csv",
        2284,
        1,
        "W-SAT",
        52,
        "public domain",
        "2737f74222cf1fb702d41058927d2b8d2a34778d519bfa6b1dea2f1b47c234f4",
        shipped=True,
    ),
    CatalogEntry(
        "stocks",
        "stocks_daily.csv",
        3270,
        3,
        "B",
        5,
        "public domain",
        "4550d65d3ea533833b57fc1945e4e2a0e0444fd27bb70d595bfb51892ca18e98",
        shipped=True,
    ),
    CatalogEntry(
        "us_macro",
        "us_macro_quarterly.csv",
        203,
        12,
        "QS-JAN",
        4,
        "public domain",
        "efb39d9340c86415e19157c961398420e1b22752d92a4ce8a522d4eb5dea62bf",
        shipped=True,
    ),
]
CATALOG = {entry.name: entry for entry in _ENTRIES}


def find(name: str) -> CatalogEntry:
    """Return a data set's row.

    Raises:
        InputError: no such name.
    """
    if name in CATALOG:
        return CATALOG[name]
    close = difflib.get_close_matches(name.lower(), CATALOG, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    raise InputError(f"there is no data set {name!r} among {', '.join(CATALOG)}.{guess}")


def data_folder(chosen: str | Path | None = None) -> Path:
    """Return the folder of benchmark data: the one chosen, $REVIN_FORECAST_DATA, or a cache."""
    if chosen is not None:
        return Path(chosen)
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "revin_forecast"


def shipped_folder() -> Path:
    """Return the folder of the data in this package: installed inside it, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "datasets"
    return installed if installed.is_dir() else package.parent / "datasets"


def locate(name: str, folder: str | Path | None = None) -> Path | None:
    """Return the path of a data set's file, plain or gzipped; None where it is not at hand."""
    entry = find(name)
    home = shipped_folder() if entry.shipped else data_folder(folder)
    plain = home / entry.file
    for path in (plain, plain.with_name(f"{plain.name}.gz")):
        if path.is_file():
            return path
    return None


def verify(name: str, folder: str | Path | None = None) -> None:
    """Compare a data set's content with its checksum, where one is known.

    Raises:
        InputError: not at hand, or another content.
    """
    entry, path = find(name), _required(name, folder)
    if entry.sha256 is not None and (got := content_sha256(path)) != entry.sha256:
        raise InputError(
            f"{path} is not the file that results are known for: sha256 {got}, wanted "
            f"{entry.sha256}. Get it again with: revin-forecast datasets get {name}"
        )


def load(name: str, folder: str | Path | None = None) -> Series:
    """Read a data set, rows as they stand in its file, since its split counts those.

    Raises:
        InputError: not at hand, or not of the rows and channels it should have.
    """
    entry = find(name)
    path = _required(name, folder)
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


def _required(name: str, folder: str | Path | None) -> Path:
    path = locate(name, folder)
    if path is not None:
        return path
    entry = find(name)
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
