import sys

from revin_forecast.data.reading import read_series
from revin_forecast.data.writing import write_table
from revin_forecast.forecaster import Forecaster


def predict(
    model: str,
    file: str | None = None,
    out: str | None = None,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    future: str | None = None,
) -> None:
    """Forecast with a saved forecaster, without fitting again.

    Args:
        model: the folder that `fit` wrote.
        file: newer rows of the same columns; without it, the forecast follows the rows that the
            forecaster was fitted on.
        out: write the forecast here (.csv or .parquet); without it, it is printed as CSV.
        time: name of the time column; the one of the table it was fitted on if not given.
        id: name of the series column of a long table; likewise.
        value: name of the value column of a long table; likewise.
        future: a table of the columns that are known beforehand, for each step forecast.
    """
    forecaster = Forecaster.load(model)
    history = forecaster.fitted.history
    newer = None
    if file is not None:
        newer = read_series(
            file,
            time=time or history.layout.time,
            id=id or history.layout.id,
            value=value or history.layout.value,
            frequency=history.frequency,
        )
    table = forecaster.predict(newer, future)
    if out is None:
        sys.stdout.write(table.to_csv(index=False))
        return
    write_table(table, out)
    print(f"{out}: {forecaster.horizon} steps")
