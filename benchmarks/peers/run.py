"""This package beside its peers: training, forecasting, memory, size; each in its own process."""

import tempfile
from pathlib import Path

from benchmarks.accuracy.backbone_settings import SETTINGS
from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.peers.comparison import Comparison
from benchmarks.peers.datasets import Given, benchmark, made_up
from benchmarks.peers.entries import MODELS, PEERS, Contender, ours, peers
from benchmarks.peers.forecast_table import OPTIONS
from benchmarks.peers.programs.protocol import Job, Work
from benchmarks.peers.training_table import Rounds

HOME = Path.home() / ".cache" / "revin_forecast" / "peers"
LOOKBACK, HORIZON, BATCH = 336, 96, 32
BACKBONES = {"NLinear": "Linear", "iTransformer": "InvertedTransformer"}
"""Names of the models in `accuracy/backbone_settings.py`, where they are others."""
TOLD = {"TSMixer": {"blocks": 2, "width": 32}, "PatchTST": {"patch": 16}}
"""The backbones' own defaults that the peers must be told."""


def job_of(model: str, given: Given, work: Work) -> Job:
    """Return the job of a model, set as `accuracy/backbone_settings.py` sets it."""
    setting = SETTINGS[BACKBONES.get(model, model)]
    parameters = {**TOLD.get(model, {}), **setting.parameters}
    return Job(model, parameters, setting.learning_rate, seed=0, rows=given.rows, work=work)


@measurement(
    "peers_training",
    quick="no peers; one model, random walks, one round",
    options={
        "--home": {"type": Path, "default": HOME, "help": "keeps the peers' environments"},
        "--data-dir": {"help": "of the benchmark data; $REVIN_FORECAST_DATA if not given"},
        "--peers": {
            "nargs": "*",
            "default": list(PEERS),
            "choices": PEERS,
            "help": "none: ours only",
        },
        "--models": {
            "nargs": "*",
            "default": list(MODELS),
            "choices": MODELS,
            "help": "none: forecasts only",
        },
        "--rounds": {"type": int, "default": 3, "help": "the median counts"},
        "--epochs": {"type": int, "default": 1},
        "--batches": {
            "type": int,
            "default": 60,
            "help": "of an epoch after the first round; 0: all",
        },
        "--before": {
            "default": "",
            "help": "words before each measured command: 'taskset -c 1'",
        },
    },
)
def main(options: Options, page: EvidencePage) -> None:
    quick = options.quick
    found = list(peers([] if quick else options.peers, options.home.resolve()))
    prefix = tuple(options.before.split())
    comparison = Comparison(
        ours(),
        [one for one in found if isinstance(one, Contender)],
        [line for line in found if isinstance(line, str)],
        Rounds(1 if quick else options.rounds, options.batches or None, prefix),
    )
    work = Work(LOOKBACK, HORIZON, BATCH, options.epochs)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        given = made_up(work, 3, scratch) if quick else benchmark(options.data_dir, scratch)
        jobs = [job_of(model, given, work) for model in options.models[: 1 if quick else None]]
        comparison.train(jobs, scratch, page)
        forecasts = EvidencePage("peers_forecast", page.folder, quick)
        words = OPTIONS[: 1 if quick else None]
        comparison.forecast(given.table, words, scratch, forecasts)


if __name__ == "__main__":
    main()
