"""This package beside its peers: training, forecasting, memory, size; each in its own process."""

import argparse
import tempfile
from pathlib import Path

from grids.training import SETTINGS
from rivals.comparison import Comparison
from rivals.contenders import MODELS, PEERS, Contender, ours, peers
from rivals.forecasts import OPTIONS
from rivals.given import Given, benchmark, made_up
from rivals.protocol import Job, Work
from rivals.training import Rounds

HOME = Path.home() / ".cache" / "revin_forecast" / "peers"
LOOKBACK, HORIZON, BATCH = 336, 96, 32
BACKBONES = {"NLinear": "Linear", "iTransformer": "InvertedTransformer"}
"""Names of the models in `grids/training.py`, where they are others."""
TOLD = {"TSMixer": {"blocks": 2, "width": 32}, "PatchTST": {"patch": 16}}
"""The backbones' own defaults that the peers must be told."""


def job_of(model: str, given: Given, work: Work) -> Job:
    """Return the job of a model, set as `grids/training.py` sets it."""
    setting = SETTINGS[BACKBONES.get(model, model)]
    parameters = {**TOLD.get(model, {}), **setting.parameters}
    return Job(model, parameters, setting.learning_rate, seed=0, rows=given.rows, work=work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--home", type=Path, default=HOME, help="keeps the peers' environments")
    add("--data-dir", help="of the benchmark data; $REVIN_FORECAST_DATA if not given")
    add("--peers", nargs="*", default=list(PEERS), choices=PEERS, help="none: ours only")
    add("--models", nargs="*", default=list(MODELS), choices=MODELS, help="none: forecasts only")
    add("--rounds", type=int, default=3, help="the median counts")
    add("--epochs", type=int, default=1)
    add("--batches", type=int, default=60, help="of an epoch after the first round; 0: all")
    add("--before", default="", help="words before each measured command: 'taskset -c 1'")
    add("--out", type=Path, default=Path("docs/benchmarks"))
    add("--quick", action="store_true", help="no peers; one model, made-up windows, one round")
    chosen = parser.parse_args()
    quick = chosen.quick
    found = list(peers([] if quick else chosen.peers, chosen.home.resolve()))
    comparison = Comparison(
        ours(),
        [one for one in found if isinstance(one, Contender)],
        [line for line in found if isinstance(line, str)],
        Rounds(1 if quick else chosen.rounds, chosen.batches or None, tuple(chosen.before.split())),
        quick,
    )
    work = Work(LOOKBACK, HORIZON, BATCH, chosen.epochs)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        given = made_up(work, 3, scratch) if quick else benchmark(chosen.data_dir, scratch)
        jobs = [job_of(model, given, work) for model in chosen.models[: 1 if quick else None]]
        comparison.train(jobs, scratch, chosen.out)
        options = OPTIONS[: 1 if quick else None]
        comparison.forecast(given.table, options, scratch, chosen.out)


if __name__ == "__main__":
    main()
