"""Models of single series, compared at expanding origins: smoothing, short maps, last season."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from revin_forecast.backbones.ets import SmoothingForecast, forecast_by_smoothing
from revin_forecast.backbones.smoothing_grid import SmoothingGrid
from revin_forecast.normalizers.log_mean import MAX_LOG_GROWTH
from revin_forecast.selection.member_weights import average_known, weigh_members
from revin_forecast.selection.short_maps import Maps, ShortWindows

MAX_ROWS = 1000
"""Last rows that the models of single series see."""
MAX_SEPARATE_ROWS = 12
"""Most rows that are smoothed again for each origin: the first states see most of so few."""
MAX_SOLVES = 5
"""Number of origins at which short maps are solved; the others use the latest before them."""

SMOOTHING, OWN_MAP, SHARED_MAP = "ETS", "linear map", "shared linear map"
LAST_SEASON, LAST_VALUE = "seasonal naive", "naive"

Forecasts = Float[Tensor, "origins horizon series"]


@dataclass(frozen=True, eq=False)
class SeriesBlock:
    """Series that are forecast from the same origins; all end in the last row."""

    values: Float[Tensor, "time series"]
    """float64 amounts, NaN where unobserved."""
    horizon: int
    season: int
    """Steps in a season; 1 without one."""
    origins: tuple[int, ...]
    """Ascending numbers of rows."""
    map_lookback: int
    """Look-back of the short maps."""

    @property
    def all_origins(self) -> list[int]:
        """The origins, and last the end of the series."""
        return [*self.origins, len(self.values)]

    @property
    def window_count(self) -> float:
        """Number of windows that the origins hold without overlap, at least 1."""
        if not self.origins:
            return 1.0
        span = (self.origins[-1] - self.origins[0]) / self.horizon + 1
        return min(float(len(self.origins)), span)


@dataclass(frozen=True, eq=False)
class LocalForecasts:
    """The forecasts of one member for the series of a block."""

    name: str
    at_origins: Forecasts
    """NaN where the member has no forecast."""
    final: Float[Tensor, "horizon series"]
    """From the end of the series; NaN where the member has none."""
    is_baseline: bool = False
    """Whether the member is only compared and gets no weight."""


@dataclass(frozen=True, eq=False)
class LocalCombination:
    """Members of a block with their weights."""

    members: tuple[LocalForecasts, ...]
    weights: Float[Tensor, "members series"]
    """They sum to 1 for each series."""
    errors: Float[Tensor, "members origins horizon series"]
    """Truth minus forecast; NaN where unknown."""
    maps: Maps
    """Short map of each series: the weighted mean of its own one and the shared one."""
    on_logs: Bool[Tensor, " series"]
    """Whether short maps are on logarithms."""
    methods: tuple[str, ...]
    """Exponential smoothing with the largest weight, such as "ETS(A,Ad,A) on log"."""
    distances: Float[Tensor, "grid horizon series"] | None = None
    """Distances of a member's own quantiles to its median, from the end; NaN for a series without,
    None if no member has quantiles."""

    @property
    def residuals(self) -> Forecasts:
        """Errors of the weighted mean of the members that have a forecast."""
        return average_known(self.errors, self.weights)


def combine_local_models(
    block: SeriesBlock, further: Sequence[LocalForecasts] = ()
) -> LocalCombination:
    """Forecast a block with all members and weigh these by their errors at the origins.

    Args:
        block: the series.
        further: forecasts of other models from the same origins.
    """
    values, observed = block.values, block.values.isfinite()
    has_logs = ((values > 0) | ~observed).all(0) & observed.any(0)
    zero = torch.where(has_logs, 0.0, torch.nan).double()
    season = block.season if len(values) >= 2 * block.season else 1
    smoothed = _smooth(block, season, zero)
    on_logs = has_logs & (smoothed[-1].log_share > 0.5)
    forecasts = torch.stack([forecast.values for forecast in smoothed])
    members = [LocalForecasts(SMOOTHING, forecasts[:-1], forecasts[-1])]
    windows = ShortWindows(_to_logs(values, on_logs), block.map_lookback, block.horizon)
    own, own_maps = _forecast_short_maps(OWN_MAP, block, windows, on_logs, shared=False)
    shared, shared_maps = _forecast_short_maps(SHARED_MAP, block, windows, on_logs, shared=True)
    members += [own, shared, _repeat_season(block), *further, _repeat_value(block)]
    errors = torch.stack([compute_errors(block, member.at_origins) for member in members])
    weights = _weigh_members(block, members, errors)
    share = compute_own_share(weights[1], weights[2]).reshape(-1, 1, 1)
    return LocalCombination(
        tuple(members),
        weights,
        errors,
        share * own_maps + (1 - share) * shared_maps,
        on_logs,
        name_methods(smoothed[-1].best, season),
    )


def compute_own_share(own: Tensor, shared: Tensor) -> Float[Tensor, " series"]:
    """Return the share of the own map from the weights of both; a half if neither has one."""
    both = own + shared
    return torch.where(both > 0, own / both.clamp(min=1e-9), 0.5)


def mix_short_maps(
    values: Float[Tensor, "time series"],
    lookback: int,
    horizon: int,
    own_share: Float[Tensor, " series"],
    on_logs: Bool[Tensor, " series"],
) -> Maps:
    """Return the weighted mean of the own and the shared map of each series, solved on all rows."""
    windows = ShortWindows(_to_logs(values, on_logs), lookback, horizon)
    if not windows.count_complete(len(values)):
        return values.new_zeros(values.shape[1], horizon, lookback)
    own, _ = windows.solve_own(len(values))
    shared, _ = windows.solve_shared(len(values), [on_logs, ~on_logs])
    share = own_share.reshape(-1, 1, 1)
    return share * own + (1 - share) * shared


def _smooth(block: SeriesBlock, season: int, zero: Tensor) -> list[SmoothingForecast]:
    """Return the forecasts of exponential smoothing from all origins and the end."""
    values, observed = block.values.nan_to_num(0), block.values.isfinite()
    if len(values) > MAX_SEPARATE_ROWS:
        return forecast_by_smoothing(
            values, observed, season, block.horizon, block.all_origins, zero
        )
    parts = [
        forecast_by_smoothing(values[:stop], observed[:stop], season, block.horizon, [stop], zero)
        for stop in block.all_origins
    ]
    return [forecast for (forecast,) in parts]


def name_methods(best: Tensor, season: int) -> tuple[str, ...]:
    """Return the name of each series' best smoothing, from `SmoothingForecast.best`."""
    grid = SmoothingGrid.for_season(season)
    count = len(grid.rows)
    return tuple(
        grid.name_method(index % count) + (" on log" if index >= count else "")
        for index in best.tolist()
    )


def _to_logs(
    values: Float[Tensor, "time series"], on_logs: Bool[Tensor, " series"]
) -> Float[Tensor, "time series"]:
    return torch.where(on_logs, values, 1).log().where(on_logs, values)


def _forecast_short_maps(
    name: str, block: SeriesBlock, windows: ShortWindows, on_logs: Tensor, *, shared: bool
) -> tuple[LocalForecasts, Maps]:
    """Solve short maps at a few origins and forecast from all of them.

    Returns:
        The forecasts, and the maps solved on all rows.
    """
    origins = block.all_origins
    picks = np.linspace(0, len(origins) - 1, MAX_SOLVES).round().astype(int)
    solve_at = {origins[pick] for pick in picks}
    groups = [on_logs, ~on_logs]
    maps, is_solvable, forecasts = None, None, []
    for origin in origins:
        if origin in solve_at and windows.count_complete(origin):
            maps, is_solvable = (
                windows.solve_shared(origin, groups) if shared else windows.solve_own(origin)
            )
        if maps is None or is_solvable is None:
            shape = (block.horizon, windows.values.shape[1])
            forecasts.append(windows.values.new_full(shape, torch.nan))
            continue
        forecast = windows.forecast(maps, origin)
        highest = windows.values[origin - windows.lookback : origin].amax(0) + MAX_LOG_GROWTH
        forecast = torch.where(on_logs, forecast.minimum(highest).exp(), forecast)
        forecasts.append(forecast.where(is_solvable, torch.nan))
    if maps is None:
        maps = windows.values.new_zeros(windows.values.shape[1], windows.horizon, windows.lookback)
    stacked = torch.stack(forecasts)
    return LocalForecasts(name, stacked[:-1], stacked[-1]), maps


def _repeat_season(block: SeriesBlock) -> LocalForecasts:
    """Return the seasonal naive forecasts; none without a season, or where it has a gap."""
    season, values = block.season, block.values
    steps = torch.arange(block.horizon) % season
    nothing = values.new_full((block.horizon, values.shape[1]), torch.nan)
    forecasts = torch.stack(
        [
            values[origin - season + steps] if 1 < season <= origin else nothing
            for origin in block.all_origins
        ]
    )
    return LocalForecasts(LAST_SEASON, forecasts[:-1], forecasts[-1])


def _repeat_value(block: SeriesBlock) -> LocalForecasts:
    """Return the naive forecasts, the last values, as a baseline."""
    forecasts = _find_last_values(block).unsqueeze(1).expand(-1, block.horizon, -1)
    return LocalForecasts(LAST_VALUE, forecasts[:-1], forecasts[-1], is_baseline=True)


def _find_last_values(block: SeriesBlock) -> Float[Tensor, "times series"]:
    """Return the last observed value before each origin and the end; NaN before a series begins."""
    rows = torch.arange(len(block.values)).unsqueeze(1)
    latest = torch.where(block.values.isfinite(), rows, 0).cummax(0).values
    return torch.stack(
        [block.values.gather(0, latest[origin - 1 : origin])[0] for origin in block.all_origins]
    )


def compute_errors(
    block: SeriesBlock, forecasts: Forecasts
) -> Float[Tensor, "windows horizon series"]:
    """Return truth minus forecast; NaN where one is unknown. No origin: one window of NaN."""
    nothing = block.values.new_full((block.horizon, block.values.shape[1]), torch.nan)
    padded = torch.cat([block.values, nothing])
    truth = [padded[origin : origin + block.horizon] for origin in block.origins]
    return torch.stack(truth) - forecasts if truth else nothing.unsqueeze(0)


def _weigh_members(
    block: SeriesBlock, members: Sequence[LocalForecasts], errors: Tensor
) -> Float[Tensor, "members series"]:
    is_usable = torch.stack(
        [member.final.isfinite().all(0) & (not member.is_baseline) for member in members]
    )
    return weigh_members(errors, is_usable, block.window_count)
