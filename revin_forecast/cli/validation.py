"""What several commands refuse before they begin: data, sizes and shifts that are none."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from revin_forecast.data.catalog import catalog
from revin_forecast.errors import InputError


def require_dataset(data: str) -> None:
    """Refuse data that are neither a file nor a catalogued data set.

    Raises:
        InputError: there is no such file, and no data set of that name; like names are told.
    """
    if data in catalog.CATALOG or Path(data).exists():
        return
    try:
        catalog.find_entry(data)
    except InputError as error:
        raise InputError(f"there is no file {data!r}, and {error}") from None


def require_positive(**sizes: int | None) -> None:
    """Refuse numbers of rows that are no such, each by the name of its option.

    Raises:
        InputError: one is below 1.
    """
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise InputError(f"--{name} is {size}; pass a positive number of rows.")


def require_known_shifts(shifts: Sequence[str]) -> None:
    """Refuse shifts that are not there, before anything is fitted.

    Raises:
        InputError: one is not.
    """
    if shifts:  # else nothing of the benchmark is imported
        from revin_forecast.shift.suite.suite_yaml import parse_shifts

        parse_shifts(shifts)


def fingerprint_file(file: str) -> dict[str, str]:
    """Return what a saved model says of the file it was fitted on: its name and sha256."""
    if file == "-":
        return {"file": "standard input"}
    path = Path(file)
    if not path.is_file():
        return {"file": path.name}  # which reading it will tell
    with path.open("rb") as content:
        return {
            "file": Path(file).name,
            "sha256": hashlib.file_digest(content, "sha256").hexdigest(),
        }
