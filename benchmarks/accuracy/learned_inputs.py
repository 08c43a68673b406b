"""Errors of backbones that learn from holidays and weather known in advance, and without them."""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.accuracy.known_inputs import SETS, load_steps
from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.backbones import CovariateBackbone, TiDE, TimeXer
from revin_forecast.data.catalog.catalog import data_folder
from revin_forecast.data.covariates import known_covariates
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.shapes import Future, Known, Past

TABLE, WEATHER = "bike_sharing", ("temp", "hum", "windspeed")
TRAINING_SHARE, VALIDATION_SHARE = 0.7, 0.1
LOOKBACK, HORIZON, WEEK = 28, 7, 7
WIDTH, MAX_EPOCHS = 32, 30
TEXT = """
# Known inputs of a backbone

Test MSE of `TimeXer` and `TiDE` with RevIN on daily rentals of bicycles (three series, 729 days,
28 -> 7), without known inputs and `with` them: public holidays, or holidays and the measured
temperature, humidity and wind, as if their forecasts were perfect. Under `window only` the inputs
of the days ahead are replaced by zeros, in training as well, because the code of TimeXer's authors
embeds known inputs over the window only. `change %` compares `with` to `without` and is negative
where the inputs help. Figures are means over {seeds} seeds, and `spread` is the standard deviation
of the change.

Both networks have width 32, and TimeXer patches of a week. The learning rate is 0.001, and training
stops after five epochs without a lower validation error, or after {epochs}. Nothing was tuned. The
rows are split in order: 70 % to train, 10 % to validate and the rest to test. Every test window is
scored, in units of the standard deviation of the training rows.

TiDE, which passes the inputs of a day ahead to the forecast of that day, has three tenths less
error if the weather is known. TimeXer does not gain from it: it embeds the whole series of an input
as one token, and did not learn from 500 windows which day of it acts on which day of the forecast.
Holidays change the error by less than its spread. So for inputs that act on their own day, take
`TiDE` or the automatic choice.

Repeat with

    python -m benchmarks.accuracy.learned_inputs --data-dir DATA
"""


class WindowOnlyTimeXer(CovariateBackbone):
    """A TimeXer that sees zeros instead of the known inputs of the horizon."""

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        covariates: int = 1,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        self.net = TimeXer(lookback, horizon, channels, covariates, WEEK, WIDTH)

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Hide the inputs ahead."""
        known = self.check_known(past, known)
        assert known is not None  # covariates is at least 1
        ahead = torch.zeros_like(known[:, self.lookback :])
        return self.net(past, known=torch.cat([known[:, : self.lookback], ahead], dim=1))


BACKBONES = {
    "TimeXer": partial(TimeXer, patch=WEEK, width=WIDTH),
    "TiDE": partial(TiDE, width=WIDTH),
}
Score = Callable[[Callable[..., CovariateBackbone], ChronologicalSplit], list[float]]


@measurement(
    "learned_inputs",
    quick="one seed and one epoch",
    options={
        "--seeds": {"type": int, "default": 3},
        "--data-dir": {
            "type": Path,
            "default": data_folder(),
            "help": "folder of the benchmark data",
        },
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Measure both backbones with each set of inputs."""
    torch.set_num_threads(1)
    seeds = 1 if options.quick else options.seeds
    page.text = TEXT.format(seeds=seeds, epochs=MAX_EPOCHS)
    score = partial(score_over_seeds, seeds, 1 if options.quick else MAX_EPOCHS)
    plain = load_split(options.data_dir, None)
    for weather in ((), WEATHER):
        informed = load_split(options.data_dir, weather)
        for name in BACKBONES:
            kind = "holidays, weather" if weather else "holidays"
            key: Row = {"inputs": kind, "backbone": name}
            page.add(key | compare_errors(name, score, plain, informed))


def load_split(folder: Path, weather: tuple[str, ...] | None) -> ChronologicalSplit:
    """Return the daily rentals with holidays and columns of the weather; None: without inputs."""
    described, series = SETS[TABLE], load_steps(TABLE, folder, "D")
    train = int(TRAINING_SHARE * len(series))
    validation = int((TRAINING_SHARE + VALIDATION_SHARE) * len(series))
    known = None
    if weather is not None:
        names = (f"holiday:{described.country}",)
        known = known_covariates(names, series.timestamps, series.frequency)
        hours = read_series(folder / described.file)
        frame = pd.DataFrame(hours.values, hours.timestamps, columns=list(hours.names))
        # Days without a measurement have the last one before them.
        days = frame[list(weather)].resample("D").mean().ffill().loc[series.timestamps]
        days = (days - days[:train].mean()) / days[:train].std()
        known = np.concatenate([known, days.to_numpy()], axis=1)
    return ChronologicalSplit(series.values, train, validation, len(series), known=known)


def compare_errors(
    name: str, score: Score, plain: ChronologicalSplit, informed: ChronologicalSplit
) -> Row:
    """Return the errors of a backbone without known inputs, with them, and with their past only."""
    before, after = (score(BACKBONES[name], split) for split in (plain, informed))
    hidden = statistics.mean(score(WindowOnlyTimeXer, informed)) if name == "TimeXer" else None
    changes = [100 * (new / old - 1) for old, new in zip(before, after, strict=True)]
    return {
        "without": statistics.mean(before),
        "with": statistics.mean(after),
        "window only": hidden,
        "change %": statistics.mean(changes),
        "spread": statistics.stdev(changes) if len(changes) > 1 else None,
    }


def score_over_seeds(
    seeds: int, epochs: int, backbone: Callable[..., CovariateBackbone], split: ChronologicalSplit
) -> list[float]:
    """Return the test MSE of each seed."""
    count = 0 if split.known is None else split.known.shape[1]
    errors = []
    for seed in range(seeds):
        config = ModelConfig(
            ModuleSpec.from_class(backbone),
            ModuleSpec.from_class(RevIN),
            LOOKBACK,
            HORIZON,
            TrainingSettings(max_epochs=epochs, learning_rate=1e-3, patience=5, seed=seed),
            covariates=tuple(f"input {number}" for number in range(count)),
        )
        errors.append(evaluate(config, split, WEEK).model.mse)
    return errors


if __name__ == "__main__":
    main()
