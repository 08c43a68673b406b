"""Compile what runs left on disk into tables, in the order of the plan."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.files import replacing
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.datasets import prepare
from revin_forecast.shift.journal import Entry, Journal, unpack, unseal
from revin_forecast.shift.keys import digest
from revin_forecast.shift.plan import LEVEL_DEPENDENT, SCHEMA, Run, cell_key, cells, run_config
from revin_forecast.shift.work import Job, place_of

MEASURES = (
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
COUNTS = ("n_windows", "n_excl_channels", "block_len")
OF_RUN = ("run_key", "dataset", "backbone", "normalizer", "seed", "role")


@dataclass
class Compiled:
    """Tables of a benchmark, and the error of each window of each cell."""

    runs: pd.DataFrame
    costs: pd.DataFrame
    cells: pd.DataFrame
    examples: pd.DataFrame
    errors: dict[str, np.ndarray] = field(default_factory=dict)
    """cell_key -> (windows,) float32."""
    missing: int = 0
    """Planned cells that nobody has measured yet."""


def compiled(jobs: Sequence[Job]) -> Compiled:
    """Read the results of jobs; the order is theirs, whoever did them and when."""
    runs: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    table = Compiled(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), pd.DataFrame())
    for job in jobs:
        suite, run = job.suite, job.run
        common = _labels(run)
        try:
            data = prepare(run.source, suite.windows, job.data_dir)
            config = run_config(suite, run, data)
        except Exception as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            runs.append({**common, "run_key": "", "status": "failed", "error": told})
            rows += [_failed(cell, common, told) for cell in cells(suite, run.source)]
            continue
        key = digest(config)
        common["run_key"] = key
        folder = place_of(job, key)
        record = unseal(folder / "run.json")
        if record is None:
            table.missing += len(cells(suite, run.source))
            continue
        entries = Journal(folder / "cells.jsonl").read()
        runs.append(_run_row(common, config, record))
        costs.append(_cost_row(key, record, entries))
        for cell in cells(suite, run.source):
            name = cell_key(key, suite, cell)
            if record["status"] == "failed":
                rows.append(_failed(cell, common, f"not trained: {record['error']}", name))
            elif name not in entries:
                table.missing += 1
            else:
                entry = entries[name]
                rows += _cell_rows(cell, common, entry, table.errors)
                examples += [common | one for one in entry.get("examples", ())]
    table.runs = pd.DataFrame(runs).assign(schema_version=SCHEMA)
    table.costs = pd.DataFrame(costs).assign(schema_version=SCHEMA)
    table.cells = _level_dependent(_typed(pd.DataFrame(rows)), table.errors)
    table.examples = pd.DataFrame(examples).assign(schema_version=SCHEMA)
    return table


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write each table as a Parquet file of its name; the same table gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with replacing(folder / f"{name}.parquet") as partial:
            table.to_parquet(partial, index=False)


def window_rows(table: Compiled) -> pd.DataFrame:
    """Lay the windows' errors out as a table: cell_key, window, mase_pb."""
    keys = [key for key in table.cells.cell_key if key in table.errors]
    counts = [len(table.errors[key]) for key in keys]
    errors = [table.errors[key] for key in keys]
    return pd.DataFrame(
        {
            "cell_key": np.repeat(np.array(keys, dtype=object), counts),
            "window": np.concatenate([np.arange(count) for count in counts] or [np.array([])]),
            "mase_pb": np.concatenate(errors or [np.array([], dtype=np.float32)]),
            "schema_version": SCHEMA,
        }
    )


def _labels(run: Run) -> dict[str, Any]:
    return {
        "run_key": "",
        "dataset": run.source.name,
        "backbone": run.names[0],
        "normalizer": run.names[1],
        "seed": run.seed,
        "role": run.role,
        "data_severity": run.source.severity,
    }


def _run_row(
    common: Mapping[str, Any], config: Mapping[str, Any], record: Mapping[str, Any]
) -> dict[str, Any]:
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
        "code_salt": digest(config["code"]),
        "config_json": json.dumps(config, sort_keys=True),
        "status": record["status"],
        "error": record["error"],
    }


def _cost_row(key: str, record: Mapping[str, Any], entries: Mapping[str, Entry]) -> dict[str, Any]:
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


def _place(cell: Cell) -> dict[str, Any]:
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


def _failed(
    cell: Cell, common: Mapping[str, Any], error: str, key: str = "", status: str = "failed"
) -> dict[str, Any]:
    return {**common, **_place(cell), "cell_key": key, "status": status, "error": error}


def _cell_rows(
    cell: Cell, common: Mapping[str, Any], entry: Entry, errors: dict[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    if entry["status"] != "done":
        yield _failed(cell, common, entry["error"], entry["key"], entry["status"])
        return
    for number, row in enumerate(entry["rows"]):
        # Deciles share their cell's entry; each has a key of its own.
        key = entry["key"] if len(entry["rows"]) == 1 else digest([entry["key"], number])
        facts = {name: value for name, value in row.items() if name != "windows"}
        errors[key] = unpack(row["windows"])
        yield {**common, **_place(cell), **facts, "cell_key": key, "status": "done", "error": ""}


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the table every column, in one order and of one type, whatever was measured."""
    columns = ("cell_key", *OF_RUN, "semantics", "placement", "shift", "arm", "severity", "knob")
    columns += ("displacement", "age", "shift_seed", *COUNTS, *MEASURES, "data_severity")
    frame = rows.reindex(columns=[*columns, "status", "error"])
    for name in ("knob", "displacement", *MEASURES):
        frame[name] = frame[name].astype("float64")
    for name in (*COUNTS, "severity", "age", "shift_seed", "seed", "data_severity"):
        frame[name] = frame[name].fillna(0).astype("int64")
    return frame.assign(schema_version=SCHEMA)


def _level_dependent(frame: pd.DataFrame, errors: Mapping[str, np.ndarray]) -> pd.DataFrame:
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
