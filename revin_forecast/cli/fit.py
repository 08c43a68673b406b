"""The command `fit`: fit on a table and save the forecaster in a folder."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from revin_forecast.cli.load_split import read_table, to_dataset_config
from revin_forecast.cli.outcomes import (
    print_failed_cells,
    print_without_effect,
    removing_empty_folders,
)
from revin_forecast.cli.output import describe_fit, print_json
from revin_forecast.cli.validation import fingerprint_file, require_known_shifts
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    from revin_forecast.forecasting.fitted import FittedModel
    from revin_forecast.forecasting.forecaster import Forecaster

MemoryMap = Literal["auto", "always", "never"]


def fit(
    file: str,
    horizon: int,
    out: str,
    lookback: int | None = None,
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008
    value_range: RangeSettings = RangeSettings(),  # noqa: B008
    covariates: list[str] | None = None,
    selection: SelectionSettings = SelectionSettings(),  # noqa: B008
    shifts: list[str] | None = None,
    memory_map: MemoryMap = "auto",
    keep_rows: bool = False,
    resume: bool = False,
    quiet: bool = False,
    json: bool = False,
    backbone: ModuleSpec | Literal["auto"] = "auto",
    normalizer: ModuleSpec | None = None,
    training: TrainingSettings = TrainingSettings(),  # noqa: B008
) -> Path | None:
    """Fit on a table and save the forecaster in a folder.

    Args:
        file: CSV, Excel, Parquet, Arrow, JSON lines, SQLite, or -; sales.xlsx::Sheet names a sheet,
            shop.db::table a table, and - is standard input; the table is wide (a time column and
            one column per series) or long (id, time, value).
        horizon: number of steps to forecast.
        out: folder for the forecaster, a model card, the resolved options (config.yaml) and, for a
            backbone trained by gradient descent, checkpoints and logs.
        lookback: number of past steps used for each forecast; chosen from the data by default.
        reading: how the table is read.
        value_range: the values that a forecast may take.
        covariates: inputs known in advance, such as public holidays; holiday:DE (a country),
            holiday:DE-BY (a part of it), columns of the table, calendar, hour, weekday, day,
            yearday, month, minute and step.
        selection: how a model is chosen.
        shifts: also measure robustness to these shifts (all, or names): train the model on the
            first 70 % of the rows and compare it with its twin without normalizer on the last 20 %.
        memory_map: read a Parquet file a few rows at a time into a temporary float32 file in the
            folder and train on that; for tables larger than memory and backbones trained by
            gradient descent. auto does so if the table would take more than half of the memory.
        keep_rows: keep all rows in the folder, so that `update --window` can let old ones out.
        resume: continue from the last checkpoint in the folder.
        quiet: do not print the chosen model and its scores.
        json: print one JSON object instead of text.
        backbone: backbone, by name or import path; auto weighs models by errors on past rows.
        normalizer: normalizer of each window, by name or import path; by default chosen on
            validation windows, or RevIN with a named backbone.
        training: settings for a backbone trained by gradient descent.
    """
    if shifts and backbone == "auto":
        raise InputError(
            "--shifts measures a named backbone, fitted again on the first 70 % of the rows, but "
            "no backbone was named. Pass one (--backbone Ridge), or leave --shifts out."
        )
    if shifts and reading.outliers == "keep":
        raise InputError(
            "--shifts reads the table again, without values far beyond all others, but got "
            "--outliers keep. Leave one of them out."
        )
    if keep_rows and memory_map == "always":
        raise InputError(
            "--keep-rows is for updates, and a model of a memory-mapped table has none; fit it "
            "again on all rows. Leave --keep-rows or --memory-map out."
        )
    require_known_shifts(shifts or ())
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the forecaster.")
    source = fingerprint_file(file)
    with progress(f"fitting on {file}"), removing_empty_folders(folder):
        from revin_forecast.forecasting.forecaster import Forecaster

        forecaster = Forecaster(
            horizon, lookback, backbone, normalizer, training, covariates or (), selection
        )
        if not keep_rows and _uses_memory_map(memory_map, file, forecaster, reading):
            lines = [_fit_memory_mapped(forecaster, file, reading, value_range, folder, resume)]
        else:
            lines = []
            read_options = vars(reading) | {"range_settings": value_range}
            skips_binary = forecaster.config.skips_binary
            series = read_table(file, read_options, covariates or (), skips_binary)
            forecaster.fit(series, folder / "training", resume, keep_rows=keep_rows)
    if not training.is_first_process:  # With several processes, only the first one writes.
        return None
    forecaster.fitted.summary["source"] = source
    forecaster.save(folder)
    lines.append(describe_fit(forecaster.fitted))
    print_without_effect(forecaster.fitted)
    last_line = f"{folder}: forecasts {horizon} steps of {len(forecaster.fitted.targets)} series"
    # Print before measuring robustness, which takes much longer than the fit.
    if not json:
        print(*([] if quiet else lines), last_line, sep="\n")
    record = to_dict(folder, forecaster.fitted)
    if shifts:
        from revin_forecast.cli.evaluate import measure_with_progress, print_robustness

        data = to_dataset_config(Path(file).stem, file, reading)
        config = forecaster.fitted.config
        rows = measure_with_progress(config, data, shifts, folder=folder / "shifts")
        record |= {"shifts": rows.to_dict("records"), "failures": rows.attrs["failures"]}
        if not json:
            print_robustness(config, rows)
            print_failed_cells(rows.attrs["failures"])
    if json:
        print_json(record)
    return folder


def _uses_memory_map(
    memory_map: MemoryMap, file: str, forecaster: "Forecaster", reading: ReadingOptions
) -> bool:
    """Return whether to read the table a few rows at a time."""
    from revin_forecast.utils.memory import exceeds_memory

    if memory_map == "always" and not reading.allows_memory_map:
        raise InputError(
            "--missing, --decimal, --resample, --encoding and --skip-rows need all rows or text, "
            "but a memory-mapped table is read a few rows at a time. Leave them out, or pass "
            "--memory-map never."
        )
    if memory_map != "auto":
        return memory_map == "always"
    return reading.allows_memory_map and forecaster.can_fit_memory_mapped and exceeds_memory(file)


def _fit_memory_mapped(
    forecaster: "Forecaster",
    file: str,
    reading: ReadingOptions,
    value_range: RangeSettings,
    folder: Path,
    resume: bool,
) -> str:
    """Fit on a memory map of a table in a temporary folder; return its description."""
    from revin_forecast.data.memory_mapped.series import DEFAULT_KEPT_ROWS, memory_map_table

    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as scratch:
        table = memory_map_table(
            file,
            scratch,
            time=reading.time,
            id=reading.id,
            value=reading.value,
            target=reading.target,
            inputs=reading.inputs,
            frequency=reading.frequency,
            time_form=reading.time_form,
            format=reading.format,
            long_gaps=reading.long_gaps,
            keep=max(DEFAULT_KEPT_ROWS, forecaster.lookback or 0),
        )
        table = replace(table, last_rows=replace(table.last_rows, range_settings=value_range))
        size = table.values.nbytes / 2**20
        forecaster.fit(table, folder / "training", resume)
    read = f"{file}: read a few rows at a time into a memory map of {size:,.0f} MiB"
    return read if reading.outliers == "keep" else f"{read}, with any value far beyond all others"


def to_dict(folder: Path, fitted: "FittedModel") -> dict[str, object]:
    """Return a fit and its folder as plain values."""
    config, names = fitted.config, fitted.history.names
    return {
        "folder": folder,
        "backbone": config.backbone.name,
        "normalizer": config.normalizer.name,
        "lookback": config.lookback,
        "horizon": config.horizon,
        "frequency": fitted.history.frequency,
        "targets": [names[target] for target in fitted.targets],
        "fitted": fitted.summary,
    }
