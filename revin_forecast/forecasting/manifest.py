"""The JSON manifest of a saved forecaster, with a digest that detects any change to it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.errors import InputError, spell_options

SCHEMA = 7
"""Version of the manifest's format.

7: adds the rows, or the sums over windows, to which an update adds rows.
6: adds the intervals of single series and of intermittent ones, and the range of the forecast.
5: adds the format of the table; before, only the names of its columns were saved, as "layout".
4: classes of this package by public name, see `models.class_names`.
3: adds intervals, inputs, series that end at different times and the evidence of the selection; the
digest is of the file's bytes. Schemas 1 and 2: the digest is of the parsed values.
"""
DIGEST_PREFIX = '"digest": "'


def dump_manifest(content: dict[str, Any]) -> bytes:
    """Return a manifest as JSON whose last entry is the SHA-256 of everything else.

    Raises:
        InputError: a value can't be written as JSON.
    """
    try:
        text = (
            json.dumps(_tag_user_tuples(content) | {"digest": ""}, indent=2, ensure_ascii=False)
            + "\n"
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"a backbone or normalizer parameter can't be written as JSON: {error}. Give it as "
            "numbers, text, booleans, lists, tuples or dictionaries."
        ) from error
    # Characters without an encoding, such as a surrogate of a broken file name, become escapes.
    raw = text.encode("utf-8", "backslashreplace")
    head, prefix, tail = raw.rpartition(DIGEST_PREFIX.encode())
    return head + prefix + hashlib.sha256(raw).hexdigest().encode() + tail


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest of this schema or an older one.

    Raises:
        InputError: the schema is newer, or the file was changed.
    """
    raw = path.read_bytes()
    try:
        manifest = json.loads(raw.decode("utf-8"))
        schema = int(manifest["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}. Fit and save again.") from error
    # Checked before the digest, which a newer schema may compute differently.
    if schema > SCHEMA:
        raise InputError(
            f"{path} has schema {schema}, this version of revin_forecast reads up to {SCHEMA}. "
            f"It was saved by version {manifest.get('version')}; upgrade to that."
        )
    digest = manifest.pop("digest", None)
    if digest != (_digest_bytes(raw) if schema >= 3 else _digest_values(manifest)):
        raise InputError(f"{path} is damaged: its digest does not match. Fit and save again.")
    if schema < 5:
        manifest["format"] = manifest.pop("layout")
    if "summary" in manifest:
        manifest["summary"] = _spell_notes(manifest["summary"])
    return manifest


def find_zone_name(stamps: pd.DatetimeIndex) -> str | None:
    """Return the name of the time zone; None: timestamps without one.

    Raises:
        InputError: the name does not identify the zone.
    """
    if stamps.tz is None:
        return None
    name = str(stamps.tz)
    # Some time zone objects print a name that pandas can't look up, or that means another zone.
    try:
        is_same = bool(
            (stamps.tz_convert(name).tz_localize(None) == stamps.tz_localize(None)).all()
        )
    except (ValueError, KeyError, OSError):
        is_same = False
    if not is_same:
        raise InputError(
            f"the time zone {name} has no name to be saved by. Convert the stamps first, such as "
            "by tz_convert('Europe/Berlin')."
        )
    return name


def restore_tuples(value: Any) -> Any:
    """Return part of a manifest with its tuples, which JSON stores as tagged lists."""
    if isinstance(value, dict):
        if set(value) == {"tuple"}:
            return tuple(restore_tuples(part) for part in value["tuple"])
        return {name: restore_tuples(part) for name, part in value.items()}
    return [restore_tuples(part) for part in value] if isinstance(value, list) else value


def _tag_user_tuples(content: dict[str, Any]) -> dict[str, Any]:
    """Tag tuples in the parameters that the user passed; elsewhere a list will do."""
    tagged = ("backbone", "normalizer", "training")
    return {name: _tag_tuples(part) if name in tagged else part for name, part in content.items()}


def _tag_tuples(value: Any) -> Any:
    if isinstance(value, tuple):
        return {"tuple": [_tag_tuples(part) for part in value]}
    if isinstance(value, dict):
        return {name: _tag_tuples(part) for name, part in value.items()}
    return [_tag_tuples(part) for part in value] if isinstance(value, list) else value


def _digest_bytes(raw: bytes) -> str:
    """Return the digest since schema 3: of the file with an empty digest."""
    head, prefix, tail = raw.rpartition(DIGEST_PREFIX.encode())
    _, quote, end = tail.partition(b'"')
    return hashlib.sha256(head + prefix + quote + end).hexdigest()


def _digest_values(manifest: dict[str, Any]) -> str:
    """Return the digest of schemas 1 and 2, which ignores white space."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _spell_notes(summary: dict[str, Any]) -> dict[str, Any]:
    """Return a saved summary whose notes write options as the caller does, not who saved it."""
    spelled = summary | {
        key: list(map(spell_options, summary[key]))
        for key in ("notes", "without_effect")
        if key in summary
    }
    if "notes" in summary.get("range", {}):
        notes = list(map(spell_options, summary["range"]["notes"]))
        spelled["range"] = summary["range"] | {"notes": notes}
    return spelled
