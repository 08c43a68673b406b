"""Methods of a forecaster that need its fitted model: update, predict, plot, report, save, ..."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.errors import InputError
from revin_forecast.forecasting.estimator import Estimator
from revin_forecast.forecasting.explain import explain_table
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.predict import predict_table
from revin_forecast.forecasting.sample import sample_table
from revin_forecast.forecasting.saving import save_fitted
from revin_forecast.forecasting.update import update_fitted
from revin_forecast.forecasting.views import display_as_html, make_view
from revin_forecast.utils.arguments import check_count
from revin_forecast.utils.parallel import Engine
from revin_forecast.utils.progress import notebook_progress

if TYPE_CHECKING:  # plotly takes a while to import
    from plotly.graph_objects import Figure

Self = TypeVar("Self", bound="FittedForecaster")


class FittedForecaster(Estimator):
    """A forecaster that may be fitted and then forecasts."""

    _fitted: FittedModel | None = None

    @property
    def fitted(self) -> FittedModel:
        """The fitted model, from `fit` or `load`.

        Raises:
            InputError: the forecaster is not fitted yet.
        """
        if self._fitted is None:
            raise InputError("this Forecaster is not fitted yet; call fit(table) first.")
        return self._fitted

    @fitted.setter
    def fitted(self, fitted: FittedModel) -> None:
        self._fitted = fitted
        self.known_table = None  # another model; `fit` sets it

    def update(self: Self, table: TableLike, window: int | None = None) -> Self:
        """Add rows that follow those fitted on, and solve the model again in seconds.

        The result equals a fit on all rows with the choices of the first fit: its look-backs,
        penalties, seasons and weights, and the mean and scale of each series. Intervals stay those
        of the first fit. Linear maps are solved from sums over all windows, so earlier rows are
        not needed; those of short tables, of tables with gaps, of single series, and of robust maps
        or maps on logarithms are kept.

        Args:
            table: rows after the last one, with the same columns and step. Steps without a row in
                between count as unobserved.
            window: number of last rows to solve on; earlier ones are let out. It needs
                `fit(..., keep_rows=True)`, unless the table is short. None: all rows.

        Returns:
            The forecaster itself; `fitted.summary["update"]` lists the changes.

        Raises:
            InputError: a row is not after the last one, a series is missing, the model has to be
                trained, or it has known inputs.

        >>> import numpy as np
        >>> from revin_forecast import Forecaster, Ridge
        >>> dates = pd.date_range("2024-01-01", periods=120, freq="D")
        >>> table = pd.DataFrame({"date": dates, "sold": 10.0 + np.arange(120) % 7})
        >>> forecaster = Forecaster(7, 14, Ridge).fit(table[:100])
        >>> forecaster.update(table[100:]).predict().sold.round(3).tolist()
        [11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 10.0]
        """
        window = None if window is None else check_count("window", window)
        self.fitted = update_fitted(self.fitted, table, window)
        return self

    def predict(
        self,
        table: TableLike | None = None,
        future: TableLike | None = None,
        level: Sequence[float | int] | float | int = (),
        engine: Engine | None = None,
        quantiles: Sequence[float | int] | float = (),
    ) -> pd.DataFrame:
        """Forecast the steps after a table's last row, without fitting again.

        Args:
            table: newer rows of a table like the one fitted on, at least `lookback` of them; None:
                forecast after the rows the model was fitted on.
            future: values, for each step forecast, of the table's columns that are known inputs.
            level: interval levels in percent, 80 or [80, 95]; each adds two columns, NAME-lo-80
                and NAME-hi-80.
            engine: distributes many series over workers, see `parallel.make_engine`; None: all
                series in this process.
            quantiles: quantile levels between 0 and 1, 0.5 or [0.1, 0.9]; each adds a column,
                NAME-q-10 for 0.1. The quantiles 0.1 and 0.9 are the limits of the 80 % interval.

        Returns:
            `horizon` steps of every series forecast, in the layout of the table. If the reading of
            newer rows changed something, `attrs["notes"]` says what.

        Raises:
            InputError: the table can't be used, a known input is missing, the model has no
                intervals, or an engine was passed and the model mixes series.
        """
        return predict_table(self.fitted, table, future, level, engine, quantiles)

    def sample(
        self,
        count: int,
        table: TableLike | None = None,
        future: TableLike | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Draw paths that the steps after a table's last row may take.

        Each step has the distribution of the intervals. The errors of two steps of a path are
        correlated as those on calibration windows were, so that sums over steps have honest
        intervals: see `models.step_dependence`. A model that was not calibrated (trained on
        quantiles, or saved by an earlier version) gets the correlation of typical series. Series
        are drawn independently of each other. Values keep their range; whole numbers are rounded to
        the nearest.

        Args:
            count: number of paths.
            table: newer rows, as for `predict`; None: the rows the model was fitted on.
            future: values of known inputs, as for `predict`.
            seed: random seed; the same seed gives the same paths.

        Returns:
            `horizon` rows of each path in the layout of the table, with the column "sample", the
            number of the path.

        Raises:
            InputError: as for `predict`, or the paths do not fit into memory.

        >>> import numpy as np, pandas as pd
        >>> dates = pd.date_range("2024-01-01", periods=60, freq="D")
        >>> noise = np.random.default_rng(0).normal(size=60)
        >>> table = pd.DataFrame({"date": dates, "sold": 20 + noise})
        >>> from revin_forecast import Forecaster
        >>> paths = Forecaster(horizon=7).fit(table).sample(1000)
        >>> paths.columns.tolist(), len(paths)
        (['date', 'sample', 'sold'], 7000)
        >>> week = paths.groupby("sample").sold.sum().quantile([0.1, 0.9])
        """
        return sample_table(self.fitted, count, table, future, seed)

    def explain(
        self,
        table: TableLike | None = None,
        future: TableLike | None = None,
        steps: Sequence[int] | int | None = None,
        series: Sequence[str] | str | None = None,
        top: int | None = None,
    ) -> pd.DataFrame:
        """Return the contribution of each lag and known input to the forecast.

        Of each series and step, the contributions add up to the value that `predict` returns. They
        start from the level, the mean of the last season: a lag contributes its weight times the
        difference of its value to the level. Exact for linear maps, exponential smoothing with the
        weights of its parameters, and their combinations.

        Args:
            table: newer rows, as for `predict`; None: the rows the model was fitted on.
            future: values of known inputs, as for `predict`.
            steps: steps of the forecast to explain, from 1; None: all.
            series: names of the series to explain; None: all.
            top: keep the lags with the largest contributions, and add the others up in one row;
                None: all lags with a weight.

        Returns:
            A row for each contribution, with the columns series, step, time, source, name, lag
            (rows back, 1 is the last row), lag_time, value, weight, contribution and group. See
            `docs/guides/explain.md` for the sources and groups.

        Raises:
            InputError: as for `predict`, or the model is not linear.

        >>> import numpy as np, pandas as pd
        >>> dates = pd.date_range("2024-01-01", periods=60, freq="D")
        >>> table = pd.DataFrame({"date": dates, "sold": 10.0 + np.arange(60) % 7})
        >>> from revin_forecast import Forecaster
        >>> parts = Forecaster(horizon=7).fit(table).explain(steps=1)
        >>> round(float(parts.contribution.sum()), 3)
        14.0
        """
        return explain_table(self.fitted, table, future, steps, series, top)

    def plot(
        self,
        table: TableLike | None = None,
        future: TableLike | None = None,
        level: Sequence[float | int] | float | int | None = None,
        series: Sequence[str] | str | None = None,
    ) -> "Figure":
        """Draw the last rows, the forecast and its intervals as a plotly figure.

        Args:
            table: newer rows, as for `predict`; None: the rows the model was fitted on. After
                `load` and `update` only the rows that a forecast needs are known.
            future: values of known inputs, as for `predict`.
            level: interval levels in percent; None: 80 and 95 where the model has them; [] draws
                none.
            series: names of the series to draw; None: the first ones of many.

        Returns:
            A figure of plotly, which a notebook displays. `figure.write_html("plot.html")` saves it
            as a page, `figure.write_image("plot.png")` as an image (extra `plot`).

        Raises:
            InputError: as for `predict`, or a series is unknown.

        >>> import numpy as np
        >>> dates = pd.date_range("2024-01-01", periods=60, freq="D")
        >>> table = pd.DataFrame({"date": dates, "sold": 10.0 + np.arange(60) % 7})
        >>> from revin_forecast import Forecaster
        >>> figure = Forecaster(horizon=7).fit(table).plot(level=80)
        >>> [trace.name for trace in figure.data if trace.name]
        ['80 % interval', 'measured', 'forecast']
        """
        return make_view("plot", self, table, future, level, series)

    def report(
        self,
        path: str | Path,
        table: TableLike | None = None,
        future: TableLike | None = None,
        level: Sequence[float | int] | float | int | None = None,
    ) -> Path:
        """Write the report of the forecast: the HTML page of the command `forecast --report`.

        It shows the forecast, a backtest, the choice of the model, the contributions to the
        forecast, the shift of levels and issues of the data. The backtest and the shift need all
        rows: those of `fit` are known until the forecaster is saved and loaded, updated or copied,
        unless they have more than four million values. After `load` the page shows the forecast
        without a backtest, and says so, unless the whole table is passed.

        Args:
            path: file to write (.html).
            table: the whole table, whose last rows are forecast from and which is tested on; None:
                the rows the model was fitted on.
            future: values of known inputs, as for `predict`.
            level: interval levels in percent; None: 80 and 95 where the model has them.

        Returns:
            The path of the page.

        Raises:
            InputError: as for `predict`, or the file can't be written.
        """
        with notebook_progress("report"):
            return make_view("report", self, path, table, future, level)

    def save(self, folder: str | Path) -> None:
        """Write the fitted forecaster into a folder; see `saving.save_fitted`."""
        save_fitted(self.fitted, Path(folder))

    def _repr_html_(self) -> str:
        """Return the forecaster for a notebook: the table, the model, its score and a chart."""
        return display_as_html(self)
