"""A benchmark suite: what is measured, as frozen data. How it is run stands elsewhere."""

from dataclasses import dataclass, field

from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift.shift import Shift
from revin_forecast.training.settings import TrainingSettings


@dataclass(frozen=True)
class DatasetConfig:
    """A data set of a suite: catalogued, synthetic, or an own table."""

    name: str
    """Of the catalogue, of a synthetic source, or one of your own for a file."""
    file: str | None = None
    """CSV or Parquet table; None: catalogued or synthetic."""
    season: int | None = None
    """Steps of one season; None: the catalogue's, or that of the file's frequency."""
    columns: tuple[str, ...] = ()
    """Columns to use; none named: all."""
    severity: int = 0
    """Of a source that is itself shifted, in training as in test: level_dependent."""
    time: str | None = None
    """Name of the table's time column; None: found."""
    id: str | None = None
    """Name of the series column of a long table."""
    value: str | None = None
    """Name of the value column of a long table."""
    frequency: str | None = None
    """Step between the table's rows; None: found."""


@dataclass(frozen=True)
class ModelGrid:
    """Every backbone inside every normalizer, trained once for each seed."""

    backbones: tuple[ModuleSpec, ...]
    normalizers: tuple[ModuleSpec, ...]
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class WindowConfig:
    """Which windows are forecast."""

    lookback: int = 96
    horizon: int = 96
    stride: int = 6
    """Steps between the windows that are scored; training uses every one."""


@dataclass(frozen=True)
class ShiftProtocol:
    """How shifts are measured."""

    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    transition_severities: tuple[int, ...] = (3,)
    """Severities at which a shift also starts inside the window."""
    ages: tuple[float, ...] = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
    """Steps since the onset, as parts of the look-back; 0 moves the truth alone."""
    shift_seeds: tuple[int, ...] = (0,)
    """Of the shifts' own noise and signs."""
    resamples: int = 1000
    """Of the block bootstrap."""

    def __post_init__(self):
        for name in ("severities", "transition_severities"):
            chosen = getattr(self, name)
            if any(not 1 <= severity <= 5 for severity in chosen):
                raise InputError(
                    f"protocol.{name} are numbers from 1 to 5 but got {list(chosen)}; severity 0, "
                    "the data as they are, is always measured."
                )
        if any(not 0 <= age <= 1 for age in self.ages):
            raise InputError(
                f"protocol.ages are parts of the look-back, 0 to 1, but got {list(self.ages)}."
            )


@dataclass(frozen=True)
class Suite:
    """What a benchmark measures: models x data sets x shifts."""

    name: str
    datasets: tuple[DatasetConfig, ...]
    models: tuple[ModelGrid, ...]
    shifts: tuple[Shift, ...]
    windows: WindowConfig = field(default_factory=WindowConfig)
    protocol: ShiftProtocol = field(default_factory=ShiftProtocol)
    training: TrainingSettings = field(default_factory=TrainingSettings)
