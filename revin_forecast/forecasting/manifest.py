"""The JSON file that describes a saved forecaster, and tells any change of itself."""

import hashlib
import json
from pathlib import Path
from typing import Any

from revin_forecast.errors import InputError

SCHEMA = 4
"""4: our classes by their public names, see `class_names`.

3: intervals, inputs, series that end at different times, what was chosen; a digest of bytes.
"""
DIGEST_PREFIX = '"digest": "'


def dump_manifest(content: dict[str, Any]) -> bytes:
    """Return a manifest as JSON whose last entry is the sha256 of all the rest.

    Raises:
        InputError: something in it has no JSON form.
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
    # What is no text in any encoding, such as a letter of a broken file name, becomes an escape.
    raw = text.encode("utf-8", "backslashreplace")
    head, mark, tail = raw.rpartition(DIGEST_PREFIX.encode())
    return head + mark + hashlib.sha256(raw).hexdigest().encode() + tail


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest of this schema or an older one.

    Raises:
        InputError: a newer schema, or not a byte is as it was written.
    """
    raw = path.read_bytes()
    try:
        manifest = json.loads(raw.decode("utf-8"))
        schema = int(manifest["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}. Fit and save again.") from error
    if schema > SCHEMA:  # told before the digest: a newer one may be made otherwise
        raise InputError(
            f"{path} has schema {schema}, this version of revin_forecast reads up to {SCHEMA}. "
            f"It was saved by version {manifest.get('version')}; upgrade to that."
        )
    digest = manifest.pop("digest", None)
    if digest != (_bytes_digest(raw) if schema >= 3 else _values_digest(manifest)):
        raise InputError(f"{path} is damaged: its digest is another. Fit and save again.")
    return manifest


def restore_tuples(value: Any) -> Any:
    """Return part of a manifest with its tuples again, which JSON does not know."""
    if isinstance(value, dict):
        if set(value) == {"tuple"}:
            return tuple(restore_tuples(part) for part in value["tuple"])
        return {name: restore_tuples(part) for name, part in value.items()}
    return [restore_tuples(part) for part in value] if isinstance(value, list) else value


def _tag_user_tuples(content: dict[str, Any]) -> dict[str, Any]:
    """Mark tuples where they come back as tuples: in what the user chose."""
    chosen = ("backbone", "normalizer", "training")
    return {name: _tag_tuples(part) if name in chosen else part for name, part in content.items()}


def _tag_tuples(value: Any) -> Any:
    if isinstance(value, tuple):
        return {"tuple": [_tag_tuples(part) for part in value]}
    if isinstance(value, dict):
        return {name: _tag_tuples(part) for name, part in value.items()}
    return [_tag_tuples(part) for part in value] if isinstance(value, list) else value


def _bytes_digest(raw: bytes) -> str:
    head, mark, tail = raw.rpartition(DIGEST_PREFIX.encode())
    _, quote, rest = tail.partition(b'"')
    return hashlib.sha256(head + mark + quote + rest).hexdigest()


def _values_digest(manifest: dict[str, Any]) -> str:
    """Return the digest of schemas 1 and 2, which does not see white space."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
