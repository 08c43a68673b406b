import statistics
import time
from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.planned_row import Cell, Row, shortened, split_of
from revin_forecast import normalizers
from revin_forecast.backbones import Linear, Ridge
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

TEXT = """
# Normalizers on a shared linear map

Test MSE on data z-scored by the training part, all windows scored. `Linear` is one map for all
channels, trained by gradient (Adam, rate 0.0003 and batches of 32, for weather 0.001 and 256; at
most 10 epochs, early stopping on validation after 3): mean and standard deviation over the seeds.
`Ridge` is the same map solved exactly, where the normalizer is a location and a scale. The
look-back is 336 for 96 steps ahead; ILI has 966 rows, so there it is 104 for 24. SAN has slices of
24, for exchange and ILI of 6, and its own first stage; FAN takes 4 main frequencies, for exchange
and ILI 2; everything else stands at its default. Where `Ridge` is blank there is no closed form by
a sum over the look-back. Repeat with

    python -m benchmarks.accuracy.run --grid normalizers --data-dir DATA
"""
SIZES = {"etth1": (336, 96), "etth2": (336, 96), "exchange": (336, 96), "ili": (104, 24)}
SIZES["weather"] = (336, 96)
SHORT = {"exchange", "ili"}
NAMES = [
    "Identity",
    "LastValue",
    "RevIN without affine",
    "RevIN",
    "Robust",
    "MeanScale",
    "EMA",
    "Arcsinh",
    "Causal",
    "Blend",
    "Stationary",
    "DAIN",
    "DishTS",
    "SAN",
    "FAN",
]


def component(normalizer: str, name: str) -> ModuleSpec:
    """Describe a normalizer as the page does."""
    options = {"SAN": {"slice_length": 6}, "FAN": {"frequencies": 2}} if name in SHORT else {}
    kind, _, variant = normalizer.partition(" ")
    options[kind] = options.get(kind, {}) | ({"affine": False} if variant else {})
    return ModuleSpec.from_class(partial(getattr(normalizers, kind), **options[kind]))


def normalizer_row(
    normalizer: str, name: str, seeds: int, data_dir: str | None, quick: bool
) -> Row:
    """Score Linear over seeds, and Ridge where it can be solved."""
    split, season = split_of(name, data_dir)
    if quick:
        split = shortened(split)
    lookback, horizon = sizes_of(name, quick)
    chosen = component(normalizer, name)
    start = time.perf_counter()
    errors, absolute, scored = [], [], None
    for seed in range(seeds):
        training = TrainingSettings(
            max_epochs=1 if quick else 10,
            learning_rate=1e-3 if name == "weather" else 3e-4,
            batch_size=256 if name == "weather" else 32,
            seed=seed,
        )
        recipe = ModelConfig(ModuleSpec.from_class(Linear), chosen, lookback, horizon, training)
        scores = evaluate(recipe, split, season).model
        errors.append(scores.mse)
        absolute.append(scores.mae)
        scored = scores.windows
    return {
        "Linear MSE": statistics.mean(errors) if seeds else None,
        "spread": statistics.stdev(errors) if seeds > 1 else None,
        "Linear MAE": statistics.mean(absolute) if seeds else None,
        "Ridge MSE": ridge_error(chosen, split, lookback, horizon, season),
        "seeds": seeds,
        "windows": scored,
        "seconds": time.perf_counter() - start,
    }


def sizes_of(name: str, quick: bool) -> tuple[int, int]:
    """Return look-back and horizon."""
    return (48, 12) if quick else SIZES[name]


def ridge_error(
    chosen: ModuleSpec, split: ChronologicalSplit, lookback: int, horizon: int, season: int
) -> float | None:
    """Return the error of the map solved exactly; None where there is no closed form."""
    model = ModelConfig(ModuleSpec.from_class(Ridge), chosen, lookback, horizon).build(2).normalizer
    closed = isinstance(model, normalizers.LocationScaleNormalizer)
    if not closed or model.location_weights(lookback) is None:
        return None
    recipe = ModelConfig(ModuleSpec.from_class(Ridge), chosen, lookback, horizon)
    return evaluate(recipe, split, season).model.mse


def cells(names: list[str], data_dir: str | None, quick: bool, seeds: int) -> Iterator[Cell]:
    """Plan the second table."""
    for name in names or (["exchange"] if quick else SIZES):
        for normalizer in NAMES:
            lookback, horizon = sizes_of(name, quick)
            key: Row = {"data": name, "look-back": lookback, "horizon": horizon}
            key["normalizer"] = normalizer
            seen = 1 if quick else seeds
            yield Cell(key, partial(normalizer_row, normalizer, name, seen, data_dir, quick))
