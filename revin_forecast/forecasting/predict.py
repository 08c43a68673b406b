"""The forecast table of a fitted model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from revin_forecast.data.covariates import KnownColumns, known_covariates
from revin_forecast.data.reading.new_rows import read_new_rows
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.parallel import predict_parallel
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.parallel import Engine


def predict_table(
    fitted: FittedModel,
    table: TableLike | None = None,
    future: TableLike | None = None,
    level: Sequence[float | int] = (),
    engine: Engine | None = None,
) -> pd.DataFrame:
    """Forecast the steps after a table's last row; see `Forecaster.predict`."""
    bounds = {float(one): interval_quantiles(one) for one in level}
    history, columns = fitted.history, fitted.known_columns
    if table is not None:
        read = partial(read_series, table, **asdict(history.layout))
        newer = read_new_rows(lambda frequency: read(frequency=frequency), history)
        history = _last_rows(fitted, newer, history)
        if columns is not None:
            columns = KnownColumns(_last_rows(fitted, newer, columns.history), columns.standardizer)
    past = fitted.standardizer.to_tensor(history.values).unsqueeze(0)
    known = _known_covariates(fitted, history, columns, future)
    found = _forecast_by_suffix(fitted, past, known, bounds, engine)
    scale = fitted.standardizer.select(fitted.targets)
    rows = history.select([history.names[target] for target in fitted.targets])
    return rows.forecast_frame(
        {
            name: scale.round_to_float32(scale.inverse_transform(part.squeeze(0).numpy()))
            for name, part in found.items()
        }
    )


def _forecast_by_suffix(
    fitted: FittedModel,
    past: Tensor,
    known: Tensor | None,
    bounds: Mapping[float, tuple[float, float]],
    engine: Engine | None,
) -> dict[str, Tensor]:
    """Return (1, horizon, targets) by what is put behind a column's name."""
    levels = sorted({level for both in bounds.values() for level in both})
    if engine is None:
        point = fitted.forecast(past, known)
        quantiles = fitted.quantiles(past, levels, known) if levels else None
    elif known is not None:
        raise InputError("a model with known inputs can't be spread; leave the engine out.")
    else:
        point, quantiles = predict_parallel(fitted, past, engine, levels)
    found = {"": point}
    for one, (low, high) in bounds.items():
        assert quantiles is not None  # there are levels
        found[f"-lo-{one:g}"] = quantiles[..., levels.index(low)]
        found[f"-hi-{one:g}"] = quantiles[..., levels.index(high)]
    return found


def _known_covariates(
    fitted: FittedModel, history: Series, columns: KnownColumns | None, future: TableLike | None
) -> Tensor | None:
    """Return (1, steps, covariates) of all steps; None without known inputs."""
    names, layout = fitted.config.covariates, fitted.history.layout
    ahead = None
    if future is not None:
        if columns is None:
            raise InputError(
                "future is for own columns that are known beforehand, and this forecaster was "
                "fitted without any; leave it out."
            )
        if layout.id is not None:
            raise InputError("future is for wide tables; this forecaster had a long one.")
        ahead = read_series(future, time=layout.time, frequency=fitted.history.frequency)
    if not names:
        return None
    stamps = history.future_timestamps(fitted.config.horizon)
    steps = pd.DatetimeIndex(history.timestamps.append(stamps))
    own = None if columns is None else columns.look_up_values(steps, ahead)
    return torch.from_numpy(known_covariates(names, steps, history.frequency, own)).unsqueeze(0)


def _last_rows(fitted: FittedModel, new_rows: Series, like: Series) -> Series:
    """Return the last rows of a new table, with the channels that the model knows."""
    absent = [name for name in like.names if name not in new_rows.names]
    if absent:
        raise InputError(
            f"the new table lacks {absent}; the forecaster was fitted on {list(like.names)}. Pass "
            "a table with the same columns."
        )
    lookback = fitted.config.lookback
    if len(new_rows) < lookback:
        raise InputError(
            f"the new table has {len(new_rows)} rows but the forecaster looks back {lookback}. "
            f"Pass the last {lookback} rows at least."
        )
    chosen = new_rows.select(like.names)
    if not fitted.config.covariates:
        chosen = chosen.align_ends()
    return chosen.slice_rows(len(new_rows) - lookback, len(new_rows))
