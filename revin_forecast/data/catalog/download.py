import hashlib
import urllib.request
from http.client import HTTPException
from pathlib import Path

from revin_forecast.data.catalog.catalog import CatalogEntry
from revin_forecast.errors import InputError
from revin_forecast.utils.files import atomic_write
from revin_forecast.utils.progress import progress

CHUNK_BYTES = 2**18
TIMEOUT_SECONDS = 30


def download(entry: CatalogEntry, folder: Path) -> Path:
    """Download a data set, verify its checksum, and only then put it in place.

    Args:
        entry: what to get.
        folder: the data folder; made if it is not there.

    Returns:
        Where the file is now.

    Raises:
        InputError: no address or checksum is known, the server does not answer well, or the
            content is another; or the folder can't be written to. No file in it is changed.
    """
    final = folder / entry.file
    if entry.url is None or entry.sha256 is None:
        raise InputError(f"no public address is known for {entry.name}; put its file at {final}.")
    if not entry.url.startswith(("http://", "https://")):
        raise InputError(f"{entry.url} is no http address; only those are downloaded.")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(final) as partial:
            got = _fetch(entry.url, partial, entry.name)
            if got != entry.sha256:
                raise InputError(
                    f"{entry.url} gave another content: sha256 {got}, wanted {entry.sha256}. "
                    "Nothing was kept; try again, or get the file elsewhere."
                )
    except (OSError, HTTPException) as error:
        raise InputError(f"could not download {entry.url}: {error}. Nothing was kept.") from error
    return final


def _fetch(url: str, path: Path, name: str) -> str:
    """Stream an address into a file; return the content's sha256."""
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer,
        path.open("wb") as file,
    ):
        length = answer.headers.get("Content-Length")
        total = int(length) // 1024 if length else None
        got = 0
        with progress(f"downloading {name}", total, "KiB") as advance:
            while chunk := answer.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
                advance((got + len(chunk)) // 1024 - got // 1024)
                got += len(chunk)
    return digest.hexdigest()
