"""Run the benchmark suite and write its ratios to a page."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.pages.figures import figure_of

ROOT = Path(__file__).resolve().parents[2]
TEXT = """
# What has to stay fast

Each row times something in turns with a reference, in one run, by one clock: seconds of the
processor, one thread. `ratio` is the median of the rounds' own (time over the reference's), below 1
where ours takes less; above `bound` the suite fails. Bounds are twice the usual ratio or so: they
are for changes of the code. `ms` is the median of ours, the batch or table as in `benchmarks/`,
some of them several times a round. The suite alone is `pytest benchmarks/`. Repeat with

    python -m benchmarks.speed.ratios
"""


def measured(quick: bool, folder: Path) -> list[dict[str, Any]]:
    """Run the suite in a process of its own; return a row for each ratio.

    Raises:
        SystemExit: the suite failed; what it says is printed.
    """
    record = folder / "benchmarks.json"
    command = [sys.executable, "-m", "pytest", ROOT / "benchmarks", f"--benchmark-json={record}"]
    words = ["--quick"] if quick else []
    # Of a suite that runs this script: its options, and that its workers share a machine.
    kept = {name: told for name, told in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run([*command, *words], check=False, cwd=ROOT, env=kept)
    if done.returncode != 0:
        raise SystemExit(f"the suite ended with {done.returncode}; no page was written.")
    found = json.loads(record.read_text())["benchmarks"]
    return [one["extra_info"] | {"ms": 1e3 * one["stats"]["median"]} for one in found]


@measurement("speed_ratios", quick="few rounds of small sizes")
def main(options: Options, page: EvidencePage) -> None:
    page.text = TEXT
    with tempfile.TemporaryDirectory() as folder:
        page.rows += measured(options.quick, Path(folder))
    page.environment["threads"] = 1
    page.figure = None if options.quick else figure_of("speed_ratios", page.rows)


if __name__ == "__main__":
    main()
