"""Accuracy tables: every test window, everything chosen on training and validation data."""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from grids.common import Row

from revin_forecast.evidence import circumstances, write_evidence

GRIDS = {
    "revin": 1,
    "normalizers": 5,
    "backbones": 3,
    "paper": 3,
    "tying": 5,
    "product": 1,
    "closed-form": 1,
}
"""Each is a file in scripts/grids/, with its usual number of seeds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", choices=GRIDS, default="revin")
    parser.add_argument("--data", nargs="+", default=[], help="these data sets only")
    parser.add_argument("--data-dir", help="folder of the benchmark data")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--seeds", type=int, help="of what is trained by gradient")
    parser.add_argument("--threads", type=int, help="of torch; as it chooses if not given")
    parser.add_argument("--quick", action="store_true", help="a small part of the table")
    parser.add_argument(
        "--missing", action="store_true", help="keep the rows that the table in --out has already"
    )
    parser.add_argument("--peers", type=Path, help="folder that the product grid's peers live in")
    chosen = parser.parse_args()
    if chosen.peers and chosen.grid != "product":
        parser.error("--peers is for --grid product")
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    stem = chosen.grid.replace("-", "_")
    grid = import_module(f"grids.{stem}")
    made = circumstances() | {"quick": chosen.quick}
    seeds = chosen.seeds or (1 if chosen.quick else GRIDS[chosen.grid])
    name = f"accuracy_{stem}"
    kept = measured_before(chosen.out / f"{name}.json", made) if chosen.missing else []
    homes = [chosen.peers] if chosen.peers else []
    cells = list(grid.cells(chosen.data, chosen.data_dir, chosen.quick, seeds, *homes))
    order = [tuple(cell.key.values()) for cell in cells]
    table = {tuple(row[column] for column in cells[0].key): row for row in kept}
    table |= {
        place: table[place] | cell.beside
        for place, cell in zip(order, cells, strict=True)
        if place in table
    }
    for place, cell in zip(order, cells, strict=True):
        if place not in table:
            table[place] = cell.key | cell.measure() | cell.beside
            print(*table[place].values(), flush=True)
        rows = [table[place] for place in dict.fromkeys([*order, *table]) if place in table]
        closed = grid.closing(rows) if chosen.grid == "product" else rows
        write_evidence(chosen.out, name, grid.TEXT, closed, made)  # an hour's work is not lost


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


if __name__ == "__main__":
    main()
