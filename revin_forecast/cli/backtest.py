import math
from collections.abc import Callable
from typing import Literal

from rich.console import Console
from rich.table import Table

from revin_forecast.backbones import Backbone
from revin_forecast.cli.output import describe_fit, print_json
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import format_timestamp, pluralize
from revin_forecast.data.write_table import check_table_path, write_table
from revin_forecast.evaluation import BacktestResult
from revin_forecast.evaluation import backtest as tested
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.normalizers import Normalizer
from revin_forecast.selection import SelectionSettings
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

MAX_SHOWN_SERIES = 10
"""Series printed, the worst first where there are more."""


def backtest(
    file: str,
    horizon: int,
    level: list[float] | None = None,
    test_share: float = 0.2,
    step: int = 1,
    refit: int | None = None,
    smape: bool = False,
    json: bool = False,
    out: str | None = None,
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
    season: list[int] | None = None,
    effort: Literal["standard", "thorough"] = "standard",
    budget: float | None = None,
    quiet: bool = False,
    backbone: Callable[[int, int, int], Backbone] | Literal["auto"] = "auto",
    normalizer: Callable[[int], Normalizer] | None = None,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> None:
    """Tell how good forecasts would have been: fit on the first rows, score on the last.

    Forecasts are made from every origin in the last rows, each from the rows before it, and stand
    beside the last value and the last season repeated.

    Args:
        file: CSV (comma, semicolon, tab or bar; .gz too) or Parquet, or - for standard input; wide
            (a time column, then one column a series) or long (id, time, value).
        horizon: steps to forecast.
        level: intervals to score, in percent; 80 and 95 if not given.
        test_share: share of the rows that is kept for scoring; where series end at different
            times, each one's own last rows.
        step: rows from one origin to the next.
        refit: fit again, on all rows before, after so many rows; once if not given.
        smape: score the symmetric percentage error as well. It jumps where values are near zero and
            changes with the zero of the scale; MASE does neither.
        json: print one JSON object instead of tables.
        out: write the scores of each series here (.csv or .parquet).
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
        season: steps in a season, the main one first (24 168); found if not given.
        effort: standard compares naive forecasts and maps in closed form; thorough trains
            backbones, too.
        budget: seconds after which no further candidate is begun; 20, or 600 for thorough.
        quiet: don't say what was chosen and why.
        backbone: the model, by name or import path; auto: chosen on validation windows.
        normalizer: what is done to each window, by name or import path; chosen, or RevIN where
            the backbone is named.
        training: for a backbone that is trained by gradient.
    """
    if out is not None:
        check_table_path(out)
    selection = SelectionSettings(tuple(season or ()), effort, budget)
    forecaster = Forecaster(
        horizon, lookback, backbone, normalizer, training, covariates or (), selection
    )
    main_season = season[0] if season else None
    with progress(f"testing on {file}"):
        series = read_series(
            file,
            time=time,
            id=id,
            value=value,
            target=target,
            inputs=inputs,
            frequency=frequency,
            missing=missing,
            decimal=decimal,
        )
        result = tested(forecaster, series, test_share, step, level, main_season, refit, smape)
    if out is not None:
        write_table(result.series_scores, out)
    if json:
        print_json(to_dict(file, horizon, step, result))
    else:
        if not quiet:
            print(describe_fit(result.fitted))
        _print_result(file, horizon, step, result)


def to_dict(file: str, horizon: int, step: int, result: BacktestResult) -> dict[str, object]:
    """Return a backtest as a record."""
    return {
        "file": file,
        "horizon": horizon,
        "windows": len(result.cutoffs),
        "step": step,
        "first_origin": str(result.cutoffs[0]),
        "last_origin": str(result.cutoffs[-1]),
        "season": result.season,
        "levels": result.levels,
        "left_out": result.excluded_series,
        "fits": result.fit_count,
        "fitted": result.fitted.summary,
        "overall": result.overall_scores,
        "series": result.series_scores.to_dict("records"),
        "by_step": result.step_scores.to_dict("records"),
    }


def _print_result(file: str, horizon: int, step: int, result: BacktestResult) -> None:
    console = Console()
    apart = "" if step == 1 else f", {step} rows apart"
    apart += "" if result.fit_count == 1 else f", fitted {result.fit_count} times"
    console.print(
        f"{file}: {pluralize(len(result.cutoffs), 'forecast')} of {pluralize(horizon, 'step')}{apart}, "
        f"the first after {format_timestamp(result.cutoffs[0])}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    scores = result.overall_scores
    errors = [one for one in ("mase", "mse", "mae", "smape") if one in scores]
    named = {"mase": "MASE", "mse": "MSE", "mae": "MAE", "smape": "sMAPE"}
    table = _make_table("forecast", *(named[one] for one in errors))
    for label, name in (
        ("the model", ""),
        ("Repeat", "repeat_"),
        (f"SeasonalNaive ({result.season})", "seasonal_naive_"),
    ):
        table.add_row(label, *(_format_cell(scores[f"{name}{one}"]) for one in errors))
    console.print(table)
    for level in result.levels:
        console.print(
            f"{level:g} % intervals hold {scores[f'coverage-{level:g}']:.1f} % of what came; their "
            f"mean width is {scores[f'width-{level:g}']:.4g}",
            highlight=False,
        )
    if not math.isnan(scores["crps"]):
        console.print(
            f"WQL {_format_cell(scores['wql'])}, CRPS {_format_cell(scores['crps'])}",
            highlight=False,
        )
    if len(result.series_scores) > 1:
        _print_series(console, result)
    if result.excluded_series:
        console.print(
            f"{len(result.excluded_series)} series without a value before the test part are left out",
            highlight=False,
        )


def _print_series(console: Console, result: BacktestResult) -> None:
    rows = result.series_scores
    if len(rows) > MAX_SHOWN_SERIES:
        rows = rows.sort_values("mase", ascending=False).head(MAX_SHOWN_SERIES)
        console.print(
            f"\nThe {MAX_SHOWN_SERIES} of {len(result.series_scores)} series with the largest MASE (--out writes all):"
        )
    intervals = [f"coverage-{level:g}" for level in result.levels]
    headings = [f"{level:g} % hold" for level in result.levels]
    table = _make_table("series", "MASE", "Repeat", "SeasonalNaive", *headings)
    for row in rows.to_dict("records"):
        numbers = [row[name] for name in ("mase", "repeat_mase", "seasonal_naive_mase")]
        held = ["" if math.isnan(row[name]) else f"{row[name]:.1f}" for name in intervals]
        table.add_row(str(row["series"]), *(_format_cell(number) for number in numbers), *held)
    console.print(table)


def _make_table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=place > 0)
    return table


def _format_cell(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.4g}"
