"""Compile what runs left on disk into tables, in the order of the plan."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.runner.job import Job, run_folder
from revin_forecast.shift.runner.journal import Journal, JournalEntry, decode_array, load_signed
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.fingerprint import fingerprint
from revin_forecast.shift.suite.plan import (
    LEVEL_DEPENDENT,
    TABLES_SCHEMA,
    PlannedRun,
    cell_key,
    plan_cells,
    run_config,
)
from revin_forecast.utils.files import atomic_write

METRIC_COLUMNS = (
    "mase_pb",
    "mase_pb_median",
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
)
COUNT_COLUMNS = ("n_windows", "n_excl_channels", "block_len")
RUN_COLUMNS = ("run_key", "dataset", "backbone", "normalizer", "seed", "role")


def run_labels(run: PlannedRun) -> dict[str, Any]:
    """Return what tells a run in every table."""
    return {
        "run_key": "",
        "dataset": run.dataset_config.name,
        "backbone": run.display_names[0],
        "normalizer": run.display_names[1],
        "seed": run.seed,
        "role": run.role,
        "data_severity": run.dataset_config.severity,
    }


def run_row(
    common: Mapping[str, Any], config: Mapping[str, Any], record: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a run as a row: what it is, and what its training came to."""
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
    key: str, record: Mapping[str, Any], entries: Mapping[str, JournalEntry]
) -> dict[str, Any]:
    """What depends on the machine and the day, apart from what does not."""
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
    """Return a cell that was not measured as a row: failed, or excluded."""
    return {**common, **_cell_labels(cell), "cell_key": key, "status": status, "error": error}


def cell_rows(
    cell: Cell, common: Mapping[str, Any], entry: JournalEntry, window_errors: dict[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """Yield a cell's entry as rows, and put the errors of its windows beside, by key.

    Args:
        cell: what was planned.
        common: of its run.
        entry: what is on record.
        window_errors: gets cell_key -> (windows,) float32.
    """
    if entry["status"] != "done":
        yield unmeasured_row(cell, common, entry["error"], entry["key"], entry["status"])
        return
    for number, row in enumerate(entry["rows"]):
        # Deciles share their cell's entry; each has a key of its own.
        key = entry["key"] if len(entry["rows"]) == 1 else fingerprint([entry["key"], number])
        facts = {name: value for name, value in row.items() if name != "windows"}
        window_errors[key] = decode_array(row["windows"])
        yield {
            **common,
            **_cell_labels(cell),
            **facts,
            "cell_key": key,
            "status": "done",
            "error": "",
        }


def with_column_types(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the table every column, in one order and of one type, whatever was measured."""
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
    frame = rows.reindex(columns=[*columns, "status", "error"])
    for name in ("knob", "displacement", *METRIC_COLUMNS):
        frame[name] = frame[name].astype("float64")
    for name in (*COUNT_COLUMNS, "severity", "age", "shift_seed", "seed", "data_severity"):
        frame[name] = frame[name].fillna(0).astype("int64")
    return frame.assign(schema_version=TABLES_SCHEMA)


def as_level_dependent_rows(frame: pd.DataFrame, errors: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Read the clean cells of data that are themselves shifted as the cells of that shift."""
    moved = (frame.dataset == LEVEL_DEPENDENT) & (frame.data_severity > 0)
    if moved.any():
        frame.loc[moved, ["semantics", "placement", "shift"]] = [
            "process",
            "steady",
            LEVEL_DEPENDENT,
        ]
        frame.loc[moved, "severity"] = frame.loc[moved, "data_severity"]
        own = ["dataset", "backbone", "normalizer", "seed"]
        clean = frame[frame.placement == "clean"].set_index(own).mase_pb
        reference = clean.reindex(pd.MultiIndex.from_frame(frame.loc[moved, own])).to_numpy()
        frame.loc[moved, "e0_ref"] = reference
        with np.errstate(divide="ignore", invalid="ignore"):
            frame.loc[moved, "r_log"] = np.log(frame.loc[moved, "mase_pb"].to_numpy() / reference)
    return frame.drop(columns="data_severity")


@dataclass
class CompiledResults:
    """Tables of a benchmark, and the error of each window of each cell."""

    runs: pd.DataFrame
    costs: pd.DataFrame
    cells: pd.DataFrame
    examples: pd.DataFrame
    window_errors: dict[str, np.ndarray] = field(default_factory=dict)
    """cell_key -> (windows,) float32."""
    missing_cells: int = 0
    """Planned cells that nobody has measured yet."""
    first_rows: dict[str, int] = field(default_factory=dict)
    """Data set -> first row of its first test window."""


def compile_results(jobs: Sequence[Job]) -> CompiledResults:
    """Read the results of jobs; the order is theirs, whoever did them and when."""
    runs: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    table = CompiledResults(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
    for job in jobs:
        suite, run = job.suite, job.run
        common = run_labels(run)
        try:
            data = prepare_dataset(run.dataset_config, suite.windows, job.data_dir)
            config = run_config(suite, run, data)
        except Exception as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            runs.append({**common, "run_key": "", "status": "failed", "error": told})
            rows += [
                unmeasured_row(cell, common, told) for cell in plan_cells(suite, run.dataset_config)
            ]
            continue
        key = fingerprint(config)
        table.first_rows[run.dataset_config.name] = data.shift_dataset.start
        common["run_key"] = key
        folder = run_folder(job, key)
        record = load_signed(folder / "run.json")
        if record is None:
            table.missing_cells += len(plan_cells(suite, run.dataset_config))
            continue
        entries = Journal(folder / "cells.jsonl").read()
        runs.append(run_row(common, config, record))
        costs.append(cost_row(key, record, entries))
        for cell in plan_cells(suite, run.dataset_config):
            name = cell_key(key, suite, cell)
            if record["status"] == "failed":
                rows.append(unmeasured_row(cell, common, f"not trained: {record['error']}", name))
            elif name not in entries:
                table.missing_cells += 1
            else:
                entry = entries[name]
                rows += cell_rows(cell, common, entry, table.window_errors)
                examples += [common | one for one in entry.get("examples", ())]
    table.runs = pd.DataFrame(runs).assign(schema_version=TABLES_SCHEMA)
    table.costs = pd.DataFrame(costs).assign(schema_version=TABLES_SCHEMA)
    table.cells = as_level_dependent_rows(
        with_column_types(pd.DataFrame(rows)), table.window_errors
    )
    table.examples = pd.DataFrame(examples).assign(schema_version=TABLES_SCHEMA)
    return table


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write each table as a Parquet file of its name; the same table gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with atomic_write(folder / f"{name}.parquet") as partial:
            table.to_parquet(partial, index=False)


def window_rows(table: CompiledResults, stride: int) -> pd.DataFrame:
    """Lay the windows' errors out as a table: cell_key, window, t0_index (first row), mase_pb.

    Without the deciles, whose windows are those of the clean cell.
    """
    cells = table.cells.loc[(table.cells.status == "done") & (table.cells.semantics != "natural")]
    errors = [table.window_errors[key] for key in cells["cell_key"]]
    counts = [len(error) for error in errors]
    window = np.concatenate([np.arange(count) for count in counts] or [np.zeros(0, dtype=int)])
    first = np.repeat([table.first_rows[name] for name in cells["dataset"]], counts)
    return pd.DataFrame(
        {
            "cell_key": np.repeat(cells["cell_key"].to_numpy(dtype=object), counts),
            "window": window,
            "t0_index": first + stride * window,
            "mase_pb": np.concatenate(errors or [np.zeros(0, dtype=np.float32)]),
            "schema_version": TABLES_SCHEMA,
        }
    )
