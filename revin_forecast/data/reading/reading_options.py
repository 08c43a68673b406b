"""`ReadingOptions`: how a table is read; light, because every command line imports it."""

from dataclasses import dataclass
from typing import Literal

DecimalMark = Literal[".", ","]
MissingPolicy = Literal["observed", "interpolate", "error"]
LongGapPolicy = Literal["refuse", "accept"]
Aggregate = Literal["sum", "mean", "last", "min", "max", "median", "count"]
OutlierPolicy = Literal["missing", "keep"]


@dataclass(frozen=True)
class ReadingOptions:
    """How a table is read; each field is an option of the commands that read one.

    The fields are the keyword arguments of `read_series`: `read_series(file, **vars(options))`.
    """

    time: tuple[str, ...] | None = None
    """Name of the time column, or names of several (year month); detected by default."""
    id: tuple[str, ...] | None = None
    """Name of the series column of a long table, or of several columns (--id store product)."""
    value: str | None = None
    """Name of the value column of a long table."""
    target: tuple[str, ...] | None = None
    """Forecast only these series."""
    inputs: tuple[str, ...] | None = None
    """Series used as inputs but not forecast."""
    frequency: str | None = None
    """Time step between rows, as a pandas frequency (h, D, W-SAT, MS); detected by default."""
    missing: MissingPolicy = "observed"
    """Treatment of gaps: the model uses observed values only (observed), gaps are filled by linear
    interpolation (interpolate), or the first gap is an error (error)."""
    long_gaps: LongGapPolicy = "refuse"
    """Treatment of a few rows at either end that are far from all others: a message, since a
    mistyped date is likely (refuse), or a gap like any other (accept)."""
    resample: str | None = None
    """Put irregular rows or transactions on steps of this pandas frequency (h, D, W-MON, MS), each
    of which is named by its start."""
    aggregate: Aggregate | None = None
    """Value of a step with several rows, with --resample: their sum (amounts), mean (levels), last,
    min, max or median value, or their count."""
    outliers: OutlierPolicy = "missing"
    """Treatment of values that are so far beyond all others of their series that they are mistakes,
    such as 9999 or 1e12 among values near 100: they are missing values (missing) or values like any
    other (keep). Tables larger than memory are read as they are."""
    decimal: DecimalMark | None = None
    """Decimal mark of the numbers; detected by default."""
    time_form: str | None = None
    """Form of the times: a format such as %d.%m.%y, or a name such as 'day first' or 'seconds since
    1970'; detected by default."""
    format: str | None = None
    """YAML file that says how the table is written, for a table that can't be read unaided (see
    `revin-forecast inspect`)."""

    encoding: str | None = None
    """Encoding of a text file, such as cp1252 or cp932; detected by default."""
    skip_rows: int | None = None
    """Number of lines (in a sheet: rows) above the names of the columns; detected by default."""

    @property
    def allows_memory_map(self) -> bool:
        """Whether a few rows at a time suffice; gaps, decimal marks and steps need all rows.

        Encoding and lines above the names are of text, which is not read a few rows at a time.
        """
        is_text = self.encoding is not None or self.skip_rows is not None
        needs_all = self.missing != "observed" or self.decimal is not None
        return not (needs_all or is_text or self.resample is not None)
