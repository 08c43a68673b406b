"""ETS: exponential smoothing averaged over a grid of its parameters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.smoothing_grid import (
    SmoothedStates,
    SmoothingGrid,
    Values,
    find_begin,
    iterate_states,
)
from revin_forecast.backbones.smoothing_weights import (
    Logarithms,
    Scorer,
    estimate_noise,
    take_logarithms,
    weigh_scores,
)
from revin_forecast.normalizers.log_mean import MAX_LOG_GROWTH
from revin_forecast.utils.shapes import Future, Observed, Past

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
            `Forecaster` and the commands set it, and need the normalizer `Identity`.

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
        # Part of a saved model, and in float64 (not for MPS), only if it is used. Amounts much
        # smaller than `zero` would lose their digits.
        dtype = torch.float64 if logs else torch.float32
        self.register_buffer("zero", torch.zeros(channels, dtype=dtype), persistent=logs)

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Smooth each channel's window and forecast it; `observed` is True where measured."""
        self.check_past(past)
        self.check_observed(past, observed)
        batch, lookback, channels = past.shape
        # Sums of squares need the digits, but MPS has no float64.
        dtype = torch.float32 if past.device.type == "mps" else torch.float64
        # All windows of all channels side by side: (time, series).
        values = past.to(dtype).movedim(1, 0).reshape(lookback, -1)
        mask = None if observed is None else observed.movedim(1, 0).reshape(lookback, -1)
        zero = self.zero.to(past.device, dtype).repeat(batch) if self.logs else None
        (forecast,) = forecast_by_smoothing(
            values, mask, self.season, self.horizon, [lookback], zero
        )
        future = forecast.values.reshape(self.horizon, batch, channels)
        return future.movedim(0, 1).to(past.dtype)


@dataclass(frozen=True, eq=False)
class SmoothingForecast:
    """The averaged forecast from one origin."""

    values: Float[Tensor, "horizon series"]
    log_share: Float[Tensor, " series"]
    """Share of the weights that belongs to logarithms."""
    best: Int[Tensor, " series"]
    """Index of the combination with the largest weight; those on logarithms follow the others."""
    on_logs: Float[Tensor, "horizon series"] | None = None
    """The mean on logarithms, mapped back: the part `log_share` of `values`; None without any."""


def forecast_by_smoothing(
    values: Values,
    observed: Bool[Tensor, "time series"] | None,
    season: int,
    horizon: int,
    origins: Sequence[int],
    zero: Float[Tensor, " series"] | None = None,
    detach_weights: bool = False,
) -> list[SmoothingForecast]:
    """Forecast every series from several origins in one pass, each from the rows before it.

    Burn-in and first states are those of all rows. They are the same for an origin after three
    seasons and twelve rows of a series, so its forecast is that of a pass of its own.

    Args:
        values: (time, series) float64; unobserved values are ignored.
        observed: True where measured; None: everywhere.
        season: steps in a season; 1: none.
        horizon: steps to forecast.
        origins: ascending numbers of rows, from 1 to all.
        zero: value that stands for 0 in each series, which logarithms need; NaN or None: none.
        detach_weights: treat the weights of the combinations as constants in the backward pass.

    Raises:
        ValueError: the origins do not ascend, or are not between 1 and the number of rows.
    """
    if not origins or list(origins) != sorted(set(origins) & set(range(1, len(values) + 1))):
        raise ValueError(
            f"forecast_by_smoothing needs ascending origins from 1 to {len(values)}, the number of "
            f"rows, but got {list(origins)}."
        )
    grid = SmoothingGrid.for_season(season)
    size = max(1, MAX_CHUNK_STATES // (len(grid.rows) * (1 if zero is None else 2)))
    # A program does not know its number of series, so it has one chunk.
    if torch.compiler.is_compiling() or values.shape[1] <= size:
        return list(_forecast_chunk(values, observed, grid, horizon, origins, zero, detach_weights))
    parts: list[list[SmoothingForecast]] = []
    for first in range(0, values.shape[1], size):
        chunk = slice(first, first + size)
        mask = None if observed is None else observed[:, chunk]
        base = None if zero is None else zero[chunk]
        rows = values[:, chunk]
        chunks = _forecast_chunk(rows, mask, grid, horizon, origins, base, detach_weights)
        parts.append(list(chunks))
    return [_join_series(forecasts) for forecasts in zip(*parts, strict=True)]


def _join_series(parts: Sequence[SmoothingForecast]) -> SmoothingForecast:
    on_logs = [part.on_logs for part in parts if part.on_logs is not None]
    return SmoothingForecast(
        torch.cat([part.values for part in parts], dim=1),
        torch.cat([part.log_share for part in parts]),
        torch.cat([part.best for part in parts]),
        torch.cat(on_logs, dim=1) if on_logs else None,
    )


def _forecast_chunk(
    values: Values,
    observed: Bool[Tensor, "time series"] | None,
    grid: SmoothingGrid,
    horizon: int,
    origins: Sequence[int],
    zero: Float[Tensor, " series"] | None,
    detach_weights: bool,
) -> Iterator[SmoothingForecast]:
    """Yield the forecast of a chunk of series from each origin."""
    values = values if observed is None else torch.where(observed, values, 0)
    begin = find_begin(values, observed)
    noise = estimate_noise(values, observed, values.square())
    logs = None
    if zero is not None:
        logs = take_logarithms(values, observed, begin, grid.season, zero)
        noise = torch.cat([noise, estimate_noise(logs.values, observed, torch.ones_like(values))])
        values = torch.cat([values, logs.values], dim=1)
        begin = torch.cat([begin, begin])
        observed = None if observed is None else torch.cat([observed, observed], dim=1)
    scorer = Scorer.for_series(grid, noise, begin)
    _, _, phi, _, _ = grid.columns(values)
    steps = torch.arange(1, horizon + 1, dtype=values.dtype, device=values.device)
    damping = (phi**steps).cumsum(1)
    for states in iterate_states(values, observed, grid, origins, horizon):
        scores = scorer.score(states)
        if logs is None:
            weights = weigh_scores(scores.detach() if detach_weights else scores)
            forecast = _average(states, weights, damping, slice(None))
            yield SmoothingForecast(forecast, torch.zeros_like(noise), weights.argmax(0))
        else:
            log_scores = scores[:, logs.zero.shape[0] :] + logs.jacobian[states.origin]
            log_scores = log_scores + scorer.growth_penalties
            both = torch.cat([scores[:, : logs.zero.shape[0]], log_scores])
            both = both.detach() if detach_weights else both
            yield _average_with_logs(states, both, damping, logs)


def _average_with_logs(
    states: SmoothedStates, scores: Tensor, damping: Tensor, logs: Logarithms
) -> SmoothingForecast:
    """Return the mean of the forecasts on values and of those on logarithms, the last columns.

    Args:
        states: states of the series, then of their logarithms.
        scores: (2 parameters, series), those on logarithms last.
        damping: (parameters, horizon): phi + phi^2 + ... + phi^h.
        logs: the logarithms.
    """
    count = logs.zero.shape[0]
    is_positive, largest = logs.find_positive(states.origin)
    plain_scores, log_scores = scores.chunk(2)
    log_scores = torch.where(is_positive, log_scores, torch.inf)
    weights = weigh_scores(torch.cat([plain_scores, log_scores]))
    plain, on_logs = weights.chunk(2)
    share = on_logs.sum(0)
    forecast = _average(states, plain, damping, slice(0, count))
    log_weights = on_logs / torch.where(share > 0, share, 1)
    log_forecast = _average(states, log_weights, damping, slice(count, None))
    exponential = log_forecast.minimum(largest + MAX_LOG_GROWTH).exp() + logs.zero
    values = forecast + share * exponential
    return SmoothingForecast(values, share, weights.argmax(0), exponential)


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
