"""Newer rows of a table: they must come in the same rhythm as those that a model was fitted on."""

from collections.abc import Callable

import numpy as np

from revin_forecast.data.series import Series
from revin_forecast.errors import InputError


def read_new_rows(read: Callable[[str | None], Series], history: Series) -> Series:
    """Read newer rows on the grid of a model's history.

    Args:
        read: reads them on the grid of a frequency; None: on the one it finds.
        history: rows that the model was fitted on.

    Raises:
        InputError: they come in another rhythm, or can't be read.
    """
    frequency = history.frequency
    if frequency is None:
        return read(None)
    try:
        newer = read(frequency)
    except InputError:
        found = _detect_frequency(read)
        if found in (None, frequency):
            raise
        raise _frequency_mismatch_error(found, frequency) from None
    if newer.frequency not in (None, frequency):
        raise _frequency_mismatch_error(newer.frequency, frequency)
    if _min_spacing(newer) > _min_spacing(
        history
    ):  # a coarser rhythm lies on the grid, too, with gaps
        found = _detect_frequency(read)
        raise _frequency_mismatch_error(
            f"{_min_spacing(newer)} times {frequency}" if found is None else found, frequency
        )
    return newer


def _detect_frequency(read: Callable[[str | None], Series]) -> str | None:
    try:
        return read(None).frequency
    except InputError:
        return None


def _min_spacing(series: Series) -> int:
    """Return the smallest number of steps between rows with a value; 1 where too few say so."""
    seen = np.flatnonzero(series.observed.any(axis=1))
    return int(np.diff(seen).min()) if len(seen) > 2 else 1


def _frequency_mismatch_error(found: str | None, frequency: str) -> InputError:
    return InputError(
        f"the new table's step is {found}, but the forecaster was fitted on rows of step "
        f"{frequency}. Pass a table of that step, or fit on this one."
    )
