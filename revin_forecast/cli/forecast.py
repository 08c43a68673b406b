"""The command `forecast`: fit on a table and forecast the steps after its last row."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from revin_forecast.cli.load_split import read_table
from revin_forecast.cli.outcomes import keeping_forecast, print_without_effect
from revin_forecast.cli.output import print_json, to_summary_record
from revin_forecast.cli.validation import check_group_options, choose_backbone
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.parallel.engine import Engine, EngineName
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # The help, and a call that can't be used, must not wait for torch and pandas.
    import pandas as pd

    from revin_forecast.data.series import Series
    from revin_forecast.data.table_format import TableFormat
    from revin_forecast.forecasting.forecast_summary import ForecastSummary
    from revin_forecast.forecasting.forecaster import Forecaster


@dataclass(frozen=True, eq=False)
class ForecastResult:
    """A forecast and its description."""

    table: "pd.DataFrame"
    """The forecast."""
    lines: list[str]
    """Lines about the forecast and the fit, to be printed."""
    last_line: str
    """Line about the steps of the forecast, to be printed."""
    format: "TableFormat"
    """Format of the table that was read, whose style the written forecast has."""
    series: "Series | None" = None
    """The table that was read; None for groups."""
    fitted: Mapping[str, Any] | None = None
    """Summary of the fit; None for groups."""
    summary: "ForecastSummary | None" = None
    """Summary of the forecast."""
    notes: Sequence[str] = ()
    """Notes on the reading of groups; otherwise, those of the summary of the fit."""


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
    value_range: RangeSettings = RangeSettings(),  # noqa: B008
    covariates: list[str] | None = None,
    future: str | None = None,
    selection: SelectionSettings = SelectionSettings(),  # noqa: B008
    group: str | None = None,
    engine: EngineName = "inline",
    workers: int | None = None,
    quiet: bool = False,
    backbone: ModuleSpec | Literal["auto"] = "auto",
    normalizer: ModuleSpec | None = None,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
    model: str | None = None,
) -> None:
    """Fit on a table and forecast the steps after its last row.

    Args:
        file: CSV, Excel, Parquet, Arrow, JSON lines, SQLite, or -; sales.xlsx::Sheet names a sheet,
            shop.db::table a table, and - is standard input; the table is wide (a time column and
            one column per series) or long (id, time, value).
        horizon: number of steps to forecast.
        out: write the forecast to this file (.csv, .xlsx, .parquet, .jsonl, .tsv or .feather)
            instead of printing it as CSV; text is written like the input.
        report: write a report to this file (.html): charts, a backtest, the choice of the model,
            the shift of levels, errors and data issues.
        plot: draw the forecast, of 50 series at most, to this image file (.png, .svg, .pdf, .jpg or
            .webp); with kaleido and Chrome where both are installed, otherwise with matplotlib.
        json: print one JSON object instead of CSV and text.
        level: levels of prediction intervals in percent (80 95); each adds the columns NAME-lo-80
            and NAME-hi-80.
        lookback: number of past steps used for each forecast; chosen from the data by default.
        reading: how the table is read.
        value_range: the values that a forecast may take.
        covariates: inputs known in advance, such as public holidays; holiday:DE (a country),
            holiday:DE-BY (a part of it), columns of the table, calendar, hour, weekday, day,
            yearday, month, minute and step.
        future: table with the columns among the covariates and a row for each forecast step.
        selection: how a model is chosen.
        group: fit a separate model for each value of this column of a long table.
        engine: where groups, or parts of many series, are processed: in this process (inline), in
            worker processes (local) or on a Ray cluster (ray).
        workers: number of worker processes of the local engine; one per core by default.
        quiet: do not print the chosen model and its scores.
        backbone: backbone, by name or import path; auto weighs models by errors on past rows.
        normalizer: normalizer of each window, by name or import path; by default chosen on
            validation windows, or RevIN with a named backbone.
        training: settings for a backbone trained by gradient descent.
        model: pretrained: forecast at once, without a fit, with a network that was trained on
            synthetic series alone; from 8 rows up. Short for --backbone Pretrained. A saved
            forecaster is used by the command predict instead.
    """
    arguments = dict(locals())  # first, while parameters are the only local variables
    _check_paths(file, horizon, out, report, plot)
    backbone = choose_backbone(model, backbone, file)
    task_engine = _make_engine(engine, workers)
    if group is not None:
        check_group_options(
            target=reading.target,
            inputs=reading.inputs,
            covariates=covariates,
            future=future,
            report=report,
            plot=plot,
        )
    with progress(f"forecasting {file}"):
        from revin_forecast.forecasting.forecaster import Forecaster

        forecaster = Forecaster(
            horizon, lookback, backbone, normalizer, training, covariates or (), selection
        )
        read_options = vars(reading) | {"range_settings": value_range}
        if group is None:
            result = _forecast_series(
                forecaster,
                file,
                read_options,
                future,
                level or (),
                task_engine,
                out,
                has_summary=json or report is not None or not quiet,
            )
        else:
            result = _forecast_groups(
                forecaster, file, group, read_options, level or (), task_engine
            )
    if not training.is_first_process:  # With several processes, only the first one writes.
        return
    lines, trust = [*result.lines], None
    if out is not None:
        from revin_forecast.data.write_table import write_table

        lines += write_table(result.table, out, result.format)
        lines.append(f"{out}: {result.last_line}")
    if result.series is not None and (report is not None or plot is not None):
        from revin_forecast.cli.report import write_report_and_plot
        from revin_forecast.cli.reproduce import format_command_line

        command_line = format_command_line(forecast, arguments, "file")
        with keeping_forecast(result.table, result.format, out, json):
            written, trust = write_report_and_plot(
                forecaster,
                result.series,
                arguments,
                command_line,
                result.table,
                result.summary,
                task_engine,
            )
            lines += written
            if report is not None:
                from revin_forecast.evaluation.describe_trust import describe_trust

                # Before the description of the fit: its quality matters more than its making.
                lines.insert(max(0, len(result.lines) - 1), f"trust: {describe_trust(trust)}")
    if json:
        record: dict[str, object] = {"file": file, "horizon": horizon, "levels": level or []}
        fitted: dict[str, object] = {"fitted": result.fitted}
        if result.fitted is None:
            fitted = {"notes": result.notes}
        if result.summary is not None:
            fitted["summary"] = to_summary_record(result.summary)
        if report is not None:
            from revin_forecast.evaluation.describe_trust import to_trust_record

            record["trust"] = to_trust_record(trust)
        outputs = {"out": out, "report": report, "plot": plot}
        print_json(record | fitted | outputs | {"forecast": result.table.to_dict("records")})
        return
    if not quiet:
        # Keep stdout for the CSV, so that it can be redirected to a file.
        print(*lines, sep="\n", file=sys.stderr if out is None else sys.stdout)
    if out is None:
        from revin_forecast.data.write_table import to_csv

        sys.stdout.write(to_csv(result.table, result.format))


def _check_paths(
    file: str, horizon: int, out: str | None, report: str | None, plot: str | None
) -> None:
    """Check the paths of all outputs before any work is done."""
    if out is not None:
        from revin_forecast.data.write_table import check_table_path, check_table_size

        check_table_path(out, file)
        check_table_size(out, horizon)
    if report is not None or plot is not None:
        from revin_forecast.cli.report import check_output_paths  # plotly takes a second to import

        check_output_paths(report, plot)


def _make_engine(engine: EngineName, workers: int | None) -> Engine | None:
    """Return the engine for groups and parts of many series; None for this process."""
    if workers is not None and engine != "local":
        raise InputError(
            f"--workers is for --engine local, but the engine is {engine}. Pass --engine local, or "
            "leave --workers out."
        )
    if engine == "inline":
        return None
    from revin_forecast.utils.parallel import make_engine

    return make_engine(engine, workers)


def _forecast_series(
    forecaster: "Forecaster",
    file: str,
    read_options: Mapping[str, Any],
    future: str | None,
    level: Sequence[float],
    engine: Engine | None,
    out: str | None,
    has_summary: bool,
) -> ForecastResult:
    from revin_forecast.cli.output import (
        describe_fit,
        describe_last_row,
        format_forecast_summary,
    )
    from revin_forecast.data.formatting import pluralize
    from revin_forecast.data.write_table import check_forecast_size
    from revin_forecast.forecasting.fit_checks import check_before_forecast
    from revin_forecast.forecasting.forecast_summary import predict_with_summary

    config = forecaster.config
    series = read_table(file, read_options, forecaster.covariates, config.skips_binary)
    check_forecast_size(out, series, forecaster.horizon, len(level))
    known = check_before_forecast(config, series, future, level)
    fitted = forecaster.fit(series).fitted
    print_without_effect(fitted)
    if has_summary:
        table, summary = predict_with_summary(
            fitted, series, future=known, level=level, engine=engine
        )
        lines = [*format_forecast_summary(summary), describe_fit(fitted)]
    else:  # Its range needs scipy, which takes a while to import.
        table, summary, lines = forecaster.predict(None, known, level, engine), None, []
    steps = pluralize(forecaster.horizon, "step")
    last_line = f"{steps} of {len(fitted.targets)} series after {describe_last_row(series)}"
    return ForecastResult(table, lines, last_line, series.format, series, fitted.summary, summary)


def _forecast_groups(
    forecaster: "Forecaster",
    file: str,
    group: str,
    read_options: Mapping[str, Any],
    level: Sequence[float],
    engine: Engine | None,
) -> ForecastResult:
    from revin_forecast.cli.output import describe_notes, format_forecast_summary
    from revin_forecast.data.formatting import pluralize
    from revin_forecast.forecasting.groups import (
        collect_notes,
        forecast_each_group,
        join_group_forecasts,
    )
    from revin_forecast.forecasting.merge_summaries import merge_summaries

    options = {
        name: value for name, value in read_options.items() if name not in ("target", "inputs")
    }
    parts = forecast_each_group(
        forecaster, file, group, level=level, engine=engine, read_options=options
    )
    table = join_group_forecasts(group, parts)
    summary = merge_summaries({str(part.label): part.summary for part in parts if part.summary})
    notes = collect_notes(parts)
    lines = [
        *format_forecast_summary(summary),
        *describe_notes(notes),
        f"one model for each of {pluralize(len(parts), 'group')} of {group}",
    ]
    last_line = f"{forecaster.horizon} steps of each series"
    return ForecastResult(table, lines, last_line, parts[0].format, summary=summary, notes=notes)
