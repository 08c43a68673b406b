"""Pretrained: a network that was taught by synthetic series alone and needs no fit."""

from collections.abc import Sequence
from itertools import pairwise
from math import log
from statistics import NormalDist
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.smoothing_weights import MIN_LOG_ROWS, MIN_LOG_SHARE
from revin_forecast.normalizers.log_mean import MAX_LOG_GROWTH
from revin_forecast.pretrained.gaps import Observed, Values, find_extent
from revin_forecast.pretrained.load_weights import load_networks
from revin_forecast.pretrained.network import LEVELS, MAX_SEASON, MAX_STEPS, SeriesReader
from revin_forecast.pretrained.quantile_levels import interpolate_levels
from revin_forecast.pretrained.seasonal_index import MIN_SEASONS
from revin_forecast.pretrained.simple_forecasts import WEEKLY_SEASONS
from revin_forecast.utils.shapes import Future, Past
from revin_forecast.utils.shapes import Observed as ObservedPast

MAX_SERIES = 4096
"""Most series that are forecast at once."""
MAX_EXCESS = 3.0
"""Reach of the forecast on logarithms, in 95 % half-widths of the one on values."""
WIDTH_POWER = 3.0
"""Power of the inverse width of a forecast in its weight, chosen on synthetic series."""
DAYS = 7
"""Days of a week."""
LATE_STEP, MAX_LATE_GROWTH = 48.5, 0.75
"""Mean of steps 33 to 64, and the largest power with which the spread grows after them."""
SMALLEST_GAP = 1e-30
"""Least distance between quantiles, in units of the data: softplus has no inverse at 0."""
MEDIAN = len(LEVELS) // 2

Quantiles = Float[Tensor, "series steps levels"]


class Pretrained(Backbone):
    """A zero-shot forecaster: 237,000 weights that never saw a real value, and no fit.

    Each window of each channel is a series. Its season is taken out, `DifferenceScale` maps the
    rest to a common scale, and a network that synthetic series taught weighs 30 simple forecasts at
    each step, corrects their mean and adds quantiles. So a forecast follows a change of level and
    of scale exactly. 64 steps are forecast at once; for more, the medians so far are appended,
    and the spread goes on as it grows up to step 64.

    With `logs`, positive windows are also forecast on logarithms. The quantiles of both are
    averaged, with more weight for the narrower ones. Those on logarithms reach at most three 95 %
    half-widths of the others from their median: exponential growth overshoots. In the same way,
    windows of two weeks of hours or half hours with a season of a day are also forecast with the
    season of a week.

    Args:
        lookback: steps in the input window; the last 512 are used, or three seasons.
        horizon: steps to forecast, times the number of levels.
        channels: number of series, all of them forecast.
        season: steps in a season, at most 366; 1: none. Windows with less than two seasons have
            none.
        logs: whether to average in the logarithms of positive windows. Their `zero` (channels,) is
            the value that stands for 0: a standardized window has another one. NaN: no logarithms.
            `Forecaster` and the commands set it, and need the normalizer `Identity`.
        levels: quantiles for `Reversible(levels=...)`, symmetric about 0.5; empty: the median.
        trainable: whether the weights are trained further, on the data; they are fixed otherwise.

    Raises:
        ValueError: the season is not between 1 and 366, the horizon is not a multiple of the
            number of levels, or the middle one of these is not 0.5.

    >>> trend = torch.arange(40.0).reshape(1, 40, 1)
    >>> Pretrained(40, 3, 1)(trend).flatten().round().tolist()
    [40.0, 41.0, 42.0]
    """

    channel_independent = True
    accepts_observed = True
    interpolates_levels = True
    """Whether `Forecaster` may ask for quantiles at all levels."""
    is_completed_by_data = True
    """Whether `Forecaster` finds the parameters that are not named from the data."""
    accepts_levels = True
    zero: Tensor
    interpolation: Tensor

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        season: int = 1,
        logs: bool = False,
        levels: Sequence[float] = (),
        trainable: bool = False,
    ):
        super().__init__(lookback, horizon, channels)
        if not 1 <= season <= MAX_SEASON:
            raise ValueError(
                f"Pretrained needs a season from 1 to {MAX_SEASON} but got {season}. Pass 1 for "
                "none, or the shorter of two seasons."
            )
        if levels and (len(levels) % 2 == 0 or abs(levels[len(levels) // 2] - 0.5) > 1e-9):
            raise ValueError(
                f"Pretrained needs levels around a median of 0.5 but got {list(levels)}. Pass them "
                "ascending and symmetric, such as [0.1, 0.5, 0.9]."
            )
        if levels and horizon % len(levels):
            raise ValueError(
                f"Pretrained needs a horizon that is a multiple of its {len(levels)} levels but "
                f"got {horizon}. Pass horizon=len(levels) * steps."
            )
        self.season = season
        week = DAYS * season
        # A week of 96 quarter hours a day is longer than any season of the network.
        has_week = season in WEEKLY_SEASONS and week <= min(MAX_SEASON, lookback // MIN_SEASONS)
        self.week = week if has_week else None
        self.logs = logs
        self.levels = tuple(levels)
        self.steps = horizon // max(1, len(levels))
        self.reader = SeriesReader()
        self.members = nn.ModuleList(load_networks())
        self.requires_grad_(trainable)
        # Part of a saved model, and in float64 (not for MPS), only if it is used.
        dtype = torch.float64 if logs else torch.float32
        self.register_buffer("zero", torch.zeros(channels, dtype=dtype), persistent=logs)
        matrix = interpolate_levels(LEVELS, self.levels or (0.5,))
        self.register_buffer("interpolation", matrix, persistent=False)

    def forward(self, past: Past, observed: ObservedPast | None = None) -> Future:
        """Forecast each channel's window; `observed` is True where measured."""
        self.check_past(past)
        self.check_observed(past, observed)
        batch, lookback, channels = past.shape
        values = past.mT.reshape(-1, lookback)
        finite = values.isfinite()
        mask = finite if observed is None else finite & observed.mT.reshape(-1, lookback)
        zero = self.zero.to(past.device).repeat(batch)
        inputs = (values, mask, zero)
        # A program does not know its number of series, so it has one chunk.
        if torch.compiler.is_compiling() or values.shape[0] <= MAX_SERIES:
            quantiles = self._forecast(*inputs)
        else:
            parts = zip(*(torch.split(part, MAX_SERIES) for part in inputs), strict=True)
            quantiles = torch.cat([self._forecast(*part) for part in parts])
        outputs = self._to_distances(quantiles) if self.levels else quantiles.squeeze(2)
        future = outputs.reshape(batch, channels, self.horizon).mT
        return future.to(past.dtype)

    def _forecast(self, values: Values, observed: Observed, zero: Tensor) -> Quantiles:
        """Return the quantiles of each series at the backbone's levels, in the data's units."""
        dtype = torch.promote_types(values.dtype, torch.float32)
        values = torch.where(observed, values, 0).to(dtype)
        interpolation = self.interpolation.to(dtype)
        if not self.logs:
            return self._average_seasons(values, observed) @ interpolation
        logs = _take_logarithms(values, observed, zero)
        # A program has no branch, and a GPU would have to be waited for.
        can_skip = not torch.compiler.is_compiling() and values.device.type == "cpu"
        if can_skip and not logs.is_positive.any():
            return self._average_seasons(values, observed) @ interpolation
        both = self._average_seasons(
            torch.cat([values, logs.values]), torch.cat([observed, observed])
        )
        # Slices, as a program can't divide an unknown number of series by two.
        plain, on_logs = both[: values.shape[0]], both[values.shape[0] :]
        amounts = on_logs.clamp(max=MAX_LOG_GROWTH).exp() * logs.unit.unsqueeze(2)
        exponential = amounts + logs.zero.reshape(-1, 1, 1)
        reach = MAX_EXCESS * (plain[:, :, [0, -1]] - plain[:, :, [MEDIAN]])
        least, largest = torch.chunk(plain[:, :, [MEDIAN]] + reach, 2, dim=2)
        exponential = exponential.to(dtype).clamp(least, largest)
        return _average(plain, exponential, logs.is_positive) @ interpolation

    def _average_seasons(self, values: Values, observed: Observed) -> Quantiles:
        """Return the quantiles with the season, averaged with those of its week if it is a day."""
        daily = self._roll(values, observed, self.season)
        if self.week is None:
            return daily
        has_weeks = find_extent(observed).length >= MIN_SEASONS * self.week
        return _average(daily, self._roll(values, observed, self.week), has_weeks)

    def _roll(self, values: Values, observed: Observed, season: int) -> Quantiles:
        """Return quantiles of all steps at the network's levels, with 64 steps at a time."""
        blocks: list[Tensor] = []
        missing = self.steps
        while missing > 0:
            count = min(missing, MAX_STEPS)
            quantiles = self._forecast_block(values, observed, season, count)
            if blocks:
                medians = quantiles[:, :, MEDIAN]
                quantiles = _continue_spread(blocks[0], medians, self.steps - missing)
            blocks.append(quantiles)
            values = torch.cat([values, quantiles[:, :, MEDIAN]], dim=1)
            observed = nn.functional.pad(observed, (0, count), value=True)
            missing -= count
        return torch.cat(blocks, dim=1)

    def _forecast_block(
        self, values: Values, observed: Observed, season: int, count: int
    ) -> Quantiles:
        """Return the quantiles of up to 64 steps, averaged over the networks."""
        steps = torch.arange(1, count + 1, device=values.device)
        prepared = self.reader(values, observed, season, steps)
        scaled = torch.stack([member(prepared, steps) for member in self.members]).mean(0)
        # The scale of a constant window would not follow a change of scale.
        scaled = torch.where(prepared.is_constant, prepared.seasonal.unsqueeze(2), scaled)
        # An exported program does not promote float32 as torch does.
        return prepared.location + prepared.scale * scaled.to(prepared.scale)

    def _to_distances(self, quantiles: Quantiles) -> Float[Tensor, "series widened_steps"]:
        """Return what `Reversible` maps to these quantiles: the inverse of `monotone_quantiles`."""
        middle = len(self.levels) // 2
        normal = [NormalDist().inv_cdf(level) for level in self.levels]
        gaps = torch.tensor([high - low for low, high in pairwise(normal)])
        # Rounded in the same order, so that the mapping back is exact.
        units = (quantiles.diff(dim=2) / (gaps / log(2)).to(quantiles)).clamp(min=SMALLEST_GAP)
        # log(exp(u) - 1), which neither overflows nor loses the digits of small u.
        distances = units + torch.log(-torch.expm1(-units))
        below, above = torch.split(distances, [middle, len(self.levels) - 1 - middle], dim=2)
        blocks = torch.cat([below, quantiles[:, :, [middle]], above], dim=2)
        return blocks.mT.flatten(1)


def _average(
    first: Quantiles, second: Quantiles, is_possible: Bool[Tensor, " series"]
) -> Quantiles:
    """Average two forecasts by the third power of inverse widths; the first where not possible.

    The network knows how well it can forecast a series in each way: the mean width of its 80 %
    intervals says so.
    """
    low, high = LEVELS.index(0.1), LEVELS.index(0.9)
    widths = [(part[:, :, high] - part[:, :, low]).mean(1) for part in (first, second)]
    total = widths[0] + widths[1]
    # Shares of their sum neither overflow nor vanish.
    wide, other = ((width / torch.where(total > 0, total, 1)) ** WIDTH_POWER for width in widths)
    both = wide + other
    share = torch.where(both > 0, wide / torch.where(both > 0, both, 1), 0.5)
    return first + (share * is_possible.to(share)).reshape(-1, 1, 1) * (second - first)


def _continue_spread(
    first: Float[Tensor, "series first_steps levels"],
    medians: Float[Tensor, "series steps"],
    before: int,
) -> Quantiles:
    """Return quantiles around medians of later steps, whose spread goes on as in the first 64.

    Appended medians are smooth, so the network would see a series without noise. The spread is that
    of steps 33 to 64, times (h / 48.5)^g: g is the growth since steps 17 to 32, at most .75.

    Args:
        first: quantiles of the first 64 steps.
        medians: medians of the later steps.
        before: number of steps before these.
    """
    offsets = first - first[:, :, [MEDIAN]]
    early, late = offsets[:, 16:32].mean(1), offsets[:, 32:64].mean(1)
    low, high = LEVELS.index(0.1), LEVELS.index(0.9)
    narrow, wide = early[:, high] - early[:, low], late[:, high] - late[:, low]
    ratio = torch.where(narrow > 0, wide / torch.where(narrow > 0, narrow, 1), 1)
    growth = ratio.clamp(1.0, 2.0**MAX_LATE_GROWTH).log2().unsqueeze(1)
    steps = torch.arange(1, medians.shape[1] + 1, device=medians.device) + before
    stretch = (steps.to(medians) / LATE_STEP) ** growth
    return medians.unsqueeze(2) + stretch.unsqueeze(2) * late.unsqueeze(1)


class _Logarithms(NamedTuple):
    """Logarithms of amounts, as shares of the largest one."""

    values: Values
    """0 for a series that is not positive at every row."""
    is_positive: Bool[Tensor, " series"]
    unit: Float[Tensor, "series 1"]
    """Largest amount."""
    zero: Float[Tensor, " series"]
    """Value that stands for 0."""


def _take_logarithms(
    values: Values, observed: Observed, zero: Float[Tensor, " series"]
) -> _Logarithms:
    zero = torch.where(zero.isfinite(), zero, torch.inf)
    amounts = values - zero.unsqueeze(1)
    largest = torch.where(observed, amounts, -torch.inf).amax(1)
    least = torch.where(observed, amounts, torch.inf).amin(1)
    is_positive = (largest > 0) & (least > MIN_LOG_SHARE * largest)
    is_positive &= observed.sum(1) >= MIN_LOG_ROWS
    unit = torch.where(is_positive, largest, 1).unsqueeze(1)
    used = observed & is_positive.unsqueeze(1)
    logs = torch.where(used, amounts / unit, 1).log().to(values.dtype)
    return _Logarithms(logs, is_positive, unit, torch.where(is_positive, zero, 0))
