"""Compile what runs left on disk into tables, in the order of the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.files import atomic_write
from revin_forecast.shift.datasets import prepare_dataset
from revin_forecast.shift.job import Job, run_folder
from revin_forecast.shift.journal import Journal, load_signed
from revin_forecast.shift.keys import fingerprint
from revin_forecast.shift.plan import TABLES_SCHEMA, cell_key, plan_cells, run_config
from revin_forecast.shift.rows import (
    cell_rows,
    cost_row,
    unmeasured_row,
    run_labels,
    as_level_dependent_rows,
    run_row,
    with_column_types,
)


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
            rows += [unmeasured_row(cell, common, told) for cell in plan_cells(suite, run.dataset_config)]
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
    table.cells = as_level_dependent_rows(with_column_types(pd.DataFrame(rows)), table.window_errors)
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
