"""Accuracy tables over all test windows; everything is tuned on training and validation data."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.errors import InputError


class AccuracyTable(NamedTuple):
    """The module that plans a table, and its usual number of seeds."""

    module: str
    seeds: int


TABLES = {
    "revin": AccuracyTable("revin", 1),
    "normalizers": AccuracyTable("normalizers", 5),
    "kept-level": AccuracyTable("kept_level", 1),
    "backbones": AccuracyTable("backbones", 3),
    "paper": AccuracyTable("paper", 3),
    "tying": AccuracyTable("tying", 5),
    "product": AccuracyTable("default_choice", 1),
    "closed-form": AccuracyTable("closed_form", 1),
    "intermittent": AccuracyTable("intermittent", 1),
    "panel": AccuracyTable("panel", 1),
    "level": AccuracyTable("level", 1),
    "gift": AccuracyTable("gift", 1),
    "zero-shot": AccuracyTable("zero_shot", 1),
}
"""Values of `--grid`."""


@measurement(
    "accuracy_revin",
    quick="a small part of the table",
    options={
        "--grid": {"choices": TABLES, "default": "revin", "help": "table to measure"},
        "--data": {"nargs": "+", "default": [], "help": "only these data sets"},
        "--data-dir": {"help": "folder of the benchmark data"},
        "--seeds": {"type": int, "help": "number of seeds of networks trained by gradient"},
        "--threads": {"type": int, "help": "threads of torch; its own choice by default"},
        "--missing": {
            "action": "store_true",
            "help": "keep the rows that the table in --out already has",
        },
        "--peers": {
            "type": Path,
            "help": "folder for the peers of --grid product, panel and intermittent",
        },
        "--weights": {"type": Path, "help": "file of weights to score, for --grid zero-shot"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Measure the rows of one table."""
    if options.peers and options.grid not in ("product", "panel", "intermittent"):
        raise InputError("--peers is for --grid product, panel and intermittent")
    if options.weights and options.grid != "zero-shot":
        raise InputError("--weights is for --grid zero-shot")
    if options.threads:
        torch.set_num_threads(options.threads)
    page.name = f"accuracy_{options.grid.replace('-', '_')}"
    table = import_module(f"benchmarks.accuracy.{TABLES[options.grid].module}")
    page.text = table.TEXT
    seeds = options.seeds or (1 if options.quick else TABLES[options.grid].seeds)
    paths = [path for path in (options.peers, options.weights) if path]
    planned = list(table.plan_rows(options.data, options.data_dir, options.quick, seeds, *paths))
    order = [tuple(row.key.values()) for row in planned]
    record = page.folder / f"{page.name}.json"
    earlier = load_earlier_rows(record, page.environment) if options.missing else []
    rows = {tuple(row[column] for column in planned[0].key): row for row in earlier}
    for key, row in zip(order, planned, strict=True):
        if key in rows:
            rows[key] |= row.published
    for key, row in zip(order, planned, strict=True):
        if key not in rows:
            rows[key] = row.key | row.measure() | row.published
            print(*rows[key].values(), flush=True)
        # Rows in their planned order, then earlier ones that this run does not plan.
        measured = [rows[key] for key in dict.fromkeys([*order, *rows]) if key in rows]
        summarize = getattr(table, "add_summary_rows", list)
        page.rows[:] = summarize(measured)
        page.write()  # after each row, so that an interrupted run keeps an hour's work


def load_earlier_rows(path: Path, environment: dict[str, Any]) -> list[Row]:
    """Return the rows of an earlier run, and add its date to the environment of this one.

    Raises:
        SystemExit: the earlier run had another size, number of threads or versions.
    """
    if not path.is_file():
        return []
    record = json.loads(path.read_text())
    earlier = record["made"]
    for fact in ("quick", "threads", "versions"):
        if earlier[fact] != environment[fact]:
            raise SystemExit(
                f"{path} was measured with {fact} {earlier[fact]}, this run has "
                f"{environment[fact]}. Measure all of it again without --missing, or choose "
                "another --out."
            )
    first = earlier["date"].split(" ")[0]
    if first != environment["date"]:
        environment["date"] = f"{first} to {environment['date']}"
    return record["rows"]


if __name__ == "__main__":
    main()
