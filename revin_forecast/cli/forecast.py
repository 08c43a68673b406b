"""The command `forecast`: fit on a table and forecast the steps after its last row."""

import sys
from collections.abc import Callable
from typing import Literal

from revin_forecast.backbones import Backbone
from revin_forecast.cli.output import describe_fit, describe_last_row, print_json
from revin_forecast.data.formatting import pluralize
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.data.write_table import check_table_path, to_csv, write_table
from revin_forecast.errors import InputError
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.normalizers import Normalizer
from revin_forecast.parallel import EngineName, make_engine
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress


def forecast(
    file: str,
    horizon: int,
    out: str | None = None,
    report: str | None = None,
    plot: str | None = None,
    json: bool = False,
    level: list[float] | None = None,
    lookback: int | None = None,
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008
    covariates: list[str] | None = None,
    future: str | None = None,
    selection: SelectionSettings = SelectionSettings(),  # noqa: B008
    group: str | None = None,
    engine: EngineName = "inline",
    workers: int | None = None,
    quiet: bool = False,
    backbone: Callable[[int, int, int], Backbone] | Literal["auto"] = "auto",
    normalizer: Callable[[int], Normalizer] | None = None,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> None:
    """Fit on a table and forecast the steps after its last row.

    Args:
        file: CSV (separated by comma, semicolon, tab or |; also as .gz) or Parquet file, or - for
            standard input; wide (a time column and one column per series) or long (id, time,
            value).
        horizon: number of steps to forecast.
        out: write the forecast to this file (.csv or .parquet) instead of printing it as CSV.
        report: write a report to this file (.html): charts, a backtest, the choice of the model,
            the shift of levels, errors and data issues.
        plot: draw the forecast to this image file (.png, .svg, .pdf, .jpg or .webp).
        json: print one JSON object instead of CSV and text.
        level: levels of prediction intervals in percent (80 95); each adds the columns NAME-lo-80
            and NAME-hi-80.
        lookback: number of past steps used for each forecast; chosen from the data by default.
        reading: how the table is read.
        covariates: inputs known in advance, for a backbone that accepts them: calendar, hour,
            weekday, day, yearday, month, minute, step, or columns of the table.
        future: table with the columns among the covariates and a row for each forecast step.
        selection: how a model is chosen.
        group: column of a long table; a separate model is fitted for each of its values.
        engine: where groups, or parts of many series, are processed: in this process (inline), in
            worker processes (local) or on a Ray cluster (ray).
        workers: number of worker processes of the local engine; one per core by default.
        quiet: do not print the chosen model and its scores.
        backbone: backbone, by name or import path; auto chooses a model on validation windows.
        normalizer: normalizer of each window, by name or import path; by default chosen on
            validation windows, or RevIN with a named backbone.
        training: settings for a backbone trained by gradient descent.
    """
    arguments = dict(locals())  # first, while parameters are the only local variables
    if out is not None:
        check_table_path(out, file)
    if report is not None or plot is not None:
        from revin_forecast.cli.report import check_output_paths  # plotly takes a second to import

        check_output_paths(report, plot)
    forecaster = Forecaster(
        horizon, lookback, backbone, normalizer, training, covariates or (), selection
    )
    if workers is not None and engine != "local":
        raise InputError(
            f"--workers is for --engine local, but the engine is {engine}. Pass --engine local, or "
            "leave --workers out."
        )
    task_engine = None if engine == "inline" else make_engine(engine, workers)
    record: dict[str, object] = {"file": file, "horizon": horizon, "levels": level or []}
    if group is not None:
        check_group_options(
            target=reading.target,
            inputs=reading.inputs,
            covariates=covariates,
            future=future,
            report=report,
            plot=plot,
        )
        columns = {
            name: value for name, value in vars(reading).items() if name not in ("target", "inputs")
        }
        with progress(f"forecasting {file}"):
            table = forecast_groups(
                forecaster,
                file,
                group,
                level=level or (),
                engine=task_engine,
                read_options=columns,
            )
        series, lines = None, [f"one model for each of {table[group].nunique()} groups of {group}"]
        last_line = f"{horizon} steps of each series"
    else:
        with progress(f"forecasting {file}"):
            series = read_series(file, **vars(reading))
            table = forecaster.fit(series).predict(
                future=future, level=level or (), engine=task_engine
            )
        if not training.is_first_process:  # With several processes, only the first one writes.
            return
        record["fitted"] = forecaster.fitted.summary
        lines = [describe_fit(forecaster.fitted)]
        count = len(forecaster.fitted.targets)
        last_line = (
            f"{pluralize(horizon, 'step')} of {count} series after {describe_last_row(series)}"
        )
    if out is not None:
        write_table(table, out)
        lines.append(f"{out}: {last_line}")
    if series is not None and (report is not None or plot is not None):
        from revin_forecast.cli.report import write_report_and_plot
        from revin_forecast.cli.reproduce import format_command_line

        command_line = format_command_line(forecast, arguments, "file")
        lines += write_report_and_plot(
            report, plot, forecaster, series, arguments, command_line, table, task_engine
        )
    if json:
        outputs = {"out": out, "report": report, "plot": plot}
        print_json(record | outputs | {"forecast": table.to_dict("records")})
        return
    if not quiet:
        # Keep stdout for the CSV, so that it can be redirected to a file.
        print(*lines, sep="\n", file=sys.stderr if out is None else sys.stdout)
    if out is None:
        sys.stdout.write(to_csv(table))


def check_group_options(**options: object) -> None:
    """Check that no option is set that --group does not support.

    Raises:
        InputError: an option is set.
    """
    for name, value in options.items():
        if value:
            raise InputError(
                f"--{name} can't be combined with --group. Leave one of them out, or forecast each "
                "group from a separate table."
            )
