"""Write the figures on real series for the model card of the network, from its record.

`python scripts/pretrain.py --out revin_forecast/pretrained --figures FILE` adds them to the card.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy.zero_shot import ALL, ETT, OWN, PANEL_LOOKS, TABLE_LOOKS
from benchmarks.evidence import PAGES, Row

MEMBER = "The default did without the network."
COLUMNS = ("model", "/ naive", "MASE", "QL / naive", "80 %", "95 %")
NAIVE = "/ naive: geometric mean of the error (MASE) over that of the seasonal naive forecast."
PANEL_REMARK = f"Development data, looked at {PANEL_LOOKS} times."
TABLES = (
    (
        "panel",
        1,
        ALL,
        "Everyday series, origin 1",
        PANEL_REMARK,
    ),
    (
        "panel",
        2,
        ALL,
        "Everyday series, origin 2",
        PANEL_REMARK,
    ),
    ("product", None, ALL, "23 tables, mostly hourly and daily", f"Looked at {TABLE_LOOKS} times."),
    ("gift", None, ALL, "Twelve tasks of GIFT-Eval", f"Looked at {TABLE_LOOKS} times; QL is WQL."),
    ("gift", None, ETT, "Ten of them, of ETT", f"Looked at {TABLE_LOOKS} times; QL is WQL."),
)
"""Set, origin, group, title and remark of each table."""


def main(words: Sequence[str] | None = None) -> None:
    """Write the file that `scripts/pretrain.py --figures` adds to a model card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--folder", type=Path, default=PAGES, help="folder of the record")
    options = parser.parse_args(words)
    record = json.loads((options.folder / "accuracy_zero_shot.json").read_text())
    options.out.write_text(json.dumps(build_tables(record["rows"]), indent=1) + "\n")


def build_tables(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a table for each set that the record has, the network first."""
    tables: list[dict[str, Any]] = []
    for name, origin, group, title, remark in TABLES:
        inside = [
            row
            for row in rows
            if (row["set"], row["origin"], row["group"]) == (name, origin, group)
        ]
        if inside:
            inside.sort(key=lambda row: row["model"] != OWN)
            weights = f"Weights {inside[0]['weights']}. "
            tables.append(
                {
                    "title": title,
                    "text": f"{NAIVE} {remark} {weights}{MEMBER} All figures: docs/benchmarks.",
                    "columns": [*COLUMNS],
                    "rows": [[_format_cell(row[column]) for column in COLUMNS] for row in inside],
                }
            )
    return tables


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
