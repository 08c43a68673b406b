"""What a GPU does with the package: training beside a plain loop, and the layer beside a copy."""

import copy
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarks.accuracy.backbone_settings import component_of
from benchmarks.evidence import PAGES, EvidencePage, Options, measurement
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.windows import WindowBatch, Windows
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train

TEXT = """
# Speed on {device}

Training: {lookback} -> {horizon} with {channels} channels and RevIN, {windows} windows in a batch.
`plain` is a loop over batches that lie on the device already: forward, mean squared error,
backward, clipping, Adam, float32. `package` is the training loop of `fit`, its whole epoch with
checkpoints and validation, and `ratio` is package / plain windows a second. `compiled`: the
backbone in CUDA graphs (torch.compile, reduce-overhead), counted from the second run on.

Layer: normalize and denormalize of (windows, {lookback}, {channels}) in float32. `share of copy` is
the bytes that must be read and written at least (each direction once in, once out) over the time,
as a share of what a copy of the same array reaches. Repeat with

    python -m benchmarks.speed.cuda_speed
"""
Precision = Literal["32-true", "bf16-mixed"]
PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
NAMES = ("Linear", "InvertedTransformer", "TSMixer", "PatchTST")
Row = dict[str, Any]


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Return the time of a call, all that it left the device to do included."""
    _wait(device)
    start = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def plain(model: nn.Module, batches: list[WindowBatch]) -> None:
    """Train an epoch over batches that are on the device."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for past, future, _ in batches:
        optimizer.zero_grad()
        (model(past) - future).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def package(
    model: nn.Module, data: ForecastDataModule, precision: Precision, compiled: bool
) -> None:
    """Train an epoch in the package's loop, on the device that Lightning finds."""
    settings = TrainingSettings(
        max_epochs=1, batch_size=data.batch_size, precision=precision, compile=compiled
    )
    with TemporaryDirectory() as folder:
        train(model, data, settings, Path(folder))


def training_rows(
    names: Sequence[str],
    device: torch.device,
    sizes: tuple[int, int, int],
    batch: int,
    ways: Sequence[tuple[Precision, bool]],
) -> list[Row]:
    """Time an epoch of each backbone."""
    lookback, horizon, channels = sizes
    values = torch.randn(40 * batch + lookback + horizon - 1, channels)
    few = Windows(values[: lookback + horizon], lookback, horizon)
    data = ForecastDataModule(Windows(values, lookback, horizon), few, batch)
    windows, rows = len(data.training), list[Row]()
    gathered = [
        WindowBatch(one.past.to(device), one.future.to(device))
        for one in data.training.iter_batches(batch)
    ]
    for name in names:
        recipe = ModelConfig(component_of(name), ModuleSpec.from_class(RevIN), lookback, horizon)
        model = recipe.build(channels)
        bare = copy.deepcopy(model).to(device)
        plain(bare, gathered)  # what is loaded and tuned once is not timed
        reached = windows / seconds(partial(plain, bare, gathered), device)
        for precision, compiled in ways:
            run = partial(package, copy.deepcopy(model), data, precision, compiled)
            run()
            speed = windows / seconds(run, device)
            label = f"{name} {precision}{' compiled' if compiled else ''}"
            rows.append(_row(label, speed, reached, speed / reached))
    return rows


def layer_row(device: torch.device, shape: tuple[int, int, int], turns: int) -> Row:
    """Time the layer beside a copy of the same array."""
    past, target = torch.randn(shape, device=device), torch.empty(shape, device=device)
    layer = RevIN(shape[2]).to(device)

    def both() -> Tensor:
        z, stats = layer.normalize(past)
        return layer.denormalize(z, stats)

    with torch.no_grad():
        ours = _bandwidth(both, 4 * past.nbytes, device, turns)
        copied = _bandwidth(lambda: target.copy_(past), 2 * past.nbytes, device, turns)
    row = _row(f"RevIN, {shape[0]} windows", None, None, None)
    return row | {"GB/s": ours / 1e9, "copy GB/s": copied / 1e9, "share of copy": ours / copied}


def _bandwidth(run: Callable[[], object], size: int, device: torch.device, turns: int) -> float:
    run()
    return size / min(seconds(run, device) for _ in range(turns))


def _row(name: str, speed: float | None, reached: float | None, ratio: float | None) -> Row:
    cells: Row = {"what": name, "package windows/s": speed, "plain windows/s": reached}
    return cells | {"ratio": ratio, "GB/s": None, "copy GB/s": None, "share of copy": None}


@measurement(
    "cuda_speed",
    quick="small windows",
    options={
        "--device": {"default": "cuda" if torch.cuda.is_available() else "cpu"},
        "--backbones": {"nargs": "+", "default": list(NAMES), "choices": NAMES},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("torch finds no CUDA here; pass --device cpu to try the script.")
    if device.type != "cuda" and page.folder.resolve() == PAGES:
        raise InputError(
            f"the page is for figures of a GPU, and this is {device}. Pass --out with another "
            "folder to try the script."
        )
    if device.type != "cuda" and torch.cuda.is_available():
        raise InputError("the package trains on the GPU that is there; leave --device out.")
    sizes, batch, turns = ((24, 4, 3), 8, 1) if options.quick else ((336, 96, 7), 512, 20)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"
    lookback, horizon, channels = sizes
    page.text = TEXT.format(
        device=name, lookback=lookback, horizon=horizon, channels=channels, windows=batch
    )
    # Compiling for a CPU takes ten seconds a model: the tests do that elsewhere.
    compiled = (False,) if options.quick else (False, True)
    ways: list[tuple[Precision, bool]] = [(one, way) for one in PRECISIONS for way in compiled]
    for row in training_rows(options.backbones, device, sizes, batch, ways):
        page.add(row)
    many = (batch, lookback, channels) if options.quick else (4096, lookback, 64)
    page.add(layer_row(device, many, turns))


if __name__ == "__main__":
    main()
