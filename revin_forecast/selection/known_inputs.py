"""Admit known inputs by the error of a short forecast with and without their effects."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from revin_forecast.closed_form.covariate_effects import (
    estimate_effects,
    fit_autoregression,
    interpolate_gaps,
    list_lags,
)
from revin_forecast.models.known_effects import MAX_LOG_EFFECT

FOLDS = 4
"""Number of parts of the rows that are forecast with effects estimated on the rows before them."""
FIRST_SHARE = 0.4
"""Share of the rows before the first part."""
MIN_BLOCKS = 6
"""Number of blocks over which the gain is averaged, at least; fewer give no standard error."""
MIN_GAIN_ERRORS = 1.0
"""An input is admitted if its gain is more than so many standard errors."""
MIN_GAIN = 0.001
"""Least gain of an input that is admitted; less is not worth its columns."""
MAX_EVALUATED_STEPS = 28
"""Steps ahead that are compared; further ones add little."""
MAX_ORIGINS = 1000
"""Most origins in a part; of more, evenly spaced ones are taken."""
MAX_ESTIMATION_ROWS = 20_000
"""Number of last rows that effects are estimated on."""


@dataclass(frozen=True)
class InputEvidence:
    """Result of the validation of one known input for one channel."""

    name: str
    """Name of the input, as the user gave it."""
    admitted: bool
    gain: float
    """Share by which the error on later rows fell; negative if it rose."""
    error: float
    """Standard error of the gain over blocks of rows; NaN for too few blocks."""


@dataclass(frozen=True, eq=False)
class ChannelEffects:
    """Effects of the admitted known inputs on one channel."""

    weights: np.ndarray
    """(columns,) effect of one unit; 0 for inputs that were left out."""
    is_multiplicative: bool
    """Whether exp(effect) multiplies the value; else the effect is added."""
    evidence: list[InputEvidence] = field(default_factory=list)

    def remove(self, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return (time,) values without the effects of (time, columns) inputs."""
        effects = columns @ self.weights
        if not self.is_multiplicative:
            return values - effects
        return values * np.exp(-effects.clip(-MAX_LOG_EFFECT, MAX_LOG_EFFECT))

    def restore(self, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return (...) values with the effects of (..., columns) inputs."""
        effects = columns @ self.weights
        if not self.is_multiplicative:
            return values + effects
        return values * np.exp(effects.clip(-MAX_LOG_EFFECT, MAX_LOG_EFFECT))


def choose_effects(
    values: np.ndarray,
    columns: np.ndarray,
    groups: Mapping[str, Sequence[int]],
    seasons: Sequence[int],
    horizon: int,
) -> ChannelEffects:
    """Return the effects of the known inputs that lower the error on later rows.

    The rows after the first 40 % are forecast in four parts, with effects and a short
    autoregression that are estimated on the rows before each part: with an input's effects taken
    out of the past and added to the forecast, and without. Inputs join one after the other, that
    with the greatest gain first, as long as the gain is more than one standard error over blocks of
    origins, and a tenth of a percent. Effects are added to the values, or multiply those of a
    positive series, whichever has the smaller error. At the end they are estimated again, on all
    rows.

    Args:
        values: (time,) one channel, NaN where unobserved.
        columns: (time, columns) known inputs, finite and of order 1.
        groups: indices of each input's columns by its name.
        seasons: steps of the seasons of the series, the main one first.
        horizon: steps to forecast.
    """
    values, columns = values[-MAX_ESTIMATION_ROWS:], columns[-MAX_ESTIMATION_ROWS:]
    trial = _Trial(values, columns, tuple(seasons), min(horizon, MAX_EVALUATED_STEPS))
    none = ChannelEffects(np.zeros(columns.shape[1]), False)
    base = trial.compute_errors([], False)
    remaining, chosen, is_log = dict(groups), list[int](), False
    evidence: list[InputEvidence] = []
    while remaining:
        candidates = [
            (trial.compute_errors([*chosen, *indices], logarithmic), logarithmic, name)
            for name, indices in remaining.items()
            for logarithmic in ((False, True) if trial.is_positive else (False,))
        ]
        errors, logarithmic, name = min(candidates, key=lambda entry: _mean(entry[0]))
        gain, deviation = measure_gain(base, errors, max(horizon, *seasons))
        admitted = gain > max(MIN_GAIN, MIN_GAIN_ERRORS * deviation)
        evidence.append(InputEvidence(name, bool(admitted), gain, deviation))
        if not admitted:
            # The others gain less; each is recorded with its own figures.
            for other in remaining:
                if other != name:
                    best = min((c[0] for c in candidates if c[2] == other), key=_mean)
                    measured = measure_gain(base, best, max(horizon, *seasons))
                    evidence.append(InputEvidence(other, False, *measured))
            break
        chosen += remaining.pop(name)
        base, is_log = errors, logarithmic
    if not chosen:
        return ChannelEffects(none.weights, False, evidence)
    weights = none.weights.copy()
    weights[chosen] = estimate_effects(
        _take_logarithm(values) if is_log else values, columns[:, chosen], seasons
    )
    return ChannelEffects(weights, is_log, evidence)


def measure_gain(without: np.ndarray, with_input: np.ndarray, block: int) -> tuple[float, float]:
    """Return the relative gain and its standard error over blocks of origins.

    Args:
        without: (origins,) errors, NaN where nothing was observed.
        with_input: (origins,) errors with the input.
        block: origins in a block, as long as errors depend on each other; shorter if there would be
            fewer than `MIN_BLOCKS`.
    """
    difference = (without - with_input)[np.isfinite(without) & np.isfinite(with_input)]
    scale = _mean(without)
    block = max(1, min(block, len(difference) // MIN_BLOCKS))
    count = len(difference) // block
    if count < MIN_BLOCKS or not scale > 0:
        return 0.0, float("nan")
    # The oldest origins that fill no block are left out.
    blocks = difference[len(difference) - count * block :].reshape(count, block).mean(axis=1)
    gain = float(blocks.mean() / scale)
    return gain, float(blocks.std(ddof=1) / np.sqrt(count) / scale)


@dataclass(frozen=True, eq=False)
class _Trial:
    """Forecasts of later rows with and without effects."""

    values: np.ndarray
    columns: np.ndarray
    seasons: tuple[int, ...]
    horizon: int

    @property
    def is_positive(self) -> bool:
        """Whether all observed values are positive, so that effects may multiply them."""
        return bool((self.values[np.isfinite(self.values)] > 0).all())

    def compute_errors(self, indices: Sequence[int], is_log: bool) -> np.ndarray:
        """Return (origins,) mean absolute errors with the effects of some columns."""
        rows = len(self.values)
        borders = np.linspace(FIRST_SHARE * rows, rows, FOLDS + 1).astype(int)
        folds = [
            self._forecast_fold(indices, is_log, start, stop)
            for start, stop in itertools.pairwise(borders.tolist())
        ]
        return np.concatenate(folds)

    def _forecast_fold(
        self, indices: Sequence[int], is_log: bool, start: int, stop: int
    ) -> np.ndarray:
        """Return (origins,) errors of origins between two rows."""
        lags = list_lags([season for season in self.seasons if season > 1], start)
        origins = np.arange(max(start, lags[-1]), min(stop, len(self.values) - self.horizon + 1))
        origins = origins[:: max(1, len(origins) // MAX_ORIGINS)]
        if not len(origins) or not np.isfinite(self.values[:start]).any():
            return np.empty(0)
        columns = self.columns[:, list(indices)]
        weights = np.zeros(len(indices))
        if len(indices):
            known = _take_logarithm(self.values) if is_log else self.values
            weights = estimate_effects(known[:start], columns[:start], self.seasons)
        effects = ChannelEffects(weights, is_log)
        adjusted = interpolate_gaps(effects.remove(self.values, columns))
        model = fit_autoregression(adjusted[:start], lags)
        forecast = model.forecast(adjusted, origins, self.horizon)
        steps = origins[:, None] + np.arange(self.horizon)
        errors = np.abs(effects.restore(forecast, columns[steps]) - self.values[steps])
        count = np.isfinite(errors).sum(axis=1)
        return np.where(count, np.nansum(errors, axis=1) / np.maximum(count, 1), np.nan)


def _take_logarithm(values: np.ndarray) -> np.ndarray:
    return np.log(values, where=values > 0, out=np.full_like(values, np.nan))


def _mean(errors: np.ndarray) -> float:
    finite = errors[np.isfinite(errors)]
    return float(finite.mean()) if len(finite) else float("inf")
