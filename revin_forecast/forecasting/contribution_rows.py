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


@dataclass(frozen=True, eq=False)
class ContributionRows:
    """Some rows of a table of contributions, by column."""

    source: list[str]
    name: list[str]
    lag: np.ndarray
    """(rows,) NaN for a row that is not a lag."""
    lag_time: pd.DatetimeIndex
    """(rows,) NaT for a row that is not a lag."""
    value: np.ndarray
    weight: np.ndarray
    contribution: np.ndarray
    group: list[str]

    @classmethod
    def from_other(
        cls, rows: Sequence[tuple[str, str, float, float, float, str]], times: pd.DatetimeIndex
    ) -> "ContributionRows":
        """Return rows that are not lags: source, name, value, weight, contribution and group.

        Args:
            rows: the rows.
            times: any times of the series, for their type and time zone.
        """
        value, weight, contribution = (
            np.array([row[column] for row in rows], dtype=float) for column in (2, 3, 4)
        )
        missing = times.take([-1] * len(rows), allow_fill=True, fill_value=pd.NaT)
        lag = np.full(len(rows), np.nan)
        source, name, group = ([str(row[column]) for row in rows] for column in (0, 1, 5))
        return cls(source, name, lag, missing, value, weight, contribution, group)

    @classmethod
    def join(cls, parts: Sequence["ContributionRows"]) -> "ContributionRows":
        """Return the rows of all parts."""

        def join_texts(name: str) -> list[str]:
            return [text for part in parts for text in getattr(part, name)]

        def join_numbers(name: str) -> np.ndarray:
            return np.concatenate([getattr(part, name) for part in parts])

        times = parts[0].lag_time.append([part.lag_time for part in parts[1:]])
        return cls(
            join_texts("source"),
            join_texts("name"),
            join_numbers("lag"),
            pd.DatetimeIndex(times),
            join_numbers("value"),
            join_numbers("weight"),
            join_numbers("contribution"),
            join_texts("group"),
        )

    def select(self, index: np.ndarray) -> "ContributionRows":
        """Return some rows."""
        return ContributionRows(
            [self.source[row] for row in index],
            [self.name[row] for row in index],
            self.lag[index],
            self.lag_time[index],
            self.value[index],
            self.weight[index],
            self.contribution[index],
            [self.group[row] for row in index],
        )

    def to_columns(self) -> dict[str, object]:
        """Return the columns of the table."""
        columns: dict[str, object] = {name: getattr(self, name) for name in COLUMNS}
        missing = np.isnan(self.lag)
        # A nullable type, since a lag is a whole number and other rows have none.
        lags = np.where(missing, 0, self.lag).astype(np.int64)
        return columns | {"lag": pd.arrays.IntegerArray(lags, missing)}


def list_rows(
    part: SeriesContributions, index: int, step: int, season: int, level: str, top: int | None
) -> ContributionRows:
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
        lags = _keep_largest(lags, top, part.times[0])
    # The own level counts once: a model that returns to the mean takes a part away again.
    weights = np.where(part.is_own, 1.0, part.level_weights[index])
    constant = part.constant[index] + (part.level_weights[index] - weights) @ part.levels
    levels = [
        ("level", name, value, weight, weight * value, level)
        for name, value, weight in zip(part.names, part.levels, weights, strict=True)
        if weight != 0
    ]
    nan = np.nan
    rest = [
        ("input", name, nan, nan, effect[index], INPUTS) for name, effect in part.inputs.items()
    ]
    rest += [
        ("member", name, nan, nan, difference[index], NOT_LINEAR)
        for name, difference in part.members.items()
    ]
    if abs(constant) > NEGLIGIBLE * part.unit:
        rest.append(("constant", "", nan, nan, constant, CONSTANT))
    # The last row takes the rounding of the sum, too.
    total = sum(float(row[4]) for row in [*levels, *rest]) + float(lags.contribution.sum())
    rest.append(("rounding", "", nan, nan, float(part.forecast[index]) - total, ROUNDING))
    times = part.times[0]
    before, after = (ContributionRows.from_other(rows, times) for rows in (levels, rest))
    return ContributionRows.join([before, lags, after])


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


def _list_lags(part: SeriesContributions, index: int, step: int, season: int) -> ContributionRows:
    """Return the lags with a weight, from the last one back."""
    blocks: list[ContributionRows] = []
    rows = len(part.values)
    for channel, name in enumerate(part.names):
        weights = part.weights[index, :, channel]
        kept = np.flatnonzero(weights)[::-1]
        lags, values = rows - kept, part.values[kept, channel]
        groups = [OTHER_SERIES] * len(lags)
        if part.is_own[channel]:
            groups = group_lags(lags, step, season).tolist()
        contribution = weights[kept] * (values - part.levels[channel])
        blocks.append(
            ContributionRows(
                ["lag"] * len(lags),
                [name] * len(lags),
                lags.astype(float),
                part.times[channel][kept],
                values,
                weights[kept],
                contribution,
                groups,
            )
        )
    return ContributionRows.join(blocks)


def _keep_largest(lags: ContributionRows, top: int, times: pd.DatetimeIndex) -> ContributionRows:
    """Return the lags with the largest contributions, and one row for all others."""
    order = np.argsort(-np.abs(lags.contribution), kind="stable")
    kept, others = lags.select(order[:top]), order[top:]
    if not len(others):
        return kept
    weight, total = float(lags.weight[others].sum()), float(lags.contribution[others].sum())
    row = ("others", "", np.nan, weight, total, OTHER_LAGS)
    return ContributionRows.join([kept, ContributionRows.from_other([row], times)])
