"""Run the ratio tests of this folder and write their ratios to a page."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.evidence import ROOT, EvidencePage, Options, Row, measurement
from benchmarks.pages.figures import draw_figure

TEXT = """
# Speed ratios held by tests

Each row compares a call with a reference. The two alternate in one run and are timed by one clock:
processor seconds on one thread. `ratio` is the median over the rounds of the time over that of the
reference; it is below 1 where ours is faster. The tests fail above `bound`, about twice the usual
ratio: the bounds detect changes of the code, not a busy machine. `ms` is the median time of ours
for the batch or table in `benchmarks/`, for some of them several times a round. To run the tests
alone: `pytest benchmarks/`. Repeat with

    python -m benchmarks.speed.ratios
"""


@measurement("speed_ratios", quick="few rounds of small sizes")
def main(options: Options, page: EvidencePage) -> None:
    """Run the ratio tests and draw their figure."""
    page.text = TEXT
    with tempfile.TemporaryDirectory() as folder:
        page.rows += run_ratio_tests(options.quick, Path(folder))
    page.environment["threads"] = 1  # set by the tests' own conftest.py, in their process
    page.figure = None if options.quick else draw_figure("speed_ratios", page.rows)


def run_ratio_tests(quick: bool, folder: Path) -> list[Row]:
    """Run the tests in a process of their own; return a row for each ratio.

    Raises:
        SystemExit: a test failed; its output is printed.
    """
    record = folder / "benchmarks.json"
    command = [sys.executable, "-m", "pytest", ROOT / "benchmarks", f"--benchmark-json={record}"]
    arguments = ["--quick"] if quick else []
    # If pytest runs this program, its variables would pass its own options to the ratio tests.
    variables = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    process = subprocess.run([*command, *arguments], check=False, cwd=ROOT, env=variables)
    if process.returncode != 0:
        raise SystemExit(f"the tests ended with {process.returncode}; no page was written.")
    results = json.loads(record.read_text())["benchmarks"]
    return [result["extra_info"] | {"ms": 1e3 * result["stats"]["median"]} for result in results]


if __name__ == "__main__":
    main()
