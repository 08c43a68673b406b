"""The rows of a table of contributions: level, lags, known inputs and the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = ("source", "name", "lag", "lag_time", "value", "weight", "contribution", "group")
"""Columns of the rows of one series and step."""
LAST_VALUE, ONE_SEASON, EARLIER_SEASONS, LAST_SEASON, OLDER = (
    "last value",
    "one season before",
    "same phase of earlier seasons",
    "rest of the last season",
    "older values",
)
"""Groups of lags."""
OTHER_SERIES, OTHER_LAGS = "other series", "other lags"
INPUTS, CONSTANT, NOT_LINEAR, ROUNDING = (
    "known inputs",
    "constant",
    "not linear",
    "rounding and limits",
)
LAG_GROUPS = (LAST_VALUE, ONE_SEASON, EARLIER_SEASONS, LAST_SEASON, OLDER, OTHER_SERIES)
NEGLIGIBLE = 1e-9
"""Size of a constant in deviations of the series below which it counts as rounding."""


@dataclass(frozen=True, eq=False)
class SeriesContributions:
    """Contributions to the forecast of one series, in the table's units."""

    names: Sequence[str]
    """Names of the channels that it depends on, (inputs,)."""
    is_own: np.ndarray
    """(inputs,) True for the series itself."""
    times: Sequence[pd.DatetimeIndex]
    """(lookback,) times of each of their windows."""
    values: np.ndarray
    """(lookback, inputs) NaN where unobserved."""
    levels: np.ndarray
    """(inputs,)."""
    weights: np.ndarray
    """(steps, lookback, inputs)."""
    level_weights: np.ndarray
    """(steps, inputs)."""
    constant: np.ndarray
    """(steps,)."""
    inputs: Mapping[str, np.ndarray]
    """(steps,) effect of each known input."""
    members: Mapping[str, np.ndarray]
    """(steps,) difference to the level of each member that is not linear."""
    forecast: np.ndarray
    """(steps,) as `predict` returns it."""
    unit: float
    """Standard deviation of the series."""


def describe_level(rows: int) -> str:
    """Return the name of the level's group.

    >>> describe_level(52)
    'level: mean of the last 52 rows'
    """
    return f"level: mean of the last {rows:,} rows"


def list_rows(
    part: SeriesContributions, index: int, step: int, season: int, level: str, top: int | None
) -> pd.DataFrame:
    """Return the rows of one step, which add up to the forecast.

    Args:
        part: contributions to the series.
        index: index of the step among those explained.
        step: number of the step, from 1.
        season: steps in a season; 1: none.
        level: group of the level.
        top: lags to keep; None: all.
    """
    lags = _list_lags(part, index, step, season)
    if top is not None:
        lags = _keep_largest(lags, top)
    rest: list[tuple[object, ...]] = []
    for name, effect in part.inputs.items():
        rest.append(("input", name, None, None, np.nan, np.nan, effect[index], INPUTS))
    for name, difference in part.members.items():
        rest.append(("member", name, None, None, np.nan, np.nan, difference[index], NOT_LINEAR))
    # The own level counts once: a model that returns to the mean takes a part away again.
    weights = np.where(part.is_own, 1.0, part.level_weights[index])
    constant = part.constant[index] + (part.level_weights[index] - weights) @ part.levels
    if abs(constant) > NEGLIGIBLE * part.unit:
        rest.append(("constant", "", None, None, np.nan, np.nan, constant, CONSTANT))
    levels = [
        ("level", name, None, None, value, weight, weight * value, level)
        for name, value, weight in zip(part.names, part.levels, weights, strict=True)
        if weight != 0
    ]
    frames = [_to_frame(levels), lags, _to_frame(rest)]
    rows = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
    # The last row takes the rounding of the sum, too.
    missing = float(part.forecast[index]) - float(rows["contribution"].to_numpy(float).sum())
    last = _to_frame([("rounding", "", None, None, np.nan, np.nan, missing, ROUNDING)])
    return pd.concat([rows, last], ignore_index=True)


def group_lags(lags: np.ndarray, step: int, season: int) -> np.ndarray:
    """Return the group of each lag, for a forecast of some step.

    >>> group_lags(np.arange(1, 9), 2, 4).tolist()[:4]
    ['last value', 'rest of the last season', 'one season before', 'rest of the last season']
    >>> group_lags(np.arange(1, 9), 2, 4).tolist()[4:]
    ['older values', 'older values', 'same phase of earlier seasons', 'older values']
    """
    groups = np.full(len(lags), OLDER, dtype=object)
    if season > 1:
        groups[lags <= season] = LAST_SEASON
        is_same = (lags + step - 1) % season == 0
        groups[is_same] = EARLIER_SEASONS
        groups[is_same & (lags <= season)] = ONE_SEASON
    groups[lags == 1] = LAST_VALUE
    return groups


def _list_lags(part: SeriesContributions, index: int, step: int, season: int) -> pd.DataFrame:
    """Return the lags with a weight, from the last one back."""
    frames: list[pd.DataFrame] = []
    rows = len(part.values)
    for channel, name in enumerate(part.names):
        weights = part.weights[index, :, channel]
        kept = np.flatnonzero(weights)[::-1]
        lags = rows - kept
        values = part.values[kept, channel]
        groups = np.full(len(lags), OTHER_SERIES, dtype=object)
        if part.is_own[channel]:
            groups = group_lags(lags, step, season)
        columns: dict[str, object] = {
            "source": "lag",
            "name": name,
            "lag": pd.array(lags, dtype="Int64"),
            "lag_time": part.times[channel][kept],
            "value": values,
            "weight": weights[kept],
            "contribution": weights[kept] * (values - part.levels[channel]),
            "group": groups,
        }
        frames.append(pd.DataFrame(columns, columns=list(COLUMNS)))
    return pd.concat(frames, ignore_index=True)


def _keep_largest(lags: pd.DataFrame, top: int) -> pd.DataFrame:
    """Return the lags with the largest contributions, and one row for all others."""
    sizes = np.abs(lags["contribution"].to_numpy(float))
    order = np.argsort(-sizes, kind="stable")
    kept, others = lags.iloc[order[:top]], lags.iloc[order[top:]]
    if not len(others):
        return kept
    weight, total = (others[name].to_numpy(float).sum() for name in ("weight", "contribution"))
    row = ("others", "", None, None, np.nan, weight, total, OTHER_LAGS)
    return pd.concat([kept, _to_frame([row])], ignore_index=True)


def _to_frame(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"lag": "Int64", "lag_time": "datetime64[ns]"})
