"""Measure the robustness of one model to shifts, next to its twin without a normalizer."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from revin_forecast.data.catalog.catalog import CATALOG
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleFactory, ModuleSpec
from revin_forecast.normalizers import Identity
from revin_forecast.shift.processes import PROCESSES
from revin_forecast.shift.runner.failures import group_failures
from revin_forecast.shift.runner.job import Job
from revin_forecast.shift.runner.results import compile_results
from revin_forecast.shift.runner.run_jobs import run_jobs
from revin_forecast.shift.runner.store import RunStore
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.fingerprint import with_defaults
from revin_forecast.shift.suite.suite import (
    DatasetConfig,
    ModelGrid,
    ShiftProtocol,
    Suite,
    WindowConfig,
)
from revin_forecast.shift.suite.suite_yaml import parse_shifts
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.parallel.inline import InlineEngine
from revin_forecast.utils.progress import progress

TARGET_WINDOWS = 500
"""Approximate number of test windows scored in each cell."""
CELL_COLUMNS = ["semantics", "placement", "shift", "arm", "severity", "age"]


@dataclass(frozen=True)
class Workspace:
    """Folders of the data and of the results."""

    data_dir: str | None = None
    folder: str | None = None
    """Keeps weights and results, so that nothing is measured twice; None: a temporary folder."""


def measure_robustness(
    model_config: ModelConfig,
    dataset_config: DatasetConfig,
    shifts: Sequence[str],
    workspace: Workspace = Workspace(),
) -> pd.DataFrame:
    """Train a model and its twin without a normalizer, and measure both in every shift.

    Args:
        model_config: the model and its training.
        dataset_config: the data.
        shifts: names, import paths, or "all".
        workspace: folders of data and results.

    Returns:
        One row a cell: semantics, placement, shift, arm, severity, age, displacement, and the
        MASE* of the model (`model`), of its twin (`twin`) and of SeasonalNaive (`naive`). A cell
        that failed has no row or figure; `attrs["failures"]` lists the reasons as text.

    Raises:
        InputError: unknown shift, covariates in the model, or a model that can't be trained.
    """
    if model_config.covariates:
        raise InputError(
            f"shifts change the forecast series, not its covariates, but the model uses the "
            f"covariates {list(model_config.covariates)}. Leave out the covariates or the shifts."
        )
    suite = _make_suite(model_config, dataset_config, shifts, workspace.data_dir)
    if workspace.folder is not None:
        return _measure_suite(suite, workspace.folder, workspace.data_dir)
    with TemporaryDirectory() as scratch:
        return _measure_suite(suite, scratch, workspace.data_dir)


def robustness(
    dataset: str | Path | DatasetConfig,
    backbone: ModuleFactory,
    normalizer: ModuleFactory,
    *,
    lookback: int,
    horizon: int,
    shifts: str | Sequence[str] = "all",
    training: TrainingSettings | None = None,
    data_dir: str | None = None,
    folder: str | None = None,
) -> pd.DataFrame:
    """Train a model and its twin without a normalizer, and measure both in every shift.

    Args:
        dataset: a name of the catalogue or of a synthetic process, the path of a table, or a
            `DatasetConfig`.
        backbone: class of the backbone, or functools.partial(Class, name=value).
        normalizer: class of the normalizer, or functools.partial(Class, name=value).
        lookback: steps in the input window.
        horizon: steps to forecast.
        shifts: names of shifts, import paths of your own, or "all".
        training: settings of gradient training; None: the defaults.
        data_dir: folder of the catalogued data sets.
        folder: keeps weights and results, so that nothing is measured twice; None: a temporary one.

    Returns:
        One row a cell: semantics, placement, shift, arm, severity, age, displacement, and the
        MASE* of the model (`model`), of its twin (`twin`) and of SeasonalNaive (`naive`). A warning
        names the reasons of cells that failed.

    Raises:
        InputError: unknown data set or shift, or a model that can't be trained.

    >>> from revin_forecast import Repeat, RevIN
    >>> sizes = {"lookback": 24, "horizon": 12}
    >>> table = robustness("ar", Repeat, RevIN, **sizes, shifts=["level"])
    >>> list(table.columns[-4:])
    ['displacement', 'model', 'twin', 'naive']
    """
    if isinstance(dataset, DatasetConfig):
        config = dataset
    elif str(dataset) in PROCESSES or str(dataset) in CATALOG:
        config = DatasetConfig(str(dataset))
    else:
        config = DatasetConfig(Path(dataset).stem, file=str(dataset))
    specs = ModuleSpec.from_class(backbone), ModuleSpec.from_class(normalizer)
    model_config = ModelConfig(*specs, lookback, horizon, training or TrainingSettings())
    names = [shifts] if isinstance(shifts, str) else list(shifts)
    table = measure_robustness(model_config, config, names, Workspace(data_dir, folder))
    if failures := table.attrs["failures"]:
        warnings.warn(f"cells failed: {'; '.join(failures)}", stacklevel=2)
    return table


def _make_suite(
    model_config: ModelConfig,
    dataset_config: DatasetConfig,
    shifts: Sequence[str],
    data_dir: str | None,
) -> Suite:
    identity = ModuleSpec.from_class(Identity)
    # By all parameters: the command line writes out the defaults of a class.
    is_twin = with_defaults(model_config.normalizer) == with_defaults(identity)
    normalizers = (identity,) if is_twin else (model_config.normalizer, identity)
    unit_stride = WindowConfig(model_config.lookback, model_config.horizon, 1)
    dataset = prepare_dataset(dataset_config, unit_stride, data_dir).shift_dataset
    stride = max(1, (dataset.steps - dataset.width + 1) // TARGET_WINDOWS)
    return Suite(
        name=dataset_config.name,
        datasets=(dataset_config,),
        models=(ModelGrid((model_config.backbone,), normalizers, (model_config.training.seed,)),),
        shifts=parse_shifts(list(shifts)),
        windows=WindowConfig(model_config.lookback, model_config.horizon, stride),
        # Fewer than the default: the printed table shows no intervals.
        protocol=ShiftProtocol(resamples=200),
        training=model_config.training,
    )


def _measure_suite(suite: Suite, folder: str, data_dir: str | None) -> pd.DataFrame:
    runs = [
        run
        for run in RunStore(suite, Path(folder), data_dir).make_runs()
        if run.planned.role == "model" or run.planned.display_names[0] == "SeasonalNaive"
    ]
    units = sum(1 + len(run.cells) for run in runs)
    with progress("shifts", units) as advance:
        # A unit is the training of a job or one of its cells; each sends "begin" and "end".
        # In this process, where the user can interrupt it: no limit, and failures are repeated.
        jobs = [Job(run, timeout=math.inf, retry=True) for run in runs]
        run_jobs(
            jobs,
            InlineEngine(threads=None),
            lambda event: advance(int(event[0] == "end"), event[1]),
        )
    cells = compile_results(runs).cells
    model = suite.models[0].normalizers[0].name
    is_clean = (cells.role == "model") & (cells.normalizer == model) & (cells.placement == "clean")
    errors = cells.loc[is_clean & (cells.status == "failed"), "error"].to_list()
    if errors:
        raise InputError(f"nothing could be measured: {errors[0]}")
    failures = [str(group) for group in group_failures(cells)]
    cells = cells.loc[(cells.status == "done") & (cells.semantics != "natural")]
    columns = {"model": model, "twin": Identity.__name__}
    models = cells.loc[cells.role == "model"].set_index(CELL_COLUMNS)
    table = models.loc[models.normalizer == model, ["displacement"]].copy()
    for column, normalizer in columns.items():
        table[column] = models.loc[models.normalizer == normalizer, "mase_pb"]
    table["naive"] = cells.loc[cells.role == "reference"].set_index(CELL_COLUMNS)["mase_pb"]
    table = table.reset_index()
    table.attrs["failures"] = failures
    return table
