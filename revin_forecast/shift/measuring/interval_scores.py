"""Scores of prediction intervals under a shift: coverage, width and quantile loss.

The quantile loss of a forecast q of level t is (y - q) t if y >= q, else (q - y) (1 - t). Twice its
mean over the levels .1, .3, .5, .7, .9, the midpoints of five equal parts of (0, 1), approximates
the CRPS (Gneiting & Raftery, JASA 2007). At the median alone it is the absolute error.

Intervals are scored like points: their ends are pulled back to the clean data. The inverse of
x' = a x + b divides widths and losses by |a|, and changes no coverage.
"""

import numpy as np
from jaxtyping import Float, Float32

from revin_forecast.shift.dataset import MIN_SCALE
from revin_forecast.shift.measuring.reductions import divide_by_gain, iter_chunks, mean_over_steps

LOSS_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Levels of the weighted quantile loss."""
QUANTILE_LEVELS = (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975)
"""Levels that a model's own quantiles are scored at."""
INTERVAL_METRICS = ("coverage_80", "coverage_95", "width_80", "wql")
"""Scores of intervals: shares of the truths inside, width and quantile loss in units of q_c."""
OWN_PREFIX = "own_"
"""Begin of the names of the scores of a model's own quantiles."""

Scores = dict[str, Float[np.ndarray, "windows channels"]]
Errors = Float[np.ndarray, "windows horizon channels"]


def score_conformal(
    errors: Errors,
    radii: Float[np.ndarray, "3 #horizon #channels"],
    gain: np.ndarray | None,
    unit: Float[np.ndarray, " channels"],
) -> Scores:
    """Score intervals of fixed half widths around a forecast, by window and channel.

    The losses of the levels t and 1 - t of a symmetric interval add up to 2 t r + max(|e| - r, 0).

    Args:
        errors: forecast - truth, in the data that the forecast is made for; NaN is unobserved.
        radii: half widths of 40, 80 and 95 % intervals; NaN where unknown.
        gain: size of `ShiftedWindows.gain`.
        unit: divides widths and losses.
    """
    inner, middle, outer = radii.astype(np.float32)
    constant = np.float32(0.6) * inner + np.float32(0.2) * middle
    shape = len(errors), errors.shape[2]
    scores = {name: np.empty(shape, np.float32) for name in ("coverage_80", "coverage_95", "wql")}
    for part in iter_chunks(errors):
        # Single precision, in half the time: the scores need no more digits.
        size = np.abs(errors[part]).astype(np.float32)
        loss = np.float32(0.5) * size + constant
        for radius in (inner, middle):
            excess = size - radius
            loss += np.maximum(excess, 0, out=excess)
        loss *= np.float32(2 / len(LOSS_LEVELS))
        gaps = _find_gaps(size)
        for name, radius in (("coverage_80", middle), ("coverage_95", outer)):
            scores[name][part] = _mean_over_known(_as_share(size <= radius, radius), gaps)
        scores["wql"][part] = _mean_over_known(divide_by_gain(loss, gain, part), gaps)
    width = np.broadcast_to(2 * middle, (1, *errors.shape[1:]))
    scores["width_80"] = mean_over_steps(divide_by_gain(width, gain))
    return _in_units(scores, unit)


def score_quantiles(
    errors: Float[np.ndarray, "windows horizon channels 7"],
    gain: np.ndarray | None,
    unit: Float[np.ndarray, " channels"],
) -> Scores:
    """Score quantiles that a model forecasts itself, by window and channel.

    Args:
        errors: forecast - truth of `QUANTILE_LEVELS`, in the data that the forecast is made for.
        gain: as in `score_conformal`.
        unit: as in `score_conformal`.
    """
    levels = np.array(LOSS_LEVELS, dtype=np.float32)
    shape = len(errors), errors.shape[2]
    scores = {name: np.empty(shape, np.float32) for name in INTERVAL_METRICS}
    for part in iter_chunks(errors[..., 0]):
        error = errors[part].astype(np.float32)
        middle = error[..., 1:-1]
        losses = np.maximum(-levels * middle, (1 - levels) * middle)
        gaps = _find_gaps(error[..., 0])
        chunk = {
            "coverage_80": _as_share((error[..., 1] <= 0) & (error[..., -2] >= 0)),
            "coverage_95": _as_share((error[..., 0] <= 0) & (error[..., -1] >= 0)),
            "width_80": divide_by_gain(error[..., -2] - error[..., 1], gain, part),
            "wql": divide_by_gain(np.float32(2) * losses.mean(axis=-1), gain, part),
        }
        for name, values in chunk.items():
            scores[name][part] = _mean_over_known(values, gaps)
    return _in_units(scores, unit)


def _as_share(
    is_inside: np.ndarray, radius: np.ndarray | None = None
) -> Float32[np.ndarray, "windows horizon channels"]:
    """Return 1 where a truth is inside, 0 where not, NaN where the radius is unknown."""
    share = is_inside.astype(np.float32)
    if radius is not None and not np.isfinite(radius).all():
        share += np.where(np.isfinite(radius), np.float32(0), np.float32(np.nan))
    return share


def _find_gaps(values: np.ndarray) -> np.ndarray | None:
    """Return where values are unobserved; None if they are nowhere."""
    is_complete = np.isfinite(np.einsum("nhc->", values))
    return None if is_complete else ~np.isfinite(values)


def _mean_over_known(values: np.ndarray, gaps: np.ndarray | None) -> np.ndarray:
    """Return the mean over the steps without a gap."""
    if gaps is not None:
        values = np.where(gaps, np.float32(np.nan), values)
    return mean_over_steps(values)


def _in_units(scores: Scores, unit: Float[np.ndarray, " channels"]) -> Scores:
    """Return the scores with widths and losses in units; NaN in channels without one."""
    safe = np.where(unit > MIN_SCALE, unit, np.nan)
    return {
        name: values if name.startswith("coverage") else values / safe
        for name, values in scores.items()
    }
