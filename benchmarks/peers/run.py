"""Comparison with other libraries: training and forecasting, each in a process of its own."""

import tempfile
from pathlib import Path

from benchmarks.accuracy.backbone_settings import SETTINGS
from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.peers.comparison import Comparison
from benchmarks.peers.datasets import PeerData, load_etth1, make_random_data
from benchmarks.peers.entries import MODELS, PEERS, install_peers, list_own_entries
from benchmarks.peers.forecast_table import OPTIONS
from benchmarks.peers.programs.protocol import Job, Work
from benchmarks.peers.training_table import Rounds

HOME = Path.home() / ".cache" / "revin_forecast" / "peers"
LOOKBACK, HORIZON, BATCH = 336, 96, 32
BACKBONES = {"NLinear": "Linear", "iTransformer": "InvertedTransformer"}
"""Models that have another name in `accuracy/backbone_settings.py`."""
DEFAULTS = {"TSMixer": {"blocks": 2, "width": 32}, "PatchTST": {"patch": 16}}
"""Defaults of our backbones that the peers need as arguments."""


@measurement(
    "peers_training",
    quick="no peers; one model, random walks, one round",
    options={
        "--home": {"type": Path, "default": HOME, "help": "folder of the peers' environments"},
        "--data-dir": {"help": "folder of the benchmark data; default $REVIN_FORECAST_DATA"},
        "--peers": {
            "nargs": "*",
            "default": list(PEERS),
            "choices": PEERS,
            "help": "without a name: only this package",
        },
        "--models": {
            "nargs": "*",
            "default": list(MODELS),
            "choices": MODELS,
            "help": "without a name: only forecasts",
        },
        "--rounds": {"type": int, "default": 3, "help": "rounds, of which the median is shown"},
        "--epochs": {"type": int, "default": 1},
        "--batches": {
            "type": int,
            "default": 60,
            "help": "batches of an epoch after the first round; 0: all",
        },
        "--before": {
            "default": "",
            "help": "words before each measured command, such as 'taskset -c 1'",
        },
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Measure training, then forecasts; each has a page of its own."""
    quick = options.quick
    peers, skipped = install_peers([] if quick else options.peers, options.home.resolve())
    prefix = tuple(options.before.split())
    rounds = Rounds(1 if quick else options.rounds, options.batches or None, prefix)
    comparison = Comparison(list_own_entries(), peers, skipped, rounds)
    work = Work(LOOKBACK, HORIZON, BATCH, options.epochs)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        data = (
            make_random_data(work, 3, scratch) if quick else load_etth1(options.data_dir, scratch)
        )
        models = options.models[:1] if quick else options.models
        jobs = [build_job(model, data, work) for model in models]
        comparison.measure_training(jobs, scratch, page)
        forecast_page = EvidencePage("peers_forecast", page.folder, quick)
        words = OPTIONS[:1] if quick else OPTIONS
        comparison.measure_forecasts(data.table, words, scratch, forecast_page)


def build_job(model: str, data: PeerData, work: Work) -> Job:
    """Return the job of a model, with the settings of `accuracy/backbone_settings.py`."""
    settings = SETTINGS[BACKBONES.get(model, model)]
    parameters = {**DEFAULTS.get(model, {}), **settings.parameters}
    return Job(model, parameters, settings.learning_rate, seed=0, rows=data.rows, work=work)


if __name__ == "__main__":
    main()
