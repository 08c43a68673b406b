"""Download of benchmark data sets."""

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
    """Download a data set and verify its checksum before the file replaces an older one.

    Args:
        entry: the data set.
        folder: the data folder; created if it does not exist.

    Returns:
        The path of the file.

    Raises:
        InputError: the data set has no known address or checksum, the download fails, the content
            has another checksum, or the folder can't be written to. No existing file is changed.
    """
    final = folder / entry.file
    if entry.url is None or entry.sha256 is None:
        raise InputError(f"no public address is known for {entry.name}; put its file at {final}.")
    # urllib also opens file: and ftp: addresses, which an entry must not reach.
    if not entry.url.startswith(("http://", "https://")):
        raise InputError(f"{entry.url} is not an http or https address, which a download needs.")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(final) as partial:
            # Verified before the block ends, so that a bad file never replaces a good one.
            got = _fetch(entry.url, partial, entry.name)
            if got != entry.sha256:
                raise InputError(
                    f"{entry.url} returned other content: sha256 {got}, wanted {entry.sha256}. "
                    "Nothing was saved; try again, or get the file elsewhere."
                )
    except (OSError, HTTPException) as error:
        raise InputError(f"could not download {entry.url}: {error}. Nothing was saved.") from error
    return final


def _fetch(url: str, path: Path, name: str) -> str:
    """Stream the content of an address to a file, and return its sha256."""
    digest = hashlib.sha256()
    with (
        urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response,
        path.open("wb") as file,
    ):
        # Servers that compress or stream send no length; the progress bar then has no total.
        length = response.headers.get("Content-Length")
        total = int(length) // 1024 if length else None
        received = 0
        with progress(f"downloading {name}", total, "KiB") as advance:
            while chunk := response.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
                advance((received + len(chunk)) // 1024 - received // 1024)
                received += len(chunk)
    return digest.hexdigest()
