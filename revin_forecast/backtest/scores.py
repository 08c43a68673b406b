from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.backtest.windows import Origins
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
    """Sums over windows and steps, for each series, in float64 and the table's units.

    The scores are those of `metrics`, by series.

    Args:
        fitted: the model.
        levels: intervals to score, in percent.
        season: steps of SeasonalNaive.
        unit: (targets,) what MASE is relative to; NaN where a series has no such thing.
    """

    def __init__(
        self, fitted: Fitted, levels: Sequence[int | float], season: int, unit: np.ndarray
    ):
        self.fitted, self.season, self.unit = fitted, season, unit
        self.bounds = {level: interval_levels(level) for level in levels}
        self.standardizer = fitted.standardizer.select(fitted.targets)
        self.deciles = DECILES if has_quantiles(fitted, DECILES) else ()
        self.sums: dict[str, np.ndarray] = {}

    @torch.inference_mode()
    def add(self, origins: Origins) -> None:
        """Score some windows."""
        seen = origins.truth.isfinite()
        naive = self._naive(origins.longer.shape[1])
        points = [self.fitted.forecast(origins.past, origins.known)]
        points += [model(origins.longer) for model in naive]
        self._add("observed", seen.double(), seen)
        for name, point in zip(POINTS, points, strict=True):
            error = self._error(point, origins.truth)
            self._add(f"{name}mae", error.abs(), seen)
            self._add(f"{name}mse", error.square(), seen)
        wanted = sorted({*self.deciles, *(one for both in self.bounds.values() for one in both)})
        if not wanted:
            return
        quantiles = self.fitted.quantiles(origins.past, wanted, origins.known)
        over = dict(zip(wanted, quantiles.unbind(-1), strict=True))
        over = {one: self._error(quantile, origins.truth) for one, quantile in over.items()}
        for level, (low, high) in self.bounds.items():
            inside = (over[low] <= 0) & (over[high] >= 0)
            self._add(f"coverage-{level:g}", 100 * inside.double(), seen)
            self._add(f"width-{level:g}", over[high] - over[low], seen)
        if self.deciles:
            losses = [torch.maximum((1 - q) * over[q], -q * over[q]) for q in self.deciles]
            self._add("crps", 2 * torch.stack(losses).mean(0), seen)
            size = self.standardizer.inverse(origins.truth.numpy())
            self._add("size", torch.from_numpy(np.abs(size)), seen)

    def by_series(self) -> dict[str, np.ndarray]:
        """Return the scores of each series, (targets,)."""
        means = _means(self.sums)
        scaled = {f"{name}mase": means[f"{name}mae"] / self.unit for name in POINTS}
        return _ordered(means | scaled)

    def overall(self) -> dict[str, float]:
        """Return the scores over all values; of MASE the mean over series that have one."""
        found = _means({name: part.sum(keepdims=True) for name, part in self.sums.items()})
        for name in POINTS:
            scaled = self.by_series()[f"{name}mase"]
            scaled = scaled[np.isfinite(scaled)]
            found[f"{name}mase"] = scaled.mean(keepdims=True) if len(scaled) else np.full(1, np.nan)
        return {name: float(score[0]) for name, score in _ordered(found).items()}

    def _naive(self, rows: int) -> list[nn.Module]:
        """Return Repeat and SeasonalNaive, made to see through gaps."""
        sizes = rows, self.fitted.recipe.horizon, len(self.fitted.targets)
        backbones = [Repeat(*sizes), SeasonalNaive(*sizes, season=self.season)]
        return [Reversible(backbone, LastValue(sizes[2])).eval() for backbone in backbones]

    def _error(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """Return forecast - truth in the table's units; the level cancels, and loses no digits."""
        return (forecast.double() - truth.double()) * torch.from_numpy(self.standardizer.scale)

    def _add(self, name: str, values: Tensor, seen: Tensor) -> None:
        total = torch.where(seen, values, 0).sum((0, 1)).numpy()
        self.sums[name] = self.sums.get(name, 0) + total


def _means(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return means over what was observed, NaN where nothing was."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means = {name: part / sums["observed"] for name, part in sums.items()}
        if "size" in means:
            means["wql"] = means["crps"] / means.pop("size")
    return {**means, "observed": sums["observed"]}


def _ordered(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    points = [f"{name}{score}" for name in POINTS for score in ("mase", "mse", "mae")]
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
