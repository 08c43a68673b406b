from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from revin_forecast.backbones import Backbone
from revin_forecast.cli.output import describe_fit, print_json
from revin_forecast.cli.validation import fingerprint_file, require_known_shifts
from revin_forecast.data.memory_mapped.series import DEFAULT_KEPT_ROWS, memory_map_table
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.normalizers import Normalizer
from revin_forecast.selection import SelectionSettings
from revin_forecast.shift.suite.suite import DatasetConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.memory import exceeds_memory
from revin_forecast.utils.progress import progress


def fit(
    file: str,
    horizon: int,
    out: str,
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
    shifts: list[str] | None = None,
    memory_map: Literal["auto", "always", "never"] = "auto",
    resume: bool = False,
    quiet: bool = False,
    json: bool = False,
    backbone: Callable[[int, int, int], Backbone] | Literal["auto"] = "auto",
    normalizer: Callable[[int], Normalizer] | None = None,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> Path | None:
    """Fit on a table and save the forecaster in a folder.

    Args:
        file: CSV (comma, semicolon, tab or bar; .gz too) or Parquet, or - for standard input; wide
            (a time column, then one column a series) or long (id, time, value).
        horizon: steps to forecast.
        out: the folder; it also gets a page that says what was fitted on what, the resolved options
            (config.yaml) and, for a backbone that is trained by gradient, checkpoints and logs.
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
        shifts: say too how well such a model, trained on the first 70 % of the rows, stands these
            shifts over the last 20 %, beside its twin without normalizer: all, or names.
        memory_map: read a Parquet file a few rows at a time into a file of float32 beside `out`,
            and train on that: for tables larger than memory and backbones that are trained by
            gradient; auto: where the table would take more than half of the memory.
        resume: go on from the folder's last checkpoint.
        quiet: don't say what was chosen and why.
        json: print one JSON object instead of words.
        backbone: the model, by name or import path; auto: chosen on validation windows.
        normalizer: what is done to each window, by name or import path; chosen, or RevIN where
            the backbone is named.
        training: for a backbone that is trained by gradient.
    """
    if shifts and backbone == "auto":
        raise InputError(
            "--shifts measures a named backbone, fitted anew on the first 70 % of the rows, but "
            "none was named. Pass one (--backbone Ridge), or leave --shifts out."
        )
    require_known_shifts(shifts or ())
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the forecaster.")
    source = fingerprint_file(file)
    selection = SelectionSettings(tuple(season or ()), effort, budget)
    forecaster = Forecaster(
        horizon, lookback, backbone, normalizer, training, covariates or (), selection
    )
    columns: dict[str, Any] = {
        "time": time,
        "id": id,
        "value": value,
        "target": target,
        "inputs": inputs,
        "frequency": frequency,
    }
    lines: list[str] = []
    possible = missing == "observed" and decimal is None and forecaster.can_fit_memory_mapped
    if memory_map == "always" or (memory_map == "auto" and possible and exceeds_memory(file)):
        if missing != "observed" or decimal is not None:
            raise InputError(
                "--missing and --decimal look at all rows, but a memory-mapped table is read a few "
                "rows at a time. Leave them out, or pass --memory-map never."
            )
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as scratch, progress(f"fitting on {file}"):
            table = memory_map_table(
                file, scratch, keep=max(DEFAULT_KEPT_ROWS, lookback or 0), **columns
            )
            size = table.values.nbytes / 2**20
            lines.append(f"{file}: read a few rows at a time into a memory map of {size:,.0f} MiB")
            forecaster.fit(table, folder / "training", resume)
    else:
        with progress(f"fitting on {file}"):
            series = read_series(file, missing=missing, decimal=decimal, **columns)
            forecaster.fit(series, folder / "training", resume)
    if not training.is_first_process:  # of several machines or a launcher's: the first one writes
        return None
    forecaster.fitted.summary["source"] = source
    forecaster.save(folder)
    lines.append(describe_fit(forecaster.fitted))
    last = f"{folder}: forecasts {horizon} steps of {len(forecaster.fitted.targets)} series"
    if not json:
        print(*([] if quiet else lines), last, sep="\n")
    record = to_dict(folder, forecaster.fitted)
    if shifts:
        from revin_forecast.cli.evaluate import measure_with_progress, print_robustness

        data = DatasetConfig(
            Path(file).stem,
            file=file,
            columns=tuple(target or ()),
            time=time,
            id=id,
            value=value,
            frequency=frequency,
        )
        recipe = forecaster.fitted.config
        rows = measure_with_progress(recipe, data, shifts, folder=folder / "shifts")
        record["shifts"] = rows.to_dict("records")
        if not json:
            print_robustness(recipe, rows)
    if json:
        print_json(record)
    return folder


def to_dict(folder: Path, fitted: FittedModel) -> dict[str, object]:
    """Return what was fitted, and where it lies, as plain values."""
    recipe, names = fitted.config, fitted.history.names
    return {
        "folder": folder,
        "backbone": recipe.backbone.name,
        "normalizer": recipe.normalizer.name,
        "lookback": recipe.lookback,
        "horizon": recipe.horizon,
        "frequency": fitted.history.frequency,
        "targets": [names[target] for target in fitted.targets],
        "fitted": fitted.summary,
    }
