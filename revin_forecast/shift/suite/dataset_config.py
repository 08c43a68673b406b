"""A data set of a benchmark suite, before it is read."""

from dataclasses import dataclass

from revin_forecast.data.reading.reading_options import Aggregate, LongGapPolicy
from revin_forecast.errors import InputError
from revin_forecast.shift.processes import PROCESSES, LevelDependent, Process
from revin_forecast.utils.arguments import check_count

LEVEL_DEPENDENT = "level_dependent"
"""Name of the data set whose severities are part of the data."""


@dataclass(frozen=True)
class DatasetConfig:
    """A data set of a suite: from the catalogue, synthetic, or from a file."""

    name: str
    """Name in the catalogue, of a synthetic process, or a new name for a file."""
    file: str | None = None
    """Table: CSV, Excel, Parquet, ...; None: from the catalogue, or synthetic."""
    season: int | None = None
    """Steps of one season; None: the catalogue's, or derived from the file's frequency."""
    columns: tuple[str, ...] = ()
    """Columns to use; empty: all."""
    severity: int = 0
    """Severity of data that are themselves shifted, in training and test: level_dependent."""
    time: str | tuple[str, ...] | None = None
    """Name of the table's time column, or names of several; None: detected."""
    id: str | tuple[str, ...] | None = None
    """Name of the series column of a long table, or of several columns."""
    value: str | None = None
    """Name of the value column of a long table."""
    frequency: str | None = None
    """Time between the table's rows; None: detected."""
    time_form: str | None = None
    """Form of the times, such as %d.%m.%y; None: detected."""
    format: str | None = None
    """YAML file that says how the table is written; None: detected."""
    long_gaps: LongGapPolicy = "refuse"
    """Treatment of a few rows at either end that are far from all others."""
    resample: str | None = None
    """Steps that irregular rows are put on; None: the rows have regular steps."""
    aggregate: Aggregate | None = None
    """Value of a step with several rows."""
    encoding: str | None = None
    """Encoding of a text file; None: detected."""
    skip_rows: int | None = None
    """Number of lines above the names of the columns; None: detected."""
    lookback: int | None = None
    """Look-back of this data set; None: the suite's, or the dated shift's own."""
    horizon: int | None = None
    """Horizon of this data set; None: the suite's, or the dated shift's own."""
    process: Process | None = None
    """Synthetic process with parameters of its own; None: that of the name, or no process."""

    def __post_init__(self):
        if not self.name.strip():
            raise InputError("each data set needs a name, which tables show, but one is empty.")
        for name in ("season", "lookback", "horizon"):
            if getattr(self, name) is not None:
                check_count(f"{name} of {self.name}", getattr(self, name))
        if self.process is not None and self.file is not None:
            raise InputError(
                f"the data set {self.name!r} has a file and a process; leave one of them out."
            )
        if self.process is not None:
            # Tables treat level-dependent data apart, and know them by their name.
            is_level_dependent = isinstance(self.process, LevelDependent)
            if is_level_dependent != (self.name == LEVEL_DEPENDENT):
                raise InputError(
                    f"{LEVEL_DEPENDENT} is the name of data of the process of that name, and of no "
                    f"others, but got {self.name!r} with the process "
                    f"{type(self.process).__name__}. Change the name."
                )

    @property
    def known_process(self) -> Process | None:
        """The synthetic process that the data are from; None: real data."""
        if self.file is not None:
            return None
        return PROCESSES.get(self.name) if self.process is None else self.process

    @property
    def is_level_dependent(self) -> bool:
        """Whether the data's own severities take the place of shifts."""
        return isinstance(self.known_process, LevelDependent)
