"""The network that forecasts series which it never saw."""

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.normalizers.difference_scale import DifferenceScale
from revin_forecast.pretrained.discounted_regressions import WINDOW, DiscountedRegressions
from revin_forecast.pretrained.gaps import Observed, Values, fill_gaps, find_extent
from revin_forecast.pretrained.in_sample_errors import interpolate_errors, measure_errors
from revin_forecast.pretrained.seasonal_index import SeasonalIndex, estimate_seasonal_index
from revin_forecast.pretrained.series_statistics import count_features, describe_series, log_error
from revin_forecast.pretrained.simple_forecasts import (
    CYCLES,
    FORECASTS,
    WEEKLY_SEASONS,
    gather_cycles,
    make_simple_forecasts,
    measure_memory,
)

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""Levels of the quantiles."""
MAX_STEPS = 64
"""Steps that the network forecasts at once."""
MAX_SEASON = 366
"""Longest season."""
LEAST_SCALE = 1e-5
"""Least scale, over the largest distance from the last row: less is the rounding of float32."""
MIN_CONTEXT = 512
"""Last rows that the network sees, if three seasons are no longer."""
ENCODER_SIZES = (256, 192, 256, 128)
DECODER_SIZES = (128, 96)
FIRST_SHARPNESS = 4.0
"""Power of the inverse error in a weight before training; errors are seen as half logarithms."""
STEP_FEATURES = 2 * FORECASTS + CYCLES + 1 + 4
"""Inputs of the decoder at each step."""


class ScaledQuantiles(NamedTuple):
    """Quantiles on the common scale: a value is location + scale times quantile."""

    quantiles: Float[Tensor, "series steps levels"]
    location: Float[Tensor, "series 1 1"]
    scale: Float[Tensor, "series 1 1"]


class PreparedSeries(NamedTuple):
    """The inputs of the network, by fixed formulas; several networks share them."""

    features: Float[Tensor, "series features"]
    """Inputs of the encoder."""
    described: Float[Tensor, "series steps step_features"]
    """Inputs of the decoder."""
    simple: Float[Tensor, "series steps forecasts"]
    """Simple forecasts, without the season and on the common scale."""
    errors: Float[Tensor, "series steps forecasts"]
    """Logarithms of their errors in the series itself, less the mean of these at each step."""
    seasonal: Float[Tensor, "series steps"]
    """Seasonal index at each step, on the common scale."""
    location: Float[Tensor, "series 1 1"]
    scale: Float[Tensor, "series 1 1"]
    is_constant: Bool[Tensor, "series 1 1"]
    """Whether all rows are equal without their season, so that the scale is arbitrary."""


class SeriesReader(nn.Module):
    """Prepare series for the network: season out, `DifferenceScale`, statistics, simple forecasts.

    It has no parameters.
    """

    def __init__(self):
        super().__init__()
        self.normalizer = DifferenceScale(1)
        self.regressions = DiscountedRegressions()

    def forward(
        self, values: Values, observed: Observed, season: int, steps: Int[Tensor, " steps"]
    ) -> PreparedSeries:
        """Prepare each series.

        Args:
            values: (series, rows), the last row is the latest; finite where observed.
            observed: True where measured.
            season: steps in a season, at most 366; 1: none.
            steps: numbers of the steps to forecast, from 1 to 64.
        """
        values, observed = select_context(values, observed, season)
        values = torch.where(observed, values, 0)
        extent = find_extent(observed)
        # Relative to the last value and of order 1, before anything is squared or added up, or
        # loses the digits that the network does not have.
        location = values.gather(1, (values.shape[1] - 1 - extent.end_gap).clamp(min=0)[:, None])
        values = torch.where(observed, values - location, 0)
        unit = values.abs().amax(1, keepdim=True)
        unit = torch.where(unit > 0, unit, 1)
        values = (values / unit).to(self.regressions.kernels.dtype)
        filled = fill_gaps(values, observed)
        seasonal = estimate_seasonal_index(filled, observed, extent, season)
        phases = seasonal.repeat_to(filled.shape[1])
        rest = fill_gaps(filled - phases, observed)
        stats = self.normalizer.statistics(rest.unsqueeze(2), observed.unsqueeze(2))
        level = stats.location.squeeze(2)
        scale = stats.scale.squeeze(2).clamp(min=LEAST_SCALE)
        rest = (rest - level) / scale * extent.valid.to(values)
        is_constant = (rest == 0).all(1, keepdim=True)
        noise = seasonal.noise / scale.squeeze(1)
        scaled = SeasonalIndex(seasonal.course / scale, seasonal.share, noise)
        solved = self.regressions(rest, extent.length)
        memory = measure_memory(rest, extent)
        simple = make_simple_forecasts(rest, extent, season, steps, solved, memory)
        errors = log_error(measure_errors(rest, extent, season, solved, memory))
        relative = interpolate_errors(errors, steps)
        relative = relative - relative.mean(2, keepdim=True)
        cycles = gather_cycles(rest, extent, season, steps)
        index = scaled.course[:, (steps - 1) % season]
        return PreparedSeries(
            describe_series(rest, observed, extent, scaled, errors),
            _describe_steps(simple, relative, cycles, index, season, steps),
            simple,
            relative,
            index,
            (location + level.to(unit) * unit).unsqueeze(2),
            (scale.to(unit) * unit).unsqueeze(2),
            is_constant.unsqueeze(2),
        )


class PretrainedNetwork(nn.Module):
    """Map a prepared series to quantiles of its next steps, on a scale that all series share.

    An encoder sees the last rows of a series, its course, its season and its statistics. A decoder,
    shared by all steps and seasons, weighs the simple forecasts of each step and adds a correction
    and the distances between the quantiles.
    """

    def __init__(self):
        super().__init__()
        sizes = (count_features(), *ENCODER_SIZES)
        layers: list[nn.Module] = []
        for width, next_width in pairwise(sizes):
            layers += [nn.Linear(width, next_width), nn.SiLU()]
        self.encoder = nn.Sequential(*layers)
        first, second = DECODER_SIZES
        self.decode_series = nn.Linear(ENCODER_SIZES[-1], first)
        self.decode_step = nn.Linear(STEP_FEATURES, first, bias=False)
        self.hidden = nn.Linear(first, second)
        self.output = nn.Linear(second, FORECASTS + 1 + len(LEVELS) - 1)
        self.sharpness = nn.Parameter(torch.full((FORECASTS,), FIRST_SHARPNESS))
        self.reader = SeriesReader()

    def forecast(
        self, values: Values, observed: Observed, season: int, steps: Int[Tensor, " steps"]
    ) -> ScaledQuantiles:
        """Forecast each series at some of the next steps; see `SeriesReader.forward`."""
        prepared = self.reader(values, observed, season, steps)
        return ScaledQuantiles(self(prepared, steps), prepared.location, prepared.scale)

    def forward(
        self, prepared: PreparedSeries, steps: Int[Tensor, " steps"]
    ) -> Float[Tensor, "series steps levels"]:
        """Return the quantiles on the common scale."""
        encoding = self.encoder(prepared.features)
        quantiles = self._decode(encoding, prepared, steps)
        return quantiles + prepared.seasonal.unsqueeze(2)

    def _decode(
        self, encoding: Tensor, prepared: PreparedSeries, steps: Tensor
    ) -> Float[Tensor, "series steps levels"]:
        """Return the quantiles without the season."""
        hidden = self.decode_series(encoding).unsqueeze(1) + self.decode_step(prepared.described)
        hidden = functional.silu(self.hidden(functional.silu(hidden)))
        weights, correction, gaps = self.output(hidden).split(
            [FORECASTS, 1, len(LEVELS) - 1], dim=2
        )
        # Errors of a random walk grow with the root of the steps.
        gaps = functional.softplus(gaps) * steps.to(gaps).sqrt().unsqueeze(1)
        middle = len(LEVELS) // 2
        below, above = gaps.split(middle, dim=2)
        spread = gaps[:, :, 1:-1].sum(2, keepdim=True)
        # A good forecast of the past rows is likely to stay good.
        weights = torch.softmax(weights - self.sharpness * prepared.errors, dim=2)
        chosen = (weights * prepared.simple).sum(2, keepdim=True)
        median = chosen + correction * spread
        lower = median - below.flip(2).cumsum(2).flip(2)
        return torch.cat([lower, median, median + above.cumsum(2)], dim=2)


def select_context(
    values: Values, observed: Observed, season: int
) -> tuple[Float[Tensor, "series context"], Bool[Tensor, "series context"]]:
    """Return the last rows that a forecast needs, with unobserved ones in front if there are few.

    >>> select_context(torch.ones(1, 5), torch.ones(1, 5, dtype=torch.bool), 1)[0].shape
    torch.Size([1, 256])
    """
    week = 7 * season if season in WEEKLY_SEASONS else 0
    longest = max(MIN_CONTEXT, CYCLES * season, week)
    least = max(WINDOW, min(longest, CYCLES * season), week)
    values, observed = values[:, -longest:], observed[:, -longest:]
    missing = max(0, least - values.shape[1])
    return functional.pad(values, (missing, 0)), functional.pad(observed, (missing, 0))


def _describe_steps(
    simple: Tensor, errors: Tensor, cycles: Tensor, index: Tensor, season: int, steps: Tensor
) -> Float[Tensor, "series steps features"]:
    """Return the inputs of the decoder: simple forecasts, last seasons, the index and the step."""
    step = steps.to(simple)
    seasons = (step / season).clamp(max=4)
    time = torch.stack([step / MAX_STEPS, step.log() / 2, seasons, step.rsqrt()])
    shared = time.mT.expand(simple.shape[0], -1, -1)
    own = torch.cat([simple, cycles, index.unsqueeze(2)], dim=2).asinh()
    return torch.cat([own, errors, shared], dim=2)
