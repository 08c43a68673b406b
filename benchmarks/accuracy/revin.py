"""Accuracy of Ridge with and without RevIN: the table of the README."""

import time
from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.accuracy.splits import HORIZONS, load_split
from benchmarks.evidence import Row
from revin_forecast.backbones import Ridge
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.training.model_config import ModelConfig

TEXT = """
# Ridge with and without RevIN

Test MSE and MAE on data z-scored with the training part. All windows are scored. The penalty is
selected on the standard validation part; `refit` solves again on training and validation. Repeat
with

    python -m benchmarks.accuracy.run --grid revin --data-dir DATA
"""
LOOKBACKS = {"etth1": 512, "etth2": 512, "exchange": 96}


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[PlannedRow]:
    """Plan a row for each data set and horizon."""
    for name in names or LOOKBACKS:
        for horizon in HORIZONS[:1] if quick else HORIZONS:
            lookback = LOOKBACKS[name]
            key: Row = {"data": name, "look-back": lookback, "horizon": horizon}
            yield PlannedRow(key, partial(score_normalizers, name, lookback, horizon, data_dir))


def score_normalizers(name: str, lookback: int, horizon: int, data_dir: str | None) -> Row:
    """Score Ridge with RevIN, with the last value subtracted and without a normalizer."""
    split, season = load_split(name, data_dir)
    row: Row = {}
    start = time.perf_counter()
    for label, normalizer, refit in (
        ("RevIN", RevIN, False),
        ("RevIN refit", RevIN, True),
        ("LastValue", LastValue, False),
        ("Identity", Identity, False),
    ):
        specs = ModuleSpec.from_class(Ridge), ModuleSpec.from_class(normalizer)
        config = ModelConfig(*specs, lookback, horizon, refit=refit)
        result = evaluate(config, split, season)
        row[f"{label} MSE"] = result.model.mse
        row[f"{label} MAE"] = result.model.mae
        # The same for every normalizer.
        naive = {"Repeat MSE": result.repeat.mse, "SeasonalNaive MSE": result.seasonal_naive.mse}
        windows = result.model.windows
    return row | naive | {"windows": windows, "seconds": time.perf_counter() - start}
