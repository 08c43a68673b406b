"""Checks of arguments that several commands share, made before any work starts."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from revin_forecast.errors import InputError
from revin_forecast.utils.files import describe_missing_file


def require_dataset(data: str) -> bool:
    """Check that a name is a file or a catalogued data set.

    Returns:
        Whether it is a catalogued data set.

    Raises:
        InputError: it is neither; the message suggests similar names.
    """
    from revin_forecast.data.catalog import catalog

    if data in catalog.CATALOG:
        return True
    if data == "-" or Path(data).exists():
        return False
    if Path(data).suffix:  # no data set has a dot in its name
        raise InputError(describe_missing_file(Path(data)))
    try:
        catalog.find_entry(data)
    except InputError as error:
        raise InputError(f"there is no file {data!r}, and {error.message}") from None
    return False


def require_positive(**sizes: int | None) -> None:
    """Check numbers of rows, passed by the names of their options.

    Raises:
        InputError: a number is below 1.
    """
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise InputError(f"--{name} is {size}; pass a positive number of rows.")


def require_known_shifts(shifts: Sequence[str]) -> None:
    """Check the names of shifts before a model is fitted.

    Raises:
        InputError: there is no shift of a given name.
    """
    if shifts:  # Import the shift benchmark only when it is used.
        from revin_forecast.shift.suite.suite_yaml import parse_shifts

        parse_shifts(shifts)


def fingerprint_file(file: str) -> dict[str, str]:
    """Return the name and SHA-256 of a file, as a saved model records its source."""
    if file == "-":
        return {"file": "standard input"}
    path = Path(file)
    if not path.is_file():
        return {"file": path.name}  # Reading the file will report the error.
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"file": path.name, "sha256": digest}
