"""The command `predict`: forecast with a saved forecaster."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from revin_forecast.cli.options import Without
from revin_forecast.cli.outcomes import keeping_forecast
from revin_forecast.cli.output import (
    describe_notes,
    format_forecast_summary,
    print_json,
    to_summary_record,
)
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    from revin_forecast.data.series import Series
    from revin_forecast.forecasting.fitted import FittedModel


def predict(
    model: str,
    file: str | None = None,
    out: str | None = None,
    report: str | None = None,
    plot: str | None = None,
    level: list[float] | None = None,
    reading: Annotated[
        ReadingOptions, Without(("target", "inputs", "frequency", "missing"))
    ] = ReadingOptions(),  # noqa: B008
    future: str | None = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Forecast with a saved forecaster, without fitting again.

    Args:
        model: folder written by `fit`.
        file: newer rows with the same columns; by default the forecast follows the rows that the
            forecaster was fitted on.
        out: write the forecast to this file (.csv, .xlsx, .parquet, .jsonl, .tsv or .feather)
            instead of printing it as CSV; text is written like the input.
        report: write a report to this file (.html): charts, the shift of levels and data issues.
            There is no backtest, because the model is not fitted again.
        plot: draw the forecast, of 50 series at most, to this image file (.png, .svg, .pdf, .jpg or
            .webp); with kaleido and Chrome where both are installed, otherwise with matplotlib.
        level: levels of prediction intervals in percent (80 95); each adds the columns NAME-lo-80
            and NAME-hi-80.
        reading: how the newer rows are read.
        time: name of the time column; by default as in the fitted table.
        id: name of the series column of a long table; by default as in the fitted table.
        value: name of the value column of a long table; by default as in the fitted table.
        future: table with the columns among the covariates and a row for each forecast step.
        quiet: do not print the summary of the forecast.
        json: print one JSON object instead of CSV and text.
    """
    arguments = dict(locals())  # first, while parameters are the only local variables
    if out is not None:
        from revin_forecast.data.write_table import check_table_path

        check_table_path(out, file)
    if Path(model).is_file():
        raise InputError(
            f"{model} is a file; name the folder that `fit` wrote first, then the table."
        )
    if report is not None or plot is not None:
        from revin_forecast.cli.report import check_output_paths  # plotly takes a second to import

        check_output_paths(report, plot)
    with progress(f"forecasting with {model}"):
        from revin_forecast.data.write_table import to_csv, write_table
        from revin_forecast.forecasting.forecast_summary import predict_with_summary
        from revin_forecast.forecasting.forecaster import Forecaster

        forecaster = Forecaster.load(model)
        new_rows = None if file is None else read_newer_rows(file, forecaster.fitted, reading)
        rows = forecaster.fitted.history if new_rows is None else new_rows
        table, summary = predict_with_summary(
            forecaster.fitted, rows, new_rows, future, level or ()
        )
        # The tests were those of the fit, which may be long ago.
        summary = replace(summary, naive_season=None)
        notes = [] if new_rows is None else describe_notes(new_rows.notes)
        notes += [] if out is None else write_table(table, out, rows.format)
        written: list[str] = []
        if report is not None or plot is not None:
            from revin_forecast.cli.report import write_new_report_and_plot
            from revin_forecast.cli.reproduce import format_command_line

            command_line = format_command_line(predict, arguments, "model", "file")
            with keeping_forecast(table, rows.format, out, json):
                written = write_new_report_and_plot(
                    forecaster, new_rows, arguments, command_line, table, summary
                )
    if json:
        facts = {"model": model, "file": file, "horizon": forecaster.horizon, "levels": level or []}
        outputs = {"out": out, "report": report, "plot": plot}
        outputs |= {"summary": to_summary_record(summary)}
        facts["notes"] = () if new_rows is None else new_rows.notes
        print_json(facts | outputs | {"forecast": table.to_dict("records")})
        return
    # Keep stdout for the CSV, so that it can be redirected to a file.
    lines = [*format_forecast_summary(summary), *notes]
    if out is not None:
        lines.append(f"{out}: {forecaster.horizon} steps")
    if not quiet:
        print(*lines, *written, sep="\n", file=sys.stderr if out is None else sys.stdout)
    if out is None:
        sys.stdout.write(to_csv(table, rows.format))


def read_newer_rows(file: str, fitted: "FittedModel", reading: ReadingOptions) -> "Series":
    """Read newer rows; the format of the fitted table completes the options."""
    from revin_forecast.data.reading.read_series import read_series
    from revin_forecast.data.reading.rows.new_rows import read_new_rows
    from revin_forecast.data.reading.values.hide_outliers import hide_series_outliers
    from revin_forecast.utils.memory import exceeds_memory

    history = fitted.history
    options: dict[str, Any] = {
        role: getattr(reading, role)
        for role in ("time", "id", "value", "time_form", "format", "long_gaps")
    }
    options["like"] = history.format
    # These need all rows, but a memory map reads a few rows at a time.
    roles = ("decimal", "resample", "aggregate", "encoding", "skip_rows", "outliers")
    others = {role: getattr(reading, role) for role in roles}
    read = partial(read_series, file, seen=fitted.seen_values, **others, **options)
    if reading.allows_memory_map and history.format.resample is None and exceeds_memory(file):
        read = partial(_read_last_rows, file, len(history), options)
        newer = read_new_rows(lambda frequency: read(frequency=frequency), history)
        keeps = reading.outliers == "keep"
        return newer if keeps else hide_series_outliers(newer, fitted.seen_values)
    return read_new_rows(lambda frequency: read(frequency=frequency), history)


def _read_last_rows(
    file: str, rows: int, options: dict[str, Any], frequency: str | None
) -> "Series":
    """Read the last rows of a table that does not fit in memory."""
    from revin_forecast.data.memory_mapped.series import memory_map_table

    with TemporaryDirectory() as scratch:
        return memory_map_table(file, scratch, keep=rows, frequency=frequency, **options).last_rows
