"""Prediction intervals of single series from few forecast errors, with a parametric spread."""

# pyright: reportMissingTypeStubs=false
# scipy has no annotations.

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.models.intervals import QUANTILE_GRID, Array, Intervals, select_dependence
from revin_forecast.models.step_dependence import StepDependence
from revin_forecast.utils.shapes import Past

AMPLITUDE_ROWS = 12
"""Last rows whose mean size is the amplitude of a window."""
MIN_AMPLITUDE_RATIO, MAX_AMPLITUDE_RATIO = 0.4, 2.5
"""Bounds on the ratio of two amplitudes."""
RECENCY = 3.0
"""The oldest errors weigh exp(-RECENCY), the latest 1."""
TYPICAL_GROWTH, GROWTH_SHRINKAGE_ERRORS = 0.5, 8.0
"""Growth of a random walk's spread, and the weight of errors at which it counts half."""
MIN_GAP_GROWTH = 0.25
"""Smallest power of the step after a gap, half that of a random walk."""
MAX_GROWTH = 1.2
"""Largest power of the step with which the spread grows."""
SHAPE_SHRINKAGE_WINDOWS = 8.0
"""Number of windows at which the errors' own quantiles weigh as much as those of Student's t."""
NORMAL_DEVIATION = 1.2533
"""Standard deviation of a normal distribution with the mean absolute value 1: sqrt(pi / 2)."""
EXPECTED_WINDOWS = 8.0
"""Number of windows at which measured distances weigh as much as those that a member expects."""
ASSUMED_SPREAD = 0.25
"""Spread in amplitudes of a series without any error, if no other series has one."""


@dataclass(frozen=True, eq=False)
class SeriesIntervals(Intervals):
    """Intervals from errors at expanding origins; each series has its own.

    The spread at step h is u h^g: ln(mean |e_h|) is regressed on ln h, with recent errors weighing
    more and the growth g drawn to .5, that of a random walk. The quantile of |e| / spread is
    between that of all errors and that of Student's t, which decides if windows are few. So every
    series with a forecast has intervals, at any level. They are symmetric.

    A member of the forecast with quantiles of its own knows what spread to expect after a window
    like the last one. Its distances and the measured ones are averaged in logarithms, the measured
    ones with the weight n / (n + 8) for n windows without overlap.

    An error grows with the square root of the series' amplitude, the mean size of the last rows.
    """

    reference: Float[Tensor, " channels"]
    """Amplitude of each series where it ended when the intervals were calibrated."""
    zero: Float[Tensor, " channels"]
    """Value that stands for 0, from which sizes are measured."""
    growth: Float[Tensor, " channels"]
    """Power g of the step with which the spread grows."""

    @property
    def method(self) -> str:
        """Spread of each series' errors."""
        return "spread of each series' errors"

    def scales(self, past: Past) -> Float[Tensor, "batch channels"]:
        """Return the square root of the ratio of amplitudes; 1 for the window fitted on."""
        amplitude = measure_amplitude(past.double() - self.zero)
        return bound_ratio(amplitude / self.reference).sqrt()

    def widen_after_gap(
        self,
        distance: Float[Tensor, "batch horizon channels levels"],
        past: Past,
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return distances times ((h + gap) / h)^g, as the steps count from the last value.

        g is at least `MIN_GAP_GROWTH`: growth over the steps does not show how much a map loses
        whose window ends in a gap.
        """
        gap = count_gap(past).unsqueeze(1)
        steps = torch.arange(1, distance.shape[1] + 1, device=past.device).reshape(1, -1, 1)
        growth = self.growth.clamp(min=MIN_GAP_GROWTH)
        # In one type: an exported program does not promote a ratio of integers.
        steps, gap = steps.to(growth), gap.to(growth)
        return distance * ((steps + gap) / steps).pow(growth).unsqueeze(-1).to(distance)

    def select(self, indices: Sequence[int]) -> "SeriesIntervals":
        """Return the intervals of some channels."""
        chosen = list(indices)
        return SeriesIntervals(
            self.scores[:, :, chosen],
            self.reference[chosen],
            self.zero[chosen],
            self.growth[chosen],
            dependence_source=select_dependence(self, chosen),
        )

    @classmethod
    def calibrate(
        cls,
        residuals: Float[Tensor, "windows horizon channels"],
        amplitudes: Float[Tensor, "windows channels"],
        reference: Float[Tensor, " channels"],
        zero: Float[Tensor, " channels"],
        window_count: Array,
        gaps: Float[Tensor, "origins channels"] | None = None,
        expected: Array | None = None,
    ) -> "SeriesIntervals":
        """Calibrate on errors at some origins.

        Args:
            residuals: truth minus forecast in time order, NaN where unknown.
            amplitudes: amplitude of the series before each origin.
            reference: amplitude at the end.
            zero: value that stands for 0.
            window_count: (channels,) number of windows without overlap.
            gaps: steps from the last observed value to each origin, and last to the end; None: 0.
            expected: (grid, horizon, channels) distances of a member's quantiles to its median,
                from the end; NaN for a channel without, None: no member has any.
        """
        ratio = bound_ratio(amplitudes / reference)
        relative = (residuals / ratio.sqrt().unsqueeze(1)).numpy()
        stretch = _stretch_steps(relative.shape[1], None if gaps is None else gaps[:-1])
        weight = _weigh_errors(relative)
        spread, growth = _fit_spread(relative / stretch**TYPICAL_GROWTH, weight, reference.numpy())
        relative = relative / stretch**growth
        if expected is not None and gaps is not None:
            # `widen_after_gap` adds the growth over the gap that the member's spread has already.
            end_stretch = _stretch_steps(relative.shape[1], gaps[-1:])
            expected = expected / end_stretch ** np.maximum(growth, MIN_GAP_GROWTH)
        source = partial(_calibrate, relative, weight, spread, window_count, expected)
        return cls(
            source,
            reference,
            zero,
            torch.from_numpy(growth),  # pyright: ignore[reportUnknownMemberType]
            dependence_source=partial(StepDependence.estimate, relative),
        )


def _stretch_steps(horizon: int, gaps: Tensor | None) -> Array:
    """Return (h + gap) / h by window, step and channel."""
    if gaps is None:
        return np.ones((1, horizon, 1))
    steps = torch.arange(1, horizon + 1).unsqueeze(1)
    return (1 + gaps.unsqueeze(1) / steps).numpy()


def measure_amplitude(values: Float[Tensor, "batch time channels"]) -> Tensor:
    """Return the mean size (batch, channels) of the last rows; NaN if none was observed."""
    return values[:, -AMPLITUDE_ROWS:].abs().nanmean(1)


def count_gap(past: Float[Tensor, "batch time channels"]) -> Tensor:
    """Return the number of unobserved rows (batch, channels) at the end of each window."""
    rows = torch.arange(1, past.shape[1] + 1, device=past.device).reshape(1, -1, 1)
    return past.shape[1] - (past.isfinite() * rows).amax(1)


def bound_ratio(ratio: Tensor) -> Tensor:
    """Return ratios of amplitudes within their bounds; 1 where they are unknown."""
    return ratio.nan_to_num(1, 1, 1).clamp(MIN_AMPLITUDE_RATIO, MAX_AMPLITUDE_RATIO)


def _weigh_errors(residuals: Array) -> Array:
    """Return the weights of the errors, 0 where unknown."""
    windows = len(residuals)
    age = np.arange(windows - 1, -1, -1) / max(windows, 1)
    return np.isfinite(residuals) * np.exp(-RECENCY * age).reshape(-1, 1, 1)


def _calibrate(
    residuals: Array, weight: Array, spread: Array, window_count: Array, expected: Array | None
) -> Array:
    """Return the scores at each level of the grid, (grid, horizon, channels) float32."""
    size = np.abs(np.where(weight > 0, residuals, 0))
    relative = size / np.where(spread > 0, spread, 1)
    scores = np.zeros((len(QUANTILE_GRID), *spread.shape), np.float32)
    order = np.argsort(relative.reshape(-1, relative.shape[2]), axis=0)
    ordered = np.take_along_axis(relative.reshape(order.shape), order, axis=0)
    cumulative = np.take_along_axis(weight.reshape(order.shape), order, axis=0).cumsum(0)
    for index, level in enumerate(QUANTILE_GRID):
        if level > 0.5:
            coverage = 2 * level - 1
            empirical = _weighted_quantile(ordered, cumulative, coverage)
            student = NORMAL_DEVIATION * _student_quantile(2 * window_count + 2, level)
            share = 2 * window_count / (2 * window_count + SHAPE_SHRINKAGE_WINDOWS)
            factor = np.where(
                cumulative[-1] > 0, share * empirical + (1 - share) * student, student
            )
            scores[index] = factor * spread
            scores[len(QUANTILE_GRID) - 1 - index] = -scores[index]
    if expected is None:
        return scores
    # Without any error, the spread is a guess.
    known_windows = np.where(cumulative[-1] > 0, window_count, 0)
    return _average_distances(scores, expected, known_windows).astype(np.float32)


def _average_distances(measured: Array, expected: Array, window_count: Array) -> Array:
    """Return the weighted geometric means of measured and expected distances to the forecast.

    A measured distance of 0 stays: the series repeats itself exactly.
    """
    share = window_count / (window_count + EXPECTED_WINDOWS)
    measured_size, expected_size = np.abs(measured), np.abs(expected)
    has_both = (measured_size > 0) & (expected_size > 0)  # NaN is not
    logs = share * np.log(np.where(has_both, measured_size, 1))
    logs += (1 - share) * np.log(np.where(has_both, expected_size, 1))
    return np.where(has_both, np.sign(measured) * np.exp(logs), measured)


def _fit_spread(residuals: Array, weight: Array, reference: Array) -> tuple[Array, Array]:
    """Return the mean absolute error by step, (horizon, channels), and the power of the step.

    Args:
        residuals: (windows, horizon, channels) errors.
        weight: weights of the errors, 0 where unknown.
        reference: (channels,) amplitudes, for series without errors.
    """
    size = np.abs(np.where(weight > 0, residuals, 0))
    total = weight.sum(0)
    mean = (weight * size).sum(0) / np.where(total > 0, total, 1)
    total = total * (mean > 0)
    log_step = np.log(np.arange(1, len(mean) + 1))[:, None]
    log_mean = np.log(np.where(mean > 0, mean, 1))
    all_weights = np.maximum(total.sum(0), 1e-300)
    step_centre = (total * log_step).sum(0) / all_weights
    mean_centre = (total * log_mean).sum(0) / all_weights
    distance = log_step - step_centre
    covariance = (total * distance * (log_mean - mean_centre)).sum(0)
    variance = (total * distance**2).sum(0)
    growth = (covariance + GROWTH_SHRINKAGE_ERRORS * TYPICAL_GROWTH) / (
        variance + GROWTH_SHRINKAGE_ERRORS
    )
    growth = np.clip(growth, 0, MAX_GROWTH)
    spread = np.exp(mean_centre + growth * distance)
    has_errors = weight.sum((0, 1)) > 0
    # Errors that are all 0 give the spread 0: the series repeats itself exactly.
    spread = np.where(total.any(0), spread, 0)
    return np.where(has_errors, spread, _assume_spread(spread, has_errors, reference)), growth


def _assume_spread(spread: Array, has_errors: npt.NDArray[np.bool_], reference: Array) -> Array:
    """Return the spread of series without any error: the median of the others, in amplitudes."""
    size = np.nan_to_num(np.where(reference > 0, reference, np.nan), nan=1.0)
    if has_errors.any():
        return np.median((spread / size)[:, has_errors], axis=1, keepdims=True) * size
    steps = np.arange(1, len(spread) + 1)[:, None]
    return ASSUMED_SPREAD * steps**TYPICAL_GROWTH * size


def _weighted_quantile(ordered: Array, cumulative: Array, coverage: float) -> Array:
    """Return (channels,) the first ordered value at which the weights reach a share."""
    index = (cumulative < coverage * cumulative[-1]).sum(0)
    index = np.minimum(index, len(ordered) - 1)
    return np.take_along_axis(ordered, index[None], axis=0)[0]


def _student_quantile(degrees: Array, level: float) -> Array:
    # Imported on use: point forecasts must not wait for scipy.
    from scipy.special import stdtrit

    return stdtrit(degrees, level)
