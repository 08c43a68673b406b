"""Accumulate the scores of a backtest, and record some of its forecasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.rolling_windows import OriginBatch
from revin_forecast.metrics.error_sums import BY_SERIES, BY_STEP, ErrorSums
from revin_forecast.metrics.targets import is_covered, percentage_errors, pinball_losses
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LastValue
from revin_forecast.utils.shapes import Future

DECILES = tuple(step / 10 for step in range(1, 10))
"""Quantile levels of WQL and CRPS."""
FORECAST_PREFIXES = ("", "repeat_", "seasonal_naive_")
"""Prefixes of the score names: the model, and the two naive forecasts."""
ROUNDING_STEPS = 8
"""Distance of a truth from a limit, in steps of its floating-point type, that is rounding."""
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
        unit: Tensor,
        deciles: bool,
        smape: bool = False,
    ):
        self.unit, self.smape = unit, smape
        self.interval_quantiles = {level: interval_quantiles(level) for level in levels}
        self.deciles = DECILES if deciles else ()
        self._has_unit = self.unit.isfinite()
        self._series_sums, self._step_sums = ErrorSums(BY_SERIES), ErrorSums(BY_STEP)
        self._scaled_step_sums = ErrorSums(BY_STEP)  # of the series with a unit

    @torch.inference_mode()
    def add(self, fitted: FittedModel, origins: OriginBatch, forecast: Future) -> None:
        """Score a batch of windows.

        Args:
            fitted: the model that made the forecast.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets)
        truth, units = origins.truth, torch.from_numpy(scale.scale)
        size = torch.from_numpy(np.abs(scale.inverse_transform(truth.numpy())))
        points = [forecast, *self._forecast_naive(origins)]
        errors = self._quantile_errors(fitted, origins, units)
        scaled_errors: dict[str, Tensor] = {}
        for name, point in zip(FORECAST_PREFIXES, points, strict=True):
            error = _error_in_table_units(point, truth, units)
            errors |= {f"{name}mae": error.abs(), f"{name}mse": error.square()}
            scaled_errors[f"{name}mase"] = (error.abs() / self.unit)[..., self._has_unit]
            if self.smape:
                point_size = torch.from_numpy(np.abs(scale.inverse_transform(point.numpy())))
                errors[f"{name}smape"] = percentage_errors(error, size + point_size)
        if self.deciles:
            errors["size"] = size  # denominator of WQL
        coverages = {name: errors[name] for name in errors if name.startswith("coverage-")}
        self._series_sums.add(truth, errors.items())
        self._step_sums.add(truth, coverages.items())
        self._scaled_step_sums.add(truth[..., self._has_unit], scaled_errors.items())

    def _quantile_errors(
        self, fitted: FittedModel, origins: OriginBatch, units: Tensor
    ) -> dict[str, Tensor]:
        """Return coverage and width of the intervals, and CRPS, for each target."""
        bounds = (quantile for pair in self.interval_quantiles.values() for quantile in pair)
        quantile_levels = sorted({*self.deciles, *bounds})
        if not quantile_levels:
            return {}
        quantiles = fitted.quantiles(origins.past, quantile_levels, origins.known)
        # By level: quantile minus truth, in the table's units.
        by_level = {
            quantile_level: _error_in_table_units(quantile, origins.truth, units)
            for quantile_level, quantile in zip(quantile_levels, quantiles.unbind(-1), strict=True)
        }
        errors: dict[str, Tensor] = {}
        rounding = _measure_rounding(fitted, origins.truth, units)
        for level, (low, high) in self.interval_quantiles.items():
            covered = is_covered(by_level[low] - rounding, by_level[high] + rounding)
            errors[f"coverage-{level:g}"] = 100 * covered.double()
            errors[f"width-{level:g}"] = by_level[high] - by_level[low]
        if self.deciles:
            losses = [pinball_losses(by_level[quantile], quantile) for quantile in self.deciles]
            errors["crps"] = 2 * torch.stack(losses).mean(0)
        return errors

    def compute_series_scores(self) -> dict[str, np.ndarray]:
        """Return the scores of each series, (targets,)."""
        means = _compute_means(self._sum_by_series())
        unit = self.unit.numpy()
        with np.errstate(invalid="ignore"):  # errors of huge values may be infinite
            scaled = {f"{name}mase": means[f"{name}mae"] / unit for name in FORECAST_PREFIXES}
        return _sort_columns(means | scaled)

    def compute_step_scores(self) -> dict[str, np.ndarray]:
        """Return MASE of the three forecasts, and coverage, for each step ahead, (horizon,).

        Each is the mean over all observed values, MASE over those of the series that have a unit.
        """
        sums = (self._scaled_step_sums, self._step_sums)
        scores = {name: part.mean(name).numpy() for part in sums for name in part.totals}
        return {"step": np.arange(1, len(scores["mase"]) + 1), **scores}

    def compute_overall_scores(self) -> dict[str, float]:
        """Return the scores over all values; MASE is the mean over the series that have one."""
        scores = _compute_means(
            {name: total.sum(keepdims=True) for name, total in self._sum_by_series().items()}
        )
        series_scores = self.compute_series_scores()
        for name in FORECAST_PREFIXES:
            scaled = series_scores[f"{name}mase"]
            scaled = scaled[np.isfinite(scaled)]
            scores[f"{name}mase"] = (
                scaled.mean(keepdims=True) if len(scaled) else np.full(1, np.nan)
            )
        return {name: float(score[0]) for name, score in _sort_columns(scores).items()}

    def _sum_by_series(self) -> dict[str, np.ndarray]:
        """Return the sum of each error, and the number of observed values, of each series."""
        sums = self._series_sums
        observed = sums.count.double().expand(len(self.unit)).numpy()
        return {name: total.numpy() for name, total in sums.totals.items()} | {"observed": observed}

    def _forecast_naive(self, origins: OriginBatch) -> list[Future]:
        """Return the forecasts of Repeat and SeasonalNaive, from look-backs filled at gaps."""
        horizon, channels = origins.truth.shape[1:]
        repeat = Repeat(1, horizon, channels)
        seasonal = SeasonalNaive(origins.last_season.shape[1], horizon, channels)
        pairs = [(repeat, origins.last_values), (seasonal, origins.last_season)]
        return [Reversible(model, LastValue(channels)).eval()(past) for model, past in pairs]


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
        self._sums = ErrorSums(BY_SERIES)

    def add(self, fitted: FittedModel, origins: OriginBatch, forecast: Future) -> None:
        """Record a batch of windows.

        Args:
            fitted: the model that made the forecast.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets[: len(self.names)])
        count, rows = len(self.names), origins.rows.tolist()
        units = torch.from_numpy(scale.scale)
        truth = origins.truth[..., :count]
        errors = -_error_in_table_units(forecast[..., :count], truth, units)
        self._errors.append(errors[:, 0].numpy())
        self._sums.add(truth, [("error", errors)])
        recorded = [index for index, row in enumerate(rows) if row in self._recorded_starts]
        self._rows += [rows[index] for index in recorded]
        self._forecasts.append(scale.inverse_transform(forecast[recorded, :, :count].numpy()))
        self._truths.append(scale.inverse_transform(origins.truth[recorded, :, :count].numpy()))

    def build_paths(self) -> ForecastPaths:
        """Return everything recorded so far."""
        return ForecastPaths(
            self.names,
            np.array(self._rows, dtype=int),
            np.concatenate(self._forecasts),
            np.concatenate(self._truths),
            np.array(self._starts),
            np.concatenate(self._errors),
            self._sums.mean("error").numpy(),
        )


def _error_in_table_units(forecast: Future, truth: Future, units: Tensor) -> Tensor:
    """Return forecast - truth in the table's units."""
    # The difference of standardized values, scaled: the level cancels, so no digits are lost.
    return (forecast.double() - truth.double()) * units


def _measure_rounding(fitted: FittedModel, truth: Future, units: Tensor) -> Tensor:
    """Return the rounding error of each truth in the table's units.

    A constant series has intervals without width, so an error of rounding would be a miss.
    """
    mean = torch.from_numpy(fitted.standardizer.select(fitted.targets).mean)
    standardized = torch.finfo(truth.dtype).eps * truth.double().abs().clamp(min=1) * units
    return ROUNDING_STEPS * (standardized + torch.finfo(torch.float64).eps * mean.abs())


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
