"""Accumulate the scores of a backtest, and record some of its forecasts."""

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
from revin_forecast.shapes import Future

DECILES = tuple(step / 10 for step in range(1, 10))
"""Quantile levels of WQL and CRPS."""
FORECAST_PREFIXES = ("", "repeat_", "seasonal_naive_")
"""Prefixes of the score names: the model, and the two naive forecasts."""
MAX_PATH_SERIES = 50
"""Most series whose forecasts are recorded: the first ones."""


class ScoreAccumulator:
    """Sums of scores over windows, by series and by step, in float64 and the table's units.

    The definitions are those of `revin_forecast.metrics`, for each series.

    Args:
        levels: interval levels to score, in percent.
        unit: (targets,) scale of MASE; NaN for a series without one.
        deciles: whether to score the deciles (WQL and CRPS).
        smape: whether to score the symmetric percentage error.
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
    def add(self, fitted: FittedModel, origins: OriginBatch, forecast: Future) -> None:
        """Score a batch of windows.

        Args:
            fitted: the model that made the forecast.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets)
        observed, units = origins.truth.isfinite(), torch.from_numpy(scale.scale)
        size = torch.from_numpy(np.abs(scale.inverse_transform(origins.truth.numpy())))
        points = [forecast, *self._forecast_naive(origins)]
        self._add_series_sum("observed", observed.double(), observed)
        for name, point in zip(FORECAST_PREFIXES, points, strict=True):
            error = _error_in_table_units(point, origins.truth, units)
            self._add_series_sum(f"{name}mae", error.abs(), observed)
            self._add_series_sum(f"{name}mse", error.square(), observed)
            self._add_step_sum(f"{name}mase", error.abs() / torch.from_numpy(self.unit), observed)
            if self.smape:
                self._add_series_sum(f"{name}smape", _smape(point, error, size, scale), observed)
        self._add_quantile_scores(fitted, origins, observed, units)
        if self.deciles:
            self._add_series_sum("size", size, observed)  # denominator of WQL

    def _add_quantile_scores(
        self, fitted: FittedModel, origins: OriginBatch, observed: Tensor, units: Tensor
    ) -> None:
        bounds = (quantile for pair in self.interval_quantiles.values() for quantile in pair)
        quantile_levels = sorted({*self.deciles, *bounds})
        if not quantile_levels:
            return
        quantiles = fitted.quantiles(origins.past, quantile_levels, origins.known)
        # By level: quantile minus truth, in the table's units.
        errors = {
            quantile_level: _error_in_table_units(quantile, origins.truth, units)
            for quantile_level, quantile in zip(quantile_levels, quantiles.unbind(-1), strict=True)
        }
        for level, (low, high) in self.interval_quantiles.items():
            inside = 100 * ((errors[low] <= 0) & (errors[high] >= 0)).double()
            self._add_series_sum(f"coverage-{level:g}", inside, observed)
            self._add_step_sum(f"coverage-{level:g}", inside, observed)
            self._add_series_sum(f"width-{level:g}", errors[high] - errors[low], observed)
        if self.deciles:
            losses = [torch.maximum((1 - q) * errors[q], -q * errors[q]) for q in self.deciles]
            self._add_series_sum("crps", 2 * torch.stack(losses).mean(0), observed)

    def compute_series_scores(self) -> dict[str, np.ndarray]:
        """Return the scores of each series, (targets,)."""
        means = _compute_means(self.series_sums)
        scaled = {f"{name}mase": means[f"{name}mae"] / self.unit for name in FORECAST_PREFIXES}
        return _sort_columns(means | scaled)

    def compute_step_scores(self) -> dict[str, np.ndarray]:
        """Return MASE of the three forecasts, and coverage, for each step ahead, (horizon,).

        Each is the mean over all observed values of the series that have a unit.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = {name: total[0] / total[1] for name, total in self.step_sums.items()}
        return {"step": np.arange(1, len(next(iter(scores.values()))) + 1), **scores}

    def compute_overall_scores(self) -> dict[str, float]:
        """Return the scores over all values; MASE is the mean over the series that have one."""
        scores = _compute_means(
            {name: total.sum(keepdims=True) for name, total in self.series_sums.items()}
        )
        series_scores = self.compute_series_scores()
        for name in FORECAST_PREFIXES:
            scaled = series_scores[f"{name}mase"]
            scaled = scaled[np.isfinite(scaled)]
            scores[f"{name}mase"] = (
                scaled.mean(keepdims=True) if len(scaled) else np.full(1, np.nan)
            )
        return {name: float(score[0]) for name, score in _sort_columns(scores).items()}

    def _forecast_naive(self, origins: OriginBatch) -> list[Future]:
        """Return the forecasts of Repeat and SeasonalNaive, from look-backs filled at gaps."""
        horizon, channels = origins.truth.shape[1:]
        repeat = Repeat(1, horizon, channels)
        seasonal = SeasonalNaive(origins.last_season.shape[1], horizon, channels)
        pairs = [(repeat, origins.last_values), (seasonal, origins.last_season)]
        return [Reversible(model, LastValue(channels)).eval()(past) for model, past in pairs]

    def _add_series_sum(self, name: str, values: Tensor, observed: Tensor) -> None:
        total = torch.where(observed, values, 0).sum((0, 1)).numpy()
        self.series_sums[name] = self.series_sums.get(name, 0) + total

    def _add_step_sum(self, name: str, values: Tensor, observed: Tensor) -> None:
        """Add sum and count, by step, of the observed values of series that have a unit."""
        # Counted here and not by "observed": series without a unit are left out.
        counts = observed & values.isfinite()
        parts = [torch.where(counts, values, 0).double(), counts.double()]
        total = torch.stack([part.sum((0, 2)) for part in parts]).numpy()
        self.step_sums[name] = self.step_sums.get(name, 0) + total


def has_quantiles(fitted: FittedModel, levels: Sequence[float], required: bool = False) -> bool:
    """Return whether a model has quantiles at some levels.

    Raises:
        InputError: it does not have them, and they are required.
    """
    config = fitted.config
    # Forecasting a window of zeros asks models of quantiles and conformal intervals alike.
    past = torch.zeros(1, config.lookback, len(fitted.history.names))
    known = torch.zeros(1, config.lookback + config.horizon, len(config.covariates))
    try:
        fitted.quantiles(past, levels, known if config.covariates else None)
    except InputError:
        if required:
            raise
        return False
    return True


@dataclass(frozen=True, eq=False)
class ForecastPaths:
    """Forecasts of a backtest for its first series, in the table's units."""

    names: tuple[str, ...]
    """Names of the series."""
    rows: np.ndarray
    """(paths,) first row of each forecast; at least one horizon apart."""
    forecast: np.ndarray
    """(paths, horizon, names)."""
    truth: np.ndarray
    """(paths, horizon, names), NaN where unobserved."""
    next_rows: np.ndarray
    """(origins,) row one step ahead of each origin."""
    next_errors: np.ndarray
    """(origins, names): truth minus forecast, one step ahead, for every origin."""
    mean_error: np.ndarray
    """(names,): mean of truth minus forecast over all origins and steps; NaN if unobserved."""


class PathRecorder:
    """Records forecasts that don't overlap, one-step-ahead errors, and the mean of all errors.

    Args:
        names: names of all series forecast.
        starts: first rows of all forecasts.
        horizon: steps of each forecast.
    """

    def __init__(self, names: Sequence[str], starts: range, horizon: int):
        self.names = tuple(names[:MAX_PATH_SERIES])
        distance = -(-horizon // starts.step) * starts.step
        self._starts = starts
        self._recorded_starts = range(starts.start, starts.stop, distance)
        self._rows: list[int] = []
        self._forecasts: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []
        self._errors: list[np.ndarray] = []
        self._total, self._count = np.zeros(len(self.names)), np.zeros(len(self.names))

    def add(self, fitted: FittedModel, origins: OriginBatch, forecast: Future) -> None:
        """Record a batch of windows.

        Args:
            fitted: the model that made the forecast.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets[: len(self.names)])
        count, rows = len(self.names), origins.rows.tolist()
        errors = (origins.truth[..., :count].double() - forecast[..., :count].double()).numpy()
        self._errors.append(errors[:, 0] * scale.scale)
        self._total += np.nansum(errors, (0, 1)) * scale.scale
        self._count += np.isfinite(errors).sum((0, 1))
        recorded = [index for index, row in enumerate(rows) if row in self._recorded_starts]
        self._rows += [rows[index] for index in recorded]
        self._forecasts.append(scale.inverse_transform(forecast[recorded, :, :count].numpy()))
        self._truths.append(scale.inverse_transform(origins.truth[recorded, :, :count].numpy()))

    def build_paths(self) -> ForecastPaths:
        """Return everything recorded so far."""
        has_errors = self._count > 0
        mean_error = self._total / np.where(has_errors, self._count, 1)
        return ForecastPaths(
            self.names,
            np.array(self._rows, dtype=int),
            np.concatenate(self._forecasts),
            np.concatenate(self._truths),
            np.array(self._starts),
            np.concatenate(self._errors),
            np.where(has_errors, mean_error, np.nan),
        )


def _error_in_table_units(forecast: Future, truth: Future, units: Tensor) -> Tensor:
    """Return forecast - truth in the table's units."""
    # The difference of standardized values, scaled: the level cancels, so no digits are lost.
    return (forecast.double() - truth.double()) * units


def _smape(point: Future, error: Tensor, size: Tensor, scale: Standardizer) -> Tensor:
    """Return 200 |f - y| / (|f| + |y|); 0 where both are 0."""
    total_size = size + torch.from_numpy(np.abs(scale.inverse_transform(point.numpy())))
    return 200 * error.abs() / torch.where(total_size > 0, total_size, 1)


def _compute_means(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return means over the observed values; NaN where none was observed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means = {name: total / sums["observed"] for name, total in sums.items()}
        if "size" in means:
            means["wql"] = means["crps"] / means.pop("size")
    return {**means, "observed": sums["observed"]}


def _sort_columns(scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the scores in the order of the table's columns; NaN for missing ones."""
    metrics = ("mase", "mse", "mae", *(["smape"] if "smape" in scores else []))
    points = [f"{name}{metric}" for name in FORECAST_PREFIXES for metric in metrics]
    intervals = [name for name in scores if "-" in name]
    missing = np.full_like(scores["observed"], np.nan)
    order = ["observed", *points, *intervals, "wql", "crps"]
    return {name: scores.get(name, missing) for name in order}
