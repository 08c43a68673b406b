"""Training speed of each backbone: the package's loop beside a plain one over the same batches."""

import argparse
import copy
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from grids.training import SETTINGS, component_of
from torch import Tensor, nn

from revin_forecast.components import Component
from revin_forecast.data.module import ForecastData
from revin_forecast.data.windows import WindowBatch, Windows
from revin_forecast.evidence import circumstances, write_evidence
from revin_forecast.fitting import Recipe
from revin_forecast.normalizers import RevIN
from revin_forecast.settings import TrainingSettings
from revin_forecast.training import train

TEXT = """
# Training speed of the backbones

Windows a second in training, one epoch of 336 -> 96 with 7 channels and RevIN, batches as in
`scripts/grids/training.py` (32 windows, GRU and LSTM 128), one thread. `plain` is a loop over
batches that were gathered before: forward, mean squared error, backward, gradient clipping, Adam,
nothing else. `package` is the training loop of `fit` and `evaluate`: it gathers the windows, draws
their order, logs the loss, and would stop, keep checkpoints and resume; validation is left out of
both. The two take turns, the median of {rounds} rounds counts; `time ratio` is package / plain.
Repeat with

    python scripts/training_speed.py
"""
LOOKBACK, HORIZON, CHANNELS = 336, 96, 7


def plain(model: nn.Module, batches: list[WindowBatch]) -> float:
    """Return the seconds of one epoch over batches that are there already."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    start = time.perf_counter()
    for past, future, known in batches:
        forecast = model(past) if known is None else model(past, known=known)
        loss = (forecast - future).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return time.perf_counter() - start


def package(model: nn.Module, data: ForecastData, batch_size: int) -> float:
    """Return the seconds of one more epoch in the package's loop: of two, less those of one."""
    seconds = []
    for epochs in (1, 2):
        settings = TrainingSettings(max_epochs=epochs, batch_size=batch_size, patience=9)
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            train(copy.deepcopy(model), data, settings, Path(folder))
            seconds.append(time.perf_counter() - start)
    return seconds[1] - seconds[0]


def row(name: str, values: Tensor, rounds: int) -> dict[str, object]:
    """Time one backbone."""
    setting = SETTINGS[name]
    known = torch.arange(float(len(values))).unsqueeze(1) if setting.covariates else None
    windows = Windows(values, LOOKBACK, HORIZON, known)
    few = Windows(
        values[: LOOKBACK + HORIZON],
        LOOKBACK,
        HORIZON,
        None if known is None else known[: LOOKBACK + HORIZON],
    )
    data = ForecastData(windows, few, setting.batch_size)
    recipe = Recipe(
        component_of(name), Component.of(RevIN), LOOKBACK, HORIZON, covariates=setting.covariates
    )
    model = recipe.build(CHANNELS)
    batches = [batch for stretch in data.train_dataloader() for batch in stretch]
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(plain(copy.deepcopy(model), batches))
        ours.append(package(model, data, setting.batch_size))
    count = len(windows)
    cells: dict[str, object] = {
        "backbone": name,
        "parameters": sum(part.numel() for part in model.backbone.parameters()),
        "package windows/s": round(count / statistics.median(ours)),
        "plain windows/s": round(count / statistics.median(bare)),
        "time ratio": statistics.median(ours) / statistics.median(bare),
    }
    print(*cells.values(), flush=True)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--backbones", nargs="+", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--windows", type=int, default=2560)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of few windows")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    count, rounds = (128, 1) if chosen.quick else (chosen.windows, chosen.rounds)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn((count + LOOKBACK + HORIZON - 1, CHANNELS), generator=generator)
    made = circumstances() | {"quick": chosen.quick}
    rows: list[dict[str, object]] = []
    for name in chosen.backbones:
        rows.append(row(name, values, rounds))
        write_evidence(chosen.out, "training_speed", TEXT.format(rounds=rounds), rows, made)


if __name__ == "__main__":
    main()
