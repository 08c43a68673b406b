"""How each backbone is trained on ETT, chosen on validation windows of ETTh1 at 336 -> 96."""

import statistics
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.accuracy.joined_nbeats import JoinedNBEATS
from benchmarks.accuracy.planned_row import Row, shortened, split_of
from revin_forecast import backbones
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings


@dataclass(frozen=True)
class Setting:
    """A backbone's parameters and how it is trained."""

    parameters: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-3
    max_epochs: int = 5
    decay: float = 0.5
    batch_size: int = 32
    covariates: tuple[str, ...] = ()


SETTINGS = {
    "Linear": Setting(),
    "DLinear": Setting(),
    "CycleNet": Setting(covariates=("step",)),
    "SparseTSF": Setting(learning_rate=1e-2),
    "FITS": Setting(learning_rate=2e-3, decay=0.7),
    "TiedAutoencoder": Setting(),
    "MLP": Setting({"dropout": 0.3}, 2e-3),
    "NHITS": Setting({"width": 128, "dropout": 0.3}, 5e-4, 3),
    "InvertedTransformer": Setting({"width": 64, "layers": 1, "dropout": 0.3}, 3e-4, 5, decay=0.8),
    "TSMixer": Setting({"dropout": 0.7}, 1e-3, 3),
    "NBEATS": Setting({"width": 256, "blocks": 1}, 1.5e-4, 3),
    "TiDE": Setting({"width": 128, "dropout": 0.5}, 5e-4, 3),
    "SegRNN": Setting({"width": 64, "dropout": 0.5}, 1e-3, 3),
    "LSTM": Setting({"width": 32}, 2e-3, 3, batch_size=128),
    "GRU": Setting({"width": 32}, 2e-3, 3, batch_size=128),
    "PatchTST": Setting({"width": 32, "layers": 1, "dropout": 0.3}, 1e-3, 2),
    "SCINet": Setting({"expansion": 2}, 1e-3, 2),
    "TimesNet": Setting({"blocks": 1}, 1e-3, 2),
    "PatchLM": Setting({"width": 32, "layers": 1}, 1e-3, 2),
    "Informer": Setting({"width": 32}, 1e-3, 2),
}
"""In the order of their cost."""


@dataclass(frozen=True)
class Task:
    """A data set and the two lengths."""

    data: str
    lookback: int
    horizon: int
    data_dir: str | None = None
    quick: bool = False


def scores_of(
    task: Task, component: ModuleSpec, setting: Setting, normalizer: type, seeds: int
) -> Row:
    """Train and score over seeds; mean errors, deviation and time."""
    split, season = split_of(task.data, task.data_dir, setting.covariates)
    lookback, horizon = task.lookback, task.horizon
    if task.quick:
        split = shortened(split)
    errors, absolutes, start = [], [], time.perf_counter()
    for seed in range(seeds):
        training = TrainingSettings(
            max_epochs=1 if task.quick else setting.max_epochs,
            learning_rate=setting.learning_rate,
            decay=setting.decay,
            batch_size=setting.batch_size,
            patience=2,
            seed=seed,
        )
        recipe = ModelConfig(
            component,
            ModuleSpec.from_class(normalizer),
            lookback,
            horizon,
            training,
            covariates=setting.covariates,
        )
        scores = evaluate(recipe, split, season).model
        errors.append(scores.mse)
        absolutes.append(scores.mae)
    return {
        "MSE": statistics.mean(errors),
        "spread": statistics.stdev(errors) if seeds > 1 else None,
        "MAE": statistics.mean(absolutes),
        "seconds": (time.perf_counter() - start) / seeds,
    }


def component_of(name: str) -> ModuleSpec:
    """Describe a backbone as it is set here."""
    if name == "JoinedNBEATS":
        return ModuleSpec.from_class(JoinedNBEATS)
    return ModuleSpec.from_class(partial(getattr(backbones, name), **SETTINGS[name].parameters))
