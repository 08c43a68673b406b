"""revin_forecast/evaluation/backtest_scores.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.data.scaling import Standardizer
from revin_forecast.errors import InputError
from revin_forecast.evaluation.rolling_windows import OriginBatch
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LastValue

DECILES = tuple(step / 10 for step in range(1, 10))
"""Quantiles that WQL and CRPS are taken over."""
FORECAST_PREFIXES = ("", "repeat_", "seasonal_naive_")
"""What stands before the scores of the model's and the naive forecasts."""


class ScoreAccumulator:
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
        self.interval_quantiles = {level: interval_quantiles(level) for level in levels}
        self.deciles = DECILES if deciles else ()
        self.series_sums: dict[str, np.ndarray] = {}
        self.step_sums: dict[str, np.ndarray] = {}

    @torch.inference_mode()
    def add(self, fitted: FittedModel, origins: OriginBatch, forecast: Tensor) -> None:
        """Score some windows.

        Args:
            fitted: whose forecast it is.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets)
        seen, units = origins.truth.isfinite(), torch.from_numpy(scale.scale)
        size = torch.from_numpy(np.abs(scale.inverse_transform(origins.truth.numpy())))
        points = [forecast, *self._forecast_naive(origins)]
        self._add_series_sum("observed", seen.double(), seen)
        for name, point in zip(FORECAST_PREFIXES, points, strict=True):
            error = _error_in_table_units(point, origins.truth, units)
            self._add_series_sum(f"{name}mae", error.abs(), seen)
            self._add_series_sum(f"{name}mse", error.square(), seen)
            self._add_step_sum(f"{name}mase", error.abs() / torch.from_numpy(self.unit), seen)
            if self.smape:
                self._add_series_sum(f"{name}smape", _smape(point, error, size, scale), seen)
        self._add_quantile_scores(fitted, origins, seen, units)
        if self.deciles:
            self._add_series_sum("size", size, seen)

    def _add_quantile_scores(
        self, fitted: FittedModel, origins: OriginBatch, seen: Tensor, units: Tensor
    ) -> None:
        wanted = sorted(
            {*self.deciles, *(one for both in self.interval_quantiles.values() for one in both)}
        )
        if not wanted:
            return
        quantiles = fitted.quantiles(origins.past, wanted, origins.known)
        over = dict(zip(wanted, quantiles.unbind(-1), strict=True))
        over = {
            one: _error_in_table_units(quantile, origins.truth, units)
            for one, quantile in over.items()
        }
        for level, (low, high) in self.interval_quantiles.items():
            inside = 100 * ((over[low] <= 0) & (over[high] >= 0)).double()
            self._add_series_sum(f"coverage-{level:g}", inside, seen)
            self._add_step_sum(f"coverage-{level:g}", inside, seen)
            self._add_series_sum(f"width-{level:g}", over[high] - over[low], seen)
        if self.deciles:
            losses = [torch.maximum((1 - q) * over[q], -q * over[q]) for q in self.deciles]
            self._add_series_sum("crps", 2 * torch.stack(losses).mean(0), seen)

    def compute_series_scores(self) -> dict[str, np.ndarray]:
        """Return the scores of each series, (targets,)."""
        means = _observed_means(self.series_sums)
        scaled = {f"{name}mase": means[f"{name}mae"] / self.unit for name in FORECAST_PREFIXES}
        return _in_column_order(means | scaled)

    def compute_step_scores(self) -> dict[str, np.ndarray]:
        """Return MASE of the three forecasts, and coverage, of each step ahead, (horizon,).

        The mean over all values of series that have a unit.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            found = {name: total[0] / total[1] for name, total in self.step_sums.items()}
        return {"step": np.arange(1, len(next(iter(found.values()))) + 1), **found}

    def compute_overall_scores(self) -> dict[str, float]:
        """Return the scores over all values; of MASE the mean over series that have one."""
        found = _observed_means(
            {name: part.sum(keepdims=True) for name, part in self.series_sums.items()}
        )
        for name in FORECAST_PREFIXES:
            scaled = self.compute_series_scores()[f"{name}mase"]
            scaled = scaled[np.isfinite(scaled)]
            found[f"{name}mase"] = scaled.mean(keepdims=True) if len(scaled) else np.full(1, np.nan)
        return {name: float(score[0]) for name, score in _in_column_order(found).items()}

    def _forecast_naive(self, origins: OriginBatch) -> list[Tensor]:
        """Return what Repeat and SeasonalNaive say, made to see through gaps."""
        horizon, channels = origins.truth.shape[1:]
        repeat = Repeat(1, horizon, channels)
        seasonal = SeasonalNaive(origins.last_season.shape[1], horizon, channels)
        pairs = [(repeat, origins.last_values), (seasonal, origins.last_season)]
        return [Reversible(model, LastValue(channels)).eval()(past) for model, past in pairs]

    def _add_series_sum(self, name: str, values: Tensor, seen: Tensor) -> None:
        total = torch.where(seen, values, 0).sum((0, 1)).numpy()
        self.series_sums[name] = self.series_sums.get(name, 0) + total

    def _add_step_sum(self, name: str, values: Tensor, seen: Tensor) -> None:
        """Add to a score by step: the sum over what is observed and has a unit, and the count."""
        counted = seen & values.isfinite()
        parts = [torch.where(counted, values, 0).double(), counted.double()]
        total = torch.stack([part.sum((0, 2)) for part in parts]).numpy()
        self.step_sums[name] = self.step_sums.get(name, 0) + total


def _error_in_table_units(forecast: Tensor, truth: Tensor, units: Tensor) -> Tensor:
    """Return forecast - truth in the table's units; the level cancels, and loses no digits."""
    return (forecast.double() - truth.double()) * units


def _smape(point: Tensor, error: Tensor, size: Tensor, scale: Standardizer) -> Tensor:
    """Return 200 |f - y| / (|f| + |y|), 0 where both are."""
    both = size + torch.from_numpy(np.abs(scale.inverse_transform(point.numpy())))
    return 200 * error.abs() / torch.where(both > 0, both, 1)


def _observed_means(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return means over what was observed, NaN where nothing was."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means = {name: part / sums["observed"] for name, part in sums.items()}
        if "size" in means:
            means["wql"] = means["crps"] / means.pop("size")
    return {**means, "observed": sums["observed"]}


def _in_column_order(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    asked = ("mase", "mse", "mae", *(["smape"] if "smape" in scores else []))
    points = [f"{name}{score}" for name in FORECAST_PREFIXES for score in asked]
    intervals = [name for name in scores if "-" in name]
    nothing = np.full_like(scores["observed"], np.nan)
    order = ["observed", *points, *intervals, "wql", "crps"]
    return {name: scores.get(name, nothing) for name in order}


def has_quantiles(fitted: FittedModel, levels: Sequence[float], required: bool = False) -> bool:
    """Return whether a model has some quantiles.

    Raises:
        InputError: it has not, and they are required.
    """
    recipe = fitted.config
    past = torch.zeros(1, recipe.lookback, len(fitted.history.names))
    known = torch.zeros(1, recipe.lookback + recipe.horizon, len(recipe.covariates))
    try:
        fitted.quantiles(past, levels, known if recipe.covariates else None)
    except InputError:
        if required:
            raise
        return False
    return True


MAX_PATH_SERIES = 50
"""Series of which forecasts are kept, the first ones."""


@dataclass(frozen=True, eq=False)
class ForecastPaths:
    """Forecasts of a backtest as they were, of its first series, in the table's units."""

    names: tuple[str, ...]
    rows: np.ndarray
    """(paths,) of the series, each the first that was forecast; a horizon apart at least."""
    forecast: np.ndarray
    """(paths, horizon, names)."""
    truth: np.ndarray
    """(paths, horizon, names), NaN where unobserved."""
    next_rows: np.ndarray
    """(origins,) of the series, each one step ahead of an origin."""
    next_errors: np.ndarray
    """(origins, names): truth less forecast, one step ahead, of every origin."""
    mean_error: np.ndarray
    """(names,) of truth less forecast, over every origin and step; NaN where none was observed."""


class PathRecorder:
    """Keeps forecasts that don't overlap, the errors one step ahead, and the mean of all.

    Args:
        names: of all series forecast.
        starts: the first rows of all forecasts.
        horizon: steps of each.
    """

    def __init__(self, names: Sequence[str], starts: range, horizon: int):
        self.names = tuple(names[:MAX_PATH_SERIES])
        apart = -(-horizon // starts.step) * starts.step
        self._starts = starts
        self._recorded_starts = range(starts.start, starts.stop, apart)
        self._rows: list[int] = []
        self._forecasts: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []
        self._errors: list[np.ndarray] = []
        self._total, self._count = np.zeros(len(self.names)), np.zeros(len(self.names))

    def add(self, fitted: FittedModel, origins: OriginBatch, forecast: Tensor) -> None:
        """Look at some windows.

        Args:
            fitted: whose forecast it is.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets[: len(self.names)])
        count, rows = len(self.names), origins.rows.tolist()
        errors = (origins.truth[..., :count].double() - forecast[..., :count].double()).numpy()
        self._errors.append(errors[:, 0] * scale.scale)
        self._total += np.nansum(errors, (0, 1)) * scale.scale
        self._count += np.isfinite(errors).sum((0, 1))
        places = [place for place, row in enumerate(rows) if row in self._recorded_starts]
        self._rows += [rows[place] for place in places]
        self._forecasts.append(scale.inverse_transform(forecast[places, :, :count].numpy()))
        self._truths.append(scale.inverse_transform(origins.truth[places, :, :count].numpy()))

    def build_paths(self) -> ForecastPaths:
        """Return what was kept."""
        seen = self._count > 0
        return ForecastPaths(
            self.names,
            np.array(self._rows, dtype=int),
            np.concatenate(self._forecasts),
            np.concatenate(self._truths),
            np.array(self._starts),
            np.concatenate(self._errors),
            np.where(seen, self._total / np.where(seen, self._count, 1), np.nan),
        )
