"""A benchmark suite: its data sets, models, shifts and protocol, independent of the execution."""

from dataclasses import dataclass, field, replace

from revin_forecast.data.reading.reading_options import Aggregate, LongGapPolicy
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift.shift import Shift
from revin_forecast.training.settings import TrainingSettings


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

    def __post_init__(self):
        for name in ("lookback", "horizon"):
            steps = getattr(self, name)
            if steps is not None and steps < 1:
                raise InputError(
                    f"{name} of {self.name} is a number of steps, at least 1, but got {steps}. "
                    "Leave it out for the suite's."
                )


@dataclass(frozen=True)
class ModelGrid:
    """Every backbone inside every normalizer, trained once per seed."""

    backbones: tuple[ModuleSpec, ...]
    normalizers: tuple[ModuleSpec, ...]
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class WindowConfig:
    """The windows of a suite."""

    lookback: int = 96
    horizon: int = 96
    stride: int = 6
    """Steps between scored windows; training uses every window."""


@dataclass(frozen=True)
class ShiftProtocol:
    """The cells in which shifts are measured."""

    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    transition_severities: tuple[int, ...] = (3,)
    """Severities at which a shift also begins inside the window."""
    ages: tuple[float, ...] = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
    """Steps since the onset, as a share of the look-back; 0 shifts the truth only."""
    shift_seeds: tuple[int, ...] = (0,)
    """Random seeds for the noise and the signs of shifts."""
    resamples: int = 1000
    """Draws of the block bootstrap."""

    def __post_init__(self):
        for name in ("severities", "transition_severities"):
            severities = getattr(self, name)
            if any(not 1 <= severity <= 5 for severity in severities):
                raise InputError(
                    f"protocol.{name} are numbers from 1 to 5 but got {list(severities)}; severity "
                    "0, the clean data, is always measured."
                )
        if any(not 0 <= age <= 1 for age in self.ages):
            raise InputError(
                f"protocol.ages are parts of the look-back, 0 to 1, but got {list(self.ages)}."
            )


@dataclass(frozen=True)
class Suite:
    """The definition of a benchmark: models x data sets x shifts."""

    name: str
    datasets: tuple[DatasetConfig, ...]
    models: tuple[ModelGrid, ...]
    shifts: tuple[Shift, ...]
    windows: WindowConfig = field(default_factory=WindowConfig)
    protocol: ShiftProtocol = field(default_factory=ShiftProtocol)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    zero_shot: tuple[ModuleSpec, ...] = ()
    """Backbones that are measured as references: not trained, and in no normalizer."""

    def windows_for(self, dataset_config: DatasetConfig) -> WindowConfig:
        """Return the windows of a data set: its own sizes, else the suite's."""
        windows = self.windows
        return replace(
            windows,
            lookback=dataset_config.lookback or windows.lookback,
            horizon=dataset_config.horizon or windows.horizon,
        )
