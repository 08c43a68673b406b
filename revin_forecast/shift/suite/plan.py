"""Plan a suite: the runs to train, and the cells in which each run is measured."""

from collections.abc import Iterator
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
from revin_forecast.shift.measuring.cell import Cell, Placement
from revin_forecast.shift.processes import LevelDependent
from revin_forecast.shift.shift import Shift
from revin_forecast.shift.suite.datasets import PreparedDataset
from revin_forecast.shift.suite.fingerprint import (
    RESULTS_SCHEMA,
    code_salt,
    component_salt,
    public_name,
    shift_parameters,
    to_plain,
    with_defaults,
)
from revin_forecast.shift.suite.names import name_modules, name_trainings
from revin_forecast.shift.suite.suite import (
    DatasetConfig,
    ShiftProtocol,
    Suite,
)
from revin_forecast.shift.suite.training_length import lengthen_training
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import DEFAULT_QUANTILES, TrainingSettings

Role = Literal["model", "reference", "zero-shot", "online"]
"""Role of a run in tables: a zero-shot reference was trained, but on no data of the suite; an
online one is a model that goes on learning in the test part."""
TABLES_SCHEMA = 2
"""Version of the tables' columns."""
NO_NORMALIZER = "reference"
"""Normalizer of the references in tables."""

ONLINE_SUFFIX = ", online "
"""Between the name of a backbone and that of its way to learn, in tables."""


@dataclass(frozen=True)
class PlannedRun:
    """One model on one data set: trained once, measured in every cell."""

    dataset_config: DatasetConfig
    backbone: ModuleSpec
    normalizer: ModuleSpec
    seed: int
    display_names: tuple[str, str]
    """Names of backbone and normalizer in tables, with parameters where the class is ambiguous."""
    role: Role = "model"
    training: TrainingSettings | None = None
    """Training of its grid, if that differs from the suite's."""
    learner: str = ""
    """Way to go on learning in the test part; empty: the model stays as it was trained."""

    def make_training(self, suite: Suite) -> TrainingSettings:
        """Return the settings of the run's fit, with its seed."""
        training = lengthen_training(self.training or suite.training, self.dataset_config)
        return replace(training, seed=self.seed)

    def make_model_config(self, suite: Suite) -> ModelConfig:
        """Return the model and the settings of its fit."""
        windows = suite.windows_for(self.dataset_config)
        sizes = windows.lookback, windows.horizon
        return ModelConfig(self.backbone, self.normalizer, *sizes, self.make_training(suite))

    @property
    def label(self) -> str:
        """One line that names the run in progress output."""
        dataset = self.dataset_config.name + (
            f" {self.dataset_config.severity}" if self.dataset_config.severity else ""
        )
        return " · ".join([dataset, *self.display_names, f"seed {self.seed}"])


def plan_runs(
    suite: Suite, dataset_config: DatasetConfig, season: int | None = None
) -> list[PlannedRun]:
    """Return every run of a suite on one data set, the references first.

    Args:
        suite: the planned suite.
        dataset_config: one of `expand_dataset_configs`.
        season: steps of one season of the data; None if they can't be read.
    """
    baselines = (
        (ModuleSpec.from_class(SeasonalNaive), {"season": season}),
        (ModuleSpec.from_class(Repeat), {}),
        (ModuleSpec.from_class(Constant), {}),
    )
    # LastValue fills gaps and changes neither SeasonalNaive nor Repeat. Constant would become
    # the last value inside it.
    identity, last_value = ModuleSpec.from_class(Identity), ModuleSpec.from_class(LastValue)
    seed = suite.models[0].seeds[0]
    runs: list[PlannedRun] = []
    for backbone, parameters in baselines:
        normalizer = identity if backbone.name == "Constant" else last_value
        modules = ModuleSpec(backbone.path, parameters), normalizer
        # A name of its own: the suite may have the same class inside Identity as a model.
        names = backbone.name, NO_NORMALIZER
        # They forecast points and learn nothing, so no quantiles either.
        training = replace(suite.training, loss="mse", levels=DEFAULT_QUANTILES)
        runs.append(PlannedRun(dataset_config, *modules, seed, names, "reference", training))
    runs += _plan_zero_shot_runs(suite, dataset_config, season)
    return [*runs, *_plan_model_runs(suite, dataset_config)]


def _plan_zero_shot_runs(
    suite: Suite, dataset_config: DatasetConfig, season: int | None
) -> Iterator[PlannedRun]:
    """Yield the zero-shot references, with the season of the naive baselines."""
    if not suite.zero_shot:
        return
    # Imported here: only suites with a pretrained network need the code that makes forecasts.
    from revin_forecast.forecasting.fit_pretrained import add_season

    # They normalize inside. Nothing is random, so one seed is enough.
    identity, seed = ModuleSpec.from_class(Identity), suite.models[0].seeds[0]
    names = name_modules(suite.zero_shot)
    for backbone in suite.zero_shot:
        seasonal = add_season(backbone, season or 1)
        labels = names[repr(backbone)], NO_NORMALIZER
        yield PlannedRun(dataset_config, seasonal, identity, seed, labels, "zero-shot")


def _plan_model_runs(suite: Suite, dataset_config: DatasetConfig) -> Iterator[PlannedRun]:
    """Yield every backbone of a grid inside each of its normalizers, for each of its seeds."""
    models = list(suite.iter_models())
    backbone_names = name_modules([backbone for _, backbone, _, _ in models])
    normalizer_names = name_modules([normalizer for _, _, normalizer, _ in models])
    trainings: dict[str, set[TrainingSettings]] = {}
    for grid, backbone, *_ in models:
        trainings.setdefault(repr(backbone), set()).add(grid.training or suite.training)
    endings = {key: name_trainings(found, suite.training) for key, found in trainings.items()}
    for grid, backbone, normalizer, seed in models:
        key = repr(backbone)
        name = backbone_names[key] + endings[key][grid.training or suite.training]
        names = name, normalizer_names[repr(normalizer)]
        run = PlannedRun(dataset_config, backbone, normalizer, seed, names, training=grid.training)
        yield run
        for learner in grid.online:
            online_names = f"{name}{ONLINE_SUFFIX}{learner}", names[1]
            yield replace(run, display_names=online_names, role="online", learner=learner)


def expand_dataset_configs(suite: Suite) -> Iterator[DatasetConfig]:
    """Yield the data sets; level-dependent data once for each severity."""
    for config in suite.datasets:
        yield config
        if config.is_level_dependent:
            for severity in range(1, len(LevelDependent.strengths)):
                yield replace(config, severity=severity)


def plan_cells(suite: Suite, dataset_config: DatasetConfig) -> list[Cell]:
    """Return the cells of each run on a data set, the clean one first."""
    clean = Cell(None, "clean")
    if dataset_config.is_level_dependent:
        return [clean]  # the shift is in the data
    return [clean, Cell(None, "natural"), *_plan_shift_cells(suite, dataset_config)]


def _plan_shift_cells(suite: Suite, dataset_config: DatasetConfig) -> Iterator[Cell]:
    protocol, lookback = suite.protocol, suite.windows_for(dataset_config).lookback
    for shift in suite.shifts:
        for seed in protocol.shift_seeds:
            placement = _lasting_placement(shift)
            severities = [number for number in protocol.severities if number < len(shift.knobs)]
            yield from (Cell(shift, placement, severity, seed=seed) for severity in severities)
            if shift.has_transition:
                yield from _plan_transition_cells(shift, seed, protocol, lookback)


def _lasting_placement(shift: Shift) -> Placement:
    """Return the placement of a shift that began before the window."""
    if shift.semantics == "process":
        return "steady"
    return "fill" if shift.leaves_gaps else "observation"


def _plan_transition_cells(
    shift: Shift, seed: int, protocol: ShiftProtocol, lookback: int
) -> Iterator[Cell]:
    ages = sorted({round(share * lookback) for share in protocol.ages})
    last = len(shift.knobs) - 1
    for severity in sorted({min(number, last) for number in protocol.transition_severities}):
        for age in ages:
            yield Cell(shift, "transition" if age else "horizon", severity, age, seed)


def run_config(suite: Suite, run: PlannedRun, data: PreparedDataset) -> dict[str, Any]:
    """Return everything that a run's weights depend on, with defaults, data and code."""
    settings = run.make_training(suite)
    training = asdict(settings)
    # These settings do not change the weights.
    for name in ("logger", "progress", "devices", "num_nodes", "strategy"):
        training.pop(name)
    if settings.loss != "quantile":
        # Quantile levels have no effect on other losses.
        training.pop("levels")
    dataset = asdict(run.dataset_config)
    # Neither do these: look-back and horizon have keys of their own.
    for name in ("format", "time_form", "lookback", "horizon", "process"):
        dataset.pop(name)
    process = run.dataset_config.process
    if process is not None:
        dataset["process"] = {"path": public_name(type(process)), **to_plain(asdict(process))}
    windows = suite.windows_for(run.dataset_config)
    return {
        **({"learner": run.learner} if run.learner else {}),
        "schema": RESULTS_SCHEMA,
        # The hash identifies the data, wherever their file is and however it is written.
        "dataset": dataset | {"file": None, "sha256": data.sha256},
        "backbone": with_defaults(run.backbone),
        "normalizer": with_defaults(run.normalizer),
        "lookback": windows.lookback,
        "horizon": windows.horizon,
        "training": training,
        **software_config(run),
    }


def software_config(run: PlannedRun) -> dict[str, Any]:
    """Return the versions and the user's own code that a run's weights depend on."""
    return {
        "code": {
            "backbone": component_salt(run.backbone),
            "normalizer": component_salt(run.normalizer),
            "revin_forecast": revin_forecast.__version__,
        },
        "libraries": {"torch": torch.__version__, "numpy": numpy.__version__},
    }


def cell_config(suite: Suite, cell: Cell) -> dict[str, Any]:
    """Return everything that a cell's result depends on, apart from its run."""
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


def exclusion_reason(run: PlannedRun, cell: Cell, dataset: ShiftDataset) -> str | None:
    """Return the reason why a run can't be measured in a cell; None if it can."""
    if run.learner and cell.placement in ("transition", "horizon"):
        return "online: the shift begins again in each window, so there is no series to learn from"
    return None if cell.shift is None else cell.shift.exclusion_reason(dataset)
