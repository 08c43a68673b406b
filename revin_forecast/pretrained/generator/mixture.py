"""The mixture of mechanisms: how a series is composed of them.

A series is path + season + noise, or one of ETS, then breaks and outliers, then a transform to its
own scale. The weights are in `mixture_weights`, the mechanisms in the other modules.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from revin_forecast.pretrained.generator import recursions, trends
from revin_forecast.pretrained.generator.breaks import (
    BREAK_WEIGHTS,
    BREAKS,
    draw_outliers,
)
from revin_forecast.pretrained.generator.calendar import MONTHS_OF_SEASON, draw_calendar
from revin_forecast.pretrained.generator.counts import draw_intermittent, draw_openings
from revin_forecast.pretrained.generator.mixture_weights import (
    BREAK_SHARE,
    CALENDAR_SHARE,
    CLOSED_SHARE,
    EXPANDING_SHARE,
    INTERMITTENT_SHARE,
    OUTLIER_SHARE,
    PATH_WEIGHTS,
    SECOND_SEASONS,
    SMOOTHING_SHARE,
    STRONG,
    STRONG_SHARE,
    TRANSFORM_WEIGHTS,
    UNEVEN_SHARE,
    WEAK,
    WEEK_SHARE,
)
from revin_forecast.pretrained.generator.noise import draw_noise
from revin_forecast.pretrained.generator.seasons import draw_profile, draw_season
from revin_forecast.pretrained.generator.span import (
    Draw,
    Span,
    Values,
    divide_by_size,
    draw_by_kind,
    draw_kinds,
    draw_log_uniform,
    measure_deviation,
    measure_roughness,
)
from revin_forecast.pretrained.generator.transforms import (
    AMOUNTS,
    TRANSFORMS,
    draw_scale,
    limit_logarithms,
    round_values,
)
from revin_forecast.pretrained.generator.weeks import WEEK_ROWS, draw_week


@dataclass(frozen=True)
class PathKind:
    """A kind of path and the noise that is usual around it.

    Attributes:
        draw: the function that draws the path.
        by_difference: whether the size of the path is its mean absolute difference, not its
            deviation.
        noise: smallest and largest deviation of the noise, in sizes of the path.
    """

    draw: Draw
    by_difference: bool
    noise: tuple[float | int, float | int]


PATHS = {
    "constant": PathKind(trends.draw_constant, False, (1.0, 1.0)),
    "level": PathKind(trends.draw_walk, True, (0.5, 30.0)),
    "walk": PathKind(trends.draw_walk, True, (0.002, 0.3)),
    "drifting_walk": PathKind(trends.draw_drifting_walk, True, (0.002, 1.0)),
    "correlated_walk": PathKind(trends.draw_correlated_walk, True, (0.001, 0.7)),
    "local_trend": PathKind(trends.draw_local_trend, True, (0.01, 4.0)),
    "smooth": PathKind(trends.draw_smooth, True, (0.0005, 0.5)),
    "very_smooth": PathKind(trends.draw_very_smooth, True, (0.0002, 0.2)),
    "linear": PathKind(trends.draw_linear, False, (0.005, 3.0)),
    "broken": PathKind(trends.draw_broken, False, (0.01, 3.0)),
    "saturating": PathKind(trends.draw_saturating, False, (0.01, 2.0)),
    "logistic": PathKind(trends.draw_logistic, False, (0.01, 1.5)),
    "exponential": PathKind(trends.draw_exponential, False, (0.005, 2.0)),
    "waves": PathKind(trends.draw_waves, False, (0.02, 3.0)),
    "short_memory": PathKind(recursions.draw_short_memory, False, (0.02, 1.0)),
    "reversion": PathKind(recursions.draw_reversion, False, (0.02, 1.0)),
    "cycle": PathKind(recursions.draw_cycle, False, (0.02, 1.0)),
    "mixed_memory": PathKind(recursions.draw_mixed_memory, False, (0.02, 0.5)),
    "long_memory": PathKind(recursions.draw_long_memory, False, (0.02, 0.7)),
}


def draw_season_sizes(rng: Generator, series: int) -> np.ndarray:
    """Return the deviation of the season over that of the irregular part of each series."""
    strong = rng.random(series) < STRONG_SHARE
    return np.where(
        strong, draw_log_uniform(rng, *STRONG, series), draw_log_uniform(rng, *WEAK, series)
    )


def compose_parts(rng: Generator, span: Span, season: int, group: str) -> tuple[Values, np.ndarray]:
    """Return path + season + noise, and the deviation of the irregular part of each series.

    The noise is log-uniform in sizes of the path, see `PATHS`; the season in deviations of the
    irregular part, which is noise and steps of the path within a season.
    """
    kinds = draw_kinds(rng, PATH_WEIGHTS[group], span.series)
    draws = {name: kind.draw for name, kind in PATHS.items()}
    path = draw_by_kind(rng, span, draws, kinds)
    by_difference = np.array([PATHS[kind].by_difference for kind in kinds])
    roughness = measure_roughness(path, span)
    size = np.where(by_difference, roughness, measure_deviation(path, span)[1])
    path = divide_by_size(path, size)
    roughness = divide_by_size(roughness, size)
    low, high = np.log(np.array([PATHS[kind].noise for kind in kinds])).T
    noise = np.exp(rng.uniform(low, high))
    irregular = np.hypot(noise, roughness)
    if season == 1:
        return path + noise * draw_noise(rng, span), irregular
    seasonal = draw_any_season(rng, span, season)
    uneven = rng.uniform(-0.8, 0.8, span.series) * (rng.random(span.series) < UNEVEN_SHARE)
    noises = noise * draw_noise(rng, span) * np.exp(uneven * np.clip(seasonal, -2, 2))
    drift = roughness * min(season, 12) ** 0.5 / 2
    sizes = draw_season_sizes(rng, span.series) * np.hypot(noise, drift)
    return path + sizes * seasonal + noises, irregular


def draw_any_season(rng: Generator, span: Span, season: int) -> Values:
    """Return seasons of deviation about 1: by hour often of a week, by day of a week and a year."""
    values = draw_season(rng, season, span)
    chosen = np.flatnonzero(rng.random(span.series) < WEEK_SHARE.get(season, 0.0))
    if len(chosen):
        values[:, chosen] = draw_week(rng, WEEK_ROWS.get(season, season), span.take(chosen))
    second, share = SECOND_SEASONS.get(season, (1, 0.0))
    chosen = np.flatnonzero(rng.random(span.series) < share)
    if len(chosen):
        ratio = draw_log_uniform(rng, 0.2, 3, len(chosen))
        other = ratio * draw_season(rng, second, span.take(chosen))
        values[:, chosen] = (values[:, chosen] + other) / np.hypot(1, ratio)
    return values


def compose_smoothing(rng: Generator, span: Span, season: int) -> tuple[Values, np.ndarray]:
    """Return series of ETS and the deviation of their shocks, 1."""
    profile = np.zeros((1, span.series))
    if season > 1:
        profile = draw_season_sizes(rng, span.series) * draw_profile(rng, season, span.series)
    parameters = recursions.draw_smoothing_parameters(rng, span.series, season > 1)
    values = recursions.run_smoothing(draw_noise(rng, span), parameters, profile)
    return values, np.ones(span.series)


def compose_expansion(rng: Generator, span: Span, season: int) -> Values:
    """Return amounts of relative growth and a relative season: sales, passengers, energy.

    log y is a slope around .5 to 25 % a cycle, a walk, a season of deviation .03 to .45 and noise
    of .3 to 10 %, so that the season swells with the level.
    """
    series = span.series
    growth = draw_log_uniform(rng, 0.005, 0.25, series) / season * rng.choice([-1, 1, 1, 1], series)
    memory = np.exp(-1 / (season * draw_log_uniform(rng, 0.5, 6, series)))
    slope = recursions.draw_autoregression(rng, span, memory)
    slope = growth * (1 + draw_log_uniform(rng, 0.1, 2, series) * slope)
    step = draw_log_uniform(rng, 0.0002, 0.02, series)
    noise = draw_log_uniform(rng, 0.003, 0.1, series)
    logarithms = np.cumsum(slope + step * draw_noise(rng, span), 0)
    logarithms += draw_log_uniform(rng, 0.03, 0.45, series) * draw_any_season(rng, span, season)
    logarithms += noise * draw_noise(rng, span)
    logarithms = add_breaks(rng, logarithms, np.hypot(noise, step), span)
    logarithms -= measure_deviation(logarithms, span)[0]
    deviation = limit_logarithms(logarithms, np.ones(series), span)
    return draw_scale(rng, series) * np.exp(np.minimum(deviation * logarithms, 50.0))


def add_breaks(rng: Generator, values: Values, irregular: np.ndarray, span: Span) -> Values:
    """Return the values with breaks and outliers in a share of the series.

    The size of a break is 1 to 8 geometric means of the deviations of the series and of its
    irregular part; outliers are in deviations of the irregular part.
    """
    size = np.sqrt(irregular * measure_deviation(values, span)[1])
    size = size * draw_log_uniform(rng, 1, 8, span.series)
    chosen = np.flatnonzero(rng.random(span.series) < BREAK_SHARE)
    if len(chosen):
        kinds = draw_kinds(rng, BREAK_WEIGHTS, len(chosen))
        values[:, chosen] += size[chosen] * draw_by_kind(rng, span.take(chosen), BREAKS, kinds)
    chosen = np.flatnonzero(rng.random(span.series) < OUTLIER_SHARE)
    if len(chosen):
        values[:, chosen] += irregular[chosen] * draw_outliers(rng, span.take(chosen))
    return values


def transform_values(
    rng: Generator, values: Values, span: Span, season: int, group: str
) -> tuple[Values, np.ndarray]:
    """Return the values on the scale of each series, and whether it is an amount."""
    mean, deviation = measure_deviation(values, span)
    values = divide_by_size(values - mean, deviation)
    kinds = draw_kinds(rng, TRANSFORM_WEIGHTS[group], span.series)
    result = np.empty_like(values)
    for kind, transform in TRANSFORMS.items():
        chosen = np.flatnonzero(kinds == kind)
        if len(chosen):
            result[:, chosen] = transform(rng, values[:, chosen], span.take(chosen))
    is_amount = np.isin(kinds, AMOUNTS)
    chosen = np.flatnonzero(rng.random(span.series) < EXPANDING_SHARE[group])
    if season > 1 and len(chosen):
        result[:, chosen] = compose_expansion(rng, span.take(chosen), season)
        kinds[chosen], is_amount[chosen] = "exponential", True
    if season in MONTHS_OF_SEASON:
        chosen = np.flatnonzero(
            np.isin(kinds, ("amount", "exponential")) & (rng.random(span.series) < CALENDAR_SHARE)
        )
        result[:, chosen] *= draw_calendar(rng, span.take(chosen), season)
    return round_values(rng, result, span), is_amount


def compose_series(
    rng: Generator, span: Span, season: int, group: str
) -> tuple[Values, np.ndarray]:
    """Return series of one group and whether each of them is an amount.

    Args:
        rng: source of random numbers.
        span: lengths of the series.
        season: steps in a season; 1: none.
        group: one of the groups of `mixture_weights`.
    """
    values, irregular = compose_parts(rng, span, season, group)
    chosen = np.flatnonzero(rng.random(span.series) < SMOOTHING_SHARE[group])
    if len(chosen):
        values[:, chosen], irregular[chosen] = compose_smoothing(rng, span.take(chosen), season)
    values = add_breaks(rng, values, irregular, span)
    values, is_amount = transform_values(rng, values, span, season, group)
    chosen = np.flatnonzero(rng.random(span.series) < INTERMITTENT_SHARE[group])
    if len(chosen):
        values[:, chosen] = draw_intermittent(rng, span.take(chosen), season)
        is_amount[chosen] = True
    chosen = np.flatnonzero(is_amount & (rng.random(span.series) < CLOSED_SHARE[group]))
    if season > 1 and len(chosen):
        values[:, chosen] *= draw_openings(rng, span.take(chosen), season)
    return values, is_amount
