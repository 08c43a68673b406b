"""Scores of the pretrained network on three sets of series, and committed rows of other models."""

import datetime
import json
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy.default_choice import score_forecasts
from benchmarks.accuracy.gift_scores import forecast_seasonal_naive as forecast_gift_naive
from benchmarks.accuracy.gift_scores import score_quantiles
from benchmarks.accuracy.gift_tasks import LEVELS as DECILES
from benchmarks.accuracy.gift_tasks import LoadedTask
from benchmarks.accuracy.held_out_tables import HeldOutTable, LoadedTable
from benchmarks.accuracy.panel_forecasts import forecast_seasonal_naive
from benchmarks.accuracy.panel_scores import (
    SeriesScores,
    average,
    average_clipped_ratios,
    average_ratios,
    divide_means,
    estimate,
    score_series,
)
from benchmarks.accuracy.panel_tasks import PanelTask
from benchmarks.accuracy.statsforecast_runs import cut_histories
from benchmarks.accuracy.zero_shot_forecasts import (
    LEVELS,
    LOWER,
    MEDIAN,
    UPPER,
    find_season,
    forecast_origins,
    forecast_tasks,
)
from benchmarks.evidence import PAGES, Row

COLUMNS = (
    "series",
    "season",
    "/ naive",
    "clipped",
    "MASE",
    "QL / naive",
    "QL geometric",
    "80 %",
    "95 %",
    "s",
    "measured",
)
"""Columns after the key."""
PANEL_PEERS = ("default", "AutoETS", "AutoARIMA", "fracast", "SeasonalNaive")
PRODUCT_PEERS = ("default", "AutoETS", "AutoTheta", "DynamicOptimizedTheta", "SeasonalNaive")
GIFT_PEERS = (
    "default",
    "TiRex-2",
    "Chronos-2",
    "TTM-R3",
    "Chronos-Bolt-base",
    "Toto-2.0-4m",
    "PatchTST",
    "AutoARIMA",
    "FLAIR",
    "seasonal naive",
)


class PanelResult:
    """The network on all tasks of the panel; forecasts are made when the first score needs them."""

    def __init__(self, tasks: Sequence[PanelTask]):
        self.tasks = tasks

    @cached_property
    def seconds(self) -> np.ndarray:
        """Processor seconds of each task."""
        return self._scored[1]

    @cached_property
    def _scored(self) -> tuple[SeriesScores, np.ndarray]:
        forecasts = forecast_tasks(self.tasks)
        return score_series(forecasts, self.tasks), forecasts.seconds

    @cached_property
    def naive(self) -> SeriesScores:
        """Scores of the seasonal naive forecast, which gets the season."""
        return score_series(forecast_seasonal_naive(self.tasks), self.tasks)

    def score_group(self, indices: Sequence[int]) -> Row:
        """Return the columns over some tasks."""
        chosen = list(indices)
        own = SeriesScores(*(part[chosen] for part in self._scored[0]))
        naive = SeriesScores(*(part[chosen] for part in self.naive))
        return score_group(own, naive) | {
            "series": len(chosen),
            "s": float(self.seconds[chosen].mean()),
            "measured": read_date(),
        }


def score_group(own: SeriesScores, naive: SeriesScores) -> Row:
    """Return the columns of scores over series, with their intervals."""
    estimates = {
        "/ naive": estimate(average_ratios, own.error, naive.error),
        "clipped": estimate(average_clipped_ratios, own.error, naive.error),
        "MASE": estimate(average, own.error),
        "QL / naive": estimate(divide_means, own.quantile_loss, naive.quantile_loss),
        "QL geometric": estimate(average_ratios, own.quantile_loss, naive.quantile_loss),
        "80 %": estimate(average, own.coverage[:, 0]),
        "95 %": estimate(average, own.coverage[:, 1]),
    }
    cells = {name: None if value is None else str(value) for name, value in estimates.items()}
    return dict.fromkeys(COLUMNS) | cells


def score_table(loaded: LoadedTable, table: HeldOutTable) -> Row:
    """Return the columns of a table of `accuracy_product`; one season is found for all channels."""
    values, horizon = loaded.series.values, table.horizon
    season = find_season(values[: loaded.train], loaded.series.frequency)
    start = time.process_time()
    quantiles = forecast_origins(values, loaded.origins, season, horizon)
    seconds = (time.process_time() - start) / (len(loaded.origins) * values.shape[1])
    histories = cut_histories(values, loaded.origins, table.season)
    naive = np.stack([np.resize(history[-table.season :], horizon) for history in histories])
    naive = naive.reshape(len(loaded.origins), -1, horizon).swapaxes(1, 2)
    truth = np.stack([values[origin : origin + horizon] for origin in loaded.origins])
    error = score_forecasts(quantiles[..., MEDIAN], loaded, table)
    return dict.fromkeys(COLUMNS) | {
        "series": values.shape[1],
        "season": season,
        "/ naive": error / score_forecasts(naive, loaded, table),
        "MASE": error,
        **measure_coverage(quantiles, truth),
        "s": seconds,
        "measured": read_date(),
    }


def score_gift_task(loaded: LoadedTask) -> Row:
    """Return the columns of a task of GIFT-Eval, whose quantile loss is WQL."""
    values, origins, horizon = loaded.series.values, loaded.origins, loaded.task.horizon
    season = find_season(values[: origins[0]], loaded.series.frequency)
    start = time.process_time()
    quantiles = forecast_origins(values, origins, season, horizon)
    seconds = (time.process_time() - start) / (len(origins) * values.shape[1])
    deciles = torch.from_numpy(quantiles[..., [LEVELS.index(level) for level in DECILES]])
    own = score_quantiles(deciles, loaded)
    naive = score_quantiles(forecast_gift_naive(loaded), loaded)
    return dict.fromkeys(COLUMNS) | {
        "series": values.shape[1],
        "season": season,
        "/ naive": own["MASE"] / naive["MASE"],
        "MASE": own["MASE"],
        "QL / naive": own["WQL"] / naive["WQL"],
        **measure_coverage(quantiles, loaded.truth.numpy()),
        "s": seconds,
        "measured": read_date(),
    }


def measure_coverage(quantiles: np.ndarray, truth: np.ndarray) -> Row:
    """Return the percentages of the observed values inside the intervals of 80 and 95 %."""
    known = np.isfinite(truth)
    cells: Row = {}
    for name, lower, upper in zip(("80 %", "95 %"), LOWER, UPPER, strict=True):
        inside = (quantiles[..., lower] <= truth) & (truth <= quantiles[..., upper])
        cells[name] = float(100 * inside[known].mean())
    return cells


def summarize_rows(rows: Sequence[Row]) -> Row:
    """Return the columns over tables or tasks, whose errors weigh equally."""
    summary: Row = dict.fromkeys(COLUMNS)
    ones = np.ones(len(rows))
    for name in ("/ naive", "QL / naive"):
        if all(row[name] is not None for row in rows):
            ratios = np.array([row[name] for row in rows], dtype=float)
            summary[name] = str(estimate(average_ratios, ratios, ones))
    for name in ("MASE", "80 %", "95 %"):
        if all(row[name] is not None for row in rows):
            column = np.array([row[name] for row in rows], dtype=float)
            summary[name] = str(estimate(average, column))
    return summary | {"series": len(rows), "measured": rows[0]["measured"]}


def read_panel_peers(origin: int, frequency: str, family: str) -> dict[str, Row]:
    """Return the committed columns of other models on a group of the panel."""
    return {
        row["model"]: {name: row.get(name) for name in COLUMNS}
        for row in _read_record("accuracy_panel")["rows"]
        if (row["origin"], row["frequency"], row["family"]) == (origin, frequency, family)
        and row["model"] in PANEL_PEERS
    }


def read_product_peers() -> dict[str, list[Row]]:
    """Return the committed rows of the tables, by model."""
    record = _read_record("accuracy_product")
    tables = [row for row in record["rows"] if row["season"] is not None]
    measured = record["made"]["date"]
    return {
        name: [
            dict.fromkeys(COLUMNS)
            | {"MASE": row[name], "/ naive": row[name] / row["SeasonalNaive"], "measured": measured}
            for row in tables
        ]
        for name in PRODUCT_PEERS
    }


def read_gift_peers(is_ett: bool) -> dict[str, Row]:
    """Return the committed and published means over the tasks, or over those of ETT, by model."""
    record = _read_record("accuracy_gift")
    wanted = "geometric mean of ETT, relative" if is_ett else "geometric mean, relative"
    means = {row["score"]: row for row in record["rows"] if row["task"] == wanted}
    return {
        name: dict.fromkeys(COLUMNS)
        | {
            "/ naive": means["MASE"][name],
            "QL / naive": means["WQL"][name],
            "measured": record["made"]["date"],
        }
        for name in GIFT_PEERS
    }


def read_date() -> str:
    """Return today's date."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _read_record(name: str) -> Row:
    path: Path = PAGES / f"{name}.json"
    return json.loads(path.read_text())
