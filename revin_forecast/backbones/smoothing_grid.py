"""Exponential smoothing with many parameter combinations at once, in one pass over time."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

LEVEL_RATES = (0.03, 0.1, 0.2, 0.35, 0.55, 0.8, 0.97)
"""Smoothing parameters of the level, alpha."""
DAMPED_TRENDS = ((0.05, 0.85), (0.05, 0.95), (0.15, 0.85), (0.15, 0.95))
TRENDS = ((0.0, 0.0), *DAMPED_TRENDS, (0.02, 1.0), (0.1, 1.0))
"""Share beta / alpha of the trend and its damping phi; (0, 0): no trend."""
FAST_TRENDS = ((0.4, 0.9), (0.4, 1.0), (0.8, 0.9), (0.8, 1.0))
"""Further trends without a season: prices, output and population follow their last slope."""
SEASONAL_RATES = (0.0, 0.05, 0.15, 0.35)
"""Share gamma / (1 - alpha) of the seasonal states; 0: the season stays as it began."""
MIN_START_ROWS, START_SEASONS = 8, 3
"""Rows that the first states are estimated from, and seasons if that is more."""
MIN_BURN_IN = 4
"""First rows whose errors do not count, one season if that is more, a third if that is less."""
MIN_SEASONS = 2
"""Seasons of rows below which a series has no season."""
PARAMETER_PENALTY = 4.0
"""Penalty of a parameter in units of -2 log likelihood: twice that of AIC."""
GROWTH_PENALTY = 8.0
"""Penalty of exponential growth without damping, which overshoots after a break."""

Values = Float[Tensor, "time series"]
ByParameters = Float[Tensor, "parameters series"]


@dataclass(frozen=True, eq=False)
class SmoothingGrid:
    """Combinations of smoothing parameters; each is an exponential smoothing with additive errors.

    With one-step error e_t = y_t - (l + phi b) - s_{t-m} (Hyndman et al., 2008, chapter 2):
    l_t = l + phi b + alpha e_t, b_t = phi b + beta e_t, s_t = s_{t-m} + gamma e_t.
    """

    rows: tuple[tuple[float, float, float, float, bool], ...]
    """(alpha, beta, phi, gamma, seasonal) of each combination."""
    season: int
    """Steps in a season; 1 without one."""

    @classmethod
    def for_season(cls, season: int) -> "SmoothingGrid":
        """Return the 77 combinations without a season and, if there is one, 196 with it."""
        level_only = itertools.product(LEVEL_RATES, TRENDS + FAST_TRENDS)
        rows = [(alpha, alpha * share, phi, 0.0, False) for alpha, (share, phi) in level_only]
        if season > 1:
            rows += [
                (alpha, alpha * share, phi, gamma * (1 - alpha), True)
                for alpha, (share, phi), gamma in itertools.product(
                    LEVEL_RATES, TRENDS, SEASONAL_RATES
                )
            ]
        return cls(tuple(rows), season)

    def columns(self, like: Tensor) -> list[Tensor]:
        """Return alpha, beta, phi, gamma and seasonal as (parameters, 1) tensors."""
        return [
            torch.tensor(column, dtype=like.dtype, device=like.device).unsqueeze(1)
            for column in zip(*self.rows, strict=True)
        ]

    def penalize(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return two penalties of each combination as (parameters, 1) tensors.

        The first is for its number of parameters and first states, and the second for exponential
        growth without damping, which it has on logarithms.
        """
        parameters = [
            PARAMETER_PENALTY
            * (2 + 2 * (beta > 0) + (gamma > 0) + (self.season / 2 if seasonal else 0))
            for _, beta, _, gamma, seasonal in self.rows
        ]
        growth = [GROWTH_PENALTY * (beta > 0 and phi == 1) for _, beta, phi, _, _ in self.rows]
        both = torch.tensor([parameters, growth], dtype=like.dtype, device=like.device)
        return both[0].unsqueeze(1), both[1].unsqueeze(1)

    def name_method(self, index: int) -> str:
        """Return the usual name of a combination.

        >>> SmoothingGrid(((0.1, 0.01, 0.95, 0.0, True),), season=12).name_method(0)
        'ETS(A,Ad,A)'
        """
        _, beta, phi, _, seasonal = self.rows[index]
        trend = "N" if beta == 0 else "A" if phi == 1 else "Ad"
        return f"ETS(A,{trend},{'A' if seasonal else 'N'})"


@dataclass(frozen=True, eq=False)
class SmoothedStates:
    """States after the rows before an origin, for all combinations and series."""

    origin: int
    """Number of rows seen."""
    level: ByParameters
    slope: ByParameters
    seasonal: list[Tensor]
    """(parameters, series) states of the next steps, in their order; empty without a season."""
    squares: ByParameters
    """Sum of the squared one-step errors after the burn-in."""
    count: Float[Tensor, " series"]
    """Number of these errors."""


def iterate_states(
    values: Values,
    observed: Bool[Tensor, "time series"] | None,
    grid: SmoothingGrid,
    origins: Sequence[int],
    horizon: int,
) -> Iterator[SmoothedStates]:
    """Smooth all series with all combinations and yield the states at each origin.

    An unobserved value has the error 0, so that the states continue their forecast. Rows before a
    series begins change nothing.

    Args:
        values: float64, finite everywhere.
        observed: True where measured; None: everywhere.
        grid: combinations of parameters.
        origins: ascending numbers of rows, at most all.
        horizon: steps for which seasonal states are returned.
    """
    season = grid.season
    alpha, beta, phi, gamma, seasonal = grid.columns(values)
    begin = find_begin(values, observed)
    starts = estimate_start(values, observed, begin, season)
    is_counted = select_counted_rows(values, observed, begin, season)
    # Before a series begins its slope is 0, so that its level stays.
    begins = torch.nn.functional.one_hot(begin, len(values)).mT.to(values)
    has_slope = (beta > 0).to(values)
    level = starts.level.expand(len(alpha), -1)
    slope, squares = torch.zeros_like(level), torch.zeros_like(level)
    states = [seasonal * state for state in starts.seasonal] if season > 1 else []
    count = is_counted.cumsum(0)
    trivial = _find_trivial_rows(observed, begins, is_counted)
    remaining = list(origins)
    for row in range(len(values) + 1):
        while remaining and remaining[0] == row:
            steps = range(min(season, horizon) if states else 0)
            ahead = [states[(row + step) % season] for step in steps]
            counted = count[row - 1] if row else torch.zeros_like(count[0])
            yield SmoothedStates(row, level, slope, ahead, squares, counted)
            remaining.pop(0)
        if not remaining:
            return
        if not trivial.begins[row]:
            slope = torch.addcmul(slope, has_slope, begins[row] * starts.slope)
        damped = phi * slope
        expected = level + damped
        error = values[row] - expected
        if states:
            error = error - states[row % season]
        if observed is not None and not trivial.observed[row]:
            error = torch.where(observed[row], error, 0)
        if trivial.counted[row]:
            squares = torch.addcmul(squares, error, error)
        else:
            squares = squares + is_counted[row] * error.square()
        level = torch.addcmul(expected, alpha, error)
        slope = torch.addcmul(damped, beta, error)
        if states:
            states[row % season] = torch.addcmul(states[row % season], gamma, error)


@dataclass(frozen=True, eq=False)
class _TrivialRows:
    """Rows at which a step needs no mask, which saves a third of the time."""

    begins: list[bool]
    """No series begins."""
    observed: list[bool]
    """Every series was measured."""
    counted: list[bool]
    """Every error counts."""


def _find_trivial_rows(observed: Tensor | None, begins: Tensor, counted: Tensor) -> _TrivialRows:
    rows = len(begins)
    if torch.compiler.is_compiling():
        # A program must hold for every window, so it has all masks that depend on gaps.
        begins_at_first = [False] + [observed is None] * (rows - 1)
        return _TrivialRows(begins_at_first, [observed is None] * rows, [False] * rows)
    return _TrivialRows(
        _list_full_rows(begins == 0),
        [True] * rows if observed is None else _list_full_rows(observed),
        _list_full_rows(counted == 1),
    )


def _list_full_rows(marks: Tensor) -> list[bool]:
    full = marks.all(1)
    return cast(list[bool], full.tolist())  # pyright: ignore[reportUnknownMemberType]


@dataclass(frozen=True, eq=False)
class StartStates:
    """States before the first row of each series."""

    level: Float[Tensor, " series"]
    slope: Float[Tensor, " series"]
    seasonal: Float[Tensor, "season series"]
    """By row modulo the season; they sum to 0."""


def find_begin(
    values: Values, observed: Bool[Tensor, "time series"] | None
) -> Int[Tensor, " series"]:
    """Return the first observed row of each series; 0 for a series without one."""
    if observed is None:
        return torch.zeros(values.shape[1], dtype=torch.long, device=values.device)
    return observed.to(torch.int8).argmax(0)


def count_rows(begin: Int[Tensor, " series"], origin: int) -> Int[Tensor, " series"]:
    """Return the number of rows of each series before an origin."""
    return (origin - begin).clamp(min=0)


def select_counted_rows(
    values: Values, observed: Bool[Tensor, "time series"] | None, begin: Tensor, season: int
) -> Values:
    """Return 1 for each observed row after the burn-in, else 0."""
    rows = count_rows(begin, len(values))
    longest = torch.where(rows >= MIN_SEASONS * season, max(MIN_BURN_IN, season), MIN_BURN_IN)
    burn_in = torch.minimum(longest, rows // 3)
    steps = torch.arange(len(values), device=values.device).unsqueeze(1)
    counted = steps >= begin + burn_in
    return (counted if observed is None else counted & observed).to(values.dtype)


def estimate_start(
    values: Values, observed: Bool[Tensor, "time series"] | None, begin: Tensor, season: int
) -> StartStates:
    """Estimate the states before each series from its first rows.

    The slope is the median seasonal difference per step, or the median difference of a series
    without two seasons. Without this slope, the seasonal states are the means of each phase, and
    the level is the mean.
    """
    count = min(len(values), max(MIN_START_ROWS, START_SEASONS * season))
    rows = begin + torch.arange(count, device=values.device).unsqueeze(1)
    inside = rows.clamp(max=len(values) - 1)
    first = values.gather(0, inside)
    known = rows < len(values)
    if observed is not None:
        known = known & observed.gather(0, inside)
    slope = _median_difference(first, known, 1)
    has_season = count_rows(begin, len(values)) >= MIN_SEASONS * season
    if season > 1:
        seasonal_slope = _median_difference(first, known, season) / season
        slope = torch.where(has_season, seasonal_slope, slope)
    steps = torch.arange(count, dtype=values.dtype, device=values.device).unsqueeze(1)
    detrended = torch.where(known, first - slope * steps, 0)
    mean = detrended.sum(0) / known.sum(0).clamp(min=1)
    if season == 1:
        return StartStates(mean - slope, slope, torch.zeros_like(values[:1]))
    phases = _phase_means(torch.where(known, detrended - mean, 0), known, season)
    phases = torch.where(has_season, phases - phases.mean(0), 0)
    # From phases since each series' begin to phases since the first row.
    shifted = (torch.arange(season, device=values.device).unsqueeze(1) - begin) % season
    return StartStates(mean - slope, slope, phases.gather(0, shifted))


def _median_difference(
    first: Values, known: Bool[Tensor, "time series"], lag: int
) -> Float[Tensor, " series"]:
    """Return the median of x_t - x_{t - lag} over known pairs; 0 without one."""
    if lag >= len(first):
        return torch.zeros_like(first[0])
    pairs = known[lag:] & known[:-lag]
    ordered = torch.where(pairs, first[lag:] - first[:-lag], torch.inf).sort(0).values
    count = pairs.sum(0)
    middle = torch.stack([(count - 1).clamp(min=0) // 2, count // 2]).clamp(max=len(ordered) - 1)
    middle = torch.minimum(middle, (count - 1).clamp(min=0))
    return torch.where(count > 0, ordered.gather(0, middle).mean(0), 0)


def _phase_means(
    values: Values, known: Bool[Tensor, "time series"], season: int
) -> Float[Tensor, "season series"]:
    """Return the mean of each phase of the season; 0 for a phase without a known value."""
    means: list[Tensor] = []
    for phase in range(season):
        count = known[phase::season].sum(0)
        means.append(values[phase::season].sum(0) / count.clamp(min=1))
    return torch.stack(means)
