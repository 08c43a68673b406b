"""Run the recipes of docs/guides/recipes.md for other libraries, each in its own environment.

Each recipe and the library's own layer train the same network, forecast the same held-out rows and
go through `check_model`. The program prints the table of the page and writes the outcomes as JSON.
"""

import argparse
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.evidence import ROOT
from benchmarks.peers.environments import ensure_environment
from benchmarks.peers.run import HOME
from benchmarks.peers.run_process import ONE_THREAD, PROGRAMS

RECORD = Path(__file__).with_name("recipes.json")
LIBRARIES = ("transformers", "neuralforecast", "darts")
MAX_ERROR_CHARACTERS = 2000
"""Last characters of the error stream in the message of a failed recipe."""


def locate_recipe(library: str) -> Path:
    """Return the file of a recipe, which the page shows."""
    return PROGRAMS / f"recipe_{library}.py"


def fingerprint_recipe(library: str) -> str:
    """Return a hash of a recipe, by which a test detects a change without a new run."""
    return hashlib.sha256(locate_recipe(library).read_bytes()).hexdigest()[:16]


def run_recipe(library: str, python: Path, words: Sequence[str] = ()) -> dict[str, Any]:
    """Run the measurement of a recipe and return its versions and rows.

    Args:
        library: name of the library.
        python: interpreter of its environment.
        words: options of the program.

    Raises:
        SystemExit: the program failed.
    """
    program = PROGRAMS / f"measure_recipe_{library}.py"
    with tempfile.TemporaryDirectory() as name:
        # Only this package: a folder `datasets` on the path would hide the library of that name.
        (Path(name) / "revin_forecast").symlink_to(ROOT / "revin_forecast")
        process = subprocess.run(
            [python, "-W", "ignore", program, *words],
            capture_output=True,
            text=True,
            cwd=name,
            env=os.environ | ONE_THREAD | {"PYTHONPATH": name},
        )
    if process.returncode:
        errors = process.stderr[-MAX_ERROR_CHARACTERS:]
        raise SystemExit(f"{program.name} ended with {process.returncode}:\n{errors}")
    return json.loads(process.stdout.splitlines()[-1])


def measure(libraries: Sequence[str], home: Path, words: Sequence[str]) -> dict[str, Any]:
    """Run the recipes and return their record."""
    record: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), "versions": {}}
    record |= {"recipes": {}, "rows": []}
    for library in libraries:
        result = run_recipe(library, ensure_environment(library, home), words)
        record["versions"] |= result["versions"]
        record["recipes"][library] = fingerprint_recipe(library)
        record["rows"] += result["rows"]
    return record


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| library | model | MSE | broken promises |", "|---|---|---:|---|"]
    lines += [
        f"| {row['library']} | `{row['model']}` | {row['MSE']:.5f} | {row['breaks']} |"
        for row in rows
    ]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> None:
    """Run the recipes and print their table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RECORD, help="JSON file of the outcomes")
    parser.add_argument("--home", type=Path, default=HOME, help="folder of the environments")
    parser.add_argument(
        "--libraries", nargs="*", default=list(LIBRARIES), choices=LIBRARIES, help="default: all"
    )
    parser.add_argument("--quick", action="store_true", help="one step of training, print only")
    options = parser.parse_args(words)
    quick = ["--quick"] if options.quick else []
    record = measure(options.libraries, options.home.resolve(), quick)
    print(format_table(record["rows"]))
    if not quick:
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
