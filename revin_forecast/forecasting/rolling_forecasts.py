"""Forecasts from rolling cutoffs, each by a model that was fitted on earlier rows only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from revin_forecast.data.formatting import format_names, pluralize
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.rolling_windows import OriginBatch, iter_rolling_origins
from revin_forecast.forecasting.supports_fit import SupportsFit
from revin_forecast.utils.arguments import check_count
from revin_forecast.utils.shapes import Future


class ForecastBatch(NamedTuple):
    """Forecasts from some cutoffs in order."""

    fitted: FittedModel
    """The model, fitted on rows before the first of them."""
    origins: OriginBatch
    """The windows."""
    forecast: Future
    """(windows, horizon, targets), standardized."""


@dataclass(frozen=True, eq=False)
class RollingForecasts:
    """A forecaster fitted on the first rows of a table, and the cutoffs to forecast from."""

    series: Series
    """All rows of the series that can be fitted; each series ends in the last row."""
    blocks: tuple[range, ...]
    """First rows of the forecasts; the forecasts of a block share a fit."""
    first_fit: FittedModel
    """The model of the first block."""
    forecaster: SupportsFit
    """New ones are built from its parameters for the other blocks."""
    excluded_series: tuple[str, ...]
    """Series without a value before the first forecast, on which no model can be fitted."""

    @classmethod
    def from_test_share(
        cls, forecaster: SupportsFit, series: Series, share: float, step: int, refit: int | None
    ) -> "RollingForecasts":
        """Fit before the last part of a table and forecast from every `step`-th row of that part.

        Args:
            forecaster: a new one is built from its parameters; this one does not change.
            series: the whole table.
            share: share of the rows to test on, or of a typical series' rows if series begin late;
                at least one horizon.
            step: rows from one cutoff to the next.
            refit: rows after which the model is fitted again on all rows so far; None: fit once.

        Raises:
            InputError: an option is out of range, or there are too few rows.
        """
        _check_options(share, step, refit)
        horizon = _get_horizon(forecaster)
        series = series.align_ends()
        start = _find_test_start(series, share, horizon)
        starts = range(start, len(series) - horizon + 1, step)
        return cls._fit(forecaster, series, starts, refit)

    @classmethod
    def from_window_count(
        cls, forecaster: SupportsFit, series: Series, count: int, step: int, refit: bool | int
    ) -> "RollingForecasts":
        """Forecast from a number of cutoffs, the last of which is a horizon before the end.

        Args:
            forecaster: a new one is built from its parameters; this one does not change.
            series: the whole table.
            count: number of cutoffs.
            step: rows from one cutoff to the next.
            refit: True: fit before every cutoff; a number n: before every n-th one; False: fit
                once, before the first one.

        Raises:
            InputError: an option is out of range, or there are too few rows.
        """
        count = check_count("n_windows", count, "windows")
        step = check_count("step_size", step, "rows")
        if not isinstance(refit, bool) and refit < 1:
            raise InputError(
                f"refit is True, False or a number of windows from 1 up but got {refit}."
            )
        horizon = _get_horizon(forecaster)
        series = series.align_ends()
        last = len(series) - horizon
        start = last - (count - 1) * step
        if start < 1:
            raise InputError(
                f"{len(series)} rows are too few for {pluralize(count, 'window')} of "
                f"{pluralize(horizon, 'step')}, {pluralize(step, 'row')} apart, and rows to fit on "
                "before them. Choose fewer windows, or a shorter horizon."
            )
        starts = range(start, last + 1, step)
        return cls._fit(forecaster, series, starts, int(refit) * step if refit else None)

    @classmethod
    def _fit(
        cls, forecaster: SupportsFit, series: Series, starts: range, refit: int | None
    ) -> "RollingForecasts":
        series, excluded = _exclude_late_series(series, starts.start)
        blocks = _split_into_refit_blocks(starts, refit)
        first_fit = _fit_before(forecaster, series, blocks[0])
        return cls(series, blocks, first_fit, forecaster, excluded)

    @property
    def starts(self) -> range:
        """First rows of all forecasts."""
        first = self.blocks[0]
        return range(first.start, self.blocks[-1].stop, first.step)

    @property
    def target_names(self) -> list[str]:
        """Names of the series that are forecast."""
        return [self.first_fit.history.names[target] for target in self.first_fit.targets]

    @property
    def horizon(self) -> int:
        """Steps of each forecast."""
        return self.first_fit.config.horizon

    def iter_batches(self, season: int = 1) -> Iterator[ForecastBatch]:
        """Yield the forecasts in order of their cutoffs; refits happen in between.

        Args:
            season: steps of the seasonal naive forecast, whose inputs the windows hold.
        """
        for number, block in enumerate(self.blocks):
            fitted = self.first_fit
            if number > 0:
                fitted = _fit_before(self.forecaster, self.series, block)
            for origins in iter_rolling_origins(fitted, self.series, block, season):
                yield ForecastBatch(fitted, origins, fitted.forecast(origins.past, origins.known))


def _get_horizon(forecaster: SupportsFit) -> int:
    return int(forecaster.get_params(deep=False)["horizon"])


def _check_options(test_share: float, step: int, refit: int | None) -> None:
    if not 0 < test_share < 1:
        raise InputError(f"the test share lies between 0 and 1 but got {test_share:g}; pass 0.2.")
    if step < 1:
        raise InputError(f"the step between origins is a number of rows from 1 up but got {step}.")
    if refit is not None and refit < 1:
        raise InputError(f"refit is a number of rows from 1 up but got {refit}.")


def _find_test_start(series: Series, share: float, horizon: int) -> int:
    """Return the first test row.

    Raises:
        InputError: no row is left to fit on.
    """
    rows = len(series)
    # The median: one channel that begins late must not shrink the test part of all others.
    typical = np.median(rows - series.first_observed)
    start = rows - max(horizon, int(share * typical))
    if start < 1:
        raise InputError(
            f"{rows} rows are too few for a test part of {rows - start} and rows before it to fit "
            "on. Choose a shorter horizon, or pass more rows."
        )
    return start


def _exclude_late_series(series: Series, start: int) -> tuple[Series, tuple[str, ...]]:
    """Return the series with a value before a row, and the names of the others.

    Raises:
        InputError: no series is left to fit on.
    """
    begins_late = np.flatnonzero(series.first_observed >= start)
    excluded = tuple(series.names[channel] for channel in begins_late)
    fittable = series.select([name for name in series.names if name not in set(excluded)])
    if not fittable.targets:
        raise InputError(
            f"{format_names(excluded)} have no value before the test part, which begins at row "
            f"{start + 1} of {len(series)}. Choose a smaller test share."
        )
    return fittable, excluded


def _split_into_refit_blocks(starts: range, refit: int | None) -> tuple[range, ...]:
    """Split the first rows of the forecasts into blocks that share a fit."""
    if refit is None:
        return (starts,)
    # Rounded up: a refit needs `refit` new rows, so it may wait for the next origin.
    origins_per_fit = -(-refit // starts.step)
    return tuple(
        starts[first : first + origins_per_fit] for first in range(0, len(starts), origins_per_fit)
    )


def _fit_before(forecaster: SupportsFit, series: Series, starts: range) -> FittedModel:
    """Fit a forecaster with the same parameters on the rows before the first forecast."""
    parameters: dict[str, Any] = forecaster.get_params(deep=False)
    return type(forecaster)(**parameters).fit(series.slice_rows(0, starts.start)).fitted
