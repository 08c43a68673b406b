"""How well one model stands shifts, beside its twin without normalizer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from revin_forecast.components import Component
from revin_forecast.errors import InputError
from revin_forecast.fitting import Recipe
from revin_forecast.normalizers import Identity
from revin_forecast.progress import progress
from revin_forecast.shift.benchmark import Execution, jobs_of
from revin_forecast.shift.datasets import prepare
from revin_forecast.shift.engines.inline import InlineEngine
from revin_forecast.shift.plan import cells as cells_of
from revin_forecast.shift.results import compiled
from revin_forecast.shift.suite import DataSource, Models, Protocol, Suite, WindowGrid
from revin_forecast.shift.suite_file import shifts_named

WINDOWS = 500
"""Test windows that are scored in each cell, about."""
KEY = ["semantics", "placement", "shift", "arm", "severity", "age"]


@dataclass(frozen=True)
class Place:
    """Where things lie."""

    data_dir: str | None = None
    folder: str | None = None
    """Keeps weights and results, so that nothing is measured twice; None: nothing is kept."""


def robustness(
    recipe: Recipe, source: DataSource, shifts: Sequence[str], place: Place = Place()
) -> pd.DataFrame:
    """Train a model and its twin without normalizer, and measure both in every shift.

    Args:
        recipe: the model and how it is fitted.
        source: the data.
        shifts: names, import paths, or "all".
        place: of data and results.

    Returns:
        One row a cell: semantics, placement, shift, arm, severity, age, displacement, and the
        MASE* of the model (`model`), of its twin (`twin`) and of SeasonalNaive (`naive`).

    Raises:
        InputError: a shift that is not there, known inputs, a model that can't be trained.
    """
    if recipe.covariates:
        raise InputError(
            f"shifts move what is forecast, not what is known beforehand, but the model takes "
            f"{list(recipe.covariates)}. Leave the covariates or the shifts out."
        )
    suite = _suite(recipe, source, shifts, place.data_dir)
    if place.folder is not None:
        return _measured(suite, place.folder, place.data_dir)
    with TemporaryDirectory() as scratch:
        return _measured(suite, scratch, place.data_dir)


def _suite(
    recipe: Recipe, source: DataSource, shifts: Sequence[str], data_dir: str | None
) -> Suite:
    bare = Component.of(Identity)
    normalizers = (recipe.normalizer,) if recipe.normalizer == bare else (recipe.normalizer, bare)
    every = WindowGrid(recipe.lookback, recipe.horizon, 1)
    world = prepare(source, every, data_dir).world
    stride = max(1, (world.steps - world.width + 1) // WINDOWS)
    return Suite(
        name=source.name,
        datasets=(source,),
        models=(Models((recipe.backbone,), normalizers, (recipe.training.seed,)),),
        shifts=shifts_named(shifts),
        windows=WindowGrid(recipe.lookback, recipe.horizon, stride),
        protocol=Protocol(resamples=200),
        training=recipe.training,
    )


def _measured(suite: Suite, folder: str, data_dir: str | None) -> pd.DataFrame:
    jobs = jobs_of(suite, Execution(str(Path(folder)), data_dir))
    used = [job for job in jobs if job.run.role == "model" or job.run.names[0] == "SeasonalNaive"]
    jobs = [replace(job, examples=False) for job in used]
    units = sum(1 + len(cells_of(job.suite, job.run.source)) for job in jobs)
    with progress("shifts", units) as advance:
        # Each unit of a job, its training or a cell, begins and ends.
        InlineEngine().run(jobs, lambda event: advance(int(event[0] == "end"), event[1]))
    cells = compiled(jobs).cells
    failed = cells[cells.status == "failed"]
    if len(failed) == len(cells):
        raise InputError(f"nothing could be measured: {failed.error.iloc[0]}")
    cells = cells.loc[(cells.status == "done") & (cells.semantics != "natural")]
    model = suite.models[0].normalizers[0].name
    columns = {"model": model, "twin": Identity.__name__}
    models = cells.loc[cells.role == "model"].set_index(KEY)
    table = models.loc[models.normalizer == model, ["displacement"]].copy()
    for column, normalizer in columns.items():
        table[column] = models.loc[models.normalizer == normalizer, "mase_pb"]
    table["naive"] = cells.loc[cells.role == "reference"].set_index(KEY)["mase_pb"]
    return table.reset_index()
