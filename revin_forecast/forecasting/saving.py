"""Save and load a fitted forecaster as a folder.

The folder holds two safetensors files (weights and state), a JSON manifest that names them, and a
model card for readers. The manifest is written atomically after the two files, which are named by
their content: at any moment the folder holds the old or the new forecaster, never a mixture.
"""

import hashlib
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file
from safetensors.numpy import save as serialize

from revin_forecast import __version__
from revin_forecast.data.covariates import KnownColumns, table_columns
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.data.table_format import TableFormat
from revin_forecast.data.value_range import ValueRange
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.manifest import (
    SCHEMA,
    dump_manifest,
    find_zone_name,
    read_manifest,
    restore_tuples,
)
from revin_forecast.forecasting.model_card import CARD_FILE, CARD_MARKER, format_model_card
from revin_forecast.forecasting.update_state import UpdateState
from revin_forecast.models.compound_intervals import CompoundIntervals
from revin_forecast.models.conformal_intervals import ConformalIntervals
from revin_forecast.models.intervals import Intervals
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.models.step_dependence import StepDependence
from revin_forecast.parameters.weights import load_parameters, parameters_to_bytes
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.files import atomic_write, folder_lock, remove_stale_partials

__all__ = ["MANIFEST", "SCHEMA", "load_fitted", "save_fitted"]

MANIFEST = "forecaster.json"
PART_PATTERN = re.compile(r"(weights|state)-[0-9a-f]{16}\.safetensors")


def save_fitted(fitted: FittedModel, folder: Path) -> None:
    """Write a fitted forecaster, replacing an older one in the folder; other files stay.

    Raises:
        InputError: the path is a file, a component's parameters can't be written as JSON, or the
            time zone has no name.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the forecaster.")
    manifest = _build_manifest(fitted)
    parts = {
        "weights": parameters_to_bytes(fitted.model),
        "state": serialize(_collect_state_arrays(fitted)),
    }
    digests = {part: hashlib.sha256(data).hexdigest() for part, data in parts.items()}
    files = {part: (f"{part}-{sha[:16]}.safetensors", sha) for part, sha in digests.items()}
    manifest["files"] = files
    # Serialized first: a value without a JSON form must fail before anything is written.
    manifest_bytes = dump_manifest(manifest)
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder):
        for part, data in parts.items():
            with atomic_write(folder / files[part][0]) as partial:
                partial.write_bytes(data)
        with atomic_write(folder / MANIFEST) as partial:
            partial.write_bytes(manifest_bytes)
        _write_card(manifest, folder / CARD_FILE)
        # Last: until the new manifest is in place, the old one needs its parts.
        _remove_old_parts(folder, {name for name, _ in files.values()})


def load_fitted(folder: Path) -> FittedModel:
    """Read a saved forecaster and verify every file against its checksum.

    Raises:
        InputError: the folder holds no forecaster, the schema is newer, a file is damaged, or a
            class can't be imported.
    """
    if not (folder / MANIFEST).is_file():
        raise InputError(
            f"{folder} holds no forecaster ({MANIFEST} is missing). Name a folder that the command "
            "`fit` or Forecaster.save has written."
        )
    # The lock keeps a concurrent save from removing the parts that this manifest names.
    with folder_lock(folder, shared=True):
        manifest = read_manifest(folder / MANIFEST)
        weights, state = (
            _verify_part(folder, *manifest["files"][part]) for part in ("weights", "state")
        )
        return _build_fitted(manifest, weights, load_file(state))


def _build_fitted(
    manifest: dict[str, Any], weights: Path, arrays: dict[str, np.ndarray]
) -> FittedModel:
    """Build the fitted model from the manifest, the weights file and the state arrays."""
    config = ModelConfig(
        backbone=ModuleSpec.from_dict(**restore_tuples(manifest["backbone"])),
        normalizer=ModuleSpec.from_dict(**restore_tuples(manifest["normalizer"])),
        lookback=manifest["lookback"],
        horizon=manifest["horizon"],
        training=TrainingSettings(**restore_tuples(manifest["training"])),
        refit=manifest["refit"],
        covariates=tuple(manifest.get("covariates", ())),  # absent before schema 2
        targets=manifest.get("targets") and tuple(manifest["targets"]),  # absent before schema 3
    )
    history = _restore_history(manifest, arrays)
    standardizer = Standardizer(arrays["mean"], arrays["scale"])
    model = config.build(len(history.names))
    try:
        load_parameters(model, weights)
    except ValueError as error:
        raise InputError(
            f"{config.backbone.path} has changed since it was saved: {error}"
        ) from error
    return FittedModel(
        config,
        model.eval(),
        standardizer,
        history,
        manifest["summary"],
        _restore_known_columns(config, history, arrays),
        _restore_intervals(arrays),
        ValueRange.from_arrays(arrays),
        arrays.get("naive_scale"),
        UpdateState.from_arrays(arrays, standardizer),  # absent before schema 7
    )


def _restore_intervals(arrays: dict[str, np.ndarray]) -> Intervals | None:
    """Return the intervals; None before schema 3, and for models of quantiles."""
    others: Intervals | None = None
    dependence = StepDependence(*arrays["dependence"]) if "dependence" in arrays else None
    if "amplitude" in arrays:
        parts = (torch.from_numpy(arrays[name]) for name in ("amplitude", "zero", "growth"))
        others = SeriesIntervals(arrays["scores"], *parts, dependence_source=dependence)
    elif "scores" in arrays:
        others = ConformalIntervals(arrays["scores"], dependence_source=dependence)
    if "compound_sizes" in arrays:
        return CompoundIntervals.around(arrays["compound_zero"], arrays["compound_sizes"], others)
    return others


def _restore_known_columns(
    config: ModelConfig, history: Series, arrays: dict[str, np.ndarray]
) -> KnownColumns | None:
    if "columns" not in arrays:
        return None
    names = tuple(table_columns(config.covariates))
    columns = replace(
        history, values=arrays["columns"], names=names, inputs=(), last_timestamps=None
    )
    return KnownColumns(columns, Standardizer(arrays["columns_mean"], arrays["columns_scale"]))


def _restore_history(manifest: dict[str, Any], arrays: dict[str, np.ndarray]) -> Series:
    zone, lasts = manifest["time_zone"], arrays.get("lasts")
    return Series(
        values=arrays["history"],
        timestamps=_restore_timestamps(arrays["timestamps"], manifest["time_unit"], zone),
        names=tuple(manifest["names"]),
        frequency=manifest["frequency"],
        format=TableFormat.from_dict(manifest["format"]),
        # Inputs and last timestamps are absent before schema 3.
        inputs=tuple(manifest.get("inputs", ())),
        last_timestamps=None
        if lasts is None
        else _restore_timestamps(lasts, manifest["lasts_unit"], zone),
        has_aligned_ends=manifest.get("moved", False),
    )


def _restore_timestamps(counts: np.ndarray, unit: str, zone: str | None) -> pd.DatetimeIndex:
    """Return timestamps from their counts of a unit since 1970 in UTC."""
    stamps = pd.DatetimeIndex(counts.astype(f"datetime64[{unit}]"))
    return stamps.tz_localize("UTC").tz_convert(zone) if zone else stamps


def _build_manifest(fitted: FittedModel) -> dict[str, Any]:
    """Return the manifest without the names of the files."""
    history = fitted.history
    return {
        "schema": SCHEMA,
        "version": __version__,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(fitted.config),
        "names": history.names,
        "inputs": history.inputs,
        "frequency": history.frequency,
        "time_zone": find_zone_name(history.timestamps),
        "time_unit": history.timestamps.unit,
        "lasts_unit": None if history.last_timestamps is None else history.last_timestamps.unit,
        "moved": history.has_aligned_ends,
        "calibrated": fitted.intervals is not None,
        "format": history.format.to_dict(),
        "summary": fitted.summary,
    }


def _collect_state_arrays(fitted: FittedModel) -> dict[str, np.ndarray]:
    """Return the arrays of the state file: statistics, history, scores, known columns."""
    history = fitted.history
    arrays = {
        "mean": fitted.standardizer.mean,
        "scale": fitted.standardizer.scale,
        "history": history.values,
        "timestamps": history.timestamps.asi8,
    }
    if history.last_timestamps is not None:
        arrays["lasts"] = history.last_timestamps.asi8
    intervals = fitted.intervals
    if isinstance(intervals, CompoundIntervals):
        arrays |= {"compound_zero": intervals.zero, "compound_sizes": intervals.sizes}
        intervals = intervals.others
    if intervals is not None:
        arrays["scores"] = intervals.scores
        if intervals.dependence is not None:
            arrays["dependence"] = np.stack(
                [intervals.dependence.common, intervals.dependence.decay]
            )
    if isinstance(intervals, SeriesIntervals):
        arrays["amplitude"] = intervals.reference.numpy()
        arrays["zero"] = intervals.zero.numpy()
        arrays["growth"] = intervals.growth.numpy()
    if fitted.naive_scale is not None:
        arrays["naive_scale"] = fitted.naive_scale
    if fitted.value_range is not None:
        arrays |= fitted.value_range.to_arrays()
    if fitted.update_state is not None:
        arrays |= fitted.update_state.condense(fitted.standardizer).to_arrays()
    if fitted.known_columns is not None:
        arrays |= {
            "columns": fitted.known_columns.history.values,
            "columns_mean": fitted.known_columns.standardizer.mean,
            "columns_scale": fitted.known_columns.standardizer.scale,
        }
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _write_card(manifest: dict[str, Any], path: Path) -> None:
    """Write the model card, unless a file of that name is the user's own."""
    if path.exists() and not path.read_bytes().startswith(CARD_MARKER.encode()):
        return
    with atomic_write(path) as partial:
        partial.write_text(format_model_card(manifest), encoding="utf-8")


def _remove_old_parts(folder: Path, current_names: set[str]) -> None:
    """Remove the parts of older forecasters and the partial files of killed saves."""
    for path in folder.iterdir():
        if PART_PATTERN.fullmatch(path.name) and path.name not in current_names:
            path.unlink()
    remove_stale_partials(folder, "weights-*")
    remove_stale_partials(folder, "state-*")


def _verify_part(folder: Path, name: str, digest: str) -> Path:
    """Return the path of a part after checking its SHA-256.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = folder / name
    if not path.is_file():
        raise InputError(f"{path} is missing, though {MANIFEST} names it. Fit and save again.")
    with path.open("rb") as file:
        actual_digest = hashlib.file_digest(file, "sha256").hexdigest()
    if actual_digest != digest:
        raise InputError(
            f"{path} is damaged: its sha256 is {actual_digest}, {MANIFEST} says {digest}. Fit and "
            "save again."
        )
    return path
