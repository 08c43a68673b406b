"""Methods of a forecaster that copy it: backtests, scores and the protocol of scikit-learn."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from warnings import warn

import pandas as pd

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.backtest_frame import build_backtest_frame
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.known_table import KnownTable
from revin_forecast.forecasting.rolling_forecasts import RollingForecasts
from revin_forecast.forecasting.score import score_table
from revin_forecast.utils.progress import notebook_progress

Self = TypeVar("Self", bound="Estimator")


class Estimator(ABC):
    """A forecaster whose constructor's arguments build an equal one.

    The constructor stores its arguments unchanged in attributes of the same names.
    """

    horizon: int
    known_table: KnownTable | None = None
    """The table of the last `fit`, in memory only; None after `update` and `load`, in a copy, and
    if the table has more than four million values."""

    @property
    @abstractmethod
    def fitted(self) -> FittedModel:
        """The fitted model."""

    @abstractmethod
    def fit(self: Self, table: Any) -> Self:
        """Fit on a table and return the object itself."""

    def backtest(
        self,
        table: TableLike | None = None,
        test_share: float = 0.2,
        step: int = 1,
        level: Sequence[float | int] | float | int | None = None,
        refit: int | None = None,
    ) -> pd.DataFrame:
        """Forecast the last part of a table from rolling cutoffs, each from the rows before it.

        New forecasters are fitted with these parameters; this one does not change. The command
        `backtest --out FILE` writes the same frame and prints its scores.

        Args:
            table: a Series, a data frame or the path of a file, as `read_series` takes it; None:
                the table of `fit`, as long as it is known (not after `load` or `update`).
            test_share: share of the rows to test on, at least one horizon; if series end at
                different times, each series' own last rows.
            step: rows from one cutoff to the next.
            level: interval levels in percent; None: 80 and 95 where the model has them.
            refit: rows after which the model is fitted again on all rows so far; None: fit once.

        Returns:
            A row for each cutoff, series and step, with the columns "unique_id", "ds", "cutoff"
            (the last row before the forecast), "y" (NaN where nothing was observed), "forecast",
            "forecast-lo-80", "forecast-hi-80" and so on, whatever the layout of the table.

        Raises:
            InputError: the table can't be used or has too few rows, the model lacks a level, or the
                frame does not fit into memory.

        >>> import numpy as np
        >>> from revin_forecast import Forecaster
        >>> dates = pd.date_range("2024-01-01", periods=70, freq="D")
        >>> table = pd.DataFrame({"date": dates, "sold": 10.0 + np.arange(70) % 7})
        >>> frame = Forecaster(horizon=7).backtest(table, level=[80])
        >>> frame.columns.tolist()[:5]
        ['unique_id', 'ds', 'cutoff', 'y', 'forecast']
        >>> frame.cutoff.nunique(), len(frame), bool((frame.y - frame.forecast).abs().max() < 1e-3)
        (8, 56, True)
        """
        series = self._read_table(table)
        with notebook_progress("backtest"):
            forecasts = RollingForecasts.from_test_share(self, series, test_share, step, refit)
            return _build_frame(forecasts, level)

    def cross_validation(
        self,
        table: TableLike,
        h: int | None = None,
        n_windows: int = 1,
        step_size: int = 1,
        level: Sequence[float | int] | float | int = (),
        refit: bool | int = True,
    ) -> pd.DataFrame:
        """Forecast the last windows of a table: `backtest` by the names and rules of statsforecast.

        Args:
            table: a Series, a data frame or the path of a file, as `read_series` takes it.
            h: steps to forecast; None: this forecaster's horizon.
            n_windows: number of cutoffs; the last one is `h` rows before the end.
            step_size: rows from one cutoff to the next.
            level: interval levels in percent.
            refit: True: fit before every cutoff; a number n: before every n-th one; False: fit
                once, before the first one.

        Returns:
            The frame of `backtest`.

        Raises:
            InputError: as for `backtest`.

        >>> import numpy as np
        >>> from revin_forecast import Forecaster
        >>> dates = pd.date_range("2024-01-01", periods=70, freq="D")
        >>> table = pd.DataFrame({"date": dates, "sold": 10.0 + np.arange(70) % 7})
        >>> frame = Forecaster(horizon=7).cross_validation(table, n_windows=2, step_size=7)
        >>> frame.cutoff.astype(str).unique().tolist()
        ['2024-02-25', '2024-03-03']
        """
        parameters = self.get_params(deep=False) | ({} if h is None else {"horizon": h})
        with notebook_progress("backtest"):
            forecasts = RollingForecasts.from_window_count(
                type(self)(**parameters), read_series(table), n_windows, step_size, refit
            )
            return _build_frame(forecasts, level)

    def score(self, table: TableLike, y: None = None) -> float:
        """Return the negative MASE on rows after those fitted on: 0 is perfect, greater is better.

        Every window of `horizon` rows after the rows fitted on is forecast from the rows before it,
        without fitting again. -1 is an error as large as that of the seasonal naive forecast, one
        step ahead, on the rows fitted on. The mean is over the series that have a MASE. With
        scikit-learn, `cross_val_score(forecaster, table, cv=TimeSeriesSplit())` splits a wide
        table by rows in order of time.

        Args:
            table: later rows; earlier ones, such as those fitted on, may be in front of them.
            y: ignored; scikit-learn's functions pass it.

        Raises:
            InputError: the table can't be used, or has too few later rows.
        """
        return score_table(self.fitted, table)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments as they were passed (scikit-learn's protocol)."""
        return {name: getattr(self, name) for name in self._get_constructor_parameters()}

    def set_params(self: Self, **changed: Any) -> Self:
        """Change some of the constructor's arguments and drop the fitted model.

        Raises:
            InputError: unknown argument, or a value that can't be used; nothing changes then.
        """
        known = list(self._get_constructor_parameters())
        unknown = [name for name in changed if name not in known]
        if unknown:
            raise InputError(f"{type(self).__name__} has no {unknown}; it takes {known}.")
        parameters = self.get_params() | changed
        type(self)(**parameters)  # raises before this forecaster changes
        self.__init__(**parameters)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes without the table: copies and pickles stay small."""
        return {name: value for name, value in vars(self).items() if name != "known_table"}

    def __repr__(self) -> str:
        changed = [
            f"{name}={_represent(getattr(self, name))}"
            for name, parameter in self._get_constructor_parameters().items()
            if getattr(self, name) != parameter.default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's description of an estimator that needs no target."""
        # Only scikit-learn calls this, so that it is installed then.
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(allow_nan=True, string=True),
        )

    def _read_table(self, table: TableLike | None) -> Series:
        """Return the rows of a table, or those of the fit.

        Raises:
            InputError: the table can't be used, or there is none.
        """
        if table is not None:
            return read_series(table)
        _ = self.fitted  # raises before the first fit
        if self.known_table is None:
            raise InputError(
                "the rows of the fit are not known: this forecaster was loaded, updated or copied, "
                "or its table is large. Pass the table: backtest(table)."
            )
        return self.known_table.series

    @classmethod
    def _get_constructor_parameters(cls) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(cls).parameters


def _represent(value: object) -> str:
    """Return the representation of a parameter: a class by its name, as it is written in a call."""
    return value.__qualname__ if isinstance(value, type) else repr(value)


def _build_frame(
    forecasts: RollingForecasts, level: Sequence[float | int] | float | int | None
) -> pd.DataFrame:
    if forecasts.excluded_series:
        warn(
            f"{format_names(forecasts.excluded_series)} have no value before the first cutoff and "
            "are not in the frame.",
            stacklevel=3,
        )
    return build_backtest_frame(forecasts, level)
