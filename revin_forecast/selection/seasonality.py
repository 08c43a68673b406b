"""Detect the seasons of a table from its step and from the autocorrelation of its values."""

import numpy as np
from pandas import Timedelta
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import Tick

from revin_forecast.data.reading.rows.frequency import default_season

MIN_AUTOCORRELATION = 0.3
"""Least autocorrelation of the changes at a lag that counts as a season."""
MIN_STANDARD_ERRORS = 4.0
"""Least ratio of that autocorrelation to its standard error without a season, 1 / sqrt(rows)."""
MIN_LEAD = 0.4
"""Least lead in autocorrelation of a detected season that replaces the calendar's."""
MIN_CYCLES = 4
"""Fewest seasons of rows in which one that is not the calendar's can be detected."""
MAX_ROWS, MAX_CHANNELS = 20_000, 50
"""Most values to analyze: the last rows, and channels spread evenly over the table."""
MAX_SEASONS = 3


def detect_seasons(values: np.ndarray, frequency: str | None, rows: int) -> tuple[int, ...]:
    """Return likely seasons in steps, the likeliest first; empty if there are none.

    First are the calendar's seasons (a day of hours, a week of days). Others need strong evidence:
    a lag at which the mean autocorrelation of the differenced channels peaks, far above that of
    noise, in at least four seasons of rows. Most yearly series have none.

    Args:
        values: (time, channels), NaN where unobserved.
        frequency: pandas frequency string; None: unknown.
        rows: number of rows that must hold at least two seasons.
    """
    seasons = list(list_calendar_seasons(frequency))
    for lag in _find_peak_lags(_autocorrelate_changes(values), len(values)):
        if not any(_is_multiple(lag, season) for season in seasons):
            seasons.append(lag)
    return tuple(lag for lag in seasons if 1 < lag <= rows // 2)[:MAX_SEASONS]


def choose_main_season(values: np.ndarray, frequency: str | None) -> int:
    """Return the season for models of single series: the calendar's shortest, or a stronger one.

    1 if there is none, or if it leaves less than half a season of rows to compare with the first.

    Args:
        values: (time, channels), NaN where unobserved.
        frequency: pandas frequency string; None: unknown.
    """
    rows = len(values)
    calendar = next(iter(list_calendar_seasons(frequency)), 1)
    correlation = _autocorrelate_changes(values)
    detected = next(iter(_find_peak_lags(correlation, rows)), 1)
    if _is_far_stronger(correlation, detected, calendar):
        calendar = detected
    return calendar if 3 * calendar <= 2 * rows else 1


def _is_far_stronger(correlation: np.ndarray, detected: int, calendar: int) -> bool:
    """Return whether a detected season is so much stronger than the calendar's that it wins."""
    if detected == 1 or _is_multiple(detected, calendar):
        return False
    rival = correlation[calendar] if 1 < calendar < len(correlation) else 0.0
    return bool(correlation[detected] > rival + MIN_LEAD)


def list_calendar_seasons(frequency: str | None) -> tuple[int, ...]:
    """Return the seasons of a frequency: day and week below a day, otherwise its default season.

    >>> list_calendar_seasons("h"), list_calendar_seasons("D"), list_calendar_seasons(None)
    ((24, 168), (7,), ())
    """
    season = default_season(frequency)
    if season == 1:
        return ()
    week = default_season("D") * season
    return (season, week) if week == _count_steps_per_week(frequency) else (season,)


def is_below_a_day(frequency: str | None) -> bool:
    """Return whether the step is shorter than a day.

    >>> [is_below_a_day(frequency) for frequency in ("s", "15min", "12h", "D", "MS", None)]
    [True, True, True, False, False, False]
    """
    return _count_steps_per_week(frequency) > default_season("D")


def _is_multiple(lag: int, season: int) -> bool:
    """Return whether a lag is within 5 % of a season or a multiple of it: then it adds nothing."""
    distance = abs(lag - season * round(lag / season))
    return lag > season // 2 and distance <= season // 20


def _count_steps_per_week(frequency: str | None) -> int:
    """Return the steps in a week; 0 if the step has no fixed length, such as a month."""
    offset = to_offset(frequency)
    if not isinstance(offset, Tick):
        return 0
    return round(Timedelta(days=7).total_seconds() / Timedelta(offset).total_seconds())


def _autocorrelate_changes(values: np.ndarray) -> np.ndarray:
    """Return the mean autocorrelation over channels of the changes from row to row, by lag."""
    channels = np.linspace(0, values.shape[1] - 1, min(MAX_CHANNELS, values.shape[1])).astype(int)
    # Differences: the autocorrelation of a trend or random walk would hide the season's peak.
    changes = np.diff(values[-MAX_ROWS:, np.unique(channels)], axis=0)
    observed = np.isfinite(changes)
    unit = np.max(np.abs(changes), axis=0, where=observed, initial=0)
    changes = np.where(observed, changes / np.where(unit > 0, unit, 1), 0)
    return _mean_autocorrelation(changes - changes.mean(axis=0)) if len(changes) else np.zeros(0)


def _find_peak_lags(correlation: np.ndarray, rows: int) -> list[int]:
    """Return the lags of strong peaks of the autocorrelation, highest first."""
    inner = correlation[1:-1]
    is_peak = (inner > correlation[:-2]) & (inner >= correlation[2:])
    lags = np.flatnonzero(is_peak) + 1
    rows = min(rows, MAX_ROWS)
    least = max(MIN_AUTOCORRELATION, MIN_STANDARD_ERRORS / rows**0.5)
    lags = lags[(correlation[lags] >= least) & (lags * MIN_CYCLES <= rows)]
    strongest_first = lags[np.argsort(-correlation[lags], kind="stable")]
    return [int(lag) for lag in strongest_first]


def _mean_autocorrelation(changes: np.ndarray) -> np.ndarray:
    """Return the mean over channels of the autocorrelation for lags up to a third of the rows."""
    rows = len(changes)
    # Padded to twice the rows, so that the circular correlation of the FFT does not wrap around.
    spectrum = np.fft.rfft(changes, 2 * rows, axis=0)
    covariance = np.fft.irfft((spectrum * spectrum.conj()).real, axis=0)[: rows // 3]
    variance = covariance[:1] if len(covariance) else np.ones((1, changes.shape[1]))
    return (covariance / np.where(variance > 0, variance, 1)).mean(axis=1)
