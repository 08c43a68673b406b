"""Errors of all horizons of a sweep together, on every window of a table without gaps."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form.seasonal_profile import DeseasonalizedModel, repeat_profile
from revin_forecast.closed_form.sweep_maps import absorb_mean
from revin_forecast.closed_form.sweep_result import SweepModel
from revin_forecast.closed_form.value_transform import TransformedModel
from revin_forecast.evaluation.holdout import Scores
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import ShrunkLevel
from revin_forecast.utils.threads import thread_map

BLOCK_WINDOWS = 512
"""Windows of one channel that are forecast at a time."""

Forecast = Callable[[int, int, int], Tensor]
"""Forecasts the windows of a channel whose origins are in a range, (origins, steps)."""


def score_horizons(
    values: Tensor, first: int, horizons: Sequence[int], forecast: Forecast
) -> list[Scores]:
    """Score forecasts of the longest horizon, of which those of the others are the first steps.

    Each window is forecast once for all horizons; a window near the end counts for the horizons
    whose targets the table holds.

    Args:
        values: (time, channels) float32 without gaps.
        first: first origin.
        horizons: ascending.
        forecast: returns forecasts of the longest horizon.
    """
    rows, longest = len(values), horizons[-1]
    groups = list(pairwise((0, *horizons)))
    padded = torch.nn.functional.pad(values, (0, 0, 0, longest))

    def score_channel(channel: int) -> Tensor:
        """Return the sums of squared and absolute errors, (2, horizons)."""
        targets = padded[:, channel].unfold(0, longest, 1)
        totals = torch.zeros(2, len(horizons), dtype=torch.float64)
        for start in range(first, rows - horizons[0] + 1, BLOCK_WINDOWS):
            stop = min(start + BLOCK_WINDOWS, rows - horizons[0] + 1)
            error = forecast(channel, start, stop) - targets[start:stop]
            for part, power in enumerate((error.square(), error.abs_())):
                by_group = [power[:, a:b].sum(dim=1, dtype=torch.float64) for a, b in groups]
                by_horizon = torch.stack(by_group).cumsum(dim=0)
                for number, horizon in enumerate(horizons):
                    count = max(0, rows - horizon + 1 - start)
                    totals[part, number] += by_horizon[number, :count].sum()
        return totals

    totals = torch.stack(thread_map(score_channel, range(values.shape[1]))).sum(dim=0)
    windows = torch.tensor([rows - horizon + 1 - first for horizon in horizons])
    means = totals / (windows * torch.tensor(horizons) * values.shape[1])
    return [
        Scores(mse, mae, count)
        for mse, mae, count in zip(*means.tolist(), windows.tolist(), strict=True)
    ]


def forecast_repeat(values: Tensor, horizon: int) -> Forecast:
    """Return the forecasts that repeat the last value; see `Repeat`."""

    def forecast(channel: int, start: int, stop: int) -> Tensor:
        return values[start - 1 : stop - 1, channel : channel + 1].expand(-1, horizon)

    return forecast


def forecast_season(values: Tensor, horizon: int, season: int) -> Forecast:
    """Return the forecasts that repeat the last season; see `SeasonalNaive`."""
    phases = torch.arange(horizon) % season

    def forecast(channel: int, start: int, stop: int) -> Tensor:
        return values[start - season : stop - 1, channel].unfold(0, season, 1)[:, phases]

    return forecast


def forecast_model(model: SweepModel, values: Tensor, first_row: int) -> Forecast:
    """Return the forecasts of a model that a sweep solved, as products of matrices.

    Args:
        model: the model of the longest horizon.
        values: (time, channels) float64 without gaps.
        first_row: number of their first row in the table that the profile counts from.
    """
    transform = profile = None
    if isinstance(model, TransformedModel):
        model, transform = model.model, model.transform
        values = transform(values)
    if isinstance(model, DeseasonalizedModel):
        rows = first_row + len(values)
        profile = repeat_profile(model.profile.double(), rows)[first_row:]
        values, model = values - profile, model.model
    weight, bias = combine_linear_map(model)
    weight, bias, inputs = weight.float(), bias.float(), values.float()
    steps, lookback = weight.shape[1:]
    if profile is not None:
        profile = torch.nn.functional.pad(profile.float(), (0, 0, 0, steps))

    def forecast(channel: int, start: int, stop: int) -> Tensor:
        number = channel % len(weight)
        windows = inputs[start - lookback : stop - 1, channel].unfold(0, lookback, 1)
        result = torch.addmm(bias[number], windows, weight[number].mT)
        if profile is not None:
            result += profile[start : stop + steps - 1, channel].unfold(0, steps, 1)
        return result if transform is None else transform.invert_channel(result, channel)

    return forecast


def combine_linear_map(model: Reversible) -> tuple[Tensor, Tensor]:
    """Return a solved Ridge inside its normalizer as one map of raw windows.

    Returns:
        Weight (1 or channels, steps, lookback) and bias (1 or channels, steps), float64.
    """
    ridge, normalizer = model.backbone, model.normalizer
    assert isinstance(ridge, Ridge)  # a sweep solves nothing else
    weight = ridge.weight.detach().double().reshape(-1, ridge.horizon, ridge.lookback)
    bias = ridge.bias.detach().double().reshape(-1, ridge.horizon)
    weight = torch.stack([absorb_mean(part, ridge.lookback) for part in weight])
    if isinstance(normalizer, ShrunkLevel):
        slopes = (normalizer.shares * normalizer.slopes).double().mT
        readings = normalizer.reading_weights.double()
        weight = weight + slopes.unsqueeze(2) * readings.unsqueeze(1)
        bias = bias - slopes * normalizer.training_mean.double().unsqueeze(1)
    return weight, bias
