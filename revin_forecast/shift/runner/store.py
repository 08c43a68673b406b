"""The run store: each run of a benchmark with its data, key, cells and folder, made once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from revin_forecast.errors import InputError
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.runner.run_folder import RunFolder
from revin_forecast.shift.suite.datasets import PreparedDataset, prepare_dataset
from revin_forecast.shift.suite.fingerprint import code_salt, fingerprint
from revin_forecast.shift.suite.plan import (
    PlannedRun,
    cell_config,
    expand_dataset_configs,
    plan_cells,
    plan_runs,
    run_config,
    software_config,
)
from revin_forecast.shift.suite.suite import DatasetConfig, Suite

TRAINING = "training"
"""The unit of work that is not a cell; other units are named by their cell's key."""
INPUTS = "inputs"
"""The work before the first unit: reading the data and importing the classes."""
ARTEFACTS = "measured"
"""Folder of the runs in a benchmark's folder."""


class RunStore:
    """The runs of a suite and their results in a benchmark's folder.

    The process that plans a benchmark makes the runs and all keys once; workers receive them.

    Args:
        suite: the runs and cells.
        folder: folder of the benchmark, which need not exist.
        data_dir: folder of the catalogued files.
    """

    def __init__(self, suite: Suite, folder: Path, data_dir: str | None = None):
        self.suite = suite
        self.folder = folder / ARTEFACTS / "runs"
        self.data_dir = data_dir
        # Travels with the runs to the workers, which compare it with their own.
        self.shift_code = _shift_code(suite)
        self._datasets: dict[DatasetConfig, PreparedDataset] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Data are large: each worker reads them itself, and compares their digest.
        return {**vars(self), "_datasets": {}}

    def load_dataset(self, config: DatasetConfig) -> PreparedDataset:
        """Return a data set of the suite, as it was when it was first needed."""
        if config not in self._datasets:
            windows = self.suite.windows_for(config)
            self._datasets[config] = prepare_dataset(config, windows, self.data_dir)
        return self._datasets[config]

    def make_runs(self) -> list["StoredRun"]:
        """Return all runs of the suite, in the order of the tables."""
        configs = expand_dataset_configs(self.suite)
        return [run for config in configs for run in self._make_dataset_runs(config)]

    def _make_dataset_runs(self, dataset_config: DatasetConfig) -> Iterator["StoredRun"]:
        cells = plan_cells(self.suite, dataset_config)
        cell_configs = [cell_config(self.suite, cell) for cell in cells]
        try:
            data, error = self.load_dataset(dataset_config), ""
        except Exception as problem:  # one data set that can't be read stops no other
            data, error = None, format_error(problem)
        season = None if data is None else data.shift_dataset.season
        for planned in plan_runs(self.suite, dataset_config, season):
            run = StoredRun(self, planned, tuple(("", cell) for cell in cells), error=error)
            yield run if data is None else _add_keys(run, data, cell_configs)


@dataclass(frozen=True)
class RunProgress:
    """Number of recorded and planned cells of a run."""

    is_trained: bool = False
    recorded_cells: int = 0
    """Cells that are measured, failed or excluded."""
    planned_cells: int = 0


@dataclass(frozen=True)
class StoredRun:
    """A planned run with its key, its cells and their keys."""

    store: RunStore
    planned: PlannedRun
    cells: tuple[tuple[str, Cell], ...]
    """Key and cell, the clean cell first; the keys are empty if the run has none."""
    config: dict[str, Any] = field(default_factory=dict, repr=False)
    """Everything that the run's weights depend on."""
    key: str = ""
    """Key of the run; empty if there is an error."""
    error: str = ""
    """Reason why the run has no key: its data can't be read, for example."""

    @property
    def label(self) -> str:
        """One line that names the run in progress output."""
        return self.planned.label

    @property
    def folder(self) -> RunFolder:
        """The files of the run."""
        return RunFolder(self.store.folder / self.key[:32])

    @property
    def dataset(self) -> PreparedDataset:
        """The run's data set."""
        return self.store.load_dataset(self.planned.dataset_config)

    def check_inputs(self) -> None:
        """Check that data and code of this process are those from which the key was made.

        Raises:
            InputError: another machine has other files, or they were changed since the start.
        """
        suite = self.store.suite
        found = {
            "data": self.dataset.sha256,
            "shifts": _shift_code(suite),
            **software_config(self.planned),
        }
        expected = self.config | {
            "data": self.config["dataset"]["sha256"],
            "shifts": self.store.shift_code,
        }
        different = [name for name, value in found.items() if value != expected[name]]
        if different:
            raise InputError(
                f"a worker has other {' and other '.join(different)} than the process that "
                "planned the run. Use the same files and versions on every machine, leave them "
                "unchanged while the benchmark runs, and repeat with --retry."
            )

    def read_progress(self) -> RunProgress:
        """Return the progress of the run."""
        is_trained = bool(self.key) and self.folder.read_training() is not None
        entries = self.folder.read_cells() if is_trained else {}
        return RunProgress(
            is_trained, sum(key in entries for key, _ in self.cells), len(self.cells)
        )

    def record_training(self, status: str, error: str = "", **facts: Any) -> None:
        """Record the training, as done or failed; the folder must be locked.

        Args:
            status: done or failed.
            error: one line.
            facts: further entries of the record.
        """
        record = {"key": self.key, "config": self.config, "status": status, "error": error}
        self.folder.record_training(record | facts)

    def forget_failures(self) -> None:
        """Remove recorded failures, so that they are tried again; none if another process runs."""
        if self.key and self.folder.path.is_dir():
            with self.folder.lock() as is_locked:
                if is_locked:
                    self.folder.forget_failures()

    def record_failure(self, unit: str, error: str) -> None:
        """Record the failure of a worker that was killed or died before it could.

        Args:
            unit: `TRAINING`, `INPUTS`, or the key of a cell.
            error: one line.
        """
        with self.folder.lock() as is_locked:
            if is_locked and unit in (TRAINING, INPUTS):
                self.record_unusable(error)
            elif is_locked:
                self.folder.record_failures([unit], error)

    def record_unusable(self, error: str) -> None:
        """Record the training as failed, or all unmeasured cells if it has a result.

        The folder must be locked.
        """
        record = self.folder.read_training()
        if record is None:
            self.record_training("failed", error)
        elif record["status"] == "done":
            self.folder.record_failures([key for key, _ in self.cells], error)

    def fail_remaining(self, error: str) -> None:
        """Record all unmeasured cells as failed, as the run ends every worker."""
        with self.folder.lock() as is_locked:
            if is_locked:
                self.folder.record_failures([key for key, _ in self.cells], error)


def _add_keys(
    run: StoredRun, data: PreparedDataset, cell_configs: Sequence[dict[str, Any]]
) -> StoredRun:
    try:
        config = run_config(run.store.suite, run.planned, data)
    except Exception as error:  # a class that can't be imported, for example
        return replace(run, error=format_error(error))
    key = fingerprint(config)
    keys = [fingerprint([key, cell_config]) for cell_config in cell_configs]
    cells = [cell for _, cell in run.cells]
    return replace(run, cells=tuple(zip(keys, cells, strict=True)), config=config, key=key)


def merge_folders(parts: Sequence[Path], folder: Path) -> None:
    """Copy the results of several benchmark folders into one; equal keys have equal results.

    Args:
        parts: folders that `benchmark` wrote to.
        folder: target, which may have results already.

    Raises:
        InputError: a folder without results.
    """
    for part in parts:
        if not (part / ARTEFACTS).is_dir():
            raise InputError(
                f"{part} is not the folder of a benchmark: it has no {ARTEFACTS}/. Pass folders "
                "that `benchmark --out` wrote to."
            )
        for run in sorted((part / ARTEFACTS / "runs").glob("*")):
            RunFolder(folder / ARTEFACTS / "runs" / run.name).merge(RunFolder(run))


def format_error(error: BaseException) -> str:
    """Return an error's class and message on one line of at most 500 characters."""
    # The results of a benchmark are read by users of the command line.
    message = error.message if isinstance(error, InputError) else str(error)
    return " ".join(f"{type(error).__name__}: {message}".split())[:500]


def _shift_code(suite: Suite) -> str:
    return code_salt(*(type(shift) for shift in suite.shifts))
