"""What a suite comes to: runs to train, and the cells each is measured in."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy
import torch

import revin_forecast
from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.components import Component
from revin_forecast.fitting import Recipe
from revin_forecast.normalizers import Identity, LastValue
from revin_forecast.shift.base import Shift
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.datasets import Prepared, prepare
from revin_forecast.shift.keys import (
    RESULTS_SCHEMA,
    code_salt,
    component_salt,
    digest,
    facts_of,
    resolved,
)
from revin_forecast.shift.references import Constant
from revin_forecast.shift.sources import LevelDependent
from revin_forecast.shift.suite import DataSource, Protocol, Suite
from revin_forecast.shift.world import World

SCHEMA = 1
"""Of the tables: which columns they have."""
REFERENCE = "reference"
"""Stands where a naive forecast has no normalizer."""
LEVEL_DEPENDENT = "level_dependent"


@dataclass(frozen=True)
class Run:
    """One model on one data set: trained once, measured everywhere."""

    source: DataSource
    backbone: Component
    normalizer: Component
    seed: int
    names: tuple[str, str]
    """Of backbone and normalizer in tables: the classes', with parameters where these tell them."""
    role: Literal["model", "reference"] = "model"

    def recipe(self, suite: Suite) -> Recipe:
        """Return what is fitted, and how."""
        sizes = suite.windows.lookback, suite.windows.horizon
        training = replace(suite.training, seed=self.seed)
        return Recipe(self.backbone, self.normalizer, *sizes, training)

    @property
    def label(self) -> str:
        """One line for people."""
        dataset = self.source.name + (f" {self.source.severity}" if self.source.severity else "")
        return " · ".join([dataset, *self.names, f"seed {self.seed}"])


def runs(suite: Suite, data_dir: str | None = None) -> list[Run]:
    """Return every run of a suite, naive references first."""
    found: list[Run] = []
    for source in _sources(suite):
        naive = (
            (Component.of(SeasonalNaive), {"season": _season(source, suite, data_dir)}),
            (Component.of(Repeat), {}),
            (Component.of(Constant), {}),
        )
        gapless = Component.of(LastValue)  # it fills gaps, and is exact around these
        for backbone, parameters in naive:
            normalizer = Component.of(Identity) if backbone.name == "Constant" else gapless
            parts = Component(backbone.path, parameters), normalizer
            names = backbone.name, REFERENCE  # a model may be the same class inside Identity
            found.append(Run(source, *parts, suite.models[0].seeds[0], names, "reference"))
        found += _models(suite, source)
    return found


def _models(suite: Suite, source: DataSource) -> Iterator[Run]:
    """Yield every backbone of a group inside each of its normalizers, for each of its seeds."""
    every = [
        (backbone, normalizer, seed)
        for group in suite.models
        for backbone in group.backbones
        for normalizer in group.normalizers
        for seed in group.seeds
    ]
    outer, inner = _names([one[0] for one in every]), _names([one[1] for one in every])
    for backbone, normalizer, seed in every:
        names = outer[repr(backbone)], inner[repr(normalizer)]
        yield Run(source, backbone, normalizer, seed, names)


def _names(components: Sequence[Component]) -> dict[str, str]:
    """Name components: by class, and by their parameters where a class comes in several ways."""
    distinct = {repr(one): one for one in components}
    counts = Counter(one.name for one in distinct.values())
    return {
        key: one.name if counts[one.name] == 1 else one.written for key, one in distinct.items()
    }


def _sources(suite: Suite) -> Iterator[DataSource]:
    """Yield the data sets; one that is itself shifted comes once for each severity."""
    for source in suite.datasets:
        yield source
        if source.name == LEVEL_DEPENDENT and source.file is None:
            for severity in range(1, len(LevelDependent.strengths)):
                yield replace(source, severity=severity)


def _season(source: DataSource, suite: Suite, data_dir: str | None) -> int | None:
    try:
        return prepare(source, suite.windows, data_dir).world.season
    except Exception:  # the run itself will say what is wrong with the data
        return None


def cells(suite: Suite, source: DataSource) -> list[Cell]:
    """Return the cells of each run on a data set, the clean one first."""
    clean = Cell(None, "clean")
    if source.name == LEVEL_DEPENDENT and source.file is None:
        return [clean]  # the shift is in the data
    return [clean, Cell(None, "natural"), *_shifted(suite)]


def _shifted(suite: Suite) -> Iterator[Cell]:
    protocol = suite.protocol
    for shift in suite.shifts:
        for seed in protocol.shift_seeds:
            placement = "steady" if shift.semantics == "process" else "observation"
            chosen = [one for one in protocol.severities if one < len(shift.knobs)]
            yield from (Cell(shift, placement, severity, seed=seed) for severity in chosen)
            if shift.has_transition:
                yield from _transitions(shift, seed, protocol, suite.windows.lookback)


def _transitions(shift: Shift, seed: int, protocol: Protocol, lookback: int) -> Iterator[Cell]:
    ages = sorted({round(part * lookback) for part in protocol.ages})
    last = len(shift.knobs) - 1
    for severity in sorted({min(one, last) for one in protocol.transition_severities}):
        for age in ages:
            yield Cell(shift, "transition" if age else "horizon", severity, age, seed)


def run_config(suite: Suite, run: Run, data: Prepared) -> dict[str, Any]:
    """Return everything that a run's weights depend on, defaults, data and code included."""
    training = asdict(replace(suite.training, seed=run.seed))
    for name in ("logger", "progress", "devices", "num_nodes", "strategy"):  # weights are the same
        training.pop(name)
    if suite.training.loss != "quantile":
        training.pop("levels")
    return {
        "schema": RESULTS_SCHEMA,
        "dataset": asdict(run.source) | {"file": None, "sha256": data.sha256},
        "backbone": resolved(run.backbone),
        "normalizer": resolved(run.normalizer),
        "lookback": suite.windows.lookback,
        "horizon": suite.windows.horizon,
        "training": training,
        "code": {
            "backbone": component_salt(run.backbone),
            "normalizer": component_salt(run.normalizer),
            "revin_forecast": revin_forecast.__version__,
        },
        "libraries": {"torch": torch.__version__, "numpy": numpy.__version__},
    }


def cell_config(suite: Suite, cell: Cell) -> dict[str, Any]:
    """Return everything that a cell depends on beside its run."""
    shift = None
    if cell.shift is not None:
        shift = {**facts_of(cell.shift), "code": code_salt(type(cell.shift))}
    return {
        "shift": shift,
        "placement": cell.placement,
        "severity": cell.severity,
        "age": cell.age,
        "seed": cell.seed,
        "stride": suite.windows.stride,
        "resamples": suite.protocol.resamples,
    }


def cell_key(run_key: str, suite: Suite, cell: Cell) -> str:
    """Return the name of a cell's result."""
    return digest([run_key, cell_config(suite, cell)])


def excluded(cell: Cell, world: World) -> str | None:
    """Return why a data set can't be measured in a cell; None: it can."""
    return None if cell.shift is None else cell.shift.excluded(world)
