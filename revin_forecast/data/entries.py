"""The table of benchmark data sets: one row each."""

from dataclasses import dataclass

_ETT_URL = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small"


@dataclass(frozen=True)
class SplitBorders:
    """End rows of training, validation and test; each part starts where the one before ends."""

    train: int
    validation: int
    test: int


def split_7_1_2(rows: int) -> SplitBorders:
    """Split 7:1:2 as the Time-Series-Library does: validation is what rounding leaves."""
    return SplitBorders(int(0.7 * rows), rows - int(0.2 * rows), rows)


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
    fixed_borders: SplitBorders | None = None
    is_shipped: bool = False
    """Inside this package."""

    @property
    def borders(self) -> SplitBorders:
        """The standard split."""
        return self.fixed_borders or split_7_1_2(self.rows)


# Twelve, four and four months of 30 days; what follows is not used.
_HOURLY_BORDERS = SplitBorders(8640, 11520, 14400)
_QUARTER_HOURLY_BORDERS = SplitBorders(34560, 46080, 57600)


def _ett_entry(name: str, frequency: str, season: int, sha256: str) -> CatalogEntry:
    """An electricity transformer set: its file is named like the set."""
    file = f"ETT{name[3:]}.csv"
    hourly = frequency == "h"
    return CatalogEntry(
        name,
        f"ETT-small/{file}",
        17420 if hourly else 69680,
        7,
        frequency,
        season,
        "CC BY-ND 4.0: no modified copies",
        sha256,
        f"{_ETT_URL}/{file}",
        _HOURLY_BORDERS if hourly else _QUARTER_HOURLY_BORDERS,
    )


def _dataset_entry(
    name: str,
    file: str,
    size: tuple[int, int],
    step: tuple[str, int],
    licence: str,
    sha256: str | None = None,
) -> CatalogEntry:
    """A set split 7:1:2; those in the public domain are shipped."""
    shipped = licence == "public domain"
    return CatalogEntry(name, file, *size, *step, licence, sha256, is_shipped=shipped)


_CDC_LICENCE = "none stated; work of a US federal agency"
_ENTRIES = [
    _ett_entry("etth1", "h", 24, "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"),
    _ett_entry("etth2", "h", 24, "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b"),
    _ett_entry("ettm1", "15min", 96, "6ce1759b1a18e3328421d5d75fadcb316c449fcd7cec32820c8dafda71986c9e"),
    _ett_entry("ettm2", "15min", 96, "db973ca252c6410a30d0469b13d696cf919648d0f3fd588c60f03fdbdbadd1fd"),
    _dataset_entry(
        "weather",
        "weather/weather.csv",
        (52696, 21),
        ("10min", 144),
        "none stated",
        "34ee981d07313e51da2a50bb600072c8ae4a69cb4b0651f4cb93a069d7a2ba63",
    ),
    # Trading days under the dates of consecutive ones: a week has five.
    _dataset_entry(
        "exchange",
        "exchange_rate/exchange_rate.csv",
        (7588, 8),
        ("D", 5),
        "none stated",
        "faf47a24641c1bd9aed59c63e3ef1e76f4d156f188a2749538399b076f1494ca",
    ),
    _dataset_entry(
        "ili",
        "illness/national_illness.csv",
        (966, 7),
        ("W-TUE", 52),
        _CDC_LICENCE,
        "8594cecb98c6f2f9dc014eca11c4d5d1e38ad5ce6ed0592d4abe65b146fce395",
    ),
    _dataset_entry("ecl", "electricity/electricity.csv", (26304, 321), ("h", 24), "CC BY 4.0"),
    _dataset_entry("traffic", "traffic/traffic.csv", (17544, 862), ("h", 24), "CC BY 4.0"),
    _dataset_entry(
        "co2",
        "co2_weekly.csv",
        (2284, 1),
        ("W-SAT", 52),
        "public domain",
        "2737f74222cf1fb702d41058927d2b8d2a34778d519bfa6b1dea2f1b47c234f4",
    ),
    _dataset_entry(
        "stocks",
        "stocks_daily.csv",
        (3270, 3),
        ("B", 5),
        "public domain",
        "4550d65d3ea533833b57fc1945e4e2a0e0444fd27bb70d595bfb51892ca18e98",
    ),
    _dataset_entry(
        "us_macro",
        "us_macro_quarterly.csv",
        (203, 12),
        ("QS-JAN", 4),
        "public domain",
        "efb39d9340c86415e19157c961398420e1b22752d92a4ce8a522d4eb5dea62bf",
    ),
]
CATALOG = {entry.name: entry for entry in _ENTRIES}
