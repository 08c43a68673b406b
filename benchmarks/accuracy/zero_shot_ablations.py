"""Ablations of the pretrained network: one part changed at a time, trained on the same series."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy import default_choice
from benchmarks.accuracy.gift import QUICK_ROWS, QUICK_TASKS
from benchmarks.accuracy.gift_tasks import TASKS, LoadedTask, load_task
from benchmarks.accuracy.held_out_tables import TABLES, HeldOutTable, LoadedTable, load_table
from benchmarks.accuracy.panel_forecasts import forecast_seasonal_naive
from benchmarks.accuracy.panel_scores import (
    SeriesScores,
    average,
    average_ratios,
    estimate,
    score_series,
)
from benchmarks.accuracy.panel_tasks import PanelTask
from benchmarks.accuracy.zero_shot_forecasts import forecast_tasks
from benchmarks.accuracy.zero_shot_rows import score_gift_task, score_table
from benchmarks.accuracy.zero_shot_training import SETTINGS, train_pair, train_variants
from benchmarks.accuracy.zero_shot_variants import PAIR, VARIANTS, shipped_weights_replaced
from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.data.catalog import catalog
from revin_forecast.pretrained.generator import GENERATOR_VERSION, generate_series
from revin_forecast.pretrained.learning_curve import SHAPES
from revin_forecast.pretrained.load_weights import load_networks
from revin_forecast.pretrained.synthetic_batches import BatchSettings
from revin_forecast.utils.progress import progress_display

SYNTHETIC_SEED = 2**41
"""Seed of the synthetic series that are scored; the trainings and their curves have others."""
SYNTHETIC_SERIES = 200
"""Series of each kind."""
TEXT = """
# Ablations of the pretrained network

Networks like `Pretrained` ([idea and design](../theory/zero_shot.md)), each with one part changed.
They take turns on the same batches of synthetic series: {steps:,} steps of {series} series, version
{version} of the generator, one seed. The shipped weights are trained for longer. So the rows
compare parts, and do not show the quality of the shipped weights. The learning rate is the shipped
one for all, and differences between seeds were not measured: one of 1 % may be luck. The affine map
of RevIN is not used.

`synthetic` has {scored:,} series that no training saw, 200 of each of seven kinds, with the season
given. `tables` has the 23 tables of [the default choice](accuracy_product.md), and `GIFT` the
twelve tasks of [GIFT-Eval](accuracy_gift.md), with the season found by the package, as on [the page
of the network alone](accuracy_zero_shot.md). The development panel was not looked at.

`/ naive` is the geometric mean over series, tables or tasks of MASE over that of the seasonal naive
forecast. `/ full` is the geometric mean of MASE over that of the full design, paired, with its
bootstrap 95 % confidence interval. `QL / full` is the same of the quantile loss (synthetic series),
and `WQL / full` of WQL (GIFT). `80 %` is the percentage of held-out values inside the intervals of
80 %. The figure shows the columns with `/ full`. Repeat with

    python -m benchmarks.accuracy.zero_shot_ablations --threads 1 --data-dir DATA --runs FOLDER

where FOLDER keeps the trainings; an interrupted run continues there.
"""
QUICK_BATCH = BatchSettings(groups=2, series=4, steps=4, shapes=2, parts=1)


@dataclass(frozen=True, eq=False)
class VariantScores:
    """Scores of one variant on every set."""

    synthetic: SeriesScores
    tables: list[Row]
    """A row for each table."""
    gift: list[Row]
    """A row for each task of GIFT-Eval."""

    def read(self, name: str, column: str) -> np.ndarray:
        """Return a column of the rows of a set."""
        return np.array([row[column] for row in getattr(self, name)], dtype=float)


class AblationSets:
    """The series of all sets, read once."""

    def __init__(self, folder: Path, quick: bool):
        self.folder = folder
        self.quick = quick

    @cached_property
    def tasks(self) -> list[PanelTask]:
        """Synthetic series."""
        shapes = SHAPES[:2] if self.quick else SHAPES
        return build_tasks(5 if self.quick else SYNTHETIC_SERIES, shapes)

    @cached_property
    def tables(self) -> list[tuple[LoadedTable, HeldOutTable]]:
        """The tables of the default choice."""
        chosen = default_choice.QUICK_TABLES if self.quick else TABLES
        return [(load_table(table, self.folder), table) for table in chosen.values()]

    @cached_property
    def gift(self) -> list[LoadedTask]:
        """The tasks of GIFT-Eval."""
        if self.quick:
            chosen = [task for task in TASKS if task.name in QUICK_TASKS]
            return [load_task(task, self.folder, QUICK_ROWS) for task in chosen]
        return [load_task(task, self.folder) for task in TASKS]

    @cached_property
    def naive(self) -> SeriesScores:
        """Scores of the seasonal naive forecast on the synthetic series."""
        return score_series(forecast_seasonal_naive(self.tasks), self.tasks)

    def score(self) -> VariantScores:
        """Score the network that `Pretrained` builds now."""
        synthetic = score_series(forecast_tasks(self.tasks, is_season_given=True), self.tasks)
        tables = [score_table(loaded, table) for loaded, table in self.tables]
        return VariantScores(synthetic, tables, [score_gift_task(task) for task in self.gift])


def build_tasks(series: int, shapes: tuple = SHAPES) -> list[PanelTask]:
    """Return synthetic series of each kind; those without a scale of MASE are left out."""
    tasks: list[PanelTask] = []
    for index, shape in enumerate(shapes):
        seed = SYNTHETIC_SEED + index
        made = generate_series(seed, series, shape.rows, shape.horizon, shape.season)
        dates = np.arange(shape.rows)
        for values, future in zip(made.past.astype(float), made.future.astype(float), strict=True):
            tasks.append(PanelTask("", "synthetic", "MS", shape.season, 1, dates, values, future))
    return [task for task in tasks if np.isfinite(task.scale)]


def compare(sets: AblationSets, own: VariantScores, full: VariantScores) -> Row:
    """Return the columns of a variant."""
    ratios = {
        "synthetic / naive": (own.synthetic.error, sets.naive.error),
        "synthetic / full": (own.synthetic.error, full.synthetic.error),
        "synthetic QL / full": (own.synthetic.quantile_loss, full.synthetic.quantile_loss),
        "tables / naive": (own.read("tables", "/ naive"), np.ones(len(own.tables))),
        "tables / full": (own.read("tables", "MASE"), full.read("tables", "MASE")),
        "GIFT / naive": (own.read("gift", "/ naive"), np.ones(len(own.gift))),
        "GIFT / full": (own.read("gift", "MASE"), full.read("gift", "MASE")),
        "GIFT WQL / full": (own.read("gift", "QL / naive"), full.read("gift", "QL / naive")),
    }
    cells: Row = {name: str(estimate(average_ratios, *pair)) for name, pair in ratios.items()}
    coverages = {
        "synthetic 80 %": own.synthetic.coverage[:, 0],
        "tables 80 %": own.read("tables", "80 %"),
        "GIFT 80 %": own.read("gift", "80 %"),
    }
    return cells | {name: str(estimate(average, column)) for name, column in coverages.items()}


@measurement(
    "zero_shot_ablations",
    quick="tiny trainings and few series",
    options={
        "--data-dir": {"help": "folder of the benchmark data"},
        "--runs": {"type": Path, "required": True, "help": "folder of the trainings"},
        "--threads": {"type": int, "help": "threads of torch; its own choice by default"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Train all variants and score them."""
    if options.threads:
        torch.set_num_threads(options.threads)
    settings = replace(SETTINGS, steps=4, batch=QUICK_BATCH) if options.quick else SETTINGS
    page.text = TEXT.format(
        steps=settings.steps,
        series=settings.batch.groups * settings.batch.series,
        version=GENERATOR_VERSION,
        scored=SYNTHETIC_SERIES * len(SHAPES),
    )
    with progress_display(verbose=not options.quick):
        paths = train_variants(VARIANTS, settings, options.runs)
        paths[PAIR.name] = train_pair(settings, options.runs)
    sets = AblationSets(Path(catalog.data_folder(options.data_dir)), options.quick)
    full: VariantScores | None = None
    for variant in (*VARIANTS, PAIR):
        path = paths[variant.name]
        with variant.applied(), shipped_weights_replaced(path):
            scores = sets.score()
            weights = sum(
                part.numel() for network in load_networks(path) for part in network.parameters()
            )
        full = full or scores
        columns = compare(sets, scores, full)
        page.add({"variant": variant.name, "change": variant.change, "weights": weights} | columns)


if __name__ == "__main__":
    main()
