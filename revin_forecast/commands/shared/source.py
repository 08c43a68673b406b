"""What several commands refuse before they begin: data, sizes and shifts that are none."""

from collections.abc import Sequence
from pathlib import Path

from revin_forecast.data import catalog
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
        from revin_forecast.shift.suite_file import parse_shifts

        parse_shifts(shifts)
