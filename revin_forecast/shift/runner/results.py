"""Compile the results of jobs on disk into tables, in the order of the plan."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.interval_scores import INTERVAL_METRICS, OWN_PREFIX
from revin_forecast.shift.runner.error_arrays import ErrorArrays
from revin_forecast.shift.runner.run_folder import CellEntry
from revin_forecast.shift.runner.store import StoredRun
from revin_forecast.shift.suite.dataset_config import LEVEL_DEPENDENT
from revin_forecast.shift.suite.fingerprint import fingerprint
from revin_forecast.shift.suite.plan import TABLES_SCHEMA
from revin_forecast.utils.files import atomic_write

METRIC_COLUMNS = (
    "mase_pb",
    "mase_pb_median",
    "mase_undamped",
    "undamping",
    "rmsse_pb",
    "mse_raw",
    "mae_raw",
    "eg",
    "cvar10",
    "e0_ref",
    "r_log",
    "ci_lo",
    "ci_hi",
    "oracle",
    "regret",
    *INTERVAL_METRICS,
    *(OWN_PREFIX + name for name in INTERVAL_METRICS),
)
COUNT_COLUMNS = ("n_windows", "n_excl_channels", "block_len")
RUN_COLUMNS = ("run_key", "dataset", "backbone", "normalizer", "seed", "role")


def run_labels(run: StoredRun) -> dict[str, Any]:
    """Return the columns that identify a run in every table."""
    planned = run.planned
    return {
        "run_key": run.key,
        "dataset": planned.dataset_config.name,
        "backbone": planned.display_names[0],
        "normalizer": planned.display_names[1],
        "seed": planned.seed,
        "role": planned.role,
        "data_severity": planned.dataset_config.severity,
    }


def run_row(
    common: Mapping[str, Any], config: Mapping[str, Any], record: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of a run in the table of runs: its configuration and its training."""
    fit = record.get("fit", {})
    return {
        **common,
        "data_sha": config["dataset"]["sha256"],
        "lookback": config["lookback"],
        "horizon": config["horizon"],
        "n_params": record.get("n_params", 0),
        "epochs_run": fit.get("epochs", 0),
        "best_epoch": fit.get("best_epoch", 0),
        "val_loss": fit.get("validation_loss", fit.get("validation_mse")),
        "code_salt": fingerprint(config["code"]),
        "config_json": json.dumps(config, sort_keys=True),
        "status": record["status"],
        "error": record["error"],
    }


def cost_row(
    key: str, record: Mapping[str, Any], entries: Mapping[str, CellEntry]
) -> dict[str, Any]:
    """Return the row of a run in the table of costs.

    It has the columns that depend on machine and time, kept out of the tables that do not.
    """
    libraries = record["config"]["libraries"]
    return {
        "run_key": key,
        "train_s": record.get("train_s", float("nan")),
        "eval_s": sum(entry.get("seconds", 0.0) for entry in entries.values()),
        "peak_mb": record.get("peak_mb", float("nan")),
        "threads": record.get("threads", 0),
        "cpu": record.get("cpu", ""),
        "python": record.get("python", ""),
        **libraries,
        "started_at": record.get("started_at", float("nan")),
    }


def _cell_labels(cell: Cell) -> dict[str, Any]:
    shift = cell.shift
    return {
        "semantics": cell.semantics,
        "placement": cell.placement,
        "shift": "none" if shift is None else shift.name,
        "arm": "" if shift is None else shift.arm,
        "severity": cell.severity,
        "age": cell.age,
        "shift_seed": cell.seed,
    }


def unmeasured_row(
    cell: Cell, common: Mapping[str, Any], error: str, key: str = "", status: str = "failed"
) -> dict[str, Any]:
    """Return the row of a cell without a measurement: failed or excluded."""
    return {**common, **_cell_labels(cell), "cell_key": key, "status": status, "error": error}


def cell_rows(
    cell: Cell, common: Mapping[str, Any], entry: CellEntry, errors: ErrorArrays
) -> Iterator[dict[str, Any]]:
    """Yield a cell's entry as rows, and store its errors by key.

    Args:
        cell: the planned cell.
        common: columns of its run.
        entry: its recorded entry.
        errors: receives the errors.
    """
    if entry["status"] != "done":
        yield unmeasured_row(cell, common, entry["error"], entry["key"], entry["status"])
        return
    for number, row in enumerate(entry["rows"]):
        # Deciles share their cell's entry, so each gets a derived key.
        key = entry["key"] if len(entry["rows"]) == 1 else fingerprint([entry["key"], number])
        metrics = errors.take(key, row)
        yield {
            **common,
            **_cell_labels(cell),
            **metrics,
            "cell_key": key,
            "status": "done",
            "error": "",
        }


def with_column_types(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the table with all columns, in a fixed order and with fixed types."""
    columns = (
        "cell_key",
        *RUN_COLUMNS,
        "semantics",
        "placement",
        "shift",
        "arm",
        "severity",
        "knob",
    )
    columns += (
        "displacement",
        "age",
        "shift_seed",
        *COUNT_COLUMNS,
        *METRIC_COLUMNS,
        "data_severity",
    )
    # Fixed columns and types, so that equal results give equal bytes in every table.
    frame = rows.reindex(columns=[*columns, "status", "error"])
    for name in ("knob", "displacement", *METRIC_COLUMNS):
        frame[name] = frame[name].astype("float64")
    for name in (*COUNT_COLUMNS, "severity", "age", "shift_seed", "seed", "data_severity"):
        frame[name] = frame[name].fillna(0).astype("int64")
    return frame.assign(schema_version=TABLES_SCHEMA)


def as_level_dependent_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with clean cells of level-dependent data as cells of a shift of that name.

    The cell of severity 0 is their clean cell.
    """
    is_shifted = (frame.dataset == LEVEL_DEPENDENT) & (frame.data_severity > 0)
    if is_shifted.any():
        frame.loc[is_shifted, ["semantics", "placement", "shift"]] = [
            "process",
            "steady",
            LEVEL_DEPENDENT,
        ]
        frame.loc[is_shifted, "severity"] = frame.loc[is_shifted, "data_severity"]
        run = ["dataset", "backbone", "normalizer", "seed"]
        clean = frame[frame.placement == "clean"].set_index(run).mase_pb
        clean = clean.reindex(pd.MultiIndex.from_frame(frame.loc[is_shifted, run])).to_numpy()
        frame.loc[is_shifted, "e0_ref"] = clean
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = frame.loc[is_shifted, "mase_pb"].to_numpy() / clean
            frame.loc[is_shifted, "r_log"] = np.log(ratio)
    return frame.drop(columns="data_severity")


@dataclass
class CompiledResults:
    """Tables of a benchmark, and the window errors of each cell."""

    runs: pd.DataFrame
    costs: pd.DataFrame
    cells: pd.DataFrame
    examples: pd.DataFrame
    errors: ErrorArrays = field(default_factory=ErrorArrays)
    """Errors of the windows, blocks and channels of each cell."""
    channel_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the channels by data set."""
    missing_cells: int = 0
    """Planned cells without a result."""

    @property
    def window_errors(self) -> dict[str, np.ndarray]:
        """(windows,) float32 errors by cell_key."""
        return self.errors.windows


def compile_results(runs: Sequence[StoredRun]) -> CompiledResults:
    """Compile the results of runs, in this order, whatever order they were measured in."""
    run_rows: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    results = CompiledResults(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
    for run in runs:
        common = run_labels(run)
        if run.error:
            run_rows.append({**common, "status": "failed", "error": run.error})
            rows += [unmeasured_row(cell, common, run.error) for _, cell in run.cells]
            continue
        results.channel_names[common["dataset"]] = run.dataset.channel_names
        record = run.folder.read_training()
        # Not trained yet: another shard may have the run.
        if record is None:
            results.missing_cells += len(run.cells)
            continue
        entries = run.folder.read_cells()
        run_rows.append(run_row(common, run.config, record))
        costs.append(cost_row(run.key, record, entries))
        for key, cell in run.cells:
            if record["status"] == "failed":
                rows.append(unmeasured_row(cell, common, f"not trained: {record['error']}", key))
            elif key not in entries:
                results.missing_cells += 1
            else:
                rows += cell_rows(cell, common, entries[key], results.errors)
                examples += [common | example for example in entries[key].get("examples", ())]
    results.runs = pd.DataFrame(run_rows).assign(schema_version=TABLES_SCHEMA)
    results.costs = pd.DataFrame(costs).assign(schema_version=TABLES_SCHEMA)
    results.cells = as_level_dependent_rows(with_column_types(pd.DataFrame(rows)))
    results.examples = pd.DataFrame(examples).assign(schema_version=TABLES_SCHEMA)
    return results


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write each table to a Parquet file of its name; equal tables give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with atomic_write(folder / f"{name}.parquet") as partial:
            table.to_parquet(partial, index=False)


def window_rows(results: CompiledResults, runs: Sequence[StoredRun]) -> pd.DataFrame:
    """Return the table of window errors: cell_key, window, t0_index (first row), mase_pb.

    Deciles are left out, as their windows are those of the clean cell.

    Args:
        results: results of the runs.
        runs: at least one run.
    """
    # The first row of the first test window, by data set.
    starts = {
        run.planned.dataset_config.name: run.dataset.shift_dataset.start
        for run in runs
        if not run.error
    }
    stride = runs[0].store.suite.windows.stride
    cells = results.cells
    cells = cells.loc[(cells.status == "done") & (cells.semantics != "natural")]
    errors = [results.window_errors[key] for key in cells["cell_key"]]
    counts = [len(error) for error in errors]
    window = np.concatenate([np.arange(count) for count in counts] or [np.zeros(0, dtype=int)])
    first = np.repeat([starts[name] for name in cells["dataset"]], counts)
    return pd.DataFrame(
        {
            "cell_key": np.repeat(cells["cell_key"].to_numpy(dtype=object), counts),
            "window": window,
            "t0_index": first + stride * window,
            "mase_pb": np.concatenate(errors or [np.zeros(0, dtype=np.float32)]),
            "schema_version": TABLES_SCHEMA,
        }
    )
