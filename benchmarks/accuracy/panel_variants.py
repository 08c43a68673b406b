"""Variants of the rules for single series, and their forecasts of a task of the panel."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import ModuleType
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from benchmarks.accuracy.panel_tasks import PanelTask
from revin_forecast.backbones import smoothing_grid, smoothing_weights
from revin_forecast.backbones.ets import SmoothingForecast
from revin_forecast.selection import local_models, member_weights, short_maps
from revin_forecast.selection.expanding_origins import choose_origins
from revin_forecast.selection.local_models import (
    LAST_SEASON,
    MAX_ROWS,
    OWN_MAP,
    SHARED_MAP,
    LocalCombination,
    LocalForecasts,
    SeriesBlock,
    combine_local_models,
)
from revin_forecast.selection.short_maps import MIN_LOOKBACK, default_short_lookback

SMOOTHING_MODULES = (smoothing_grid, smoothing_weights)
"""Modules whose constants change the forecasts of exponential smoothing."""
MAPS = (OWN_MAP, SHARED_MAP)


@dataclass(frozen=True)
class Variant:
    """The rules of the package with one of them changed; without changes the shipped rules."""

    rule: str
    """The rule, with its shipped value in brackets."""
    value: str
    """Its value here."""
    constants: tuple[tuple[ModuleType, str, float], ...] = ()
    """(module, name, value) of constants that differ."""
    excluded: tuple[str, ...] = ()
    """Names of the members that get no weight."""
    has_logs: bool = True
    """Whether positive series are also smoothed on logarithms."""
    is_season_whole: bool = False
    """Whether maps see a season and one step, however few the rows are."""

    @property
    def smoothing(self) -> tuple[object, ...]:
        """Whatever changes exponential smoothing; variants with the same share its forecasts."""
        return (self.has_logs, *(c for c in self.constants if c[0] in SMOOTHING_MODULES))


def _vary(module: ModuleType, name: str, rule: str, *values: float) -> list[Variant]:
    """Return a variant for each value of a constant."""
    label = f"{rule} ({getattr(module, name):g})"
    return [Variant(label, f"{value:g}", ((module, name, float(value)),)) for value in values]


SHIPPED = Variant("shipped rules", "")
MEMBERS = "members (ETS, map, seasonal naive)"
WEIGHTS = "weights (by error)"
VARIANTS = (
    SHIPPED,
    *_vary(member_weights, "SHARPNESS", "power of the error in the weights", 2, 4, 16),
    *_vary(member_weights, "SHRINKAGE_WINDOWS", "windows that shrink the weights", 0, 8),
    # Power 0 makes all weights equal, and a very large one leaves the best member.
    Variant(WEIGHTS, "equal", ((member_weights, "SHARPNESS", 0.0),)),
    Variant(WEIGHTS, "best member alone", ((member_weights, "SHARPNESS", 1e6),)),
    Variant(MEMBERS, "without seasonal naive", excluded=(LAST_SEASON,)),
    Variant(MEMBERS, "without map", excluded=MAPS),
    Variant(MEMBERS, "ETS alone", excluded=(LAST_SEASON, *MAPS)),
    Variant("logarithms (positive series)", "none", has_logs=False),
    *_vary(smoothing_grid, "GROWTH_PENALTY", "penalty on undamped exponential growth", 0, 16),
    *_vary(smoothing_grid, "PARAMETER_PENALTY", "penalty of a parameter", 2, 8),
    *_vary(smoothing_weights, "WEIGHT_TEMPERATURE", "temperature of the ETS weights", 2, 8),
    Variant("look-back of the map (at most rows / 10)", "season + 1", is_season_whole=True),
    *_vary(short_maps, "OWN_PENALTY", "ridge penalty of the map", 0.01, 1),
)


def forecast_variants(task: PanelTask, variants: Sequence[Variant]) -> Iterator[np.ndarray]:
    """Yield the point forecast (horizon,) of each variant.

    The series is in deviations, as `Forecaster` passes it on. A series that never was below 0 has
    no forecast below 0.
    """
    values = torch.from_numpy(task.values[-MAX_ROWS:].copy()).unsqueeze(1)
    scale = float(np.nanstd(task.values)) or 1.0
    rows, season = len(values), task.season
    lookback = default_short_lookback(season, rows)
    origins = tuple(choose_origins(rows, season))
    block = SeriesBlock(values / scale, task.horizon, season, origins, lookback)
    is_amount = np.nanmin(task.values) >= 0
    smoothed: dict[tuple[object, ...], list[SmoothingForecast]] = {}
    for variant in variants:
        whole = replace(block, map_lookback=max(season + 1, MIN_LOOKBACK))
        given = whole if variant.is_season_whole else block
        combination = _combine(given, variant, smoothed)
        finals = torch.stack([member.final for member in combination.members]).nan_to_num(0)
        mean = scale * (combination.weights[:, None] * finals).sum(0)[:, 0].numpy()
        yield mean.clip(min=0) if is_amount else mean


def _combine(
    block: SeriesBlock,
    variant: Variant,
    smoothed: dict[tuple[object, ...], list[SmoothingForecast]],
) -> LocalCombination:
    """Combine the members by a variant's rules.

    The package has no settings for its rules. So constants and two functions are replaced while a
    block is combined; a name that no longer exists is an error.

    Args:
        block: one series.
        variant: the rules.
        smoothed: forecasts of exponential smoothing by other variants of the same block.
    """
    smooth, weigh = local_models._smooth, local_models._weigh_members

    def smooth_once(block: SeriesBlock, season: int, zero: Tensor) -> list[SmoothingForecast]:
        if variant.smoothing not in smoothed:
            given = zero if variant.has_logs else torch.full_like(zero, torch.nan)
            smoothed[variant.smoothing] = smooth(block, season, given)
        return smoothed[variant.smoothing]

    def weigh_some(block: SeriesBlock, members: Sequence[LocalForecasts], errors: Tensor) -> Tensor:
        rest = [
            replace(member, is_baseline=member.is_baseline or member.name in variant.excluded)
            for member in members
        ]
        return weigh(block, rest, errors)

    with ExitStack() as stack:
        for module, name, value in variant.constants:
            stack.enter_context(mock.patch.object(module, name, value))
        stack.enter_context(mock.patch.object(local_models, "_smooth", smooth_once))
        stack.enter_context(mock.patch.object(local_models, "_weigh_members", weigh_some))
        return combine_local_models(block)
