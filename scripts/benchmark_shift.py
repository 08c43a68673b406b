"""Run a shift benchmark: the `benchmark` command as a script.

    python scripts/benchmark_shift.py configs/shift-smoke.yaml --out results

Options and exit codes are those of `revin-forecast benchmark`: 0, or 3 if cells failed.
"""

import sys

from revin_forecast.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]]))
