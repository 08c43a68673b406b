"""The public `Forecaster`: fit on a table, predict a table."""

from collections.abc import Sequence
from pathlib import Path

from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting import (
    ForecasterConfig,
    find_memory_map_obstacle,
)
from revin_forecast.forecasting.fit_checks import (
    check_fit_arguments,
)
from revin_forecast.forecasting.fit_table import fit_table
from revin_forecast.forecasting.fitted_forecaster import FittedForecaster
from revin_forecast.forecasting.known_table import KnownTable
from revin_forecast.forecasting.saving import load_fitted
from revin_forecast.forecasting.update import keep_all_rows
from revin_forecast.models.spec import ModuleFactory, ModuleSpec
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.model_config import resolve_covariates
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.arguments import check_count, check_names
from revin_forecast.utils.progress import notebook_progress


class Forecaster(FittedForecaster):
    """A forecaster of tables: fit on a table, predict the table that follows.

    Values are standardized, forecast on each window's own scale and mapped back to the table's
    units; the forecast has the table's layout. If the series of a long table end at different
    times, each is forecast from its own end.

    Args:
        horizon: steps to forecast.
        lookback: number of past steps used for each forecast; None: selected automatically.
        backbone: "auto" combines exponential smoothing, closed-form linear maps, a pretrained
            network and naive forecasts, weighed by their errors on past rows (see
            `revin_forecast.selection`); or a class called with (lookback, horizon, channels), or a
            functools.partial of one. `Pretrained` needs no fit, and 8 rows.
        normalizer: a class called with (channels), or a functools.partial of one; None: selected
            automatically, or RevIN if the backbone is named.
        training: settings for a backbone that is trained.
        covariates: inputs known in advance for every step, for the automatic choice and backbones
            that take them: "holiday:DE" or "holiday:DE-BY" (a country's holidays), "calendar"
            (features that fit the table's step), one calendar feature ("hour", "weekday", ...),
            "step" (the running number), or columns of the table, which are then not forecast.
        selection: seasons, effort, time budget and members of the automatic choice.

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
        # Stored unchanged: scikit-learn's clone checks that get_params returns the same objects.
        self.horizon = horizon
        self.lookback = lookback
        self.backbone = backbone
        self.normalizer = normalizer
        self.training = training
        self.covariates = covariates
        self.selection = selection
        self._make_config()  # raises for arguments that can't be used
        self._fitted = None

    def fit(
        self,
        table: TableLike | MemoryMappedSeries,
        folder: str | Path | None = None,
        resume: bool = False,
        inputs: Sequence[str] = (),
        *,
        keep_rows: bool = False,
        y: object = None,
    ) -> "Forecaster":
        """Fit on a table; its last fifth (at least one horizon) serves as validation.

        The automatic choice weighs models of a short table at expanding origins instead. The
        backbone `Pretrained` is not fitted: the table is read, and its season is found.

        If there are other series, the automatic choice does not forecast columns of 0 and 1, unless
        `read_series(table, target=...)` named them; `fitted.summary["left_out"]` lists them.

        Args:
            table: a Series, a data frame or the path of a file, as `read_series` takes it; or the
                result of `memory_map_table` for a file larger than memory.
            folder: stores checkpoints and logs of a trained backbone.
            resume: resume from the folder's last checkpoint.
            inputs: columns that are used but not forecast; for a mapped table, pass them to
                `memory_map_table` instead.
            keep_rows: keep all rows, so that `update` can let old ones out.
            y: refused, with the remedy: the values are columns of the table.

        Returns:
            The forecaster itself.

        Raises:
            InputError: the table can't be used, or is too short.
        """
        config, path = self._make_config(), check_fit_arguments(folder, y)
        is_mapped = isinstance(table, MemoryMappedSeries)
        with notebook_progress("fitting"):
            rows = table if is_mapped else read_series(table, inputs=inputs or None)
            fitted = fit_table(config, rows, path, resume, inputs)
        self.fitted = keep_all_rows(fitted) if keep_rows else fitted
        self.known_table = KnownTable.from_fit(rows, table)
        return self

    @property
    def can_fit_memory_mapped(self) -> bool:
        """Whether these settings can be fitted on a memory-mapped table."""
        return find_memory_map_obstacle(self._make_config()) is None

    @property
    def config(self) -> ForecasterConfig:
        """The checked arguments."""
        return self._make_config()

    @classmethod
    def load(cls, folder: str | Path) -> "Forecaster":
        """Load a saved forecaster; no pickle is executed. See `saving.load_fitted`."""
        fitted = load_fitted(Path(folder))
        config = fitted.config
        if "selection" in fitted.summary:
            # The combination came from the automatic choice: fit must select again.
            covariates = tuple(fitted.summary.get("covariates", ()))
            forecaster = cls(config.horizon, training=config.training, covariates=covariates)
        else:
            components = config.lookback, config.backbone, config.normalizer
            forecaster = cls(config.horizon, *components, config.training, config.covariates)
        forecaster.fitted = fitted
        return forecaster

    def _make_config(self) -> ForecasterConfig:
        """Return the arguments as a checked configuration."""
        lookback = None if self.lookback is None else check_count("lookback", self.lookback)
        backbone = None if isinstance(self.backbone, str) else ModuleSpec.from_class(self.backbone)
        if isinstance(self.backbone, str) and self.backbone != "auto":
            raise InputError(
                f"backbone is 'auto' or a class but got {self.backbone!r}. Pass the class itself, "
                "such as revin_forecast.DLinear."
            )
        check_names("covariates", self.covariates)
        covariates = tuple(self.covariates)
        return ForecasterConfig(
            check_count("horizon", self.horizon),
            lookback,
            backbone,
            None if self.normalizer is None else ModuleSpec.from_class(self.normalizer),
            self.training or TrainingSettings(),
            covariates if backbone is None else resolve_covariates(backbone, covariates),
            self.selection or SelectionSettings(),
        )
