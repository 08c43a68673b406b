"""A fitted forecaster as a folder: two safetensors files and one JSON file that names them.

The JSON file is written last, in one step, and names the others by their content, so a folder
holds the old forecaster or the new one at any moment, never a mixture.
"""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from safetensors.numpy import save as serialize

from revin_forecast import __version__
from revin_forecast.components import Component
from revin_forecast.data.covariates import KnownColumns, own_columns
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Layout, Series
from revin_forecast.errors import InputError
from revin_forecast.files import replacing
from revin_forecast.fitted import Fitted
from revin_forecast.fitting import Recipe
from revin_forecast.settings import TrainingSettings
from revin_forecast.weights import load_parameters, save_parameters

SCHEMA = 2
MANIFEST = "forecaster.json"


def save(fitted: Fitted, folder: Path) -> None:
    """Write a fitted forecaster; an older one in the folder is replaced.

    Raises:
        InputError: a component's parameters can't be written as JSON.
    """
    history = fitted.history
    folder.mkdir(parents=True, exist_ok=True)
    weights, state = folder / ".weights", folder / ".state"
    save_parameters(fitted.model, weights)
    arrays = {
        "mean": fitted.standardizer.mean,
        "scale": fitted.standardizer.scale,
        "history": history.values,
        "timestamps": history.timestamps.asi8,
    }
    if fitted.columns is not None:
        arrays |= {
            "columns": fitted.columns.history.values,
            "columns_mean": fitted.columns.standardizer.mean,
            "columns_scale": fitted.columns.standardizer.scale,
        }
    with replacing(state) as partial:
        content = {name: np.ascontiguousarray(part) for name, part in arrays.items()}
        partial.write_bytes(serialize(content))
    files = {"weights": _settle(weights, "weights"), "state": _settle(state, "state")}
    with replacing(folder / MANIFEST) as partial:
        partial.write_text(_manifest(fitted, files), encoding="utf-8")
    for stale in folder.glob("*-*.safetensors"):
        if stale.name not in {name for name, _ in files.values()}:
            stale.unlink()


def load(folder: Path) -> Fitted:
    """Read a saved forecaster, every byte checked against its checksum.

    Raises:
        InputError: no forecaster there, a newer schema, damaged files, or a class that can't be
            imported.
    """
    manifest = _read_manifest(folder)
    weights, state = (_verified(folder, *manifest["files"][part]) for part in ("weights", "state"))
    recipe = Recipe(
        backbone=Component.revived(**manifest["backbone"]),
        normalizer=Component.revived(**manifest["normalizer"]),
        lookback=manifest["lookback"],
        horizon=manifest["horizon"],
        training=TrainingSettings(**manifest["training"]),
        refit=manifest["refit"],
        covariates=tuple(manifest.get("covariates", ())),  # none before schema 2
    )
    arrays = load_file(state)
    history = _history(manifest, arrays)
    model = recipe.build(len(history.names))
    try:
        load_parameters(model, weights)
    except ValueError as error:
        raise InputError(f"{recipe.backbone.path} is not as it was when saved: {error}") from error
    standardizer = Standardizer(arrays["mean"], arrays["scale"])
    columns = _columns(recipe, history, arrays)
    return Fitted(recipe, model.eval(), standardizer, history, manifest["summary"], columns)


def _columns(recipe: Recipe, history: Series, arrays: dict[str, np.ndarray]) -> KnownColumns | None:
    if "columns" not in arrays:
        return None
    names = tuple(own_columns(recipe.covariates))
    kept = replace(history, values=arrays["columns"], names=names)
    return KnownColumns(kept, Standardizer(arrays["columns_mean"], arrays["columns_scale"]))


def _history(manifest: dict[str, Any], arrays: dict[str, np.ndarray]) -> Series:
    stamps = pd.DatetimeIndex(arrays["timestamps"].astype(f"datetime64[{manifest['time_unit']}]"))
    if manifest["time_zone"]:
        stamps = stamps.tz_localize("UTC").tz_convert(manifest["time_zone"])
    return Series(
        values=arrays["history"],
        timestamps=stamps,
        names=tuple(manifest["names"]),
        frequency=manifest["frequency"],
        layout=Layout(**manifest["layout"]),
    )


def _manifest(fitted: Fitted, files: dict[str, tuple[str, str]]) -> str:
    history, recipe = fitted.history, fitted.recipe
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        **asdict(recipe),
        "names": history.names,
        "frequency": history.frequency,
        "time_zone": None if history.timestamps.tz is None else str(history.timestamps.tz),
        "time_unit": history.timestamps.unit,
        "layout": asdict(history.layout),
        "summary": fitted.summary,
        "files": files,
    }
    try:
        content["digest"] = _digest(content)
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    except TypeError as error:
        raise InputError(
            f"a backbone or normalizer parameter can't be written as JSON: {error}. Give it as "
            "numbers, text, booleans, lists or dictionaries."
        ) from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder} holds no forecaster ({MANIFEST} is missing). Save one there.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        schema = int(manifest["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {error}. Fit and save again.") from error
    if schema > SCHEMA:  # told before the digest: a newer one may be made otherwise
        raise InputError(
            f"{path} has schema {schema}, this version of revin_forecast reads up to {SCHEMA}. "
            f"It was saved by version {manifest.get('version')}; upgrade to that."
        )
    if manifest.pop("digest", None) != _digest(manifest):
        raise InputError(f"{path} is damaged: its digest is another. Fit and save again.")
    return manifest


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _settle(written: Path, part: str) -> tuple[str, str]:
    """Rename a finished file after its content; return its name and sha256."""
    digest = _sha256(written)
    final = written.with_name(f"{part}-{digest[:16]}.safetensors")
    written.replace(final)
    return final.name, digest


def _verified(folder: Path, name: str, digest: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise InputError(f"{path} is missing, though {MANIFEST} names it. Fit and save again.")
    got = _sha256(path)
    if got != digest:
        raise InputError(
            f"{path} is damaged: its sha256 is {got}, {MANIFEST} says {digest}. Fit and save again."
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
