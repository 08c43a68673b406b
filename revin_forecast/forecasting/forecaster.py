import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting import (
    ForecasterConfig,
    find_memory_map_obstacle,
    fit_auto,
    fit_memory_mapped,
    fit_specified,
)
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.predict import predict_table
from revin_forecast.forecasting.saving import load_fitted, save_fitted
from revin_forecast.models.spec import ModuleFactory, ModuleSpec
from revin_forecast.parallel import Engine
from revin_forecast.selection import SelectionSettings
from revin_forecast.training.model_config import resolve_covariates
from revin_forecast.training.settings import TrainingSettings


class Forecaster:
    """Table in, forecast table out.

    Values are standardized, forecast on each window's own scale and handed back in the table's
    units, in the table's layout. A long table whose series end at different times is forecast from
    each one's own end.

    Args:
        horizon: steps to forecast.
        lookback: steps each forecast is made from; None: chosen.
        backbone: "auto": naive forecasts and maps in closed form are compared on validation windows
            and combined, see `selection`; or a class of (lookback, horizon, channels), or
            functools.partial of one.
        normalizer: a class of (channels), or functools.partial of one; None: chosen, or RevIN
            where the backbone is named.
        training: for a backbone that is trained.
        covariates: what is known of each step beforehand, for a backbone that takes it: "calendar"
            (features that fit the rhythm), one of them ("hour", "weekday", ...), "step" (the
            running number), or columns of the table; those are not forecast.
        selection: seasons, effort and time of the automatic choice.

    >>> import numpy as np, pandas as pd
    >>> dates = pd.date_range("2024-01-01", periods=60, freq="D")
    >>> table = pd.DataFrame({"date": dates, "sold": 10.0 + np.arange(60) % 7})
    >>> forecast = Forecaster(horizon=7).fit(table).predict(level=[80])
    >>> forecast.columns.tolist()
    ['date', 'sold', 'sold-lo-80', 'sold-hi-80']
    >>> forecast.sold.round(3).tolist()
    [14.0, 15.0, 16.0, 10.0, 11.0, 12.0, 13.0]
    """

    def __init__(
        self,
        horizon: int,
        lookback: int | None = None,
        backbone: ModuleFactory | str = "auto",
        normalizer: ModuleFactory | None = None,
        training: TrainingSettings | None = None,
        covariates: Sequence[str] = (),
        selection: SelectionSettings | None = None,
    ):
        # As given, so that `get_params` and scikit-learn's clone see what was passed.
        self.horizon = horizon
        self.lookback = lookback
        self.backbone = backbone
        self.normalizer = normalizer
        self.training = training
        self.covariates = covariates
        self.selection = selection
        self._make_config()
        self._fitted: FittedModel | None = None

    def fit(
        self,
        table: TableLike | MemoryMappedSeries,
        folder: Path | None = None,
        resume: bool = False,
        inputs: Sequence[str] = (),
    ) -> "Forecaster":
        """Fit on a table; its last fifth (one horizon at least) serves as validation.

        Args:
            table: what `read_series` reads: a Series, a data frame, or the path of a file; or what
                `map_table` made of a file that is larger than memory.
            folder: keeps checkpoints and logs of a trained backbone.
            resume: go on from that folder's last checkpoint.
            inputs: columns that are used but not forecast; of a mapped table, `map_table` is told.

        Raises:
            InputError: the table can't be used, or is too short.
        """
        plan = self._make_config()
        if isinstance(table, MemoryMappedSeries):
            if inputs:
                raise InputError("pass inputs to map_table, which reads the columns.")
            self.fitted = fit_memory_mapped(plan, table, folder, resume)
            return self
        series = read_series(table, inputs=inputs or None)
        if not plan.covariates:
            series = series.align_ends()
        if plan.backbone is not None:
            self.fitted = fit_specified(plan, series, folder, resume)
            return self
        if resume:
            raise InputError(
                "the automatic choice is made in one go; there is nothing to resume. Name a "
                "backbone that is trained, or leave resume out."
            )
        self.fitted = fit_auto(plan, series)
        return self

    @property
    def fitted(self) -> FittedModel:
        """What `fit` came to, or what was loaded."""
        if self._fitted is None:
            raise InputError("this Forecaster is not fitted yet; call fit(table) first.")
        return self._fitted

    @fitted.setter
    def fitted(self, fitted: FittedModel) -> None:
        self._fitted = fitted

    @property
    def can_fit_memory_mapped(self) -> bool:
        """Whether what was named can be fitted on what `map_table` makes of a table."""
        return find_memory_map_obstacle(self._make_config()) is None

    def predict(
        self,
        table: TableLike | None = None,
        future: TableLike | None = None,
        level: Sequence[float | int] = (),
        engine: Engine | None = None,
    ) -> pd.DataFrame:
        """Forecast the steps after a table's last row, without fitting again.

        Args:
            table: newer rows of a table like the one fitted on, `lookback` of them at least;
                None: forecast after the rows it was fitted on.
            future: the own columns it was fitted with as known inputs, for each step forecast.
            level: percent of what comes that an interval should cover, 80 or 95; each adds two
                columns, NAME-lo-80 and NAME-hi-80.
            engine: spreads many series over workers, see `engines.engine_named`; None: this
                process, all at once.

        Returns:
            `horizon` steps a channel, in the layout of the table.

        Raises:
            InputError: the table can't be used, a known input is missing, the model has no
                intervals, or it mixes series and can't be spread.
        """
        return predict_table(self.fitted, table, future, level, engine)

    def save(self, folder: str | Path) -> None:
        """Write the fitted forecaster into a folder; see `saving.save`."""
        save_fitted(self.fitted, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "Forecaster":
        """Read a saved forecaster; runs no pickle. See `saving.load`."""
        fitted = load_fitted(Path(folder))
        recipe = fitted.config
        if "selection" in fitted.summary:  # fitted again, it would choose again
            forecaster = cls(recipe.horizon, training=recipe.training)
        else:
            named = recipe.lookback, recipe.backbone, recipe.normalizer
            forecaster = cls(recipe.horizon, *named, recipe.training, recipe.covariates)
        forecaster.fitted = fitted
        return forecaster

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments as they were given (scikit-learn's protocol)."""
        return {name: getattr(self, name) for name in _constructor_parameters()}

    def set_params(self, **changed: Any) -> "Forecaster":
        """Change some of the constructor's arguments; what was fitted is forgotten.

        Raises:
            InputError: there is no such argument, or its value can't be used.
        """
        unknown = [name for name in changed if name not in _constructor_parameters()]
        if unknown:
            raise InputError(
                f"Forecaster has no {unknown}; it takes {list(_constructor_parameters())}."
            )
        parameters = self.get_params() | changed
        type(self)(**parameters)  # refuses before anything is changed
        self.__init__(**parameters)
        return self

    def __repr__(self) -> str:
        given = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in _constructor_parameters().items()
            if getattr(self, name) != parameter.default
        ]
        return f"Forecaster({', '.join(given)})"

    def _make_config(self) -> ForecasterConfig:
        """Return what was asked for, checked."""
        for name, size in (("horizon", self.horizon), ("lookback", self.lookback)):
            if size is not None and size < 1:
                raise InputError(f"{name} is a number of steps from 1 up but got {size}.")
        backbone = None if isinstance(self.backbone, str) else ModuleSpec.from_class(self.backbone)
        if isinstance(self.backbone, str) and self.backbone != "auto":
            raise InputError(
                f"backbone is 'auto' or a class but got {self.backbone!r}. Pass the class itself, "
                "such as revin_forecast.DLinear."
            )
        covariates = tuple(self.covariates)
        return ForecasterConfig(
            self.horizon,
            self.lookback,
            backbone,
            None if self.normalizer is None else ModuleSpec.from_class(self.normalizer),
            self.training or TrainingSettings(),
            covariates if backbone is None else resolve_covariates(backbone, covariates),
            self.selection or SelectionSettings(),
        )


def _constructor_parameters() -> Mapping[str, inspect.Parameter]:
    return inspect.signature(Forecaster).parameters
