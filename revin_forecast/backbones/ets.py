"""ETS: exponential smoothing averaged over a grid of its parameters."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.smoothing_grid import (
    MIN_SEASONS,
    RELATIVE_NOISE,
    SmoothedStates,
    SmoothingGrid,
    Values,
    count_rows,
    find_begin,
    iterate_states,
    select_counted_rows,
)
from revin_forecast.utils.shapes import Future, Observed, Past

WEIGHT_TEMPERATURE = 4.0
"""A combination's weight is exp(-score / temperature); 2 would be the posterior of BIC-like scores.

Twice that, as the one-step errors of a misspecified model count for less than independent ones."""
MIN_WEIGHT = 1e-4
"""Weights below this are dropped."""
MAX_LOG_GROWTH = math.log(1000)
"""A forecast on logarithms exceeds the largest value at most by this factor."""
MAX_CHUNK_STATES = 2**16
"""Most states of one kind in a chunk of series: 512 KiB, so that they stay in the caches."""


class ETS(Backbone):
    """Exponential smoothing, averaged over a grid of parameters by likelihood.

    Every combination of level, trend (none, damped, undamped) and season (none, additive) smooths
    the window by l_t = l + phi b + alpha e_t, b_t = phi b + beta e_t, s_t = s_{t-m} + gamma e_t
    with the one-step errors e_t (Hyndman, Koehler, Ord & Snyder, 2008) and forecasts
    l + b sum_{i <= h} phi^i + s. Its weight is exp(-J / 4), where J = n ln(mean e^2) + 4 k for n
    errors and k parameters and first states. Averaging needs no optimizer and is more robust than
    the best combination (Kolassa, Int. J. Forecasting 2011).

    With `logs`, the same combinations also smooth the logarithms of a positive window. Their
    errors are comparable, since the change of variables adds 2 sum ln y to J; exponential growth
    without damping costs 8 more. The two means are weighted by their shares of all weights.

    No parameters: everything is estimated in the window, so a longer one is a longer history.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        season: steps in a season; 1: none. A window with less than two seasons has none.
        logs: whether to average in the logarithms of positive windows. Their `zero` (channels,) is
            the value that stands for 0: a standardized window has another one. NaN: no logarithms.

    Raises:
        ValueError: the season is below 1.

    >>> trend = torch.arange(20.0).reshape(1, 20, 1)
    >>> ETS(20, 3, 1)(trend).flatten().round(decimals=3).tolist()
    [20.0, 21.0, 22.0]
    """

    channel_independent = True
    accepts_observed = True
    zero: Tensor

    def __init__(
        self, lookback: int, horizon: int, channels: int, season: int = 1, logs: bool = False
    ):
        super().__init__(lookback, horizon, channels)
        if season < 1:
            raise ValueError(f"ETS needs season >= 1 but got {season}.")
        self.season = season
        self.logs = logs
        zero = torch.zeros(channels, dtype=torch.float64)
        self.register_buffer("zero", zero, persistent=logs)

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Smooth each channel's window and forecast it; `observed` is True where measured."""
        self.check_past(past)
        batch, lookback, channels = past.shape
        # All windows of all channels side by side: (time, series).
        values = past.double().movedim(1, 0).reshape(lookback, -1)
        mask = None if observed is None else observed.movedim(1, 0).reshape(lookback, -1)
        zero = self.zero.double().repeat(batch) if self.logs else None
        forecasts = forecast_by_smoothing(values, mask, self.season, self.horizon, [lookback], zero)
        forecast = next(iter(forecasts)).values.reshape(self.horizon, batch, channels)
        return forecast.movedim(0, 1).to(past.dtype)


@dataclass(frozen=True, eq=False)
class SmoothingForecast:
    """The averaged forecast from one origin."""

    values: Float[Tensor, "horizon series"]
    log_share: Float[Tensor, " series"]
    """Share of the weights that belongs to logarithms."""
    best: Float[Tensor, " series"]
    """Index of the combination with the largest weight; those on logarithms follow the others."""


def forecast_by_smoothing(
    values: Values,
    observed: Bool[Tensor, "time series"] | None,
    season: int,
    horizon: int,
    origins: Sequence[int],
    zero: Float[Tensor, " series"] | None = None,
) -> list[SmoothingForecast]:
    """Forecast every series from several origins in one pass, each from the rows before it.

    Args:
        values: (time, series) float64; unobserved values are ignored.
        observed: True where measured; None: everywhere.
        season: steps in a season; 1: none.
        horizon: steps to forecast.
        origins: ascending numbers of rows, from 1 to all.
        zero: value that stands for 0 in each series, which logarithms need; NaN or None: none.
    """
    grid = SmoothingGrid.for_season(season)
    columns = len(grid.rows) * (1 if zero is None else 2)
    size = max(1, MAX_CHUNK_STATES // columns)
    if torch.compiler.is_compiling():
        size = values.shape[1]
    parts = [
        list(
            _forecast_chunk(
                chunk,
                None if observed is None else observed[:, first : first + size],
                grid,
                horizon,
                origins,
                None if zero is None else zero[first : first + size],
            )
        )
        for first, chunk in zip(
            range(0, values.shape[1], size), values.split(size, dim=1), strict=True
        )
    ]
    return [_join_series(forecasts) for forecasts in zip(*parts, strict=True)]


def _join_series(parts: Sequence[SmoothingForecast]) -> SmoothingForecast:
    if len(parts) == 1:
        return parts[0]
    return SmoothingForecast(
        torch.cat([part.values for part in parts], dim=1),
        torch.cat([part.log_share for part in parts]),
        torch.cat([part.best for part in parts]),
    )


def _forecast_chunk(
    values: Values,
    observed: Bool[Tensor, "time series"] | None,
    grid: SmoothingGrid,
    horizon: int,
    origins: Sequence[int],
    zero: Float[Tensor, " series"] | None,
) -> Iterator[SmoothingForecast]:
    """Yield the forecast of a chunk of series from each origin."""
    values = values if observed is None else torch.where(observed, values, 0)
    begin = find_begin(values, observed)
    noise = RELATIVE_NOISE * values.square().mean(0)
    jacobian = has_log = log_max = None
    if zero is not None:
        amounts = values - zero
        positive = amounts > 0
        positive = positive if observed is None else positive | ~observed
        has_log = positive.all(0) & zero.isfinite()
        # Values that have no logarithm are replaced, and their weight is 0.
        logs = torch.where(has_log & (amounts > 0), amounts, 1).log()
        counted = select_counted_rows(values, observed, begin, grid.season)
        jacobian = 2 * torch.cat([torch.zeros_like(logs[:1]), (counted * logs).cumsum(0)])
        log_max = (
            logs.amax(0) if observed is None else torch.where(observed, logs, -torch.inf).amax(0)
        )
        values = torch.cat([values, logs], dim=1)
        noise = torch.cat([noise, torch.full_like(noise, RELATIVE_NOISE)])
        observed = None if observed is None else torch.cat([observed, observed], dim=1)
    rate, seasonal = (grid.columns(values)[column] for column in (2, 4))
    penalties = values.new_tensor(grid.penalties).unsqueeze(1)
    growth = values.new_tensor(grid.growth_penalties).unsqueeze(1)
    begins = begin if zero is None else torch.cat([begin, begin])
    powers = rate ** torch.arange(1, horizon + 1, dtype=values.dtype, device=values.device)
    damping = powers.cumsum(1)
    for states in iterate_states(values, observed, grid, origins, horizon):
        scores = _score(states, grid.season, penalties, seasonal > 0, noise, begins)
        if zero is None:
            weights = _weigh(scores)
            forecast = _average(states, weights, damping, slice(None))
            yield SmoothingForecast(forecast, torch.zeros_like(noise), weights.argmax(0))
            continue
        assert jacobian is not None and has_log is not None and log_max is not None
        plain, on_logs = scores.tensor_split(2, dim=1)
        on_logs = on_logs + jacobian[states.origin] + growth
        weights = _weigh(torch.cat([plain, torch.where(has_log, on_logs, torch.inf)]))
        plain, on_logs = weights.tensor_split(2)
        share = on_logs.sum(0)
        count = values.shape[1] // 2
        forecast = _average(states, plain, damping, slice(0, count))
        log_weights = on_logs / torch.where(share > 0, share, 1)
        log_forecast = _average(states, log_weights, damping, slice(count, None))
        exponential = log_forecast.minimum(log_max + MAX_LOG_GROWTH).exp() + zero.nan_to_num()
        forecast = forecast + torch.where(share > 0, share * exponential, 0)
        yield SmoothingForecast(forecast, share, weights.argmax(0))


def _score(
    states: SmoothedStates,
    season: int,
    penalties: Tensor,
    seasonal: Tensor,
    noise: Tensor,
    begin: Tensor,
) -> Float[Tensor, "parameters series"]:
    """Return n ln(mean e^2) + the penalty of each combination; infinite for an impossible season.

    Args:
        states: states with the sums of squared errors.
        season: steps in a season.
        penalties: (parameters, 1).
        seasonal: (parameters, 1) True for combinations with a season.
        noise: (series,) least mean squared error that is told apart from 0.
        begin: (series,) first row of each series.
    """
    mean_square = states.squares / states.count.clamp(min=1) + noise
    # The smallest normal number keeps the logarithm of a series of zeros finite.
    tiny = torch.finfo(mean_square.dtype).tiny
    scores = states.count * mean_square.clamp(min=tiny).log()
    scores = scores + penalties
    if season == 1:
        return scores
    too_short = count_rows(begin, states.origin) < MIN_SEASONS * season
    return scores.masked_fill(seasonal & too_short, torch.inf)


def _weigh(scores: Tensor) -> Tensor:
    """Return weights exp(-score / temperature) that sum to 1 for each series, without tiny ones."""
    weights = torch.softmax(-scores / WEIGHT_TEMPERATURE, dim=0)
    weights = torch.where(weights < MIN_WEIGHT, 0, weights)
    return weights / weights.sum(0)


def _average(
    states: SmoothedStates, weights: Tensor, damping: Tensor, series: slice
) -> Float[Tensor, "horizon series"]:
    """Return the weighted mean forecast of some of the series.

    Args:
        states: states of all series.
        weights: (parameters, selected series).
        damping: (parameters, horizon): phi + phi^2 + ... + phi^h.
        series: the selected series.
    """
    level = (weights * states.level[:, series]).sum(0)
    forecast = level + damping.mT @ (weights * states.slope[:, series])
    if not states.seasonal:
        return forecast
    phases = (weights * torch.stack(states.seasonal)[:, :, series]).sum(1)
    steps = torch.arange(len(forecast), device=forecast.device) % len(phases)
    return forecast + phases[steps]
