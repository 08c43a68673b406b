"""Gains of RevIN in the test rows, and the evidence before them, channel by channel."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from benchmarks.evidence import Row
from benchmarks.shift.gain_data import Dataset
from benchmarks.shift.twin_errors import measure_twins
from revin_forecast.data.scaling import Standardizer
from revin_forecast.shift.card.gain_estimate import ModelInputs, percent_saved
from revin_forecast.shift.card.level_evidence import gather_evidence

MODELS = ("Ridge", "Linear", "MLP")
MAX_STRETCHES = 10
MIN_STRETCHES = 3
"""Stretches of look-back and horizon in the test rows below which no sign is significant."""
SMALLEST_ERROR = 1e-6
"""In training deviations; a smaller mean absolute error counts as this."""

Gains = dict[str, np.ndarray]
"""Model -> logs of (error without RevIN / error with it), (channels, stretches)."""


def compare_channels(dataset: Dataset, keep: Path | None) -> Iterator[Row]:
    """Yield a row for each channel whose training part is not constant.

    Args:
        dataset: the data set.
        keep: folder of measured gains, which are read from there or written to it.
    """
    borders = dataset.borders
    scaled = Standardizer.fit(dataset.values[: borders.train]).transform(dataset.values)
    evidence = gather_evidence(scaled[: borders.validation], borders.train, *dataset.sizes)
    gains = _read_or_measure(dataset, scaled, keep)
    stretches = count_stretches(dataset)
    moved = np.nanmean(scaled[borders.validation :], axis=0)
    for index, channel in enumerate(dataset.channels):
        found = evidence[index]
        if found is None or not np.nanstd(dataset.values[: borders.train, index]) > 0:
            continue
        by_model = {name: parts[index] for name, parts in gains.items()}
        together = np.mean(list(by_model.values()), axis=0)
        mean, reach = estimate_mean(together, stretches)
        yield {
            "part": dataset.part,
            "family": dataset.family,
            "data": dataset.name,
            "channel": channel,
            "L": dataset.sizes[0],
            "H": dataset.sizes[1],
            "stretches": stretches,
            "gain %": percent_saved(mean),
            "lo": None if np.isnan(reach) else percent_saved(mean - reach),
            "hi": None if np.isnan(reach) else percent_saved(mean + reach),
            "sign": find_sign(mean, reach),
            **{
                name: find_sign(*estimate_mean(parts, stretches))
                for name, parts in by_model.items()
            },
            "log gain": mean,
            **ModelInputs.from_evidence(found)._asdict(),
            "won trials": sum(log > 0 for log in found.trials) / len(found.trials),
            "moved": float(moved[index]),
        }


def count_stretches(dataset: Dataset) -> int:
    """Return the number of stretches of the test rows, each as long as a window or longer."""
    steps = dataset.borders.test - dataset.borders.validation
    return max(1, min(MAX_STRETCHES, steps // sum(dataset.sizes)))


def estimate_mean(values: np.ndarray, stretches: int) -> tuple[float, float]:
    """Return the mean and the reach of its 95 % interval (Student); NaN for few stretches."""
    if stretches < MIN_STRETCHES:
        return float(values.mean()), float("nan")
    reach = stats.t.ppf(0.975, stretches - 1) * values.std(ddof=1) / np.sqrt(stretches)
    return float(values.mean()), float(reach)


def find_sign(mean: float, reach: float) -> str | None:
    """Return "lower" or "raise", what RevIN does to the error; None where 0 is in the interval."""
    if not abs(mean) > reach:
        return None
    return "lower" if mean > 0 else "raise"


def _read_or_measure(dataset: Dataset, scaled: np.ndarray, keep: Path | None) -> Gains:
    path = None if keep is None else keep / f"{dataset.name}.npy"
    if path is not None and path.is_file():
        return dict(zip(MODELS, np.load(path), strict=True))
    gains = measure_gains(dataset, scaled)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([gains[name] for name in MODELS]))
    return gains


def measure_gains(dataset: Dataset, scaled: np.ndarray) -> Gains:
    """Fit each model with RevIN and without on each channel, and compare them in the test rows."""
    borders, (lookback, horizon) = dataset.borders, dataset.sizes
    rows = torch.from_numpy(_fill_gaps(scaled)).float()
    parts = {
        "training": rows[: borders.train],
        "validation": rows[borders.train - lookback : borders.validation],
        "test": rows[borders.validation - lookback : borders.test],
    }
    stretches = count_stretches(dataset)
    return {
        name: _compare_stretches(without, with_revin, stretches)
        for name, without, with_revin in measure_twins(parts, lookback, horizon)
    }


def _compare_stretches(without: Tensor, with_revin: Tensor, stretches: int) -> np.ndarray:
    """Return the log ratio of mean errors in each stretch of windows, (channels, stretches)."""
    place = torch.arange(without.shape[1]) * stretches // without.shape[1]
    ratios = []
    for stretch in range(stretches):
        first, second = (
            errors[:, place == stretch].mean(dim=1).clamp(min=SMALLEST_ERROR)
            for errors in (without, with_revin)
        )
        ratios.append((first / second).log())
    return torch.stack(ratios, dim=1).double().numpy()


def _fill_gaps(values: np.ndarray) -> np.ndarray:
    """Return (time, channels) where a gap has the last value before it, and 0 at the start."""
    observed = np.isfinite(values)
    rows = np.where(observed, np.arange(len(values))[:, None], -1)
    last = np.maximum.accumulate(rows, axis=0)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last >= 0, filled, 0.0)
