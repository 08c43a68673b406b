"""Train the zero-shot network on synthetic series alone and write its weights and model card.

    python scripts/pretrain.py --out runs/pretrained --steps 20000 --seeds 0 1

The same settings and seeds give weights of the same bytes. A run that was interrupted goes on from
its last checkpoint if it is started again; a finished seed is not trained again. So two runs with a
seed each may share a folder and use two cores, and a last run with both seeds writes their files.

    python scripts/pretrain.py --out revin_forecast/pretrained --figures figures.json

adds figures on real data to the model card of a folder, without training.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from revin_forecast.errors import InputError, naming_flags
from revin_forecast.utils.progress import progress_display


def main(words: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Args:
        words: arguments; None: those of the process.
    """
    options = _build_parser().parse_args(words)
    # Read by NumPy and torch when they are imported: sums depend on the number of threads.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    try:
        with naming_flags(), progress_display(verbose=True, start=time.monotonic()):
            _run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace) -> None:
    from revin_forecast.pretrained.card import add_figures, write_model
    from revin_forecast.pretrained.train import train_members
    from revin_forecast.pretrained.training_state import QUICK_SETTINGS, PretrainingSettings

    if options.figures:
        add_figures(options.out, options.figures)
        return
    settings = QUICK_SETTINGS if options.quick else PretrainingSettings(steps=options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    members = train_members(settings, options.seeds, options.out, bool(options.workers))
    write_model(options.out, settings, members, options.quick)
    print(f"The weights and the model card are in {options.out}.")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of the run and its files")
    add("--seeds", type=int, nargs="+", default=[0], help="one network for each seed")
    add("--workers", type=int, choices=(0, 1), default=1, help="processes that make the series")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--steps", type=int, default=20_000, help="training steps of a seed (20000)")
    add("--quick", action="store_true", help="a tiny run, in which nothing is learned")
    add("--figures", type=Path, help="JSON file of tables for the model card; nothing is trained")
    return parser


if __name__ == "__main__":
    sys.exit(main())
