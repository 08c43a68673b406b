"""Sizes and training settings of each backbone, tuned on validation windows of ETTh1, 336 -> 96."""

import statistics
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.accuracy.joined_nbeats import JoinedNBEATS
from benchmarks.accuracy.splits import load_split, shorten_split
from benchmarks.evidence import Row
from revin_forecast import backbones
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings


@dataclass(frozen=True)
class BackboneSettings:
    """Parameters of a backbone and how it is trained."""

    parameters: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 1e-3
    max_epochs: int = 5
    decay: float = 0.5
    batch_size: int = 32
    covariates: tuple[str, ...] = ()


SETTINGS = {
    "Linear": BackboneSettings(),
    "DLinear": BackboneSettings(),
    "CycleNet": BackboneSettings(covariates=("step",)),
    "SparseTSF": BackboneSettings(learning_rate=1e-2),
    "FITS": BackboneSettings(learning_rate=2e-3, decay=0.7),
    "TiedAutoencoder": BackboneSettings(),
    "MLP": BackboneSettings({"dropout": 0.3}, 2e-3),
    "NHITS": BackboneSettings({"width": 128, "dropout": 0.3}, 5e-4, 3),
    "InvertedTransformer": BackboneSettings(
        {"width": 64, "layers": 1, "dropout": 0.3}, 3e-4, 5, decay=0.8
    ),
    "SOFTS": BackboneSettings({"width": 256, "layers": 1}, 1.5e-4, 4),
    "TSMixer": BackboneSettings({"dropout": 0.7}, 1e-3, 3),
    "NBEATS": BackboneSettings({"width": 256, "blocks": 1}, 1.5e-4, 3),
    "TiDE": BackboneSettings({"width": 128, "dropout": 0.5}, 5e-4, 3),
    "SegRNN": BackboneSettings({"width": 64, "dropout": 0.5}, 1e-3, 3),
    "XPatch": BackboneSettings(learning_rate=6e-4, max_epochs=2),
    "ModernTCN": BackboneSettings({"dropout": 0.8}, 5e-4, 2),
    "LSTM": BackboneSettings({"width": 32}, 2e-3, 3, batch_size=128),
    "GRU": BackboneSettings({"width": 32}, 2e-3, 3, batch_size=128),
    "TQNet": BackboneSettings({"width": 256}, 3e-4, 3, covariates=("step",)),
    "PatchTST": BackboneSettings({"width": 32, "layers": 1, "dropout": 0.3}, 1e-3, 2),
    "TimeXer": BackboneSettings({"width": 16, "patch": 8}, 1e-3, 3),
    "SCINet": BackboneSettings({"expansion": 2}, 1e-3, 2),
    "TimesNet": BackboneSettings({"blocks": 1}, 1e-3, 2),
    "TimeMixer": BackboneSettings(learning_rate=3e-3, max_epochs=1),
    "PatchLM": BackboneSettings({"width": 32, "layers": 1}, 1e-3, 2),
    "Informer": BackboneSettings({"width": 32}, 1e-3, 2),
}
"""Ordered by cost, the cheapest first."""


@dataclass(frozen=True)
class Experiment:
    """A data set with a look-back and a horizon."""

    data: str
    lookback: int
    horizon: int
    data_dir: str | None = None
    quick: bool = False


def score_over_seeds(
    experiment: Experiment,
    backbone: ModuleSpec,
    settings: BackboneSettings,
    normalizer: type,
    seeds: int,
) -> Row:
    """Train and score a model with each seed; return mean errors, their spread and the time."""
    split, season = load_split(experiment.data, experiment.data_dir, settings.covariates)
    lookback, horizon = experiment.lookback, experiment.horizon
    if experiment.quick:
        split = shorten_split(split)
    squared, absolute, start = [], [], time.perf_counter()
    for seed in range(seeds):
        training = TrainingSettings(
            max_epochs=1 if experiment.quick else settings.max_epochs,
            learning_rate=settings.learning_rate,
            decay=settings.decay,
            batch_size=settings.batch_size,
            patience=2,
            seed=seed,
        )
        config = ModelConfig(
            backbone,
            ModuleSpec.from_class(normalizer),
            lookback,
            horizon,
            training,
            covariates=settings.covariates,
        )
        scores = evaluate(config, split, season).model
        squared.append(scores.mse)
        absolute.append(scores.mae)
    return {
        "MSE": statistics.mean(squared),
        "spread": statistics.stdev(squared) if seeds > 1 else None,
        "MAE": statistics.mean(absolute),
        "seconds": (time.perf_counter() - start) / seeds,
    }


def build_backbone_spec(name: str) -> ModuleSpec:
    """Return a backbone by name with the parameters of its settings."""
    if name == "JoinedNBEATS":  # defined here, not in the package
        return ModuleSpec.from_class(JoinedNBEATS)
    return ModuleSpec.from_class(partial(getattr(backbones, name), **SETTINGS[name].parameters))
