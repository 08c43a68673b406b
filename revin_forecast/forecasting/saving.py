"""A fitted forecaster as a folder: two safetensors files, one JSON file that names them, one page.

The JSON file is written after the two, in one step, and names them by their content, so a folder
holds the old forecaster or the new one at any moment, never a mixture. The page is for people.
"""

import hashlib
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from safetensors.numpy import save as serialize

from revin_forecast import __version__
from revin_forecast.data.covariates import KnownColumns, table_columns
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series, TableLayout
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.manifest import SCHEMA, dump_manifest, read_manifest, restore_tuples
from revin_forecast.forecasting.model_card import CARD_FILE, CARD_MARKER, format_model_card
from revin_forecast.models.intervals import ConformalIntervals
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.parameters.weights import load_parameters, parameters_to_bytes
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.files import atomic_write, folder_lock, remove_stale_partials

__all__ = ["MANIFEST", "SCHEMA", "load_fitted", "save_fitted"]

MANIFEST = "forecaster.json"
PART_PATTERN = re.compile(r"(weights|state)-[0-9a-f]{16}\.safetensors")


def save_fitted(fitted: FittedModel, folder: Path) -> None:
    """Write a fitted forecaster; an older one in the folder is replaced, other files stay.

    Raises:
        InputError: a component's parameters can't be written as JSON, or a time zone by its name.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the forecaster.")
    content = _manifest_content(fitted)
    parts = {
        "weights": parameters_to_bytes(fitted.model),
        "state": serialize(_state_arrays(fitted)),
    }
    digests = {part: hashlib.sha256(data).hexdigest() for part, data in parts.items()}
    files = {part: (f"{part}-{sha[:16]}.safetensors", sha) for part, sha in digests.items()}
    content["files"] = files
    text = dump_manifest(content)
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder):
        for part, data in parts.items():
            with atomic_write(folder / files[part][0]) as partial:
                partial.write_bytes(data)
        with atomic_write(folder / MANIFEST) as partial:
            partial.write_bytes(text)
        _write_card(content, folder / CARD_FILE)
        _remove_old_parts(folder, {name for name, _ in files.values()})


def load_fitted(folder: Path) -> FittedModel:
    """Read a saved forecaster, every byte checked against its checksum.

    Raises:
        InputError: no forecaster there, a newer schema, damaged files, or a class that can't be
            imported.
    """
    if not (folder / MANIFEST).is_file():
        raise InputError(
            f"{folder} holds no forecaster ({MANIFEST} is missing). Name a folder that fit has "
            f"written: revin-forecast fit FILE --horizon H --out {folder}."
        )
    with folder_lock(folder, shared=True):  # a newer fit removes what this one's manifest names
        manifest = read_manifest(folder / MANIFEST)
        weights, state = (
            _verified_path(folder, *manifest["files"][part]) for part in ("weights", "state")
        )
        return _build_fitted(manifest, weights, load_file(state))


def _build_fitted(
    manifest: dict[str, Any], weights: Path, arrays: dict[str, np.ndarray]
) -> FittedModel:
    recipe = ModelConfig(
        backbone=ModuleSpec.from_dict(**restore_tuples(manifest["backbone"])),
        normalizer=ModuleSpec.from_dict(**restore_tuples(manifest["normalizer"])),
        lookback=manifest["lookback"],
        horizon=manifest["horizon"],
        training=TrainingSettings(**restore_tuples(manifest["training"])),
        refit=manifest["refit"],
        covariates=tuple(manifest.get("covariates", ())),  # none before schema 2
        targets=manifest.get("targets") and tuple(manifest["targets"]),  # none before schema 3
    )
    history = _history(manifest, arrays)
    model = recipe.build(len(history.names))
    try:
        load_parameters(model, weights)
    except ValueError as error:
        raise InputError(f"{recipe.backbone.path} is not as it was when saved: {error}") from error
    return FittedModel(
        recipe,
        model.eval(),
        Standardizer(arrays["mean"], arrays["scale"]),
        history,
        manifest["summary"],
        _known_columns(recipe, history, arrays),
        ConformalIntervals(arrays["scores"])
        if "scores" in arrays
        else None,  # none before schema 3
    )


def _known_columns(
    recipe: ModelConfig, history: Series, arrays: dict[str, np.ndarray]
) -> KnownColumns | None:
    if "columns" not in arrays:
        return None
    names = tuple(table_columns(recipe.covariates))
    kept = replace(history, values=arrays["columns"], names=names, inputs=(), last_timestamps=None)
    return KnownColumns(kept, Standardizer(arrays["columns_mean"], arrays["columns_scale"]))


def _history(manifest: dict[str, Any], arrays: dict[str, np.ndarray]) -> Series:
    lasts = arrays.get("lasts")
    return Series(
        values=arrays["history"],
        timestamps=_timestamps(arrays["timestamps"], manifest["time_unit"], manifest["time_zone"]),
        names=tuple(manifest["names"]),
        frequency=manifest["frequency"],
        layout=TableLayout(**manifest["layout"]),
        inputs=tuple(manifest.get("inputs", ())),  # none before schema 3, nor lasts
        last_timestamps=None
        if lasts is None
        else _timestamps(lasts, manifest["lasts_unit"], manifest["time_zone"]),
        has_aligned_ends=manifest.get("moved", False),
    )


def _timestamps(counts: np.ndarray, unit: str, zone: str | None) -> pd.DatetimeIndex:
    stamps = pd.DatetimeIndex(counts.astype(f"datetime64[{unit}]"))
    return stamps.tz_localize("UTC").tz_convert(zone) if zone else stamps


def _manifest_content(fitted: FittedModel) -> dict[str, Any]:
    history = fitted.history
    return {
        "schema": SCHEMA,
        "version": __version__,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(fitted.config),
        "names": history.names,
        "inputs": history.inputs,
        "frequency": history.frequency,
        "time_zone": _zone_name(history.timestamps),
        "time_unit": history.timestamps.unit,
        "lasts_unit": None if history.last_timestamps is None else history.last_timestamps.unit,
        "moved": history.has_aligned_ends,
        "calibrated": fitted.intervals is not None,
        "layout": asdict(history.layout),
        "summary": fitted.summary,
    }


def _state_arrays(fitted: FittedModel) -> dict[str, np.ndarray]:
    history = fitted.history
    arrays = {
        "mean": fitted.standardizer.mean,
        "scale": fitted.standardizer.scale,
        "history": history.values,
        "timestamps": history.timestamps.asi8,
    }
    if history.last_timestamps is not None:
        arrays["lasts"] = history.last_timestamps.asi8
    if fitted.intervals is not None:
        arrays["scores"] = fitted.intervals.scores
    if fitted.known_columns is not None:
        arrays |= {
            "columns": fitted.known_columns.history.values,
            "columns_mean": fitted.known_columns.standardizer.mean,
            "columns_scale": fitted.known_columns.standardizer.scale,
        }
    return {name: np.ascontiguousarray(part) for name, part in arrays.items()}


def _zone_name(stamps: pd.DatetimeIndex) -> str | None:
    """Return the name of a time zone, which must lead back to it."""
    if stamps.tz is None:
        return None
    name = str(stamps.tz)
    try:
        same = bool((stamps.tz_convert(name).tz_localize(None) == stamps.tz_localize(None)).all())
    except (ValueError, KeyError, OSError):
        same = False
    if not same:
        raise InputError(
            f"the time zone {name} has no name to be saved by. Convert the stamps first, such as "
            "by tz_convert('Europe/Berlin')."
        )
    return name


def _write_card(content: dict[str, Any], path: Path) -> None:
    """Write the page for people, but over no other page of that name."""
    if path.exists() and not path.read_bytes().startswith(CARD_MARKER.encode()):
        return
    with atomic_write(path) as partial:
        partial.write_text(format_model_card(content), encoding="utf-8")


def _remove_old_parts(folder: Path, kept: set[str]) -> None:
    """Remove the parts of older forecasters, and of saves that were killed."""
    for path in folder.iterdir():
        if PART_PATTERN.fullmatch(path.name) and path.name not in kept:
            path.unlink()
    remove_stale_partials(folder, "weights-*")
    remove_stale_partials(folder, "state-*")


def _verified_path(folder: Path, name: str, digest: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise InputError(f"{path} is missing, though {MANIFEST} names it. Fit and save again.")
    with path.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != digest:
        raise InputError(
            f"{path} is damaged: its sha256 is {got}, {MANIFEST} says {digest}. Fit and save again."
        )
    return path
