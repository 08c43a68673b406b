"""Models for the checks, fitted and measured as those of any benchmark."""

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.components import Component
from revin_forecast.fitting import Recipe, fit_split
from revin_forecast.normalizers import Normalizer
from revin_forecast.reversible import Reversible
from revin_forecast.shift.base import AffineShift, Moment
from revin_forecast.shift.cell import Evaluator
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.datasets import Prepared, drawn, prepare
from revin_forecast.shift.sources import AR, Source
from revin_forecast.shift.suite import DataSource, WindowGrid
from revin_forecast.shift.windows import clean_windows, forecasts, shifted_windows

GRID = WindowGrid(lookback=24, horizon=12, stride=3)
PENALTY = 1e-10
PROCESS = AR(rows=6000, phi=0.9)
RESAMPLES = 50


@dataclass(frozen=True, eq=False)
class Trial:
    """One model on one data set, in float64."""

    data: Prepared
    model: Reversible

    def error(self, cell: Cell | None = None) -> np.ndarray:
        """Return forecast - truth (windows, horizon, channels); the clean one without a cell."""
        world, stride = self.data.world, GRID.stride
        if cell is None:
            windows = clean_windows(world, stride, torch.float64)
        else:
            windows = shifted_windows(world, cell, stride, torch.float64)
        return forecasts(self.model, windows.past) - windows.truth

    def measured(self, cell: Cell) -> dict[str, Any]:
        """Return the row that a benchmark makes of a cell."""
        world = self.data.world
        evaluator = Evaluator(self.model, world, GRID.stride, RESAMPLES, torch.float64)
        return evaluator.measure(cell)[0].facts

    def offset(self, shift: AffineShift, severity: int) -> np.ndarray:
        """Return what a shift adds to each channel, (channels,)."""
        world = self.data.world
        at, knob = Moment.steady(world, 1), shift.knobs[severity]
        return shift.affine(world, at, knob, world.draw(shift.name, 0))[1]

    @cached_property
    def weight(self) -> np.ndarray:
        """(horizon, lookback): W."""
        assert isinstance(self.model.backbone, Ridge)
        return self.model.backbone.weight.detach().numpy()

    @cached_property
    def sums(self) -> np.ndarray:
        """(horizon, 1): s_h."""
        return self.weight.sum(axis=1, keepdims=True)


@lru_cache(maxsize=8)
def data_of(process: Source, name: str = "ar") -> Prepared:
    """Draw a process as the benchmark does."""
    return drawn(DataSource(name), GRID, process)


@lru_cache(maxsize=16)
def ridge(normalizer: type[Normalizer], process: Source = PROCESS, severity: int = -1) -> Trial:
    """Solve a linear map inside a normalizer.

    Args:
        normalizer: around it.
        process: what is drawn.
        severity: of level-dependent data, which are drawn instead; -1: not.
    """
    data = data_of(process)
    if severity >= 0:
        data = prepare(DataSource("level_dependent", severity=severity), GRID)
    sizes = GRID.lookback, GRID.horizon
    backbone = Component.of(partial(Ridge, penalties=[PENALTY]))
    model, _ = fit_split(Recipe(backbone, Component.of(normalizer), *sizes), data.split)
    return Trial(data, model.double())


def untrained(model: Reversible, process: Source) -> Trial:
    """Take a model as it is, moved away from its initial weights."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return Trial(data_of(process), model.double().eval())


def worst(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the pair (predicted, measured) that is furthest apart, relative to its prediction."""
    return max(pairs, key=lambda pair: abs(pair[0] - pair[1]) / max(1.0, abs(pair[0])))
