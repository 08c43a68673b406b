"""The command `backtest`: score forecasts of the last part of a table."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from revin_forecast.cli.load_split import read_table
from revin_forecast.cli.outcomes import print_without_effect
from revin_forecast.cli.output import describe_fit, print_json, print_table, print_text
from revin_forecast.data.formatting import format_percent, format_timestamp, pluralize
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    from revin_forecast.data.series import Series
    from revin_forecast.evaluation import BacktestResult

MAX_SHOWN_SERIES = 10
"""Most series printed; of more, those with the largest MASE."""


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
    scores: str | None = None,
    lookback: int | None = None,
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008
    value_range: RangeSettings = RangeSettings(),  # noqa: B008
    covariates: list[str] | None = None,
    selection: SelectionSettings = SelectionSettings(),  # noqa: B008
    quiet: bool = False,
    backbone: ModuleSpec | Literal["auto"] = "auto",
    normalizer: ModuleSpec | None = None,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> None:
    """Fit on the first rows of a table and score forecasts of the last rows.

    Forecasts start from every origin in the last rows, each from the rows before it. They are
    compared with two naive forecasts, which repeat the last value and the last season.

    Args:
        file: CSV, Excel, Parquet, Arrow, JSON lines, SQLite, or -; sales.xlsx::Sheet names a sheet,
            shop.db::table a table, and - is standard input; the table is wide (a time column and
            one column per series) or long (id, time, value).
        horizon: number of steps to forecast.
        level: interval levels to score, in percent; 80 and 95 by default.
        test_share: share of the last rows used for scoring; taken from each series separately if
            series end at different times.
        step: number of rows between origins.
        refit: fit again after this number of rows, on all earlier rows; by default fit once.
        smape: also score the symmetric mean absolute percentage error. Unlike MASE, it is unstable
            near zero and depends on the zero point of the scale.
        json: print one JSON object instead of tables.
        out: write every forecast with the value that followed to this file (.csv or .parquet), a
            row for each cutoff, series and step. Take every N-th cutoff with --step N if it gets
            too large.
        scores: write the scores of each series to this file (.csv, .xlsx, .parquet, ...).
        lookback: number of past steps used for each forecast; chosen from the data by default.
        reading: how the table is read.
        value_range: the values that a forecast may take.
        covariates: inputs known in advance, such as public holidays; holiday:DE (a country),
            holiday:DE-BY (a part of it), columns of the table, calendar, hour, weekday, day,
            yearday, month, minute and step.
        selection: how a model is chosen.
        quiet: do not print the chosen model and its scores.
        backbone: backbone, by name or import path; auto weighs models by errors on past rows.
        normalizer: normalizer of each window, by name or import path; by default chosen on
            validation windows, or RevIN with a named backbone.
        training: settings for a backbone trained by gradient descent.
    """
    _check_paths(file, out, scores)
    main_season = selection.season[0] if selection.season else None
    with progress(f"testing on {file}"):
        from revin_forecast.evaluation import backtest as run_backtest
        from revin_forecast.forecasting.forecaster import Forecaster

        forecaster = Forecaster(
            horizon, lookback, backbone, normalizer, training, covariates or (), selection
        )
        read_options = vars(reading) | {"range_settings": value_range}
        skips_binary = forecaster.config.skips_binary
        series = read_table(file, read_options, covariates or (), skips_binary)
        if out is not None:
            _check_frame_size(out, series, horizon, test_share, step)
        with _open_frame(out, series) as write_part:
            result = run_backtest(
                forecaster, series, test_share, step, level, main_season, refit, smape, write_part
            )
    print_without_effect(result.fitted)
    if scores is not None:
        from revin_forecast.data.write_table import write_table

        write_table(result.series_scores, scores)
    if json:
        print_json(to_dict(file, horizon, step, result) | {"out": out, "scores": scores})
    else:
        if not quiet:
            print(describe_fit(result.fitted))
        _print_result(file, horizon, step, result)
        if out is not None:
            print(f"{out}: a row for each cutoff, series and step")
        if scores is not None:
            print(f"{scores}: the scores of {len(result.series_scores):,} series")


def _check_paths(file: str, out: str | None, scores: str | None) -> None:
    """Check the paths to write to, before any work is done."""
    if out is None and scores is None:
        return
    from revin_forecast.data.table_writer import check_parts_path
    from revin_forecast.data.write_table import check_table_path

    source = None if file == "-" else file
    if out is not None:
        check_parts_path(out, source)
    if scores is not None:
        check_table_path(scores, source)
    if out is not None and scores is not None and Path(out).resolve() == Path(scores).resolve():
        raise InputError(
            f"--out and --scores both name {out}, but are two tables; name another file for one."
        )


def _check_frame_size(
    out: str, series: "Series", horizon: int, test_share: float, step: int
) -> None:
    """Check that the disk has room for the frame of a backtest, before any work is done."""
    from revin_forecast.data.table_writer import check_free_space

    tested = min(len(series), max(horizon, int(test_share * len(series))))
    windows = max(1, 1 + (tested - horizon) // step)
    rows = windows * horizon * len(series.targets)
    check_free_space(out, rows, "Take every N-th cutoff with --step N, or a smaller --test-share.")


@contextmanager
def _open_frame(out: str | None, series: "Series") -> Iterator[Callable[[Any], None] | None]:
    """Yield a function that appends a part of the frame to a file; None without a file."""
    if out is None:
        yield None
        return
    from revin_forecast.data.table_writer import open_table_writer

    is_midnight = series.timestamps == series.timestamps.normalize()
    with open_table_writer(out, has_clock=not is_midnight.all()) as writer:
        yield writer.write


def to_dict(file: str, horizon: int, step: int, result: "BacktestResult") -> dict[str, object]:
    """Return the result of a backtest as plain values."""
    from revin_forecast.evaluation.describe_trust import to_trust_record
    from revin_forecast.evaluation.trust import judge_backtest

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
        "trust": to_trust_record(judge_backtest(result)),
        "overall": result.overall_scores,
        "series": result.series_scores.to_dict("records"),
        "by_step": result.step_scores.to_dict("records"),
    }


def _print_result(file: str, horizon: int, step: int, result: "BacktestResult") -> None:
    from revin_forecast.evaluation.describe_trust import describe_trust
    from revin_forecast.evaluation.trust import judge_backtest

    details = "" if step == 1 else f", {step} rows apart"
    details += "" if result.fit_count == 1 else f", fitted {result.fit_count} times"
    forecasts = f"{pluralize(len(result.cutoffs), 'forecast')} of {pluralize(horizon, 'step')}"
    first = format_timestamp(result.cutoffs[0])
    print(f"{file}: {forecasts}{details}, the first after {first}")
    print_text(f"trust: {describe_trust(judge_backtest(result))}")
    scores = result.overall_scores
    headings = {"mase": "MASE", "mse": "MSE", "mae": "MAE", "smape": "sMAPE"}
    if len(result.series_scores) > 1:  # their units may differ
        del headings["mse"], headings["mae"]
    errors = [error for error in headings if error in scores]
    prefixes = {
        "the model": "",
        "Repeat": "repeat_",
        f"SeasonalNaive ({result.season})": "seasonal_naive_",
    }
    print_table(
        ("forecast", *(headings[error] for error in errors)),
        [
            (label, *(_format_cell(scores[f"{prefix}{error}"]) for error in errors))
            for label, prefix in prefixes.items()
        ],
    )
    is_one = len(result.series_scores) == 1
    for level in result.levels:
        width = f"; their mean width is {scores[f'width-{level:g}']:.4g}" if is_one else ""
        coverage = format_percent(scores[f"coverage-{level:g}"])
        print_text(f"{level:g} % intervals cover {coverage} of the true values{width}")
    if not math.isnan(scores["crps"]):
        crps = f", CRPS {_format_cell(scores['crps'])}" if is_one else ""
        print(f"WQL {_format_cell(scores['wql'])}{crps}")
    if len(result.series_scores) > 1:
        _print_series(result)
    if result.excluded_series:
        print_text(
            f"{len(result.excluded_series)} series without a value before the test part were "
            "excluded"
        )


def _print_series(result: "BacktestResult") -> None:
    rows = result.series_scores
    if len(rows) > MAX_SHOWN_SERIES:
        rows = rows.sort_values("mase", ascending=False).head(MAX_SHOWN_SERIES)
        print_text(
            f"\nThe {MAX_SHOWN_SERIES} of {len(result.series_scores)} series with the largest MASE "
            "(--scores writes all):"
        )
    intervals = [f"coverage-{level:g}" for level in result.levels]
    headings = [f"{level:g} % hold" for level in result.levels]
    cells = []
    for row in rows.to_dict("records"):
        numbers = [row[name] for name in ("mase", "repeat_mase", "seasonal_naive_mase")]
        shares = [row[name] for name in intervals]
        coverage = ["" if math.isnan(share) else format_percent(share) for share in shares]
        cells.append((row["series"], *map(_format_cell, numbers), *coverage))
    print_table(("series", "MASE", "Repeat", "SeasonalNaive", *headings), cells)


def _format_cell(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.4g}"
