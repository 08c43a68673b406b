"""Copy the results of a suite into the documentation: tables, page, circumstances, pinned errors.

    revin-forecast benchmark configs/shift-quick.yaml --data-dir DATA --json > run.json
    python -m benchmarks.shift.record_suite configs/shift-quick.yaml run.json

The table of cells stays behind: it has a row for every cell, and all others follow from it.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.evidence import PAGES
from revin_forecast.reports.benchmark import write_benchmark_report
from revin_forecast.shift.aggregates.submission import pin_results, read_tables
from revin_forecast.shift.suite.suite_yaml import read_suite
from revin_forecast.utils.environment import environment_info

LEFT_BEHIND = ("cells", "examples", "channels", "windows")
"""Tables that are too large for a repository."""


def record_suite(suite: Path, run: dict[str, Any], target: Path, revision: str = "") -> None:
    """Copy the results of a complete run.

    Args:
        suite: YAML file of the suite.
        run: what `benchmark --json` printed.
        target: folder in the documentation.
        revision: commit that measured the cells.

    Raises:
        ValueError: cells failed or are missing.
    """
    counts = run["cells"]
    if counts["failed"] or counts["missing"]:
        raise ValueError(
            f"{counts['failed']} cells failed and {counts['missing']} are missing; a record needs "
            "all. Run the suite again, with --retry after the cause is mended."
        )
    results = Path(run["folder"])
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.parquet"):
        old.unlink()
    for table in sorted(results.glob("*.parquet")):
        if table.stem not in LEFT_BEHIND:
            shutil.copyfile(table, target / table.name)
    made: dict[str, Any] = {"name": run["suite"], **environment_info()}
    made |= {
        "threads": 1,
        "quick": False,
        "git_rev": revision,
        "stages": run["seconds"],
        "wall_s": sum(run["seconds"].values()),
        "rows": {name: count for name, count in counts.items() if count},
    }
    tables = {path.stem: pd.read_parquet(path) for path in results.glob("*.parquet")}
    # Again, as the seconds of a continued run are not those of its last part.
    write_benchmark_report(tables, made | {"config": suite.read_text(encoding="utf-8")}, target)
    pinned = pin_results(read_suite(suite), read_tables(results))
    for name, content in (("made", made), ("pinned", pinned)):
        text = json.dumps(content, indent=1, default=str) + "\n"
        (target / f"{name}.json").write_text(text, encoding="utf-8")


def main() -> None:
    """Record the suite that the command line names."""
    parser = argparse.ArgumentParser(description="Copy the results of a suite.")
    parser.add_argument("suite", type=Path, help="YAML file of the suite")
    parser.add_argument("run", type=Path, help="file with what benchmark --json printed")
    parser.add_argument("--out", type=Path, default=PAGES, help="folder of the records")
    parser.add_argument("--revision", default="", help="commit that measured the cells")
    options = parser.parse_args()
    run = json.loads(options.run.read_text(encoding="utf-8"))
    target = options.out / f"shift_{run['suite']}"
    record_suite(options.suite, run, target, options.revision)


if __name__ == "__main__":
    main()
