"""Build the forecast table of a fitted model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch

from revin_forecast.data.covariates import KnownColumns, known_covariates
from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.reading.rows.new_rows import read_new_rows
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fit_checks import check_new_rows
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.parallel import predict_parallel
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.utils.arguments import check_levels, check_quantile, check_quantiles
from revin_forecast.utils.parallel import Engine
from revin_forecast.utils.shapes import Future, Known, Past


@dataclass(frozen=True, eq=False)
class PredictedValues:
    """A forecast in the table's units, before it is arranged as a table."""

    history: Series
    """The rows before the forecast, with the series forecast only."""
    columns: Mapping[str, np.ndarray]
    """(horizon, targets) values by column suffix: "", "-lo-80", "-hi-80", "-q-50"."""

    def to_frame(
        self, level: Sequence[float | int], quantiles: Sequence[float | int] = ()
    ) -> pd.DataFrame:
        """Return the forecast with some intervals and quantiles, in the layout of the table.

        Raises:
            InputError: the frequency is unknown, or two columns would have the same name.
        """
        suffixes = name_columns(level, quantiles)
        frame = self.history.forecast_frame({key: self.columns[key] for key in suffixes})
        if self.history.notes:
            frame.attrs["notes"] = list(self.history.notes)
        return frame


def predict_table(
    fitted: FittedModel,
    table: TableLike | None = None,
    future: TableLike | None = None,
    level: Sequence[float | int] | float | int = (),
    engine: Engine | None = None,
    quantiles: Sequence[float | int] | float = (),
) -> pd.DataFrame:
    """Forecast the steps after a table's last row; see `Forecaster.predict`."""
    levels, quantiles = check_levels(level), check_quantiles(quantiles)
    predicted = predict_values(fitted, table, future, levels, engine, quantiles)
    return predicted.to_frame(levels, quantiles)


def predict_values(
    fitted: FittedModel,
    table: TableLike | None = None,
    future: TableLike | None = None,
    level: Sequence[float | int] = (),
    engine: Engine | None = None,
    quantiles: Sequence[float | int] = (),
) -> PredictedValues:
    """Forecast the steps after a table's last row as arrays; see `Forecaster.predict`."""
    level_by_suffix = name_columns(level, quantiles)
    history, past, known = build_inputs(fitted, table, future)
    fitted = replace(fitted, history=history)
    forecasts = _forecast_by_suffix(fitted, past, known, level_by_suffix, engine)
    columns: dict[str, np.ndarray] = {}
    for suffix, forecast in forecasts.items():
        values = forecast.squeeze(0).numpy()
        columns[suffix] = fitted.to_table_units(values, level_by_suffix[suffix], columns.get(""))
    return PredictedValues(select_forecast_rows(fitted, history), columns)


def name_columns(
    level: Sequence[float | int], quantiles: Sequence[float | int] = ()
) -> dict[str, float | None]:
    """Return the quantile level of each column by its suffix; None: the point forecast.

    Raises:
        InputError: an interval level or a quantile can't be used.

    >>> name_columns([80], [0.5])
    {'': None, '-lo-80': 0.1, '-hi-80': 0.9, '-q-50': 0.5}
    """
    by_suffix: dict[str, float | None] = {"": None}
    for percent in level:
        low, high = interval_quantiles(percent)
        by_suffix |= {f"-lo-{float(percent):g}": low, f"-hi-{float(percent):g}": high}
    for quantile in quantiles:
        check_quantile(quantile)
        # Rounded, so that 0.29 is not 28.999999999999996 percent.
        by_suffix[f"-q-{round(100 * quantile, 9):g}"] = float(quantile)
    return by_suffix


def build_inputs(
    fitted: FittedModel, table: TableLike | None, future: TableLike | None
) -> tuple[Series, Past, Known | None]:
    """Return the rows to forecast from, and the inputs of the model: one window.

    Args:
        fitted: the model.
        table: newer rows; None: the rows that the model was fitted on.
        future: values of the columns that are known inputs.

    Returns:
        The last rows, the past (1, lookback, channels), standardized, and the known inputs
        (1, lookback + horizon, covariates); None for a model without any.

    Raises:
        InputError: the table can't be used, or a known input is missing.
    """
    # The notes on the rows fitted on are in the summary of the fit.
    history, known_columns = replace(fitted.history, notes=()), fitted.known_columns
    check_new_rows(table)
    if table is not None:
        # Newer rows replace those that the model was fitted on; they have the same columns.
        read = partial(read_series, table, like=history.format, seen=fitted.seen_values)
        new_rows = read_new_rows(lambda frequency: read(frequency=frequency), history)
        history = _select_last_rows(fitted, new_rows, history)
        if known_columns is not None:
            known_columns = KnownColumns(
                _select_last_rows(fitted, new_rows, known_columns.history),
                known_columns.standardizer,
            )
    # The rows decide the type of the windows: newer ones may be far from those fitted on.
    dtype = replace(fitted, history=history).dtype
    past = fitted.standardizer.to_tensor(history.values, dtype).unsqueeze(0)
    return history, past, _build_known_covariates(fitted, history, known_columns, future)


def select_forecast_rows(fitted: FittedModel, history: Series) -> Series:
    """Return the rows of the series that are forecast."""
    return history.select([history.names[target] for target in fitted.targets])


def _forecast_by_suffix(
    fitted: FittedModel,
    past: Past,
    known: Known | None,
    level_by_suffix: Mapping[str, float | None],
    engine: Engine | None,
) -> dict[str, Future]:
    """Return (1, horizon, targets) forecasts by column suffix: "", "-lo-80", "-hi-80", "-q-50".

    Args:
        fitted: the model.
        past: (1, lookback, channels), standardized.
        known: (1, lookback + horizon, covariates).
        level_by_suffix: quantile level by suffix; None: the point forecast.
        engine: distributes the series; None: this process.
    """
    # One ascending list of quantiles: levels may share them, and the model computes each once.
    quantile_levels = sorted({level for level in level_by_suffix.values() if level is not None})
    if engine is None:
        point, quantiles = fitted.forecast_with_quantiles(past, quantile_levels, known)
    elif known is not None:
        raise InputError("an engine takes no model with known inputs; leave the engine out.")
    else:
        point, quantiles = predict_parallel(fitted, past, engine, quantile_levels)
    forecasts: dict[str, Future] = {}
    for suffix, level in level_by_suffix.items():
        if level is None:
            forecasts[suffix] = point
        else:
            assert quantiles is not None  # there are quantile levels
            forecasts[suffix] = quantiles[..., quantile_levels.index(level)]
    return forecasts


def _build_known_covariates(
    fitted: FittedModel,
    history: Series,
    known_columns: KnownColumns | None,
    future: TableLike | None,
) -> Known | None:
    """Return (1, lookback + horizon, covariates), or None for a model without known inputs.

    Raises:
        InputError: `future` was passed to a model that can't take it, or it lacks values.
    """
    names, format = fitted.config.covariates, fitted.history.format
    future_series = None
    # An input that did not help when the model was chosen is not needed any more.
    is_superfluous = known_columns is None and bool(fitted.summary.get("known_inputs"))
    if future is not None and not is_superfluous:
        if known_columns is None:
            raise InputError(
                "future is for own columns that are known in advance, and this forecaster was "
                "fitted without any; leave it out."
            )
        if format.id is not None:
            raise InputError("future is for wide tables; this forecaster had a long one.")
        frequency = fitted.history.frequency
        future_series = read_series(future, like=format, frequency=frequency, outliers="keep")
    if not names:
        return None
    future_timestamps = history.future_timestamps(fitted.config.horizon)
    timestamps = pd.DatetimeIndex(history.timestamps.append(future_timestamps))
    values = None
    if known_columns is not None:
        values = known_columns.look_up_values(timestamps, future_series)
    covariates = known_covariates(names, timestamps, history.frequency, values)
    return torch.from_numpy(covariates).unsqueeze(0)


def _select_last_rows(fitted: FittedModel, new_rows: Series, like: Series) -> Series:
    """Return the last `lookback` rows of a new table, with the channels of another series.

    Raises:
        InputError: a channel is missing, or there are too few rows.
    """
    given = set(new_rows.names)  # a set, as there may be ten thousand
    absent = [name for name in like.names if name not in given]
    if absent:
        raise InputError(
            f"the new table lacks {format_names(absent)}; the forecaster was fitted on "
            f"{format_names(like.names)}. Pass a table with the same columns."
        )
    lookback = fitted.config.lookback
    if len(new_rows) < lookback and fitted.takes_whole_history:
        # Its look-back is all rows fitted on, but newer rows are often few.
        new_rows = new_rows.select(like.names).prepend_history(like, lookback - len(new_rows))
    if len(new_rows) < lookback:
        raise InputError(
            f"the new table has {len(new_rows)} rows but the forecaster looks back {lookback}. "
            f"Pass the last {lookback} rows at least."
        )
    selected = new_rows.select(like.names)
    if not fitted.config.covariates:
        # Each series is forecast from its own end. Known inputs belong to one time axis instead.
        selected = selected.align_ends()
    return selected.slice_rows(len(new_rows) - lookback, len(new_rows))
