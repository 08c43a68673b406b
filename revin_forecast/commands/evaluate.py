from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from revin_forecast.backbones import Backbone, Ridge
from revin_forecast.commands.shared.machine import print_json
from revin_forecast.commands.shared.source import check_shifts, refuse_below_one
from revin_forecast.components import Component
from revin_forecast.data import catalog
from revin_forecast.data.covariates import KnownColumns, expanded, known_inputs, own_columns
from revin_forecast.data.entries import chronological_borders
from revin_forecast.data.frequency import season_of
from revin_forecast.data.layout import counted
from revin_forecast.data.reading import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.evaluation import Evaluation, Scores, score, scored_windows
from revin_forecast.evaluation import evaluate as evaluate_split
from revin_forecast.fitting import Recipe, Split, fit_split, known_names
from revin_forecast.normalizers import Identity, Normalizer, RevIN
from revin_forecast.progress import progress
from revin_forecast.settings import TrainingSettings
from revin_forecast.shift.suite import DataSource


def evaluate(
    dataset: str | None = None,
    file: str | None = None,
    data_dir: str | None = None,
    lookback: int = 336,
    horizon: int = 96,
    season: int | None = None,
    refit: bool = False,
    compare: bool = False,
    json: bool = False,
    folder: str | None = None,
    resume: bool = False,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    target: list[str] | None = None,
    frequency: str | None = None,
    covariates: list[str] | None = None,
    shifts: list[str] | None = None,
    backbone: Callable[[int, int, int], Backbone] = Ridge,
    normalizer: Callable[[int], Normalizer] = RevIN,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> None:
    """Fit on training and validation rows, score every test window, beside the naive forecasts.

    Errors are on data z-scored by the training rows. Splits are the standard ones, 7:1:2 for an
    own file.

    Args:
        dataset: a catalogued data set; see `revin-forecast datasets`.
        file: an own CSV or Parquet file instead.
        data_dir: where catalogued files lie.
        lookback: steps each forecast is made from.
        horizon: steps forecast.
        season: of SeasonalNaive; the data set's, or that of the file's frequency, if not given.
        refit: after validation has chosen the penalty, solve on training and validation rows.
        compare: fit and score the same backbone without normalizer, too.
        json: print one JSON object instead of tables.
        folder: keep checkpoints and logs of a trained backbone here.
        resume: go on from the folder's last checkpoint.
        time: name of the file's time column; found if not given.
        id: name of the series column of a long file.
        value: name of the value column of a long file.
        target: score these columns only.
        frequency: step between the file's rows; found if not given.
        covariates: what is known of each step beforehand, for a backbone that takes it: calendar,
            hour, weekday, day, yearday, month, minute, step, or columns of the table.
        shifts: then measure how well the model stands these shifts, beside its twin without
            normalizer: all, or names (level, scale, sensor_offset, ...).
        backbone: the model, by name or import path.
        normalizer: what is done to each window, by name or import path.
        training: for a backbone that is trained by gradient.
    """
    if (dataset is None) == (file is None):
        raise InputError("evaluate needs one of --dataset NAME or --file PATH.")
    refuse_below_one(lookback=lookback, horizon=horizon, season=season)
    check_shifts(shifts or ())
    if dataset is not None:
        entry = catalog.find(dataset)
        series, borders = catalog.load(dataset, data_dir), entry.borders
        series = series if target is None else series.select(target)
        season = season or entry.season
    else:
        with progress(f"reading {file}"):
            series = read_series(
                str(file), time=time, id=id, value=value, target=target, frequency=frequency
            )
        borders = chronological_borders(len(series))
        season = season or season_of(series.frequency)
    components = Component.of(backbone), Component.of(normalizer)
    given = known_names(components[0], covariates or ())
    series, names, known = with_known(series, given, borders.train)
    recipe = Recipe(*components, lookback, horizon, training, refit, names)
    split = Split(series.values, borders.train, borders.validation, borders.test, known=known)
    kept = None if folder is None else Path(folder)
    name = dataset or str(file)
    with progress(f"evaluating {recipe.backbone.name} on {name}"):
        result = evaluate_split(recipe, split, season, kept, resume)
        twin = None
        if compare:
            bare = replace(recipe, normalizer=Component.of(Identity))
            model, _ = fit_split(bare, split, kept and kept / "without", resume)
            twin = score(model, scored_windows(bare, split))
    record = as_record(name, recipe, result, twin)
    if not json:
        _print_table(name, series, recipe, result, twin)
    if shifts:
        from revin_forecast.commands.robustness import measured, print_robustness

        source = DataSource(
            dataset or Path(str(file)).stem,
            file=file,
            season=season,
            columns=tuple(target or ()),
            time=time,
            id=id,
            value=value,
            frequency=frequency,
        )
        rows = measured(recipe, source, shifts, data_dir, kept and kept / "shifts")
        record["shifts"] = rows.to_dict("records")
        if not json:
            print_robustness(recipe, rows)
    if json:
        print_json(record)


def with_known(
    series: Series, covariates: Sequence[str], rows: int
) -> tuple[Series, tuple[str, ...], np.ndarray | None]:
    """Part a series into what is forecast and what is known beforehand.

    Args:
        series: the whole table.
        covariates: as `Forecaster` takes them.
        rows: the first ones, which scale own columns.

    Returns:
        The columns to forecast, and names and values of the known inputs.
    """
    if not covariates:
        return series, (), None
    names = expanded(covariates, series.frequency)
    own = own_columns(names)
    columns = KnownColumns.fit(series, own, rows).over(series.timestamps) if own else None
    known = known_inputs(names, series.timestamps, series.frequency, columns)
    return series.select([name for name in series.names if name not in own]), names, known


def as_record(
    name: str, recipe: Recipe, result: Evaluation, twin: Scores | None
) -> dict[str, object]:
    """Return an evaluation as plain values, the model's scores on top."""
    return {
        "dataset": name,
        "backbone": recipe.backbone.name,
        "normalizer": recipe.normalizer.name,
        "lookback": recipe.lookback,
        "horizon": recipe.horizon,
        **asdict(result.model),
        **({"without_normalizer": asdict(twin)} if twin else {}),
        "repeat": asdict(result.repeat),
        "seasonal_naive": asdict(result.seasonal_naive) | {"season": result.season},
        "fit": result.fit,
        "refit": recipe.refit,
    }


def _print_table(
    name: str, series: Series, recipe: Recipe, result: Evaluation, twin: Scores | None
) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("forecast", "MSE", "MAE"):
        table.add_column(heading, justify="left" if heading == "forecast" else "right")
    model = f"{recipe.backbone.name} with {recipe.normalizer.name}"
    rows = {
        model: result.model,
        **({f"{recipe.backbone.name} without": twin} if twin else {}),
        "Repeat": result.repeat,
        f"SeasonalNaive ({result.season})": result.seasonal_naive,
    }
    for label, scores in rows.items():
        table.add_row(label, f"{scores.mse:.4f}", f"{scores.mae:.4f}")
    console = Console()
    console.print(
        f"{name}: {recipe.lookback} -> {recipe.horizon}, {counted(len(series.names), 'channel')}, "
        f"all {result.model.windows} test windows, z-scored by the training part",
        soft_wrap=True,
    )
    console.print(table)
