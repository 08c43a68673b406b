"""Copy the results of a suite into the documentation: tables, page, circumstances, pinned errors.

    revin-forecast benchmark configs/shift-quick.yaml --data-dir DATA --json > run.json
    python -m benchmarks.shift.record_suite configs/shift-quick.yaml run.json

The table of cells stays behind: it has a row for every cell, and all others follow from it. Its
summaries are recorded, so that the page can be written again without measuring:

    python -m benchmarks.shift.record_suite configs/shift-quick.yaml
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.evidence import PAGES
from revin_forecast.reports.benchmark import write_benchmark_report
from revin_forecast.reports.benchmark.cell_summaries import summarize_cells
from revin_forecast.reports.benchmark.input_tables import fill_tables
from revin_forecast.reports.benchmark.plots.example_windows import select_examples
from revin_forecast.shift.aggregates.submission import pin_results, read_tables
from revin_forecast.shift.suite.suite_yaml import read_suite
from revin_forecast.utils.environment import environment_info

LEFT_BEHIND = ("cells", "examples", "channels", "windows")
"""Tables that are too large for a repository."""
FINDINGS = "../shift_findings.html"
"""Page of the documentation that discusses the results, relative to a record's folder."""


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
    _record_summaries(results, target)
    _write_json(target / "made.json", made)
    write_page(suite, target)
    pinned = pin_results(read_suite(suite), read_tables(results))
    _write_json(target / "pinned.json", pinned)


def _record_summaries(results: Path, target: Path) -> None:
    """Write the summaries of the cells, and the example windows that the page shows."""
    tables = fill_tables({path.stem: pd.read_parquet(path) for path in results.glob("*.parquet")})
    for name, frame in summarize_cells(tables).items():
        single = frame.select_dtypes("float64").columns
        frame = frame.astype(dict.fromkeys(single, np.float32))
        frame.to_parquet(target / f"{name}.parquet", compression="zstd", index=False)
    examples = select_examples(tables["examples"])
    for name in ("past", "truth", "clean", "shifted"):
        examples[name] = [np.asarray(values, dtype=np.float32) for values in examples[name]]
    examples.to_parquet(target / "examples.parquet", compression="zstd", index=False)


def write_page(suite: Path, target: Path) -> None:
    """Write page and summary of a record from its tables.

    Args:
        suite: YAML file of the suite.
        target: folder of the record.
    """
    facts = json.loads((target / "made.json").read_text(encoding="utf-8"))
    facts |= {"config": suite.read_text(encoding="utf-8"), "findings": FINDINGS}
    tables = {path.stem: pd.read_parquet(path) for path in sorted(target.glob("*.parquet"))}
    write_benchmark_report(tables, facts, target)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, default=str) + "\n"
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Record the suite that the command line names."""
    parser = argparse.ArgumentParser(description="Copy the results of a suite.")
    parser.add_argument("suite", type=Path, help="YAML file of the suite")
    parser.add_argument(
        "run",
        type=Path,
        nargs="?",
        help="output of benchmark --json; without it, the page of the record is written again",
    )
    parser.add_argument("--out", type=Path, default=PAGES, help="folder of the records")
    parser.add_argument("--revision", default="", help="commit that measured the cells")
    options = parser.parse_args()
    if options.run is None:
        write_page(options.suite, options.out / f"shift_{read_suite(options.suite).name}")
        return
    run = json.loads(options.run.read_text(encoding="utf-8"))
    target = options.out / f"shift_{run['suite']}"
    record_suite(options.suite, run, target, options.revision)


if __name__ == "__main__":
    main()
