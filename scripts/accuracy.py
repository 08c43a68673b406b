"""Accuracy tables: every test window, everything chosen on training and validation data."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from revin_forecast import normalizers
from revin_forecast.backbones import Linear, Ridge
from revin_forecast.components import Component
from revin_forecast.data import catalog
from revin_forecast.evaluation import evaluate
from revin_forecast.evidence import circumstances, write_evidence
from revin_forecast.fitting import Recipe, Split
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.settings import TrainingSettings

Row = dict[str, object]
HORIZONS = (96, 192, 336, 720)
REVIN_TEXT = """
# Ridge with and without RevIN

Test MSE and MAE on data z-scored by the training part; all windows scored; the penalty is chosen on
the standard validation part; `refit` solves once more on training and validation. Repeat with

    python scripts/accuracy.py --grid revin --data-dir DATA
"""
NORMALIZERS_TEXT = """
# Normalizers on a shared linear map

Test MSE on data z-scored by the training part, all windows scored. `Linear` is one map for all
channels, trained by gradient (Adam, rate 0.0003 and batches of 32, for weather 0.001 and 256; at
most 10 epochs, early stopping on validation after 3): mean and standard deviation over the seeds.
`Ridge` is the same map solved exactly, where the normalizer is a location and a scale. The
look-back is 336 for 96 steps ahead; ILI has 966 rows, so there it is 104 for 24. SAN has slices of
24, for exchange and ILI of 6, and its own first stage; FAN takes 4 main frequencies, for exchange
and ILI 2; everything else stands at its default. Where `Ridge` is blank there is no closed form by
a sum over the look-back. Repeat with

    python scripts/accuracy.py --grid normalizers --data-dir DATA
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


def split_of(name: str, data_dir: str | None) -> tuple[Split, int]:
    """Return a data set's values with their borders, and its season."""
    entry, values = catalog.find(name), catalog.load(name, data_dir).values
    borders = entry.borders
    return Split(values, borders.train, borders.validation, borders.test), entry.season


def revin_row(name: str, lookback: int, horizon: int, data_dir: str | None) -> Row:
    """Score Ridge with and without RevIN."""
    split, season = split_of(name, data_dir)
    cells: Row = {"data": name, "look-back": lookback, "horizon": horizon}
    start = time.perf_counter()
    for label, kind, refit in (
        ("RevIN", RevIN, False),
        ("RevIN refit", RevIN, True),
        ("LastValue", LastValue, False),
        ("Identity", Identity, False),
    ):
        components = Component.of(Ridge), Component.of(kind)
        recipe = Recipe(*components, lookback, horizon, refit=refit)
        result = evaluate(recipe, split, season)
        cells[f"{label} MSE"] = result.model.mse
        cells[f"{label} MAE"] = result.model.mae
    cells |= {"Repeat MSE": result.repeat.mse, "SeasonalNaive MSE": result.seasonal_naive.mse}
    cells |= {"windows": result.model.windows, "seconds": time.perf_counter() - start}
    print(f"{name} {horizon}: {cells['RevIN MSE']:.4f} / {cells['Identity MSE']:.4f}")
    return cells


def component(normalizer: str, name: str) -> Component:
    """Describe a normalizer as the page does."""
    options = {"SAN": {"slice_length": 6}, "FAN": {"frequencies": 2}} if name in SHORT else {}
    kind, _, variant = normalizer.partition(" ")
    options[kind] = options.get(kind, {}) | ({"affine": False} if variant else {})
    return Component.of(partial(getattr(normalizers, kind), **options[kind]))


def normalizer_row(
    normalizer: str, name: str, seeds: int, data_dir: str | None, quick: bool
) -> Row:
    """Score Linear over seeds, and Ridge where it can be solved."""
    split, season = split_of(name, data_dir)
    if quick:
        split = Split(split.values[:900, :2], 600, 700, 850)
    lookback, horizon = (48, 12) if quick else SIZES[name]
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
        recipe = Recipe(Component.of(Linear), chosen, lookback, horizon, training)
        scores = evaluate(recipe, split, season).model
        errors.append(scores.mse)
        absolute.append(scores.mae)
        scored = scores.windows
    row: Row = {
        "data": name,
        "look-back": lookback,
        "horizon": horizon,
        "normalizer": normalizer,
        "Linear MSE": statistics.mean(errors) if seeds else None,
        "spread": statistics.stdev(errors) if seeds > 1 else None,
        "Linear MAE": statistics.mean(absolute) if seeds else None,
        "Ridge MSE": ridge_error(chosen, split, lookback, horizon, season),
        "seeds": seeds,
        "windows": scored,
        "seconds": time.perf_counter() - start,
    }
    print(name, normalizer, row["Linear MSE"], row["spread"], row["Ridge MSE"], flush=True)
    return row


def ridge_error(
    chosen: Component, split: Split, lookback: int, horizon: int, season: int
) -> float | None:
    """Return the error of the map solved exactly; None where there is no closed form."""
    model = Recipe(Component.of(Ridge), chosen, lookback, horizon).build(2).normalizer
    closed = isinstance(model, normalizers.LocationScaleNormalizer)
    if not closed or model.location_weights(lookback) is None:
        return None
    recipe = Recipe(Component.of(Ridge), chosen, lookback, horizon)
    return evaluate(recipe, split, season).model.mse


def revin_grid(names: list[str], data_dir: str | None, quick: bool, seeds: int) -> Iterator[Row]:
    """Yield the rows of the first table."""
    sizes = {"etth1": 512, "etth2": 512, "exchange": 96}
    for name in names or sizes:
        for horizon in HORIZONS[:1] if quick else HORIZONS:
            yield revin_row(name, sizes[name], horizon, data_dir)


def normalizer_grid(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[Row]:
    """Yield the rows of the second table."""
    for name in names or (["exchange"] if quick else SIZES):
        for normalizer in NAMES:
            yield normalizer_row(normalizer, name, 1 if quick else seeds, data_dir, quick)


GRIDS: dict[str, tuple[Callable[..., Iterator[Row]], str]] = {
    "revin": (revin_grid, REVIN_TEXT),
    "normalizers": (normalizer_grid, NORMALIZERS_TEXT),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", choices=GRIDS, default="revin")
    parser.add_argument("--data", nargs="+", default=[], help="these data sets only")
    parser.add_argument("--data-dir", help="folder of the benchmark data")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--seeds", type=int, default=5, help="of what is trained by gradient")
    parser.add_argument("--threads", type=int, help="of torch; as it chooses if not given")
    parser.add_argument("--quick", action="store_true", help="a small part of the table")
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    grid, text = GRIDS[chosen.grid]
    made = circumstances() | {"quick": chosen.quick}
    rows: list[Row] = []
    for row in grid(chosen.data, chosen.data_dir, chosen.quick, chosen.seeds):
        rows.append(row)  # written each time: an hour's work is not lost
        write_evidence(chosen.out, f"accuracy_{chosen.grid}", text, rows, made)


if __name__ == "__main__":
    main()
