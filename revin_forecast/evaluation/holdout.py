"""The evaluation protocol: every test window, nothing dropped, nothing chosen on test."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible, select_targets
from revin_forecast.normalizers import LastValue
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.utils.memory import retain_freed_memory
from revin_forecast.utils.progress import progress

MAX_BATCH_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Scores:
    """Errors over all windows, steps and channels that were observed, in standardized units."""

    mse: float
    mae: float
    windows: int


@dataclass(frozen=True)
class Evaluation:
    """A model's test scores beside the two naive ones."""

    model: Scores
    repeat: Scores
    seasonal_naive: Scores
    season: int
    fit: dict[str, Any]
    """What the fit reports: penalty or epochs, validation error."""


@torch.inference_mode()
def score(model: nn.Module, windows: Windows) -> Scores:
    """Score a model on every window, the sums held in float64.

    Raises:
        InputError: no target of the windows was observed.
    """
    retain_freed_memory()
    bytes_each = windows[0:1].past.nbytes + windows[0:1].future.nbytes
    squares = absolutes = 0.0
    count = 0
    with progress("scoring forecasts", len(windows), "windows") as advance:
        for past, future, known in windows.iter_batches(max(1, MAX_BATCH_BYTES // bytes_each)):
            truth = select_targets(model, future)
            observed = truth.isfinite()
            forecast = model(past) if known is None else model(past, known=known)
            error = torch.where(observed, forecast - truth, 0)
            squares += error.square().sum(dtype=torch.float64).item()
            absolutes += error.abs().sum(dtype=torch.float64).item()
            count += int(observed.sum())
            advance(len(past))
    if count == 0:
        raise InputError("no value of the scored part was observed, so there is no error to give.")
    return Scores(squares / count, absolutes / count, len(windows))


def select_test_windows(config: ModelConfig, split: ChronologicalSplit) -> Windows:
    """Return every test window, z-scored as the split says."""
    return split.make_windows("test", config.lookback, config.horizon)


def build_naive_baselines(
    lookback: int, horizon: int, channels: int, season: int
) -> dict[str, nn.Module]:
    """Return Repeat and SeasonalNaive, made to see through gaps."""
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
        config: the model and how it is fitted.
        split: chronological; values are z-scored by its training rows.
        season: steps of SeasonalNaive.
        folder: keeps checkpoints and logs; None: nothing is kept.
        resume: go on from the folder's last checkpoint.
    """
    model, report = fit_model(config, split, folder, resume)
    windows = select_test_windows(config, split)
    chosen = select_targets(model, windows.values)
    sizes = (config.lookback, config.horizon)
    scores = score(model, windows)
    naive, windows = build_naive_baselines(*sizes, chosen.shape[1], season), Windows(chosen, *sizes)
    return Evaluation(
        model=scores,
        repeat=score(naive["repeat"], windows),
        seasonal_naive=score(naive["seasonal_naive"], windows),
        season=season,
        fit=report,
    )
