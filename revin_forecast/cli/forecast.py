import sys
from collections.abc import Callable
from typing import Literal

from revin_forecast.backbones import Backbone
from revin_forecast.cli.output import describe_fit, describe_last_row, print_json
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import pluralize
from revin_forecast.data.write_table import check_table_path, to_csv, write_table
from revin_forecast.errors import InputError
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.normalizers import Normalizer
from revin_forecast.parallel import EngineName, make_engine
from revin_forecast.selection import SelectionSettings
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
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    target: list[str] | None = None,
    inputs: list[str] | None = None,
    frequency: str | None = None,
    missing: Literal["observed", "interpolate", "error"] = "observed",
    decimal: Literal[".", ","] | None = None,
    covariates: list[str] | None = None,
    future: str | None = None,
    season: list[int] | None = None,
    effort: Literal["standard", "thorough"] = "standard",
    budget: float | None = None,
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
        file: CSV (comma, semicolon, tab or bar; .gz too) or Parquet, or - for standard input; wide
            (a time column, then one column a series) or long (id, time, value).
        horizon: steps to forecast.
        out: write the forecast here (.csv or .parquet); without it, it is printed as CSV.
        report: write a page here (.html) that tells all about the forecast: charts, a backtest, why
            this model, whether levels move, errors, what is odd about the data.
        plot: draw the forecast into a picture (.png, .svg, .pdf, .jpg or .webp).
        json: print one JSON object instead of CSV and words.
        level: percent of what comes that intervals should cover (80 95); each adds two columns,
            NAME-lo-80 and NAME-hi-80.
        lookback: steps each forecast is made from; chosen from the data if not given.
        time: name of the time column; found if not given.
        id: name of the series column of a long table.
        value: name of the value column of a long table.
        target: forecast these series only.
        inputs: series that are used but not forecast.
        frequency: step between rows, as pandas writes it (h, D, W-SAT, MS); found if not given.
        missing: what becomes of gaps: the model sees that they are (observed), a line is drawn
            through them (interpolate), or the first one is refused (error).
        decimal: the mark before the decimals; told by the numbers if not given.
        covariates: what is known of each step beforehand, for a backbone that takes it: calendar,
            hour, weekday, day, yearday, month, minute, step, or columns of the table.
        future: a table of the columns among the covariates, with a row for each step forecast.
        season: steps in a season, the main one first (24 168); found if not given.
        effort: standard compares naive forecasts and maps in closed form; thorough trains
            backbones, too.
        budget: seconds after which no further candidate is begun; 20, or 600 for thorough.
        group: a column of a long table; each of its values gets a model of its own.
        engine: who does the groups, or parts of very many series: this process (inline), processes
            of this machine (local), or a Ray cluster (ray).
        workers: processes of the local engine; one a core if not given.
        quiet: don't say what was chosen and why.
        backbone: the model, by name or import path; auto: chosen on validation windows.
        normalizer: what is done to each window, by name or import path; chosen, or RevIN where
            the backbone is named.
        training: for a backbone that is trained by gradient.
    """
    given = dict(locals())
    if out is not None:
        check_table_path(out, file)
    if report is not None or plot is not None:
        from revin_forecast.cli.report import check_output_paths  # plotly takes a second

        check_output_paths(report, plot)
    reading = {
        "time": time,
        "id": id,
        "value": value,
        "frequency": frequency,
        "missing": missing,
        "decimal": decimal,
    }
    selection = SelectionSettings(tuple(season or ()), effort, budget)
    forecaster = Forecaster(
        horizon, lookback, backbone, normalizer, training, covariates or (), selection
    )
    if workers is not None and engine != "local":
        raise InputError(
            f"--workers is for --engine local, but the engine is {engine}. Name it, or leave the "
            "workers out."
        )
    team = None if engine == "inline" else make_engine(engine, workers)
    record: dict[str, object] = {"file": file, "horizon": horizon, "levels": level or []}
    if group is not None:
        check_group_options(
            target=target,
            inputs=inputs,
            covariates=covariates,
            future=future,
            report=report,
            plot=plot,
        )
        with progress(f"forecasting {file}"):
            table = forecast_groups(
                forecaster, file, group, level=level or (), engine=team, read_options=reading
            )
        series, lines = None, [f"a model for each of {table[group].nunique()} groups of {group}"]
        last = f"{horizon} steps a series"
    else:
        with progress(f"forecasting {file}"):
            series = read_series(file, target=target, inputs=inputs, **reading)
            table = forecaster.fit(series).predict(future=future, level=level or (), engine=team)
        if not training.is_first_process:  # of several machines: the first one writes
            return
        record["fitted"] = forecaster.fitted.summary
        lines = [describe_fit(forecaster.fitted)]
        count = len(forecaster.fitted.targets)
        last = f"{pluralize(horizon, 'step')} of {count} series after {describe_last_row(series)}"
    if out is not None:
        write_table(table, out)
        lines.append(f"{out}: {last}")
    if series is not None and (report is not None or plot is not None):
        from revin_forecast.cli.report import write_report_and_plot
        from revin_forecast.cli.reproduce import format_command_line

        command_line = format_command_line(forecast, given, "file")
        lines += write_report_and_plot(
            report, plot, forecaster, series, given, command_line, table, team
        )
    if json:
        places = {"out": out, "report": report, "plot": plot}
        print_json(record | places | {"forecast": table.to_dict("records")})
        return
    if not quiet:
        print(*lines, sep="\n", file=sys.stderr if out is None else sys.stdout)
    if out is None:
        sys.stdout.write(to_csv(table))


def check_group_options(**options: object) -> None:
    """Refuse options that a model for each group does not take."""
    for name, given in options.items():
        if given:
            raise InputError(
                f"--{name} can't be combined with --group. Leave one of them out, or forecast each "
                "group's rows as a table of its own."
            )
