"""Accuracy tables: every test window, everything chosen on training and validation data."""

import argparse
from importlib import import_module
from pathlib import Path

import torch

from revin_forecast.evidence import circumstances, write_evidence

GRIDS = {"revin": 1, "normalizers": 5, "backbones": 3, "paper": 3, "tying": 5}
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
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    grid = import_module(f"grids.{chosen.grid}")
    made = circumstances() | {"quick": chosen.quick}
    seeds = chosen.seeds or (1 if chosen.quick else GRIDS[chosen.grid])
    rows: list[dict[str, object]] = []
    for row in grid.rows(chosen.data, chosen.data_dir, chosen.quick, seeds):
        rows.append(row)  # written each time: an hour's work is not lost
        write_evidence(chosen.out, f"accuracy_{chosen.grid}", grid.TEXT, rows, made)


if __name__ == "__main__":
    main()
