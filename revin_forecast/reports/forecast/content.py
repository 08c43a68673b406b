"""The data of a forecast report, complete before the page is rendered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from revin_forecast.data.quality_checks import DataIssue
from revin_forecast.data.series import Series
from revin_forecast.evaluation import BacktestResult
from revin_forecast.evaluation.trust import Trust, judge_backtest
from revin_forecast.forecasting.describe_forecast import ForecastText
from revin_forecast.forecasting.fitted import FittedModel


@dataclass(frozen=True, eq=False)
class ShiftCard:
    """The shift between the first and the last rows of the table."""

    rows: pd.DataFrame
    """The result of `shift.card.card.measure_card`, a row for each series."""
    lookback: int
    """Look-back of the windows, in steps."""
    horizon: int
    """Horizon of the windows, in steps."""
    train_rows: int
    """Number of training rows, from the first."""
    test_start: int
    """Index of the first test row."""


@dataclass(frozen=True, eq=False)
class ReportContent:
    """A forecast and the evidence about it."""

    source: str
    """Name of the table: its file name."""
    series: Series
    """The table as read."""
    forecast: pd.DataFrame
    """The result of `Forecaster.predict`, with the intervals of `levels`."""
    levels: Sequence[float]
    """Interval levels in percent; empty if the model has no intervals."""
    fitted: FittedModel
    """The model, fitted on all rows."""
    backtest: BacktestResult | str
    """The backtest, or the reason for its absence."""
    shift_card: ShiftCard | str
    """The shift card, or the reason for its absence."""
    issues: Sequence[DataIssue] = ()
    """Issues of the data, in the order shown."""
    command: str = ""
    """Command line that reproduces the forecast."""
    provenance: Mapping[str, object] = field(default_factory=dict)
    """Date, versions and SHA-256 of the file by name."""
    hidden_levels: Sequence[float] = ()
    """Default levels that are not shown because the table already has columns of their names."""
    answer: ForecastText | None = None
    """Summary of the forecast in words, for the top of the page."""
    contributions: pd.DataFrame | str = "The contributions to this forecast were not computed."
    """The result of `Forecaster.explain` for some steps and series, or the reason for its
    absence."""

    @cached_property
    def trust(self) -> Trust | None:
        """The judgement of the backtest; None without one."""
        if isinstance(self.backtest, str):
            return None
        return judge_backtest(self.backtest, self.fitted)

    @cached_property
    def _aligned_series(self) -> Series:
        """The series of the backtest's paths, aligned so that all end in the last row."""
        assert isinstance(self.backtest, BacktestResult)  # checked by the callers
        return self.series.select(self.backtest.paths.names).align_ends()

    def get_timestamps(self, name: str) -> pd.DatetimeIndex:
        """Return the timestamps (rows,) of the backtest's paths for one of its series."""
        # Rows of the paths count from each series' own end, so the timestamps are aligned, too.
        return self._aligned_series.channel(name)[0]
