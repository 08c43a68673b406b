"""Reading of newer rows, which must have the frequency of the rows that a model was fitted on."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from revin_forecast.data.formatting import format_names
from revin_forecast.data.last_values import end_with_targets
from revin_forecast.data.series import Series
from revin_forecast.data.step_words import describe_frequency
from revin_forecast.errors import InputError


def read_new_rows(read: Callable[[str | None], Series], history: Series) -> Series:
    """Read newer rows on the grid of a model's history.

    Args:
        read: function that reads the rows on the grid of a frequency; None: of their own.
        history: rows that the model was fitted on.

    Raises:
        InputError: the rows have another frequency, or can't be read.
    """
    frequency = history.frequency
    if frequency is None:
        return read(None)
    try:
        newer = read(frequency)
    except InputError:
        # Rows off the grid fail with a message about irregular rows; a wrong frequency is likelier.
        detected = _detect_frequency(read)
        if detected in (None, frequency):
            raise
        raise _build_mismatch_error(detected, frequency) from None
    # A `Series` is not put on another grid, so it may have its own frequency.
    if newer.frequency not in (None, frequency):
        raise _build_mismatch_error(newer.frequency, frequency)
    # Rows of a coarser frequency are on the grid too, with a gap at every other step.
    spacing = _find_min_spacing(newer)
    if spacing > _find_min_spacing(history):
        detected = _detect_frequency(read)
        raise _build_mismatch_error(detected or f"{spacing} times {frequency}", frequency)
    targets = set(history.targets)  # a set, as there may be ten thousand
    newer = end_with_targets(newer, [name for name in newer.names if name not in targets])
    return _note_unknown_series(newer, history)


def _note_unknown_series(newer: Series, history: Series) -> Series:
    """Return the rows with a note on series of a long table that the model does not know."""
    known = set(history.names)
    unknown = [name for name in newer.names if name not in known]
    if not unknown or not newer.format.is_long:
        return newer
    verb, them = ("is", "it is") if len(unknown) == 1 else ("are", "they are")
    note = (
        f"{format_names(unknown)} {verb} not among the series that the forecaster was fitted on; "
        f"{them} not forecast"
    )
    return replace(newer, notes=(*newer.notes, note))


def _detect_frequency(read: Callable[[str | None], Series]) -> str | None:
    try:
        return read(None).frequency
    except InputError:
        return None


def _find_min_spacing(series: Series) -> int:
    """Return the smallest number of steps between observed rows; 1 if there are fewer than 3."""
    observed_rows = np.flatnonzero(series.observed.any(axis=1))
    return int(np.diff(observed_rows).min()) if len(observed_rows) > 2 else 1


def _describe_step(frequency: str | None) -> str:
    """Return a frequency and its words; a multiple of one that has no code as it is."""
    if frequency is None or " times " in frequency:
        return str(frequency)
    return f"{frequency} ({describe_frequency(frequency)})"


def _build_mismatch_error(detected: str | None, frequency: str) -> InputError:
    found, wanted = (_describe_step(code) for code in (detected, frequency))
    return InputError(
        f"the new table's step is {found}, but the forecaster was fitted on rows of step "
        f"{wanted}. Pass a table of that step, or fit on this one."
    )
