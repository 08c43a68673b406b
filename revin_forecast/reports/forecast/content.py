"""What the page of a forecast tells of: everything is computed before it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from revin_forecast.data.quality_checks import DataIssue
from revin_forecast.data.series import Series
from revin_forecast.evaluation import BacktestResult
from revin_forecast.forecasting.fitted import FittedModel


@dataclass(frozen=True, eq=False)
class ShiftCard:
    """How far the last rows of the table lie from the first, as `shift.card.shift_card` tells."""

    rows: pd.DataFrame
    lookback: int
    horizon: int
    train_rows: int
    """Rows of training, from the first."""
    test_start: int
    """The first row of test."""


@dataclass(frozen=True, eq=False)
class ReportContent:
    """A forecast and all that is known about it."""

    source: str
    """What people call the table: the name of its file."""
    series: Series
    """The table as it was read."""
    forecast: pd.DataFrame
    """What `Forecaster.predict` returned, with the intervals of `levels`."""
    levels: Sequence[float]
    """In percent; empty where the model has no intervals."""
    fitted: FittedModel
    backtest: BacktestResult | str
    """Or why there is none."""
    shift_card: ShiftCard | str
    """Or why there is none."""
    issues: Sequence[DataIssue] = ()
    command: str = ""
    """A command line that does it again."""
    provenance: Mapping[str, object] = field(default_factory=dict)
    """Date, versions, the file's sha256: name -> value."""
    hidden_levels: Sequence[float] = ()
    """Usual levels that are not shown, as the table has columns of their names."""

    @cached_property
    def _aligned_series(self) -> Series:
        """The series of the backtest's paths, whose rows count from each one's own end."""
        assert isinstance(self.backtest, BacktestResult)  # asked by the callers
        return self.series.select(self.backtest.paths.names).align_ends()

    def get_timestamps(self, name: str) -> pd.DatetimeIndex:
        """Return when the rows of the backtest's paths were, (rows,), of one of its series."""
        return self._aligned_series.channel(name)[0]
