import sys
from collections.abc import Callable

from revin_forecast.backbones import Backbone, Ridge
from revin_forecast.data.reading import read_series
from revin_forecast.data.writing import write_table
from revin_forecast.forecaster import Forecaster
from revin_forecast.normalizers import Normalizer, RevIN
from revin_forecast.settings import TrainingSettings


def forecast(
    file: str,
    horizon: int,
    out: str | None = None,
    lookback: int | None = None,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    columns: list[str] | None = None,
    frequency: str | None = None,
    covariates: list[str] | None = None,
    future: str | None = None,
    backbone: Callable[[int, int, int], Backbone] = Ridge,
    normalizer: Callable[[int], Normalizer] = RevIN,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> None:
    """Fit on a table and forecast the steps after its last row.

    Args:
        file: CSV (comma, semicolon or tab; .gz too) or Parquet; wide (a time column, then one
            column a series) or long (id, time, value).
        horizon: steps to forecast.
        out: write the forecast here (.csv or .parquet); without it, it is printed as CSV.
        lookback: steps each forecast is made from; chosen from the data if not given.
        time: name of the time column; found if not given.
        id: name of the series column of a long table.
        value: name of the value column of a long table.
        columns: forecast these columns only.
        frequency: step between rows, as pandas writes it (h, D, W-SAT, MS); found if not given.
        covariates: what is known of each step beforehand, for a backbone that takes it: calendar,
            hour, weekday, day, yearday, month, minute, step, or columns of the table.
        future: a table of those columns for each step forecast.
        backbone: the model, by name or import path.
        normalizer: what is done to each window, by name or import path.
        training: for a backbone that is trained by gradient.
    """
    series = read_series(file, time=time, id=id, value=value, columns=columns, frequency=frequency)
    known = covariates or ()
    forecaster = Forecaster(horizon, lookback, backbone, normalizer, training, known).fit(series)
    table = forecaster.predict(future=future)
    if out is None:
        sys.stdout.write(table.to_csv(index=False))
        return
    write_table(table, out)
    history = forecaster.fitted.history
    print(
        f"{out}: {horizon} steps of {len(history.names)} series after {series.timestamps[-1]}, "
        f"each made from the last {len(history)} rows"
    )
