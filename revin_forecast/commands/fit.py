from collections.abc import Callable
from pathlib import Path

from revin_forecast.backbones import Backbone, Ridge
from revin_forecast.data.reading import read_series
from revin_forecast.forecaster import Forecaster
from revin_forecast.normalizers import Normalizer, RevIN
from revin_forecast.settings import TrainingSettings
from revin_forecast.shift.suite import DataSource


def fit(
    file: str,
    horizon: int,
    out: str,
    lookback: int | None = None,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    columns: list[str] | None = None,
    frequency: str | None = None,
    covariates: list[str] | None = None,
    shifts: list[str] | None = None,
    resume: bool = False,
    backbone: Callable[[int, int, int], Backbone] = Ridge,
    normalizer: Callable[[int], Normalizer] = RevIN,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> Path:
    """Fit on a table and save the forecaster in a folder.

    Args:
        file: CSV (comma, semicolon or tab; .gz too) or Parquet; wide or long.
        horizon: steps to forecast.
        out: the folder; it also gets the resolved options (config.yaml) and, for a backbone that
            is trained by gradient, checkpoints and logs.
        lookback: steps each forecast is made from; chosen from the data if not given.
        time: name of the time column; found if not given.
        id: name of the series column of a long table.
        value: name of the value column of a long table.
        columns: forecast these columns only.
        frequency: step between rows, as pandas writes it (h, D, W-SAT, MS); found if not given.
        shifts: say too how well such a model, trained on the first 70 % of the rows, stands these
            shifts over the last 20 %, beside its twin without normalizer: all, or names.
        resume: go on from the folder's last checkpoint.
        covariates: what is known of each step beforehand, for a backbone that takes it: calendar,
            hour, weekday, day, yearday, month, minute, step, or columns of the table.
        backbone: the model, by name or import path.
        normalizer: what is done to each window, by name or import path.
        training: for a backbone that is trained by gradient.
    """
    series = read_series(file, time=time, id=id, value=value, columns=columns, frequency=frequency)
    folder = Path(out)
    forecaster = Forecaster(horizon, lookback, backbone, normalizer, training, covariates or ())
    forecaster.fit(series, folder / "training", resume)
    forecaster.save(folder)
    print(f"{folder}: forecasts {horizon} steps of {len(forecaster.fitted.history.names)} series")
    if shifts:
        from revin_forecast.commands.robustness import show_robustness

        source = DataSource(
            Path(file).stem,
            file=file,
            columns=tuple(columns or ()),
            time=time,
            id=id,
            value=value,
            frequency=frequency,
        )
        show_robustness(forecaster.fitted.recipe, source, shifts, folder=folder / "shifts")
    return folder
