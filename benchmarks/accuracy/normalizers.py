"""Accuracy of every normalizer around a linear map that all channels share."""

import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.accuracy.splits import load_split, shorten_split
from benchmarks.evidence import Row
from revin_forecast import normalizers
from revin_forecast.backbones import Linear, Ridge
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

TEXT = """
# Normalizers on a shared linear map

Test MSE on data z-scored with the training part. All test windows are scored. `Linear` is one map
for all channels, trained by gradient descent: Adam with rate 0.0003 and batches of 32 (weather:
0.001 and 256), at most 10 epochs, early stopping after 3 without a lower validation error. Its
error is a mean over the seeds, with the standard deviation in `spread`. `Ridge` is the same map
solved exactly, where the normalizer is a location and a scale. The look-back is 336 for 96 steps
ahead, and 104 for 24 on ILI, which has only 966 rows. SAN has slices of 24 (exchange and ILI: 6)
and its own first stage, as DDN has, whose network is linear (weather: two blocks); FAN uses 4 main
frequencies (exchange and ILI: 2); R2-IN is `Robust` with the MAD and an affine map; all other
parameters have their defaults. `Ridge` is blank where the location is not a weighted sum over the
look-back and so has no closed form. NoRIN, R2-IN, DDN, ShrunkLevel and DifferenceScale were
measured later, on a machine busy with other work: their seconds do not compare, and some rows of
the first three are still missing. Repeat with

    python -m benchmarks.accuracy.run --grid normalizers --data-dir DATA
"""
SIZES = {
    "etth1": (336, 96),
    "etth2": (336, 96),
    "exchange": (336, 96),
    "ili": (104, 24),
    "weather": (336, 96),
}
"""Look-back and horizon of each data set."""
SHORT_SEASONS = {"exchange", "ili"}
"""Data sets with weekly patterns or fewer rows: SAN and FAN get smaller parameters."""
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "RevIN without affine": ("RevIN", {"affine": False}),
    "R2-IN": ("Robust", {"spread": "mad", "affine": True}),
}
"""Class and parameters of each label that is not the name of a class."""
NAMES = [
    "Identity",
    "LastValue",
    "DifferenceScale",
    "RevIN without affine",
    "RevIN",
    "Robust",
    "R2-IN",
    "MeanScale",
    "EMA",
    "Arcsinh",
    "NoRIN",
    "Causal",
    "Blend",
    "ShrunkLevel",
    "Stationary",
    "DAIN",
    "DishTS",
    "SAN",
    "DDN",
    "FAN",
]


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[PlannedRow]:
    """Plan a row for each data set and normalizer."""
    seeds = 1 if quick else seeds
    for name in names or (["exchange"] if quick else SIZES):
        for normalizer in NAMES:
            lookback, horizon = get_sizes(name, quick)
            key: Row = {"data": name, "look-back": lookback, "horizon": horizon}
            key["normalizer"] = normalizer
            yield PlannedRow(
                key, partial(score_normalizer, normalizer, name, seeds, data_dir, quick)
            )


def get_sizes(name: str, quick: bool) -> tuple[int, int]:
    """Return the look-back and the horizon of a data set."""
    return (48, 12) if quick else SIZES[name]


def build_normalizer_spec(normalizer: str, name: str) -> ModuleSpec:
    """Return a normalizer by its label, with the parameters of a data set."""
    options: dict[str, dict[str, Any]] = {} if name == "weather" else {"DDN": {"layers": 0}}
    if name in SHORT_SEASONS:
        options |= {"SAN": {"slice_length": 6}, "FAN": {"frequencies": 2}}
    kind, variant = VARIANTS.get(normalizer, (normalizer, {}))
    return ModuleSpec.from_class(
        partial(getattr(normalizers, kind), **options.get(kind, {}), **variant)
    )


def score_normalizer(
    normalizer: str, name: str, seeds: int, data_dir: str | None, quick: bool
) -> Row:
    """Score Linear over the seeds, and Ridge if it can be solved."""
    split, season = load_split(name, data_dir)
    if quick:
        split = shorten_split(split)
    lookback, horizon = get_sizes(name, quick)
    spec = build_normalizer_spec(normalizer, name)
    start = time.perf_counter()
    squared, absolute, windows = [], [], None
    for seed in range(seeds):
        training = TrainingSettings(
            max_epochs=1 if quick else 10,
            learning_rate=1e-3 if name == "weather" else 3e-4,
            batch_size=256 if name == "weather" else 32,
            seed=seed,
        )
        config = ModelConfig(ModuleSpec.from_class(Linear), spec, lookback, horizon, training)
        scores = evaluate(config, split, season).model
        squared.append(scores.mse)
        absolute.append(scores.mae)
        windows = scores.windows
    return {
        "Linear MSE": statistics.mean(squared) if seeds else None,
        "spread": statistics.stdev(squared) if seeds > 1 else None,
        "Linear MAE": statistics.mean(absolute) if seeds else None,
        "Ridge MSE": score_ridge(spec, split, lookback, horizon, season),
        "seeds": seeds,
        "windows": windows,
        "seconds": time.perf_counter() - start,
    }


def score_ridge(
    spec: ModuleSpec, split: ChronologicalSplit, lookback: int, horizon: int, season: int
) -> float | None:
    """Return the MSE of the exactly solved map; None if there is no closed form."""
    config = ModelConfig(ModuleSpec.from_class(Ridge), spec, lookback, horizon)
    normalizer = config.build(2).normalizer
    if isinstance(normalizer, normalizers.ShrunkLevel):
        normalizer = normalizer.standard
    is_location_scale = isinstance(normalizer, normalizers.LocationScaleNormalizer)
    if not is_location_scale or normalizer.location_weights(lookback) is None:
        return None
    return evaluate(config, split, season).model.mse
