"""Find the seasons of a table: from its rhythm, and from how values resemble those a lag before."""

import numpy as np
from pandas import Timedelta
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import Tick

from revin_forecast.data.reading.frequency import default_season

MIN_AUTOCORRELATION = 0.1
"""Autocorrelation of the changes from which on a lag counts as a season."""
MAX_ROWS, MAX_CHANNELS = 20_000, 50
"""Looked at, at most: the last rows, and channels spread over the table."""
MAX_SEASONS = 3


def detect_seasons(values: np.ndarray, frequency: str | None, rows: int) -> tuple[int, ...]:
    """Return likely seasons in steps, likeliest first; empty where there is none.

    The calendar's own (a day of hours and a week of days), and lags at which the mean
    autocorrelation of the differenced channels peaks. What they are worth is decided on validation
    windows, so that a needless one does no harm.

    Args:
        values: (time, channels), NaN where unobserved.
        frequency: as pandas writes it; None: unknown.
        rows: those a season must fit into twice.
    """
    found = list(calendar_seasons(frequency))
    for lag in _peak_lags(values):
        if not any(_is_multiple(lag, season) for season in found):
            found.append(lag)
    return tuple(lag for lag in found if 1 < lag <= rows // 2)[:MAX_SEASONS]


def calendar_seasons(frequency: str | None) -> tuple[int, ...]:
    """Return the seasons that a rhythm suggests: a day and a week below a day, else the usual one.

    >>> calendar_seasons("h"), calendar_seasons("D"), calendar_seasons(None)
    ((24, 168), (7,), ())
    """
    season = default_season(frequency)
    if season == 1:
        return ()
    week = default_season("D") * season
    return (season, week) if week == _steps_per_week(frequency) else (season,)


def _is_multiple(lag: int, season: int) -> bool:
    """Return whether a lag is a season again, or several, nearly: that says nothing new."""
    apart = abs(lag - season * round(lag / season))
    return lag > season // 2 and apart <= season // 20


def _steps_per_week(frequency: str | None) -> int:
    """Return steps in a week; 0 for a rhythm of days or longer, or of no fixed length."""
    offset = to_offset(frequency)
    if not isinstance(offset, Tick):
        return 0
    return round(Timedelta(days=7).total_seconds() / Timedelta(offset).total_seconds())


def _peak_lags(values: np.ndarray) -> list[int]:
    """Return lags where the mean autocorrelation of the changes has a peak, highest first."""
    channels = np.linspace(0, values.shape[1] - 1, min(MAX_CHANNELS, values.shape[1])).astype(int)
    changes = np.diff(values[-MAX_ROWS:, np.unique(channels)], axis=0)
    seen = np.isfinite(changes)
    unit = np.max(np.abs(changes), axis=0, where=seen, initial=0)
    changes = np.where(seen, changes / np.where(unit > 0, unit, 1), 0)
    resemblance = _autocorrelation(changes - changes.mean(axis=0))
    inner = resemblance[1:-1]
    peak = (inner > resemblance[:-2]) & (inner >= resemblance[2:]) & (inner > MIN_AUTOCORRELATION)
    lags = np.flatnonzero(peak) + 1
    strongest = lags[np.argsort(-resemblance[lags], kind="stable")]
    return [int(lag) for lag in strongest]


def _autocorrelation(changes: np.ndarray) -> np.ndarray:
    """Return the mean over channels of the autocorrelation for lags up to a third of the rows."""
    rows = len(changes)
    spectrum = np.fft.rfft(changes, 2 * rows, axis=0)
    covariance = np.fft.irfft((spectrum * spectrum.conj()).real, axis=0)[: rows // 3]
    variance = covariance[:1] if len(covariance) else np.ones((1, changes.shape[1]))
    return (covariance / np.where(variance > 0, variance, 1)).mean(axis=1)
