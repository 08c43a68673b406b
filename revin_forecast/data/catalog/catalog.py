"""The benchmark data sets: locations of their files, standard splits, checksums and reading."""

import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError, did_you_mean

_ETT_URL = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small"


@dataclass(frozen=True)
class SplitBorders:
    """End rows (exclusive) of training, validation and test, which follow each other."""

    train: int
    validation: int
    test: int


def split_7_1_2(rows: int) -> SplitBorders:
    """Split 7:1:2 as the Time-Series-Library does: validation gets the rows that remain."""
    return SplitBorders(int(0.7 * rows), rows - int(0.2 * rows), rows)


@dataclass(frozen=True)
class CatalogEntry:
    """A benchmark data set."""

    name: str
    file: str
    """Path in the data folder, as in the Time-Series-Library; .csv or .csv.gz."""
    rows: int
    channels: int
    frequency: str
    season: int
    licence: str
    sha256: str | None = None
    """Checksum of the uncompressed content; None: unknown."""
    url: str | None = None
    """Public address of the CSV; None: unknown."""
    fixed_borders: SplitBorders | None = None
    is_shipped: bool = False
    """Whether the file is part of this package."""

    @property
    def borders(self) -> SplitBorders:
        """The standard split."""
        return self.fixed_borders or split_7_1_2(self.rows)


# Twelve, four and four months of 30 days, the split of the Informer paper (Zhou et al., AAAI 2021);
# later rows are not used.
_HOURLY_BORDERS = SplitBorders(8640, 11520, 14400)
_QUARTER_HOURLY_BORDERS = SplitBorders(34560, 46080, 57600)


def _make_ett_entry(name: str, frequency: str, season: int, sha256: str) -> CatalogEntry:
    """Return an electricity transformer data set; its file is named like the data set."""
    file = f"ETT{name[3:]}.csv"
    is_hourly = frequency == "h"
    return CatalogEntry(
        name,
        f"ETT-small/{file}",
        17420 if is_hourly else 69680,
        7,
        frequency,
        season,
        "CC BY-ND 4.0: no modified copies",
        sha256,
        f"{_ETT_URL}/{file}",
        _HOURLY_BORDERS if is_hourly else _QUARTER_HOURLY_BORDERS,
    )


def _make_entry(
    name: str,
    file: str,
    size: tuple[int, int],
    step: tuple[str, int],
    licence: str,
    sha256: str | None = None,
) -> CatalogEntry:
    """Return a data set that is split 7:1:2; those in the public domain are shipped."""
    is_shipped = licence == "public domain"
    return CatalogEntry(name, file, *size, *step, licence, sha256, is_shipped=is_shipped)


# Only files in the public domain are shipped; an unclear licence counts as none.
_CDC_LICENCE = "none stated; work of a US federal agency"
_ENTRIES = [
    _make_ett_entry(
        "etth1", "h", 24, "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
    ),
    _make_ett_entry(
        "etth2", "h", 24, "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b"
    ),
    _make_ett_entry(
        "ettm1", "15min", 96, "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e"
    ),
    _make_ett_entry(
        "ettm2", "15min", 96, "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd"
    ),
    _make_entry(
        "weather",
        "weather/weather.csv",
        (52696, 21),
        ("10min", 144),
        "none stated",
        "34ee981d07313e51da2a50bb600072c8ae4a69cb4b0651f4cb93a069d7a2ba63",
    ),
    # The file dates its trading days as consecutive days, so a week has five rows.
    _make_entry(
        "exchange",
        "exchange_rate/exchange_rate.csv",
        (7588, 8),
        ("D", 5),
        "none stated",
        "faf47a24641c1bd9aed59c63e3ef1e76f4d156f188a2749538399b076f1494ca",
    ),
    _make_entry(
        "ili",
        "illness/national_illness.csv",
        (966, 7),
        ("W-TUE", 52),
        _CDC_LICENCE,
        "8594cecb98c6f2f9dc014eca11c4d5d1e38ad5ce6ed0592d4abe65b146fce395",
    ),
    _make_entry("ecl", "electricity/electricity.csv", (26304, 321), ("h", 24), "CC BY 4.0"),
    _make_entry("traffic", "traffic/traffic.csv", (17544, 862), ("h", 24), "CC BY 4.0"),
    _make_entry(
        "co2",
        "co2_weekly.csv",
        (2284, 1),
        ("W-SAT", 52),
        "public domain",
        "2737f74222cf1fb702d41058927d2b8d2a34778d519bfa6b1dea2f1b47c234f4",
    ),
    _make_entry(
        "stocks",
        "stocks_daily.csv",
        (3270, 3),
        ("B", 5),
        "public domain",
        "4550d65d3ea533833b57fc1945e4e2a0e0444fd27bb70d595bfb51892ca18e98",
    ),
    _make_entry(
        "us_macro",
        "us_macro_quarterly.csv",
        (203, 12),
        ("QS-JAN", 4),
        "public domain",
        "efb39d9340c86415e19157c961398420e1b22752d92a4ce8a522d4eb5dea62bf",
    ),
]
CATALOG = {entry.name: entry for entry in _ENTRIES}
DATA_VARIABLE = "REVIN_FORECAST_DATA"


def find_entry(name: str) -> CatalogEntry:
    """Return a data set's entry in the catalog.

    Raises:
        InputError: there is no data set of this name.
    """
    if name in CATALOG:
        return CATALOG[name]
    known = ", ".join(CATALOG)
    raise InputError(f"there is no data set {name!r} among {known}.{did_you_mean(name, CATALOG)}")


def data_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of benchmark data: `folder`, $REVIN_FORECAST_DATA, or a cache."""
    if folder is not None:
        return Path(folder)
    variable = os.environ.get(DATA_VARIABLE)
    return Path(variable) if variable else Path.home() / ".cache" / "revin_forecast"


def shipped_folder() -> Path:
    """Return the folder of the shipped data sets, in the installed package or in a checkout."""
    # In a checkout the data sets are next to the package; the wheel puts them inside it.
    package = Path(__file__).resolve().parents[2]
    installed = package / "datasets"
    return installed if installed.is_dir() else package.parent / "datasets"


def locate_file(name: str, folder: str | Path | None = None) -> Path | None:
    """Return the path of a data set's file, plain or gzipped; None if there is no such file."""
    entry = find_entry(name)
    # Shipped files come from the package alone, so another data folder can't replace them.
    home = shipped_folder() if entry.is_shipped else data_folder(folder)
    plain = home / entry.file
    for path in (plain, plain.with_name(f"{plain.name}.gz")):
        if path.is_file():
            return path
    return None


def verify_checksum(name: str, folder: str | Path | None = None) -> None:
    """Verify the checksum of a data set's content, if one is known.

    Raises:
        InputError: the file is missing, or has another checksum.
    """
    entry, path = find_entry(name), _require_file(name, folder)
    if entry.sha256 is not None and (got := compute_content_sha256(path)) != entry.sha256:
        raise InputError(
            f"{path} is not the file of the published results: sha256 {got}, wanted "
            f"{entry.sha256}. Download it again with: revin-forecast datasets get {name}"
        )


def load_dataset(name: str, folder: str | Path | None = None) -> Series:
    """Read a data set with the rows of its file, which its standard split counts.

    Raises:
        InputError: the file is missing, or has other rows or channels than the catalog says.
    """
    entry = find_entry(name)
    path = _require_file(name, folder)
    # Without a grid: the standard split counts the rows of the file.
    # Values as they are: results are compared with others on the same data, -9999 included.
    series = read_series(path, grid=False, frequency=entry.frequency, outliers="keep")
    if series.values.shape != (entry.rows, entry.channels):
        raise InputError(
            f"{path} has {series.values.shape[0]} rows of {series.values.shape[1]} channels; "
            f"{name} has {entry.rows} of {entry.channels}. Is it another version?"
        )
    return series


def compute_content_sha256(path: Path) -> str:
    """Return the sha256 of a file's content; that of the decompressed content if it is gzipped."""
    # Not of the file itself: the same content compresses to different bytes.
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_file(name: str, folder: str | Path | None) -> Path:
    path = locate_file(name, folder)
    if path is not None:
        return path
    entry = find_entry(name)
    home = data_folder(folder)
    remedy = (
        f"download it with: revin-forecast datasets get {name} --data-dir {home}"
        if entry.url
        else f"no public address is known; put the file at {home / entry.file}"
    )
    raise InputError(
        f"{name} is not available: {home / entry.file}(.gz) is missing. Name another folder with "
        f"--data-dir or ${DATA_VARIABLE}, or {remedy}"
    )
