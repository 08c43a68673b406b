"""Training speed of each backbone: the package's loop beside a plain one over the same batches."""

import copy
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks.accuracy.backbone_settings import SETTINGS, component_of
from benchmarks.evidence import EvidencePage, Options, measurement
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.windows import WindowBatch, Windows
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train

TEXT = """
# Training speed of the backbones

Windows a second in training, 336 -> 96 with 7 channels and RevIN, batches as in
`benchmarks/accuracy/backbone_settings.py` (32 windows, GRU and LSTM 128), one thread. `plain` is a loop over
batches that were gathered before: forward, mean squared error, backward, gradient clipping, Adam,
nothing else. `package` is the training loop of `fit` and `evaluate`: it draws an order, gathers the
windows, keeps the loss, and can stop, keep checkpoints and resume. One clock times both, in seconds
of the processor, so that other work on the machine counts little: it ticks after each step of the
optimizer, over {batches} batches. The two take turns, and the median of {rounds} rounds counts;
`time ratio` is the median of the rounds' own package / plain. Repeat with

    python -m benchmarks.speed.training_speed
"""
LOOKBACK, HORIZON, CHANNELS = 336, 96, 7


class Clock:
    """Notes when each step of any optimizer is done."""

    def __init__(self):
        self.ticks: list[float] = []
        register_optimizer_step_post_hook(lambda *_: self.ticks.append(time.process_time()))

    def step_seconds(self, run: Callable[[], object]) -> float:
        """Return the mean seconds from one step to the next while something runs."""
        self.ticks.clear()
        run()
        return (self.ticks[-1] - self.ticks[0]) / (len(self.ticks) - 1)


def plain(model: nn.Module, batches: list[WindowBatch]) -> None:
    """Train an epoch over batches that are there already."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for past, future, known in batches:
        forecast = model(past) if known is None else model(past, known=known)
        loss = (forecast - future).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def package(model: nn.Module, data: ForecastDataModule) -> None:
    """Train an epoch in the package's loop."""
    settings = TrainingSettings(max_epochs=1, batch_size=data.batch_size)
    with TemporaryDirectory() as folder:
        train(model, data, settings, Path(folder))


def random_data(batches: int, batch_size: int, covariates: int) -> ForecastDataModule:
    """Return noise to train on, and one window to validate by."""
    generator = torch.Generator().manual_seed(0)
    steps = batches * batch_size + LOOKBACK + HORIZON - 1
    values = torch.randn((steps, CHANNELS), generator=generator)
    known = torch.arange(float(steps)).unsqueeze(1) if covariates else None
    one = LOOKBACK + HORIZON
    few = Windows(values[:one], LOOKBACK, HORIZON, None if known is None else known[:one])
    return ForecastDataModule(Windows(values, LOOKBACK, HORIZON, known), few, batch_size)


def row(name: str, clock: Clock, batches: int, rounds: int) -> dict[str, object]:
    """Time one backbone."""
    setting = SETTINGS[name]
    size, covariates = setting.batch_size, setting.covariates
    data = random_data(batches, size, len(covariates))
    recipe = ModelConfig(
        component_of(name), ModuleSpec.from_class(RevIN), LOOKBACK, HORIZON, covariates=covariates
    )
    model = recipe.build(CHANNELS)
    gathered = [batch for stretch in data.train_dataloader() for batch in stretch]
    bare, ours = [], []
    for _ in range(rounds):
        bare.append(clock.step_seconds(partial(plain, copy.deepcopy(model), gathered)))
        ours.append(clock.step_seconds(partial(package, copy.deepcopy(model), data)))
    cells: dict[str, object] = {
        "backbone": name,
        "parameters": sum(part.numel() for part in model.backbone.parameters()),
        "package windows/s": round(size / statistics.median(ours)),
        "plain windows/s": round(size / statistics.median(bare)),
        "time ratio": statistics.median(a / b for a, b in zip(ours, bare, strict=True)),
    }
    return cells


@measurement(
    "training_speed",
    quick="one round of few batches",
    options={
        "--backbones": {"nargs": "+", "default": list(SETTINGS), "choices": SETTINGS},
        "--batches": {"type": int, "default": 60},
        "--rounds": {"type": int, "default": 7},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    torch.set_num_threads(1)
    batches, rounds = (4, 1) if options.quick else (options.batches, options.rounds)
    page.text, clock = TEXT.format(batches=batches, rounds=rounds), Clock()
    for name in options.backbones:
        page.add(row(name, clock, batches, rounds))


if __name__ == "__main__":
    main()
