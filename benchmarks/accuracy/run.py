"""Accuracy tables: every test window, everything chosen on training and validation data."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.accuracy.planned_row import Row
from benchmarks.evidence import EvidencePage, Options, measurement
from revin_forecast.errors import InputError


class Grid(NamedTuple):
    """The module that plans a table, and its usual number of seeds."""

    module: str
    seeds: int


GRIDS = {
    "revin": Grid("revin", 1),
    "normalizers": Grid("normalizers", 5),
    "backbones": Grid("backbones", 3),
    "paper": Grid("paper", 3),
    "tying": Grid("tying", 5),
    "product": Grid("default_choice", 1),
    "closed-form": Grid("closed_form", 1),
}


def measured_before(path: Path, made: dict[str, Any]) -> list[Row]:
    """Return the rows of an earlier run, whose date goes into the circumstances of this one."""
    if not path.is_file():
        return []
    record = json.loads(path.read_text())
    before = record["made"]
    for fact in ("quick", "threads", "versions"):
        if before[fact] != made[fact]:
            raise SystemExit(
                f"{path} was measured with {fact} {before[fact]}, this run has {made[fact]}. "
                "Measure all of it anew without --missing, or choose another --out."
            )
    first = before["date"].split(" ")[0]
    if first != made["date"]:
        made["date"] = f"{first} to {made['date']}"
    return record["rows"]


@measurement(
    "accuracy_revin",
    quick="a small part of the table",
    options={
        "--grid": {"choices": GRIDS, "default": "revin"},
        "--data": {"nargs": "+", "default": [], "help": "these data sets only"},
        "--data-dir": {"help": "folder of the benchmark data"},
        "--seeds": {"type": int, "help": "of what is trained by gradient"},
        "--threads": {"type": int, "help": "of torch; as it chooses if not given"},
        "--missing": {
            "action": "store_true",
            "help": "keep the rows that the table in --out has already",
        },
        "--peers": {"type": Path, "help": "folder that the product grid's peers live in"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    if options.peers and options.grid != "product":
        raise InputError("--peers is for --grid product")
    if options.threads:
        torch.set_num_threads(options.threads)
    page.name = f"accuracy_{options.grid.replace('-', '_')}"
    table = import_module(f"benchmarks.accuracy.{GRIDS[options.grid].module}")
    page.text = table.TEXT
    seeds = options.seeds or (1 if options.quick else GRIDS[options.grid].seeds)
    record = page.folder / f"{page.name}.json"
    kept = measured_before(record, page.environment) if options.missing else []
    homes = [options.peers] if options.peers else []
    cells = list(table.cells(options.data, options.data_dir, options.quick, seeds, *homes))
    order = [tuple(cell.key.values()) for cell in cells]
    rows = {tuple(row[column] for column in cells[0].key): row for row in kept}
    rows |= {
        place: rows[place] | cell.beside
        for place, cell in zip(order, cells, strict=True)
        if place in rows
    }
    for place, cell in zip(order, cells, strict=True):
        if place not in rows:
            rows[place] = cell.key | cell.measure() | cell.beside
            print(*rows[place].values(), flush=True)
        ordered = [rows[place] for place in dict.fromkeys([*order, *rows]) if place in rows]
        page.rows[:] = table.closing(ordered) if options.grid == "product" else ordered
        page.write()  # an hour's work is not lost


if __name__ == "__main__":
    main()
