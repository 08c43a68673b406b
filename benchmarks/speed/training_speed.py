"""Training speed of each backbone in the package's loop, compared with a plain loop."""

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

from benchmarks.accuracy.backbone_settings import SETTINGS, build_backbone_spec
from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.windows import WindowBatch, Windows
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train

TEXT = """
# Training speed of the backbones

Windows a second in training, 336 -> 96 with 7 channels and RevIN, on one thread, with the batches
of `benchmarks/accuracy/backbone_settings.py` (32 windows; GRU and LSTM: 128). `plain` is a loop
over batches that were gathered before: forward pass, mean squared error, backward pass, gradient
clipping, Adam, nothing else. `package` is the training loop of `fit` and `evaluate`: it also draws
an order, gathers the windows and records the loss, and can stop early, write checkpoints and
resume. One clock times both in processor seconds, which other work on the machine hardly changes;
it is read after each step of the optimizer, over {batches} batches. The two alternate for {rounds}
rounds, of which the median is shown; `time ratio` is the median over the rounds of package / plain.
Repeat with

    python -m benchmarks.speed.training_speed
"""
LOOKBACK, HORIZON, CHANNELS = 336, 96, 7


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
    """Time each backbone."""
    torch.set_num_threads(1)
    batches, rounds = (4, 1) if options.quick else (options.batches, options.rounds)
    page.text = TEXT.format(batches=batches, rounds=rounds)
    clock = StepClock()
    for name in options.backbones:
        page.add(compare_loops(name, clock, batches, rounds))


class StepClock:
    """Records when each step of any optimizer ends."""

    def __init__(self):
        self.ticks: list[float] = []
        register_optimizer_step_post_hook(lambda *_: self.ticks.append(time.process_time()))

    def measure_step_seconds(self, run: Callable[[], object]) -> float:
        """Return the mean processor seconds from one step to the next during a call."""
        self.ticks.clear()
        run()
        return (self.ticks[-1] - self.ticks[0]) / (len(self.ticks) - 1)


def compare_loops(name: str, clock: StepClock, batches: int, rounds: int) -> Row:
    """Time one backbone in both loops."""
    settings = SETTINGS[name]
    size, covariates = settings.batch_size, settings.covariates
    data = make_noise(batches, size, len(covariates))
    backbone, revin = build_backbone_spec(name), ModuleSpec.from_class(RevIN)
    config = ModelConfig(backbone, revin, LOOKBACK, HORIZON, covariates=covariates)
    model = config.build(CHANNELS)
    gathered = [batch for chunk in data.train_dataloader() for batch in chunk]
    plain, package = [], []
    for _ in range(rounds):  # in alternation, so that a busy machine affects both alike
        run = partial(train_plain, copy.deepcopy(model), gathered)
        plain.append(clock.measure_step_seconds(run))
        run = partial(train_package, copy.deepcopy(model), data)
        package.append(clock.measure_step_seconds(run))
    return {
        "backbone": name,
        "parameters": sum(parameter.numel() for parameter in model.backbone.parameters()),
        "package windows/s": round(size / statistics.median(package)),
        "plain windows/s": round(size / statistics.median(plain)),
        "time ratio": statistics.median(a / b for a, b in zip(package, plain, strict=True)),
    }


def make_noise(batches: int, batch_size: int, covariates: int) -> ForecastDataModule:
    """Return noise to train on, with one window for validation."""
    generator = torch.Generator().manual_seed(0)
    window = LOOKBACK + HORIZON
    steps = batches * batch_size + window - 1
    values = torch.randn((steps, CHANNELS), generator=generator)
    known = torch.arange(float(steps)).unsqueeze(1) if covariates else None
    known_window = None if known is None else known[:window]
    one_window = Windows(values[:window], LOOKBACK, HORIZON, known_window)
    return ForecastDataModule(Windows(values, LOOKBACK, HORIZON, known), one_window, batch_size)


def train_plain(model: nn.Module, batches: list[WindowBatch]) -> None:
    """Train an epoch over batches that were gathered before."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for past, future, known in batches:
        forecast = model(past) if known is None else model(past, known=known)
        loss = (forecast - future).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def train_package(model: nn.Module, data: ForecastDataModule) -> None:
    """Train an epoch in the package's loop."""
    settings = TrainingSettings(max_epochs=1, batch_size=data.batch_size)
    with TemporaryDirectory() as folder:
        train(model, data, settings, Path(folder))


if __name__ == "__main__":
    main()
