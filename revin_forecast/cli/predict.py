import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from revin_forecast.cli.output import print_json
from revin_forecast.data.memory_mapped.series import memory_map_table
from revin_forecast.data.reading.new_rows import read_new_rows
from revin_forecast.data.reading.numbers import DecimalMark
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.data.write_table import check_table_path, to_csv, write_table
from revin_forecast.errors import InputError
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.utils.memory import exceeds_memory
from revin_forecast.utils.progress import progress


def predict(
    model: str,
    file: str | None = None,
    out: str | None = None,
    plot: str | None = None,
    level: list[float] | None = None,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    decimal: Literal[".", ","] | None = None,
    future: str | None = None,
    json: bool = False,
) -> None:
    """Forecast with a saved forecaster, without fitting again.

    Args:
        model: the folder that `fit` wrote.
        file: newer rows of the same columns; without it, the forecast follows the rows that the
            forecaster was fitted on.
        out: write the forecast here (.csv or .parquet); without it, it is printed as CSV.
        plot: draw the forecast into a picture (.png, .svg, .pdf, .jpg or .webp).
        level: percent of what comes that intervals should cover (80 95); each adds two columns,
            NAME-lo-80 and NAME-hi-80.
        time: name of the time column; the one of the table it was fitted on if not given.
        id: name of the series column of a long table; likewise.
        value: name of the value column of a long table; likewise.
        decimal: the mark before the decimals; told by the numbers if not given.
        future: a table of the columns that are known beforehand, for each step forecast.
        json: print one JSON object instead of CSV and words.
    """
    if out is not None:
        check_table_path(out, file)
    if Path(model).is_file():
        raise InputError(
            f"{model} is a file; name the folder that `fit` wrote first, then the table."
        )
    if plot is not None:
        from revin_forecast.cli.report import check_output_paths  # plotly takes a second

        check_output_paths(None, plot)
    with progress(f"forecasting with {model}"):
        forecaster = Forecaster.load(model)
        columns = {"time": time, "id": id, "value": value}
        newer = (
            None
            if file is None
            else _read_new_rows(file, forecaster.fitted.history, columns, decimal)
        )
        table = forecaster.predict(newer, future, level or ())
        if out is not None:
            write_table(table, out)
        if plot is not None:
            from revin_forecast.cli.report import plot_new_forecast

            plot_new_forecast(plot, forecaster, newer, future, level, table)
    if json:
        facts = {"model": model, "file": file, "horizon": forecaster.horizon, "levels": level or []}
        print_json(facts | {"out": out, "plot": plot, "forecast": table.to_dict("records")})
    elif out is None:
        sys.stdout.write(to_csv(table))
    else:
        print(f"{out}: {forecaster.horizon} steps")
        if plot is not None:
            print(f"{plot}: a picture")


def _read_new_rows(
    file: str, history: Series, given: dict[str, str | None], decimal: DecimalMark | None
) -> Series:
    """Read newer rows; columns that are not given are those of the table that was fitted on."""
    layout = history.layout
    columns = {name: named or getattr(layout, name) for name, named in given.items()}
    read = partial(read_series, file, decimal=decimal, **columns)
    if decimal is None and exceeds_memory(file):
        read = partial(_read_last_rows, file, len(history), columns)
    return read_new_rows(lambda frequency: read(frequency=frequency), history)


def _read_last_rows(
    file: str, rows: int, columns: dict[str, str | None], frequency: str | None
) -> Series:
    """Read the last rows of a table that fills the memory."""
    with TemporaryDirectory() as scratch:
        return memory_map_table(file, scratch, keep=rows, frequency=frequency, **columns).last_rows
