"""Accuracy of four answers to the level, around a solved map and two networks."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.accuracy.held_out_tables import TABLES, load_table
from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.accuracy.splits import load_split, shorten_split
from benchmarks.evidence import Row
from revin_forecast.backbones import DLinear, PatchTST, Ridge
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Blend, Identity, RevIN, ShrunkLevel
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

TEXT = """
# The level taken, kept, blended or shrunk

Test MSE on data z-scored with the training part, 96 -> 24, over all test windows. `Identity` keeps
the level, `RevIN` takes it away, `Blend` learns a share, and `ShrunkLevel` computes one for each
channel from the training rows. `Ridge` is solved. `DLinear` and a small `PatchTST` (width 16, one
layer) are trained with Adam, rate 0.001, batches of 64, at most 3 epochs, one seed. A ratio is
the error divided by that of RevIN around the same backbone, and `mean share` the mean of the
channels' shares. The settings were fixed before the first run, and the test part was looked at
once. The first two data sets have their usual borders; the others are split at 70 and 80 %. On
ETTh2, where three channels keep a part of their level, shrinking costs up to a percent. Repeat with

    python -m benchmarks.accuracy.run --grid kept-level --data-dir DATA
"""
LOOKBACK, HORIZON = 96, 24
NORMALIZERS: dict[str, type] = {
    "Identity": Identity,
    "RevIN": RevIN,
    "Blend": Blend,
    "ShrunkLevel": ShrunkLevel,
}
BACKBONES: dict[str, Any] = {
    "Ridge": Ridge,
    "DLinear": DLinear,
    "PatchTST": partial(PatchTST, width=16, layers=1),
}
BENCHMARKS = ("etth2", "exchange")
"""Data sets with standard borders."""
OTHERS = ("nyc_taxi_30min", "bike_sharing_hourly", "beijing_pm25_hourly")
"""Tables split at 70 and 80 %."""


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[PlannedRow]:
    """Plan a row for each data set and backbone."""
    for name in names or (["exchange"] if quick else [*BENCHMARKS, *OTHERS]):
        for backbone in BACKBONES:
            yield PlannedRow(
                {"data": name, "backbone": backbone},
                partial(score_normalizers, name, backbone, data_dir, quick),
            )


def load_parts(name: str, data_dir: str | None) -> tuple[ChronologicalSplit, int]:
    """Return a data set in its parts, and its season."""
    if name not in OTHERS:
        return load_split(name, data_dir)
    table = TABLES[name]
    values = load_table(table, Path(data_dir or ".")).series.values
    rows = len(values)
    return ChronologicalSplit(values, int(0.7 * rows), int(0.8 * rows), rows), table.season


def score_normalizers(name: str, backbone: str, data_dir: str | None, quick: bool) -> Row:
    """Score one backbone inside each normalizer."""
    split, season = load_parts(name, data_dir)
    if quick:
        split = shorten_split(split)
    start = time.perf_counter()
    training = TrainingSettings(
        max_epochs=1 if quick else 3, learning_rate=1e-3, batch_size=64, seed=0
    )
    row: Row = {}
    windows = None
    for label, kind in NORMALIZERS.items():
        config = ModelConfig(
            ModuleSpec.from_class(BACKBONES[backbone]),
            ModuleSpec.from_class(kind),
            LOOKBACK,
            HORIZON,
            training,
        )
        scores = evaluate(config, split, season).model
        row[f"{label} MSE"], windows = scores.mse, scores.windows
    layer = ShrunkLevel(split.channels, LOOKBACK, HORIZON)
    layer.initialize_from(split.standardize_part("training", LOOKBACK), LOOKBACK)
    row["mean share"] = layer.shares.mean().item()
    row["windows"], row["seconds"] = windows, time.perf_counter() - start
    return row


def add_summary_rows(rows: list[Row]) -> list[Row]:
    """Return the rows with the ratios to RevIN, which need no measurement."""
    ratios = [
        {f"{label} ratio": row[f"{label} MSE"] / row["RevIN MSE"] for label in NORMALIZERS}
        for row in rows
    ]
    last = ("mean share", "windows", "seconds")
    return [
        {name: value for name, value in row.items() if name not in last}
        | {name: value for name, value in ratio.items() if name != "RevIN ratio"}
        | {name: row[name] for name in last}
        for row, ratio in zip(rows, ratios, strict=True)
    ]
