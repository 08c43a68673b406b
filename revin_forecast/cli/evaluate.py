"""revin_forecast/cli/evaluate.py."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from revin_forecast.backbones import Backbone, Ridge
from revin_forecast.cli.output import print_json
from revin_forecast.cli.validation import require_known_shifts, require_positive
from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.catalog import split_7_1_2
from revin_forecast.data.covariates import (
    KnownColumns,
    expand_names,
    known_covariates,
    table_columns,
)
from revin_forecast.data.reading.frequency import default_season
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series, pluralize
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import Evaluation, Scores, score, select_test_windows
from revin_forecast.evaluation.holdout import evaluate as evaluate_split
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, Normalizer, RevIN
from revin_forecast.shift.robustness import Workspace, measure_robustness
from revin_forecast.shift.suite.suite import DatasetConfig
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig, resolve_covariates
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

PLACEMENT_TITLES = {
    "steady": "Process shift, long begun: look-back and truth have moved",
    "transition": "Process shift of severity 3, begun k steps ago",
    "horizon": "Begun with the forecast: nobody can know",
    "observation": "Observation corrupted: the sensor lies, the truth is as it was",
}


def measure_with_progress(
    config: ModelConfig,
    source: DatasetConfig,
    shifts: Sequence[str],
    data_dir: str | None = None,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Measure a model and its twin without normalizer in every shift; see `robustness`.

    Args:
        config: the model and how it is fitted.
        source: the data.
        shifts: names, or all.
        data_dir: where catalogued files lie.
        folder: keeps weights and results; None: nothing is kept.
    """
    with progress(f"measuring {config.backbone.name} in every shift"):
        place = Workspace(data_dir, None if folder is None else str(folder))
        return measure_robustness(config, source, shifts, place)


def print_robustness(config: ModelConfig, rows: pd.DataFrame) -> None:
    """Print what was measured as tables, one for each way in which the world may move."""
    console = Console()
    clean = rows[rows.placement == "clean"].iloc[0]
    name = f"{config.backbone.name} with {config.normalizer.name}"
    console.print(
        f"\nRobustness of {name}: MASE* (errors pulled back where the shift can be undone). "
        f"Clean: {clean.model:.3f}, without normalizer {clean.twin:.3f}, "
        f"seasonal naive {clean.naive:.3f}."
    )
    for placement, title in PLACEMENT_TITLES.items():
        part = rows.loc[rows.placement == placement]
        if len(part):
            along = "age" if placement == "transition" else "severity"
            console.print(f"\n{title}")
            console.print(_robustness_table(part, along))
    console.print(
        "\nColumns are severities, or steps k since the onset. twin, naive: geometric mean of the "
        "error over that of the twin without normalizer, of SeasonalNaive; below 1 is better."
    )


def _robustness_table(part: pd.DataFrame, along: str) -> Table:
    table = Table(box=None, pad_edge=False)
    places = sorted(part[along].unique())
    table.add_column("shift", no_wrap=True)
    for heading in (*(f"{'k=' * (along == 'age')}{place}" for place in places), "twin", "naive"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, cells in part.groupby((part["shift"] + " " + part["arm"]).str.strip(), sort=False):
        known = dict(zip(cells[along], cells["model"], strict=True))
        figures = [f"{known[place]:.3f}" if place in known else "" for place in places]
        model = list(cells["model"])
        ratios = [_mean_ratio(model, list(cells[other])) for other in ("twin", "naive")]
        table.add_row(str(name), *figures, *ratios)
    return table


def _mean_ratio(errors: Sequence[float], others: Sequence[float]) -> str:
    pairs = [(a, b) for a, b in zip(errors, others, strict=True) if a > 0 and b > 0]
    if not pairs:
        return ""
    return f"{math.exp(sum(math.log(a / b) for a, b in pairs) / len(pairs)):.2f}"


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
    require_positive(lookback=lookback, horizon=horizon, season=season)
    require_known_shifts(shifts or ())
    if dataset is not None:
        entry = catalog.find_entry(dataset)
        series, borders = catalog.load_dataset(dataset, data_dir), entry.borders
        series = series if target is None else series.select(target)
        season = season or entry.season
    else:
        with progress(f"reading {file}"):
            series = read_series(
                str(file), time=time, id=id, value=value, target=target, frequency=frequency
            )
        borders = split_7_1_2(len(series))
        season = season or default_season(series.frequency)
    components = ModuleSpec.from_class(backbone), ModuleSpec.from_class(normalizer)
    given = resolve_covariates(components[0], covariates or ())
    series, names, known = separate_known_covariates(series, given, borders.train)
    recipe = ModelConfig(*components, lookback, horizon, training, refit, names)
    split = ChronologicalSplit(
        series.values, borders.train, borders.validation, borders.test, known=known
    )
    kept = None if folder is None else Path(folder)
    name = dataset or str(file)
    with progress(f"evaluating {recipe.backbone.name} on {name}"):
        result = evaluate_split(recipe, split, season, kept, resume)
        twin = None
        if compare:
            bare = replace(recipe, normalizer=ModuleSpec.from_class(Identity))
            model, _ = fit_model(bare, split, kept and kept / "without", resume)
            twin = score(model, select_test_windows(bare, split))
    record = to_dict(name, recipe, result, twin)
    if not json:
        _print_scores(name, series, recipe, result, twin)
    if shifts:
        source = DatasetConfig(
            dataset or Path(str(file)).stem,
            file=file,
            season=season,
            columns=tuple(target or ()),
            time=time,
            id=id,
            value=value,
            frequency=frequency,
        )
        rows = measure_with_progress(recipe, source, shifts, data_dir, kept and kept / "shifts")
        record["shifts"] = rows.to_dict("records")
        if not json:
            print_robustness(recipe, rows)
    if json:
        print_json(record)


def separate_known_covariates(
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
    names = expand_names(covariates, series.frequency)
    own = table_columns(names)
    columns = KnownColumns.fit(series, own, rows).look_up_values(series.timestamps) if own else None
    known = known_covariates(names, series.timestamps, series.frequency, columns)
    return series.select([name for name in series.names if name not in own]), names, known


def to_dict(
    name: str, recipe: ModelConfig, result: Evaluation, twin: Scores | None
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


def _print_scores(
    name: str, series: Series, recipe: ModelConfig, result: Evaluation, twin: Scores | None
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
        f"{name}: {recipe.lookback} -> {recipe.horizon}, {pluralize(len(series.names), 'channel')}, "
        f"all {result.model.windows} test windows, z-scored by the training part",
        soft_wrap=True,
    )
    console.print(table)
