"""Train and evaluate a backbone on a benchmark data set: the `evaluate` command as a script.

    python scripts/train.py etth1 --data-dir DATA --backbone Linear --out runs/linear

Options are those of `revin-forecast evaluate`; configs/ has examples for --config.
"""

import sys

from revin_forecast.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
