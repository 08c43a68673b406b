from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.backtest.windows import Origins
from revin_forecast.data.scaling import Standardizer
from revin_forecast.errors import InputError
from revin_forecast.fitted import Fitted
from revin_forecast.intervals import interval_levels
from revin_forecast.normalizers import LastValue
from revin_forecast.reversible import Reversible

DECILES = tuple(step / 10 for step in range(1, 10))
"""Quantiles that WQL and CRPS are taken over."""
POINTS = ("", "repeat_", "seasonal_naive_")
"""What stands before the scores of the model's and the naive forecasts."""


class Scores:
    """Sums over windows, for each series and for each step, in float64 and the table's units.

    The scores are those of `metrics`, by series.

    Args:
        levels: intervals to score, in percent.
        unit: (targets,) what MASE is relative to; NaN where a series has no such thing.
        deciles: score the deciles, too.
        smape: score the symmetric percentage error, too.
    """

    def __init__(
        self,
        levels: Sequence[int | float],
        unit: np.ndarray,
        deciles: bool,
        smape: bool = False,
    ):
        self.unit, self.smape = unit, smape
        self.bounds = {level: interval_levels(level) for level in levels}
        self.deciles = DECILES if deciles else ()
        self.sums: dict[str, np.ndarray] = {}
        self.steps: dict[str, np.ndarray] = {}

    @torch.inference_mode()
    def add(self, fitted: Fitted, origins: Origins, forecast: Tensor) -> None:
        """Score some windows.

        Args:
            fitted: whose forecast it is.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets)
        seen, units = origins.truth.isfinite(), torch.from_numpy(scale.scale)
        size = torch.from_numpy(np.abs(scale.inverse(origins.truth.numpy())))
        points = [forecast, *self._naive(origins)]
        self._add("observed", seen.double(), seen)
        for name, point in zip(POINTS, points, strict=True):
            error = _error(point, origins.truth, units)
            self._add(f"{name}mae", error.abs(), seen)
            self._add(f"{name}mse", error.square(), seen)
            self._add_step(f"{name}mase", error.abs() / torch.from_numpy(self.unit), seen)
            if self.smape:
                self._add(f"{name}smape", _symmetric(point, error, size, scale), seen)
        self._add_quantiles(fitted, origins, seen, units)
        if self.deciles:
            self._add("size", size, seen)

    def _add_quantiles(self, fitted: Fitted, origins: Origins, seen: Tensor, units: Tensor) -> None:
        wanted = sorted({*self.deciles, *(one for both in self.bounds.values() for one in both)})
        if not wanted:
            return
        quantiles = fitted.quantiles(origins.past, wanted, origins.known)
        over = dict(zip(wanted, quantiles.unbind(-1), strict=True))
        over = {one: _error(quantile, origins.truth, units) for one, quantile in over.items()}
        for level, (low, high) in self.bounds.items():
            inside = 100 * ((over[low] <= 0) & (over[high] >= 0)).double()
            self._add(f"coverage-{level:g}", inside, seen)
            self._add_step(f"coverage-{level:g}", inside, seen)
            self._add(f"width-{level:g}", over[high] - over[low], seen)
        if self.deciles:
            losses = [torch.maximum((1 - q) * over[q], -q * over[q]) for q in self.deciles]
            self._add("crps", 2 * torch.stack(losses).mean(0), seen)

    def by_series(self) -> dict[str, np.ndarray]:
        """Return the scores of each series, (targets,)."""
        means = _means(self.sums)
        scaled = {f"{name}mase": means[f"{name}mae"] / self.unit for name in POINTS}
        return _ordered(means | scaled)

    def by_step(self) -> dict[str, np.ndarray]:
        """Return MASE of the three forecasts, and coverage, of each step ahead, (horizon,).

        The mean over all values of series that have a unit.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {name: total[0] / total[1] for name, total in self.steps.items()}
        return {"step": np.arange(1, len(next(iter(found.values()))) + 1), **found}

    def overall(self) -> dict[str, float]:
        """Return the scores over all values; of MASE the mean over series that have one."""
        found = _means({name: part.sum(keepdims=True) for name, part in self.sums.items()})
        for name in POINTS:
            scaled = self.by_series()[f"{name}mase"]
            scaled = scaled[np.isfinite(scaled)]
            found[f"{name}mase"] = scaled.mean(keepdims=True) if len(scaled) else np.full(1, np.nan)
        return {name: float(score[0]) for name, score in _ordered(found).items()}

    def _naive(self, origins: Origins) -> list[Tensor]:
        """Return what Repeat and SeasonalNaive say, made to see through gaps."""
        horizon, channels = origins.truth.shape[1:]
        repeat = Repeat(1, horizon, channels)
        seasonal = SeasonalNaive(origins.last_season.shape[1], horizon, channels)
        pairs = [(repeat, origins.last), (seasonal, origins.last_season)]
        return [Reversible(model, LastValue(channels)).eval()(past) for model, past in pairs]

    def _add(self, name: str, values: Tensor, seen: Tensor) -> None:
        total = torch.where(seen, values, 0).sum((0, 1)).numpy()
        self.sums[name] = self.sums.get(name, 0) + total

    def _add_step(self, name: str, values: Tensor, seen: Tensor) -> None:
        """Add to a score by step: the sum over what is observed and has a unit, and the count."""
        counted = seen & values.isfinite()
        parts = [torch.where(counted, values, 0).double(), counted.double()]
        total = torch.stack([part.sum((0, 2)) for part in parts]).numpy()
        self.steps[name] = self.steps.get(name, 0) + total


def _error(forecast: Tensor, truth: Tensor, units: Tensor) -> Tensor:
    """Return forecast - truth in the table's units; the level cancels, and loses no digits."""
    return (forecast.double() - truth.double()) * units


def _symmetric(point: Tensor, error: Tensor, size: Tensor, scale: Standardizer) -> Tensor:
    """Return 200 |f - y| / (|f| + |y|), 0 where both are."""
    both = size + torch.from_numpy(np.abs(scale.inverse(point.numpy())))
    return 200 * error.abs() / torch.where(both > 0, both, 1)


def _means(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return means over what was observed, NaN where nothing was."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means = {name: part / sums["observed"] for name, part in sums.items()}
        if "size" in means:
            means["wql"] = means["crps"] / means.pop("size")
    return {**means, "observed": sums["observed"]}


def _ordered(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    asked = ("mase", "mse", "mae", *(["smape"] if "smape" in scores else []))
    points = [f"{name}{score}" for name in POINTS for score in asked]
    intervals = [name for name in scores if "-" in name]
    nothing = np.full_like(scores["observed"], np.nan)
    order = ["observed", *points, *intervals, "wql", "crps"]
    return {name: scores.get(name, nothing) for name in order}


def has_quantiles(fitted: Fitted, levels: Sequence[float], required: bool = False) -> bool:
    """Return whether a model has some quantiles.

    Raises:
        InputError: it has not, and they are required.
    """
    recipe = fitted.recipe
    past = torch.zeros(1, recipe.lookback, len(fitted.history.names))
    known = torch.zeros(1, recipe.lookback + recipe.horizon, len(recipe.covariates))
    try:
        fitted.quantiles(past, levels, known if recipe.covariates else None)
    except InputError:
        if required:
            raise
        return False
    return True
