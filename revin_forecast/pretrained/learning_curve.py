"""The learning curve of the pretraining, on synthetic series that no training sees."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from revin_forecast.pretrained.generator import generate_series
from revin_forecast.pretrained.loss import compute_pinball, scale_truth
from revin_forecast.pretrained.network import LEVELS, PretrainedNetwork
from revin_forecast.pretrained.synthetic_batches import SeriesGroup, build_group
from revin_forecast.utils.files import atomic_write

VALIDATION_SEED = 2**40
"""Seed of the series of the curve; seeds of trainings are below."""
MIN_ERROR = 0.01
"""Added to errors on the common scale, so that series without any error can be compared."""


class ValidationShape(NamedTuple):
    """Season, rows and horizon of the series of one kind."""

    season: int
    rows: int
    horizon: int


SHAPES = (
    ValidationShape(1, 30, 6),
    ValidationShape(1, 300, 64),
    ValidationShape(4, 48, 8),
    ValidationShape(7, 120, 14),
    ValidationShape(12, 96, 18),
    ValidationShape(24, 240, 48),
    ValidationShape(52, 156, 13),
)
"""The kinds of series of the curve: yearly to hourly data with usual horizons."""


@dataclass(frozen=True)
class SyntheticScore:
    """Quality on synthetic series; errors are geometric means of ratios to the seasonal naive."""

    quantile_loss: float
    """Twice the pinball, averaged over levels and steps, by the naive's absolute error."""
    absolute_error: float
    """Absolute error of the median by that of the seasonal naive."""
    coverage_80: float
    """Share of the true values within the 80 % interval."""
    coverage_95: float
    """Share of the true values within the 95 % interval."""


@dataclass(frozen=True)
class CurvePoint:
    """One row of the learning curve."""

    step: int
    """Training steps so far."""
    loss: float
    """Mean loss of the training steps since the last row; wide intervals lower it, too."""
    quantile_loss: float
    absolute_error: float
    coverage_80: float
    coverage_95: float


def build_validation(series: int) -> list[SeriesGroup]:
    """Return `series` series of each of `SHAPES`, the same ones each time."""
    is_log = np.zeros(series, dtype=bool)
    return [
        build_group(
            generate_series(VALIDATION_SEED + index, series, rows, horizon, season),
            slice(None),
            np.arange(1, horizon + 1),
            is_log,
        )
        for index, (season, rows, horizon) in enumerate(SHAPES)
    ]


@torch.no_grad()
def score_networks(
    networks: Sequence[PretrainedNetwork], groups: Iterable[SeriesGroup]
) -> list[SyntheticScore]:
    """Return the score of each group, of the mean of the networks' quantiles."""
    return [_score_group(networks, group) for group in groups]


def average_scores(scores: Sequence[SyntheticScore]) -> SyntheticScore:
    """Return the geometric mean of the ratios of errors and the mean of the coverages."""
    columns = {
        field.name: np.array([getattr(score, field.name) for score in scores])
        for field in fields(SyntheticScore)
    }
    return SyntheticScore(
        *(
            float(values.mean() if name.startswith("coverage") else np.exp(np.log(values).mean()))
            for name, values in columns.items()
        )
    )


def write_curve(path: Path, curve: Iterable[CurvePoint]) -> None:
    """Write the learning curve as a table, one row a point."""
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(CurvePoint)])
        writer.writeheader()
        writer.writerows(asdict(point) for point in curve)


def repeat_season(
    values: Float[Tensor, "series rows"],
    observed: Bool[Tensor, "series rows"],
    season: int,
    steps: Int[Tensor, " steps"],
) -> Float[Tensor, "series steps"]:
    """Return the forecasts of the seasonal naive: the last observed value of each phase.

    A phase that was never observed has the last observed value of all.
    """
    rows = values.shape[1]
    row = torch.where(observed, torch.arange(rows), -1)
    padding = -rows % season
    by_phase = torch.nn.functional.pad(row, (padding, 0), value=-1).unflatten(1, (-1, season))
    last = by_phase.amax(dim=1)
    last = torch.where(last < 0, row.amax(dim=1, keepdim=True), last).clamp(min=0)
    return values.gather(1, last[:, (steps - 1) % season])


def _score_group(networks: Sequence[PretrainedNetwork], group: SeriesGroup) -> SyntheticScore:
    values, observed = torch.from_numpy(group.values), torch.from_numpy(group.observed)
    steps = torch.from_numpy(group.steps)
    forecasts = [network.forecast(values, observed, group.season, steps) for network in networks]
    # Location and scale come from the series alone, so all networks share them.
    location, scale = forecasts[0].location, forecasts[0].scale
    quantiles = torch.stack([forecast.quantiles for forecast in forecasts]).mean(dim=0)
    truth = scale_truth(torch.from_numpy(group.future), location, scale)
    naive = repeat_season(values, observed, group.season, steps)
    naive_error = (scale_truth(naive, location, scale) - truth).abs().mean(dim=1)
    pinball = 2 * compute_pinball(quantiles, truth, LEVELS).mean(dim=(1, 2))
    error = (quantiles[..., LEVELS.index(0.5)] - truth).abs().mean(dim=1)
    return SyntheticScore(
        _average_ratio(pinball, naive_error),
        _average_ratio(error, naive_error),
        _measure_coverage(quantiles, truth, 0.1, 0.9),
        _measure_coverage(quantiles, truth, 0.025, 0.975),
    )


def _average_ratio(error: Float[Tensor, " series"], naive_error: Float[Tensor, " series"]) -> float:
    ratio = (error.double() + MIN_ERROR) / (naive_error.double() + MIN_ERROR)
    return float(ratio.log().mean().exp())


def _measure_coverage(
    quantiles: Float[Tensor, "series steps levels"],
    truth: Float[Tensor, "series steps"],
    lower: float,
    upper: float,
) -> float:
    low, high = quantiles[..., LEVELS.index(lower)], quantiles[..., LEVELS.index(upper)]
    return float(((low <= truth) & (truth <= high)).double().mean())
