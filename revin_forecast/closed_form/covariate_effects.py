"""Effects of known inputs on a series: a robust ridge regression with autoregressive errors."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Penalties to choose from. A 0/1 input that occurs so many times is shrunk about half way to 0."""
FIRST_PENALTY = 10.0
"""Penalty of the first pass, whose effects only serve to find the autoregression."""
FOLDS = 4
"""Number of parts of the rows, after the first, on which penalties are compared."""
FIRST_SHARE = 0.3
"""Share of the rows before the first of these parts."""
MIN_ROWS_PER_LAG = 3
"""Fewest rows for each lag of the autoregression."""
HUBER_DEVIATIONS = 2.5
"""Errors beyond so many standard deviations count less."""
NORMAL_MAD = 0.6745
"""Median absolute deviation of a standard normal distribution."""


@dataclass(frozen=True, eq=False)
class Autoregression:
    """A linear forecast of the next value from some earlier ones."""

    lags: tuple[int, ...]
    """Distances of the earlier values, ascending."""
    weights: np.ndarray
    """(lags,) weight of each."""
    constant: float

    def filter(self, values: np.ndarray) -> np.ndarray:
        """Return values minus the weighted earlier ones, without the first `max(lags)` rows.

        Args:
            values: (time, ...).
        """
        longest = self.lags[-1]
        filtered = values[longest:].copy()
        for lag, weight in zip(self.lags, self.weights, strict=True):
            filtered -= weight * values[longest - lag : len(values) - lag]
        return filtered

    def forecast(self, values: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
        """Return (origins, horizon) forecasts, each step made from the steps before it.

        Args:
            values: (time,) without gaps.
            origins: (origins,) first row that each forecasts, at least `max(lags)`.
            horizon: steps to forecast.
        """
        longest = self.lags[-1]
        steps = np.empty((longest + horizon, len(origins)))
        for back in range(longest):
            steps[back] = values[origins - longest + back]
        for ahead in range(longest, longest + horizon):
            steps[ahead] = self.constant
            for lag, weight in zip(self.lags, self.weights, strict=True):
                steps[ahead] += weight * steps[ahead - lag]
        return steps[longest:].T


def list_lags(seasons: Sequence[int], rows: int) -> tuple[int, ...]:
    """Return the lags of the autoregression: the last three rows and those about each season ago.

    >>> list_lags([7], 200)
    (1, 2, 3, 6, 7, 8, 14, 15)
    """
    lags = {1, 2, 3}
    for season in seasons:
        lags |= {season - 1, season, season + 1, 2 * season, 2 * season + 1}
    return tuple(lag for lag in sorted(lags) if 0 < lag <= max(1, rows // 4))


def estimate_effects(values: np.ndarray, columns: np.ndarray, seasons: Sequence[int]) -> np.ndarray:
    """Return (columns,) the effect of one unit of each known input on a series.

    y_t = x_t' b + r_t, where the rest r is an autoregression. By turns, the autoregression is
    fitted to the rest, and b to both sides filtered by it (Cochrane & Orcutt, J. Am. Stat. Assoc.
    1949), so that level, trend and season are not taken for effects. b has a ridge penalty, chosen
    on later rows than those fitted on; large errors count less (Huber, Ann. Math. Stat. 1964).

    Args:
        values: (time,) NaN where unobserved.
        columns: (time, columns) known inputs, finite and of order 1.
        seasons: steps of the seasons of the series; 1 stands for none.

    Returns:
        Zeros if the rows are too few.
    """
    observed = np.isfinite(values)
    lags = list_lags([season for season in seasons if season > 1], len(values))
    effects = np.zeros(columns.shape[1])
    if observed.sum() < MIN_ROWS_PER_LAG * (len(lags) + 1) + lags[-1]:
        return effects
    values, observed = interpolate_gaps(values), observed[lags[-1] :]
    # Differences over a season and a step first: they need no estimate.
    main = max((season for season in seasons if season < lags[-1]), default=1)
    differences = Autoregression(*_difference_weights(main), 0.0)
    rows = slice(lags[-1] - differences.lags[-1], None)
    y, x = differences.filter(values)[rows], differences.filter(columns)[rows]
    effects = _solve_robust(y, x, observed)
    for penalty in (FIRST_PENALTY, None):
        rest = fit_autoregression(values - columns @ effects, lags, observed)
        y, x = rest.filter(values) - rest.constant, rest.filter(columns)
        effects = _solve_robust(y, x, observed, effects, penalty)
    return effects


def fit_autoregression(
    values: np.ndarray, lags: Sequence[int], observed: np.ndarray | None = None
) -> Autoregression:
    """Fit an autoregression by least squares, twice, the second time with less weight on outliers.

    Args:
        values: (time,) without gaps.
        lags: ascending.
        observed: (time - max(lags),) True for rows to fit to; None: all.
    """
    longest = lags[-1]
    inputs = [values[longest - lag : len(values) - lag] for lag in lags]
    design = np.stack([*inputs, np.ones(len(values) - longest)], axis=1)
    targets = values[longest:]
    if observed is not None:
        design, targets = design[observed], targets[observed]
    # A little ridge: neighbouring lags of a smooth series are nearly equal.
    ridge = np.diag([*np.var(design[:, :-1], axis=0), 0.0])
    weights, solution = np.ones(len(targets)), np.zeros(len(ridge))
    for _ in range(2):
        weighted = design * weights[:, None]
        solution = np.linalg.lstsq(weighted.T @ design + ridge, weighted.T @ targets)[0]
        weights = compute_huber_weights(targets - design @ solution)
    return Autoregression(tuple(lags), solution[:-1], float(solution[-1]))


def compute_huber_weights(errors: np.ndarray) -> np.ndarray:
    """Return weights of at most 1 that limit the influence of large errors."""
    deviation = np.median(np.abs(errors - np.median(errors))) / NORMAL_MAD
    limit = HUBER_DEVIATIONS * deviation
    size = np.abs(errors)
    # Errors that are mostly 0 have no scale to measure the others by.
    is_large = (size > limit) & (limit > 0)
    return np.divide(limit, size, out=np.ones_like(size), where=is_large)


def interpolate_gaps(values: np.ndarray) -> np.ndarray:
    """Return (time,) values with gaps on straight lines, and constant beyond the ends."""
    observed = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), observed, values[observed])


def _difference_weights(season: int) -> tuple[tuple[int, ...], np.ndarray]:
    """Return the lags and weights that make a filter the difference over a season and a step."""
    if season <= 1:
        return (1,), np.ones(1)
    return (1, season, season + 1), np.array([1.0, 1.0, -1.0])


def _solve_robust(
    y: np.ndarray,
    x: np.ndarray,
    observed: np.ndarray,
    effects: np.ndarray | None = None,
    penalty: float | None = FIRST_PENALTY,
) -> np.ndarray:
    """Return the effects by two rounds of ridge regression on filtered rows.

    Args:
        y: (rows,).
        x: (rows, columns).
        observed: (rows,) True where the series was measured.
        effects: effects by which the first round recognizes outliers; None: zeros.
        penalty: ridge penalty; None: choose it on later rows.
    """
    y, x = y[observed], x[observed]
    solution = np.zeros(x.shape[1]) if effects is None else effects
    for _ in range(2):
        errors = y - x @ solution
        middle = np.median(errors)
        weights = np.sqrt(compute_huber_weights(errors - middle))
        weighted_y, weighted_x = (y - middle) * weights, x * weights[:, None]
        chosen = penalty or _choose_penalty(weighted_y, weighted_x)
        gram = weighted_x.T @ weighted_x
        solution = np.linalg.solve(gram + chosen * np.eye(len(gram)), weighted_x.T @ weighted_y)
    return solution


def _choose_penalty(y: np.ndarray, x: np.ndarray) -> float:
    """Return the penalty with the least squared error on parts after the rows solved on."""
    borders = np.linspace(FIRST_SHARE * len(y), len(y), FOLDS + 1).astype(int)
    errors = np.zeros(len(PENALTIES))
    gram, moments, solved = np.zeros((x.shape[1],) * 2), np.zeros(x.shape[1]), 0
    for start, stop in itertools.pairwise(borders.tolist()):
        gram += x[solved:start].T @ x[solved:start]
        moments += x[solved:start].T @ y[solved:start]
        solved = start
        # One decomposition serves all penalties.
        values, vectors = np.linalg.eigh(gram)
        rotated, inputs = vectors.T @ moments, x[start:stop] @ vectors
        scaled = rotated / (np.maximum(values, 0) + np.array(PENALTIES)[:, None])
        errors += ((y[start:stop] - scaled @ inputs.T) ** 2).sum(axis=1)
    return PENALTIES[int(errors.argmin())]
