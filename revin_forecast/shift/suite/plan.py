"""What a suite comes to: runs to train, and the cells each is measured in."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy
import torch

import revin_forecast
from revin_forecast.backbones import Repeat, SeasonalNaive
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.measuring.baselines import Constant
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.processes import LevelDependent
from revin_forecast.shift.shift import Shift
from revin_forecast.shift.suite.datasets import PreparedDataset, prepare_dataset
from revin_forecast.shift.suite.fingerprint import (
    RESULTS_SCHEMA,
    code_salt,
    component_salt,
    fingerprint,
    shift_parameters,
    with_defaults,
)
from revin_forecast.shift.suite.suite import DatasetConfig, ShiftProtocol, Suite
from revin_forecast.training.model_config import ModelConfig

TABLES_SCHEMA = 1
"""Of the tables: which columns they have."""
NO_NORMALIZER = "reference"
"""Stands where a naive forecast has no normalizer."""
LEVEL_DEPENDENT = "level_dependent"


@dataclass(frozen=True)
class PlannedRun:
    """One model on one data set: trained once, measured everywhere."""

    dataset_config: DatasetConfig
    backbone: ModuleSpec
    normalizer: ModuleSpec
    seed: int
    display_names: tuple[str, str]
    """Of backbone and normalizer in tables: the classes', with parameters where these tell them."""
    role: Literal["model", "reference"] = "model"

    def make_model_config(self, suite: Suite) -> ModelConfig:
        """Return what is fitted, and how."""
        sizes = suite.windows.lookback, suite.windows.horizon
        training = replace(suite.training, seed=self.seed)
        return ModelConfig(self.backbone, self.normalizer, *sizes, training)

    @property
    def label(self) -> str:
        """One line for people."""
        dataset = self.dataset_config.name + (
            f" {self.dataset_config.severity}" if self.dataset_config.severity else ""
        )
        return " · ".join([dataset, *self.display_names, f"seed {self.seed}"])


def plan_runs(suite: Suite, data_dir: str | None = None) -> list[PlannedRun]:
    """Return every run of a suite, naive references first."""
    found: list[PlannedRun] = []
    for source in _expand_dataset_configs(suite):
        naive = (
            (
                ModuleSpec.from_class(SeasonalNaive),
                {"season": _find_season(source, suite, data_dir)},
            ),
            (ModuleSpec.from_class(Repeat), {}),
            (ModuleSpec.from_class(Constant), {}),
        )
        gapless = ModuleSpec.from_class(LastValue)  # it fills gaps, and is exact around these
        for backbone, parameters in naive:
            normalizer = ModuleSpec.from_class(Identity) if backbone.name == "Constant" else gapless
            parts = ModuleSpec(backbone.path, parameters), normalizer
            names = backbone.name, NO_NORMALIZER  # a model may be the same class inside Identity
            found.append(PlannedRun(source, *parts, suite.models[0].seeds[0], names, "reference"))
        found += _plan_model_runs(suite, source)
    return found


def _plan_model_runs(suite: Suite, dataset_config: DatasetConfig) -> Iterator[PlannedRun]:
    """Yield every backbone of a group inside each of its normalizers, for each of its seeds."""
    every = [
        (backbone, normalizer, seed)
        for group in suite.models
        for backbone in group.backbones
        for normalizer in group.normalizers
        for seed in group.seeds
    ]
    outer, inner = (
        _display_names([one[0] for one in every]),
        _display_names([one[1] for one in every]),
    )
    for backbone, normalizer, seed in every:
        names = outer[repr(backbone)], inner[repr(normalizer)]
        yield PlannedRun(dataset_config, backbone, normalizer, seed, names)


def _display_names(components: Sequence[ModuleSpec]) -> dict[str, str]:
    """Name components: by class, and by their parameters where a class comes in several ways."""
    distinct = {repr(one): one for one in components}
    counts = Counter(one.name for one in distinct.values())
    return {
        key: one.name if counts[one.name] == 1 else one.call_expression
        for key, one in distinct.items()
    }


def _expand_dataset_configs(suite: Suite) -> Iterator[DatasetConfig]:
    """Yield the data sets; one that is itself shifted comes once for each severity."""
    for source in suite.datasets:
        yield source
        if source.name == LEVEL_DEPENDENT and source.file is None:
            for severity in range(1, len(LevelDependent.strengths)):
                yield replace(source, severity=severity)


def _find_season(dataset_config: DatasetConfig, suite: Suite, data_dir: str | None) -> int | None:
    try:
        return prepare_dataset(dataset_config, suite.windows, data_dir).shift_dataset.season
    except Exception:  # the run itself will say what is wrong with the data
        return None


def plan_cells(suite: Suite, dataset_config: DatasetConfig) -> list[Cell]:
    """Return the cells of each run on a data set, the clean one first."""
    clean = Cell(None, "clean")
    if dataset_config.name == LEVEL_DEPENDENT and dataset_config.file is None:
        return [clean]  # the shift is in the data
    return [clean, Cell(None, "natural"), *_plan_shift_cells(suite)]


def _plan_shift_cells(suite: Suite) -> Iterator[Cell]:
    protocol = suite.protocol
    for shift in suite.shifts:
        for seed in protocol.shift_seeds:
            placement = "steady" if shift.semantics == "process" else "observation"
            chosen = [one for one in protocol.severities if one < len(shift.knobs)]
            yield from (Cell(shift, placement, severity, seed=seed) for severity in chosen)
            if shift.has_transition:
                yield from _plan_transition_cells(shift, seed, protocol, suite.windows.lookback)


def _plan_transition_cells(
    shift: Shift, seed: int, protocol: ShiftProtocol, lookback: int
) -> Iterator[Cell]:
    ages = sorted({round(part * lookback) for part in protocol.ages})
    last = len(shift.knobs) - 1
    for severity in sorted({min(one, last) for one in protocol.transition_severities}):
        for age in ages:
            yield Cell(shift, "transition" if age else "horizon", severity, age, seed)


def run_config(suite: Suite, run: PlannedRun, data: PreparedDataset) -> dict[str, Any]:
    """Return everything that a run's weights depend on, defaults, data and code included."""
    training = asdict(replace(suite.training, seed=run.seed))
    for name in ("logger", "progress", "devices", "num_nodes", "strategy"):  # weights are the same
        training.pop(name)
    if suite.training.loss != "quantile":
        training.pop("levels")
    return {
        "schema": RESULTS_SCHEMA,
        "dataset": asdict(run.dataset_config) | {"file": None, "sha256": data.sha256},
        "backbone": with_defaults(run.backbone),
        "normalizer": with_defaults(run.normalizer),
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
        shift = {**shift_parameters(cell.shift), "code": code_salt(type(cell.shift))}
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
    return fingerprint([run_key, cell_config(suite, cell)])


def exclusion_reason(cell: Cell, dataset: ShiftDataset) -> str | None:
    """Return why a data set can't be measured in a cell; None: it can."""
    return None if cell.shift is None else cell.shift.exclusion_reason(dataset)
