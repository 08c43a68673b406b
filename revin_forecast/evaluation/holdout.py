"""The evaluation protocol: fit and select without the test part, then score every test window."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.metrics.error_sums import ErrorSums
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.normalizers import LastValue
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.utils.memory import retain_freed_memory
from revin_forecast.utils.progress import progress

MAX_BATCH_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Scores:
    """Errors over all observed values of all windows, steps and channels, in standardized units."""

    mse: float
    """Mean squared error."""
    mae: float
    """Mean absolute error."""
    windows: int
    """Number of windows."""


@dataclass(frozen=True)
class Evaluation:
    """Test scores of a model and of the two naive baselines."""

    model: Scores
    repeat: Scores
    seasonal_naive: Scores
    season: int
    """Steps of SeasonalNaive."""
    fit: dict[str, Any]
    """Report of the fit: penalty or epochs, validation error."""


@torch.inference_mode()
def score(model: nn.Module, windows: Windows) -> Scores:
    """Score a model on every window, summing in float64.

    Raises:
        InputError: no target of the windows was observed.
    """
    retain_freed_memory()
    window_bytes = windows[0:1].past.nbytes + windows[0:1].future.nbytes
    sums = ErrorSums()
    with progress("scoring forecasts", len(windows), "windows") as advance:
        # The protocol drops no window: the last, incomplete batch counts, too.
        for past, future, known in windows.iter_batches(max(1, MAX_BATCH_BYTES // window_bytes)):
            truth = select_targets(model, future)
            forecast = model(past) if known is None else model(past, known=known)
            error = forecast - truth
            # In place: the error is not used again, and fewer arrays fit into the caches.
            parts = {"mse": error.square, "mae": error.abs_}
            sums.add(truth, ((name, compute()) for name, compute in parts.items()))
            advance(len(past))
    if sums.count == 0:
        raise InputError("no value of the scored part was observed, so it can't be scored.")
    return Scores(sums.mean("mse").item(), sums.mean("mae").item(), len(windows))


def select_test_windows(config: ModelConfig, split: ChronologicalSplit) -> Windows:
    """Return every test window, z-scored by the split's statistics."""
    return split.make_windows("test", config.lookback, config.horizon)


def build_naive_baselines(
    lookback: int, horizon: int, channels: int, season: int
) -> dict[str, nn.Module]:
    """Return Repeat and SeasonalNaive, with `LastValue` to fill gaps of the look-back."""
    sizes = (lookback, horizon, channels)
    return {
        "repeat": Reversible(Repeat(*sizes), LastValue(channels)),
        "seasonal_naive": Reversible(SeasonalNaive(*sizes, season=season), LastValue(channels)),
    }


def evaluate(
    config: ModelConfig,
    split: ChronologicalSplit,
    season: int,
    folder: Path | None = None,
    resume: bool = False,
) -> Evaluation:
    """Fit on training and validation rows and score every test window.

    Args:
        config: components, sizes and training settings of the model.
        split: chronological split; values are z-scored by its training rows.
        season: steps of SeasonalNaive.
        folder: stores checkpoints and logs; None: nothing is stored.
        resume: resume from the folder's last checkpoint.
    """
    model, report = fit_model(config, split, folder, resume)
    windows = select_test_windows(config, split)
    sizes = (config.lookback, config.horizon)
    # The baselines forecast the same targets as the model, and need no other channel.
    targets = select_targets(model, windows.values)
    baselines = build_naive_baselines(*sizes, targets.shape[1], season)
    target_windows = Windows(targets, *sizes)
    return Evaluation(
        model=score(model, windows),
        repeat=score(baselines["repeat"], target_windows),
        seasonal_naive=score(baselines["seasonal_naive"], target_windows),
        season=season,
        fit=report,
    )
