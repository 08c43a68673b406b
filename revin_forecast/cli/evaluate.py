"""The command `evaluate`: score a model and naive baselines on every test window."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from revin_forecast.cli.load_split import choose_window_sizes, load_split, to_dataset_config
from revin_forecast.cli.options import Without
from revin_forecast.cli.outcomes import EXIT_FAILED_CELLS, print_failed_cells, print_sentences
from revin_forecast.cli.output import describe_notes, print_json, print_table, print_text
from revin_forecast.cli.validation import require_dataset, require_known_shifts, require_positive
from revin_forecast.data.formatting import pluralize
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    import numpy as np
    import pandas as pd

    from revin_forecast.data.series import Series
    from revin_forecast.evaluation.holdout import Evaluation, Scores
    from revin_forecast.shift.suite.suite import DatasetConfig
    from revin_forecast.training.model_config import ModelConfig

RIDGE, REVIN = ModuleSpec("revin_forecast.Ridge"), ModuleSpec("revin_forecast.RevIN")
PLACEMENT_TITLES = {
    "steady": "Process shift that began long ago: look-back and truth have moved",
    "transition": "Process shift of severity 3 that began k steps ago",
    "horizon": "Shift at the start of the forecast: it can't be predicted",
    "observation": "Corrupted observation: the sensor is wrong, the truth has not moved",
}


def evaluate(
    file_or_dataset: str,
    data_dir: str | None = None,
    lookback: int | None = None,
    horizon: int | None = None,
    season: int | None = None,
    refit: bool = False,
    compare: bool = False,
    json: bool = False,
    out: str | None = None,
    resume: bool = False,
    reading: Annotated[
        ReadingOptions, Without(("inputs", "missing", "outliers", "decimal"))
    ] = ReadingOptions(),  # noqa: B008
    covariates: list[str] | None = None,
    shifts: list[str] | None = None,
    backbone: ModuleSpec = RIDGE,
    normalizer: ModuleSpec = REVIN,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> int:
    """Fit a model on the training and validation rows and score every test window.

    Errors are on data z-scored by the training rows and compared with naive forecasts. A catalogued
    data set has its standard split, a file the split 7:1:2.

    Args:
        file_or_dataset: catalogued data set (`revin-forecast datasets` lists them), or CSV,
            Excel, Parquet, Arrow, JSON lines, SQLite (file.db::table).
        data_dir: folder of the catalogued data sets.
        lookback: number of past steps used for each forecast; by default 336, or fewer in a short
            file.
        horizon: number of steps to forecast; by default 96, or fewer in a short file.
        season: steps per season of SeasonalNaive and Pretrained; by default that of the data set or
            of the file's frequency.
        refit: after validation has chosen the penalty, solve again on training and validation rows.
        compare: also fit and score the same backbone without normalizer.
        json: print one JSON object instead of tables.
        out: folder for checkpoints and logs of a trained backbone.
        resume: continue from the last checkpoint in the folder.
        reading: how the file is read.
        target: score only these columns.
        covariates: inputs known in advance, for a backbone that accepts them: holiday:DE, calendar,
            hour, weekday, day, yearday, month, minute, step, or columns of the table.
        shifts: also measure robustness to these shifts, compared with the model's twin without
            normalizer: all, or names (level, scale, sensor_offset, ...). If some can't be measured,
            the reasons are printed and the exit code is 3.
        backbone: backbone, by name or import path.
        normalizer: normalizer of each window, by name or import path.
        training: settings for a backbone trained by gradient descent.
    """
    require_positive(lookback=lookback, horizon=horizon, season=season)
    is_catalogued = require_dataset(file_or_dataset)
    require_known_shifts(shifts or ())
    name = file_or_dataset
    run_folder = None if out is None else Path(out)
    data = load_split(name, reading, data_dir, season)
    lookback, horizon, size_note = choose_window_sizes(data.borders, lookback, horizon)
    with progress(f"evaluating {backbone.name} on {name}"):
        from revin_forecast.data.split import ChronologicalSplit
        from revin_forecast.evaluation.holdout import evaluate as evaluate_split
        from revin_forecast.evaluation.holdout import score, select_test_windows
        from revin_forecast.forecasting.fit_checks import (
            check_known_inputs,
            find_settings_without_effect,
        )
        from revin_forecast.forecasting.fit_pretrained import add_season
        from revin_forecast.forecasting.forecaster_config import ForecasterConfig
        from revin_forecast.training.fit import fit_model
        from revin_forecast.training.model_config import ModelConfig, resolve_covariates

        borders = data.borders
        backbone = add_season(backbone, data.season)
        covariate_names = resolve_covariates(backbone, covariates or ())
        check_known_inputs(covariate_names, data.series)
        series, names, known = separate_known_covariates(
            data.series, covariate_names, borders.train
        )
        config = ModelConfig(backbone, normalizer, lookback, horizon, training, refit, names)
        split = ChronologicalSplit(
            series.values, borders.train, borders.validation, borders.test, known=known
        )
        result = evaluate_split(config, split, data.season, run_folder, resume)
        twin = None
        if compare:
            # The twin gets its own folder, so that --resume finds both checkpoints.
            twin_config = replace(config, normalizer=ModuleSpec("revin_forecast.Identity"))
            model, _ = fit_model(twin_config, split, run_folder and run_folder / "without", resume)
            twin = score(model, select_test_windows(twin_config, split))
    settings = ForecasterConfig(
        horizon, lookback, backbone, normalizer, training, names, SelectionSettings()
    )
    print_sentences(find_settings_without_effect(settings, result.fit))
    record = to_dict(name, config, result, twin) | {"notes": series.notes}
    if size_note is not None:
        record["note"] = size_note
    if not json:
        if size_note is not None:
            print_text(size_note)
        _print_scores(name, series, config, result, twin)
        for note in describe_notes(series.notes):
            print_text(note)
    failures: list[str] = []
    if shifts:
        # The benchmark reads the data set itself and fits the model on its own split.
        label, file = (name, None) if is_catalogued else (Path(name).stem, name)
        source = to_dataset_config(label, file, reading, data.season)
        rows = measure_with_progress(
            config, source, shifts, data_dir, run_folder and run_folder / "shifts"
        )
        failures = rows.attrs["failures"]
        record |= {"shifts": rows.to_dict("records"), "failures": failures}
        if not json:
            print_robustness(config, rows)
            print_failed_cells(failures)
    if json:
        print_json(record)
    return EXIT_FAILED_CELLS if failures else 0


def separate_known_covariates(
    series: "Series", covariates: Sequence[str], rows: int
) -> "tuple[Series, tuple[str, ...], np.ndarray | None]":
    """Separate the columns to forecast from the covariates that are known in advance.

    Args:
        series: the whole table.
        covariates: names as in `Forecaster`.
        rows: number of first rows, by which covariates from the table are scaled.

    Returns:
        The series to forecast, and the names and values (time, covariates) of the covariates.
    """
    if not covariates:
        return series, (), None
    from revin_forecast.data.covariates import (
        KnownColumns,
        expand_names,
        known_covariates,
        table_columns,
    )

    names = expand_names(covariates, series.frequency)
    own_columns = table_columns(names)
    columns = None
    if own_columns:
        columns = KnownColumns.fit(series, own_columns, rows).look_up_values(series.timestamps)
    known = known_covariates(names, series.timestamps, series.frequency, columns)
    return series.select([name for name in series.names if name not in own_columns]), names, known


def to_dict(
    name: str, config: "ModelConfig", result: "Evaluation", twin: "Scores | None"
) -> dict[str, object]:
    """Return an evaluation as plain values, with the model's scores at the top level."""
    return {
        "dataset": name,
        "backbone": config.backbone.name,
        "normalizer": config.normalizer.name,
        "lookback": config.lookback,
        "horizon": config.horizon,
        **asdict(result.model),
        **({"without_normalizer": asdict(twin)} if twin else {}),
        "repeat": asdict(result.repeat),
        "seasonal_naive": asdict(result.seasonal_naive) | {"season": result.season},
        "fit": result.fit,
        "refit": config.refit,
    }


def measure_with_progress(
    config: "ModelConfig",
    source: "DatasetConfig",
    shifts: Sequence[str],
    data_dir: str | None = None,
    folder: Path | None = None,
) -> "pd.DataFrame":
    """Measure a model and its twin without normalizer under every shift with a progress display.

    Args:
        config: configuration of the model and its fit.
        source: the data set.
        shifts: names of shifts, or all.
        data_dir: folder of the catalogued data sets.
        folder: folder for weights and results; None keeps nothing.
    """
    with progress(f"measuring {config.backbone.name} under every shift"):
        from revin_forecast.shift.robustness_table import Workspace, measure_robustness

        workspace = Workspace(data_dir, None if folder is None else str(folder))
        return measure_robustness(config, source, shifts, workspace)


def print_robustness(config: "ModelConfig", rows: "pd.DataFrame") -> None:
    """Print measured errors as tables, one for each placement of the shift."""
    clean = rows[rows.placement == "clean"].iloc[0]
    name = f"{config.backbone.name} with {config.normalizer.name}"
    print_text(
        f"\nRobustness of {name}: MASE* (errors are pulled back if the shift can be undone). "
        f"Clean: {clean.model:.3f}, without normalizer {clean.twin:.3f}, "
        f"seasonal naive {clean.naive:.3f}."
    )
    for placement, title in PLACEMENT_TITLES.items():
        part = rows.loc[rows.placement == placement]
        if len(part):
            axis = "age" if placement == "transition" else "severity"
            print(f"\n{title}")
            _print_robustness_table(part, axis)
    print_text(
        "\nColumns are severities, or steps k since the onset. twin, naive: geometric mean of the "
        "error divided by that of the twin without normalizer or of SeasonalNaive; less than 1 is "
        "better."
    )


def _print_scores(
    name: str, series: "Series", config: "ModelConfig", result: "Evaluation", twin: "Scores | None"
) -> None:
    model = f"{config.backbone.name} with {config.normalizer.name}"
    rows = {
        model: result.model,
        **({f"{config.backbone.name} without": twin} if twin else {}),
        "Repeat": result.repeat,
        f"SeasonalNaive ({result.season})": result.seasonal_naive,
    }
    print(
        f"{name}: {config.lookback} -> {config.horizon}, "
        f"{pluralize(len(series.names), 'channel')}, all {result.model.windows} test windows, "
        "z-scored by the training part"
    )
    print_table(
        ("forecast", "MSE", "MAE"),
        [(label, f"{scores.mse:.4f}", f"{scores.mae:.4f}") for label, scores in rows.items()],
    )


def _print_robustness_table(part: "pd.DataFrame", axis: str) -> None:
    positions = sorted(part[axis].unique())
    columns = [f"{'k=' * (axis == 'age')}{position}" for position in positions]
    rows = []
    for name, cells in part.groupby((part["shift"] + " " + part["arm"]).str.strip(), sort=False):
        errors = dict(zip(cells[axis], cells["model"], strict=True))
        figures = [f"{errors[key]:.3f}" if key in errors else "" for key in positions]
        model = list(cells["model"])
        ratios = [_mean_ratio(model, list(cells[other])) for other in ("twin", "naive")]
        rows.append((name, *figures, *ratios))
    print_table(("shift", *columns, "twin", "naive"), rows)


def _mean_ratio(errors: Sequence[float], others: Sequence[float]) -> str:
    """Return the geometric mean of the ratios of positive errors; an empty string for none."""
    pairs = [(a, b) for a, b in zip(errors, others, strict=True) if a > 0 and b > 0]
    if not pairs:
        return ""
    return f"{math.exp(sum(math.log(a / b) for a, b in pairs) / len(pairs)):.2f}"
