from pathlib import Path

from revin_forecast.errors import InputError
from revin_forecast.files import replacing


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; an older one is replaced, whole or not at all.

    Raises:
        InputError: it can't be written.
    """
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise InputError(
            f"{path} could not be written: {error.strerror or error}. Get permission, or name "
            "another place."
        ) from error
