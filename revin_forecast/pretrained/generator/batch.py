"""Batches of synthetic series: lengths, groups, redraws of explosions, gaps and alignment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import PCG64, Generator

from revin_forecast.pretrained.generator.gaps import GAP_SHARE, draw_gaps
from revin_forecast.pretrained.generator.mixture import compose_series
from revin_forecast.pretrained.generator.mixture_weights import (
    COMPLETE_SHARE,
    FREQUENT_SEASONS,
    FULL_SHARE,
    LONGEST_ECONOMIC,
    LONGEST_YEARLY,
    MIXED_SHARE,
    OTHER_SEASONS,
    OTHER_SHARE,
    UNSEASONAL_GROUPS,
    UNSEASONAL_SHARE,
    USUAL_UNSEASONAL_SHARE,
)
from revin_forecast.pretrained.generator.span import (
    Span,
    Values,
    draw_kinds,
    measure_recent_scale,
)

GENERATOR_VERSION = "2"
"""Changes with every change of the series that a seed gives."""
MIN_ROWS = 8
SHORT_ROWS, MIN_SPLIT = 0.3, 100
"""Series up to this share of the rows are drawn apart, if there are so many in the group: it saves
the steps that they lack."""
MAX_SIZE = 1e12
"""Largest absolute value."""
MAX_CHANGES = 300.0
"""A future further from the last value than this many recent scales is drawn again."""
MAX_DRAWS = 20


@dataclass(frozen=True)
class SyntheticBatch:
    """Series of one given season, aligned at the forecast origin.

    Attributes:
        past: (series, rows), NaN before the first value of a series and in gaps.
        future: (series, horizon), complete.
        season: the season that the forecaster is given; 1: none.
        is_amount: (series,), True for amounts whose natural zero is 0, never negative.
    """

    past: Float[np.ndarray, "series rows"]
    future: Float[np.ndarray, "series horizon"]
    season: int
    is_amount: Bool[np.ndarray, " series"]


def generate_series(
    seed: int | Sequence[int], series: int, rows: int, horizon: int, season: int
) -> SyntheticBatch:
    """Return a batch of synthetic series, the same bytes for the same arguments.

    Args:
        seed: seed or seeds of the random numbers, such as (run, step).
        series: number of series.
        rows: most rows of a past, at least 8; every past has 8 to so many.
        horizon: rows of the future.
        season: the season that the forecaster is given; 1: none. Some series have none or another.

    Raises:
        ValueError: `rows` is below 8, or another number below 1.
    """
    if rows < MIN_ROWS or min(series, horizon, season) < 1:
        raise ValueError(
            f"A batch needs rows >= {MIN_ROWS} and series, horizon and season >= 1 but got "
            f"rows={rows}, series={series}, horizon={horizon} and season={season}."
        )
    rng = Generator(PCG64(seed))
    groups = draw_groups(rng, series, season)
    lengths = draw_lengths(rng, groups, rows, season)
    seasons = draw_seasons(rng, groups, season)
    past = np.full((series, rows), np.nan, dtype=np.float32)
    future = np.empty((series, horizon), dtype=np.float32)
    is_amount = np.empty(series, dtype=bool)
    for group, own_season, chosen in split_series(groups, seasons, lengths, rows):
        span = Span(lengths[chosen], horizon, int(lengths[chosen].max()) + horizon)
        values, is_amount[chosen] = compose_sane_series(rng, span, own_season, group)
        past[chosen], future[chosen] = align_series(rng, values, span, rows)
    return SyntheticBatch(past, future, season, is_amount)


def split_series(
    groups: np.ndarray, seasons: np.ndarray, lengths: np.ndarray, rows: int
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield group, season and numbers of the series that are drawn together."""
    short = lengths <= SHORT_ROWS * rows
    for group in np.unique(groups):
        for season in np.unique(seasons[groups == group]):
            chosen = (groups == group) & (seasons == season)
            parts = (chosen & short, chosen & ~short)
            if min(part.sum() for part in parts) < MIN_SPLIT:
                parts = (chosen,)
            for part in parts:
                yield str(group), int(season), np.flatnonzero(part)


def name_group(season: int) -> str:
    """Return the group of the series that have this season, "none" without one."""
    if season == 1:
        return "none"
    is_economic = season <= LONGEST_ECONOMIC and season not in FREQUENT_SEASONS
    return "economic" if is_economic else "frequent"


def draw_groups(rng: Generator, series: int, season: int) -> np.ndarray:
    """Return the group of each series; if a season is given, most are of the group with it."""
    group = name_group(season)
    unseasonal = draw_kinds(rng, UNSEASONAL_GROUPS[group], series)
    if season == 1:
        return unseasonal
    share = UNSEASONAL_SHARE.get(season, USUAL_UNSEASONAL_SHARE)
    return np.where(rng.random(series) < share, unseasonal, group)


def draw_lengths(rng: Generator, groups: np.ndarray, rows: int, season: int) -> np.ndarray:
    """Return the rows of each past, log-uniform, a quarter full; growth alone has at most 100.

    With a season, most have two cycles of it or more, as far as the rows of the batch allow.
    """
    series = len(groups)
    yearly = (groups == "growth") & (season == 1)
    longest = np.where(yearly, min(rows, LONGEST_YEARLY), rows)
    complete = (groups == name_group(season)) & (rng.random(series) < COMPLETE_SHARE)
    least = np.where(complete, np.clip(2 * season, MIN_ROWS, max(rows // 2, MIN_ROWS)), MIN_ROWS)
    lengths = np.exp(rng.uniform(np.log(least), np.log(longest + 1))).astype(int)
    full = rng.random(series) < FULL_SHARE
    return np.where(full, longest, np.clip(lengths, MIN_ROWS, longest))


def draw_seasons(rng: Generator, groups: np.ndarray, season: int) -> np.ndarray:
    """Return the season of each series: the given one, none, or in some batches another one."""
    seasonal = groups == name_group(season)
    is_mixed = rng.random() < MIXED_SHARE
    eligible = (groups == "other") if season == 1 else seasonal
    other = eligible & (rng.random(len(groups)) < OTHER_SHARE * is_mixed)
    return np.where(other, rng.choice(OTHER_SEASONS), np.where(seasonal, season, 1))


def find_explosions(values: Values, span: Span) -> Bool[np.ndarray, " series"]:
    """Return whether each series has values that are too large, or a future too far from its past.

    Too far is more than `MAX_CHANGES` recent scales from the last value; a past without any change
    needs a future without one.
    """
    used = span.mark_used()
    last = values[span.lengths - 1, np.arange(span.series)]
    size = np.abs(np.where(used, values, 0.0)).max(0)
    change = np.abs(np.where(used & ~span.mark_past(), values - last, 0.0)).max(0)
    return ~((change <= MAX_CHANGES * measure_recent_scale(values, span)) & (size <= MAX_SIZE))


def compose_sane_series(
    rng: Generator, span: Span, season: int, group: str
) -> tuple[Values, np.ndarray]:
    """Return series of one group; those that explode are drawn again as a whole."""
    values, is_amount = compose_series(rng, span, season, group)
    wrong = np.flatnonzero(find_explosions(values, span))
    for _ in range(MAX_DRAWS):
        if not len(wrong):
            return values, is_amount
        part = span.take(wrong)
        values[:, wrong], is_amount[wrong] = compose_series(rng, part, season, group)
        wrong = wrong[find_explosions(values[:, wrong], part)]
    raise RuntimeError(
        f"{len(wrong)} series of the group {group} exploded {MAX_DRAWS} times in a row; the "
        "mechanisms of the generator need smaller sizes."
    )


def align_series(
    rng: Generator, values: Values, span: Span, rows: int
) -> tuple[Float[np.ndarray, "series rows"], Float[np.ndarray, "series horizon"]]:
    """Return past and future in float32, aligned at the forecast origin, with gaps in the past."""
    values = values.T.astype(np.float32)
    steps = span.lengths[:, None] + np.arange(span.horizon)
    future = np.take_along_axis(values, steps, 1)
    chosen = np.flatnonzero(rng.random(span.series) < GAP_SHARE)
    if len(chosen):
        with_gaps = np.where(draw_gaps(rng, span.take(chosen)).T, np.nan, values[chosen])
        # A past whose only changes fall into the gaps has no scale: it stays whole.
        observed = np.where(span.take(chosen).mark_past().T, with_gaps, np.nan)
        varies = np.nanmax(observed, 1) > np.nanmin(observed, 1)
        values[chosen[varies]] = with_gaps[varies]
    steps = np.arange(rows) - rows + span.lengths[:, None]
    past = np.take_along_axis(values, np.maximum(steps, 0), 1)
    return np.where(steps >= 0, past, np.float32(np.nan)), future
