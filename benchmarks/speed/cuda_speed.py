"""Speed on a GPU: training compared with a plain loop, and the layer compared with a copy."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch
from torch import Tensor, nn

from benchmarks.accuracy.backbone_settings import build_backbone_spec
from benchmarks.evidence import PAGES, EvidencePage, Options, Row, measurement
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
`plain` is a loop over batches that are already on the device: forward pass, mean squared error,
backward pass, clipping, Adam, float32. `package` is the training loop of `fit`: a whole epoch with
checkpoints and validation. `ratio` is package / plain in windows a second. `compiled` runs the
backbone in CUDA graphs (torch.compile, reduce-overhead), timed from the second run on.

Layer: normalize and denormalize of (windows, {lookback}, {channels}) in float32. `share of copy` is
the minimal number of bytes (each direction read once and written once) over the time, relative to
the bandwidth of a copy of the same array. Repeat with

    python -m benchmarks.speed.cuda_speed
"""
Precision = Literal["32-true", "bf16-mixed"]
PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
NAMES = ("Linear", "InvertedTransformer", "TSMixer", "PatchTST")


@measurement(
    "cuda_speed",
    quick="small windows",
    options={
        "--device": {"default": "cuda" if torch.cuda.is_available() else "cpu"},
        "--backbones": {"nargs": "+", "default": list(NAMES), "choices": NAMES},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Time training of each backbone, then the layer."""
    device = torch.device(options.device)
    check_device(device, page.folder)
    sizes, batch, rounds = ((24, 4, 3), 8, 1) if options.quick else ((336, 96, 7), 512, 20)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"
    lookback, horizon, channels = sizes
    page.text = TEXT.format(
        device=name, lookback=lookback, horizon=horizon, channels=channels, windows=batch
    )
    # Compiling for a CPU takes ten seconds a model, and other tests do it.
    compile_modes = (False,) if options.quick else (False, True)
    modes: list[tuple[Precision, bool]] = [
        (precision, compiled) for precision in PRECISIONS for compiled in compile_modes
    ]
    for row in time_training(options.backbones, device, sizes, batch, modes):
        page.add(row)
    shape = (batch, lookback, channels) if options.quick else (4096, lookback, 64)
    page.add(time_layer(device, shape, rounds))


def check_device(device: torch.device, folder: Path) -> None:
    """Raise an InputError if a device cannot be measured, or not for the page."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("torch finds no CUDA device; pass --device cpu to try the program.")
    if device.type != "cuda" and folder.resolve() == PAGES:
        raise InputError(
            f"the page is for figures of a GPU, and this is {device}. Pass --out with another "
            "folder to try the program."
        )
    if device.type != "cuda" and torch.cuda.is_available():
        # Lightning would train on the GPU while the plain loop ran on the CPU.
        raise InputError("the package trains on the available GPU; leave --device out.")


def time_training(
    names: Sequence[str],
    device: torch.device,
    sizes: tuple[int, int, int],
    batch: int,
    modes: Sequence[tuple[Precision, bool]],
) -> Iterator[Row]:
    """Yield the speed of each backbone in each mode: its precision and whether it is compiled."""
    lookback, horizon, channels = sizes
    values = torch.randn(40 * batch + lookback + horizon - 1, channels)
    one_window = Windows(values[: lookback + horizon], lookback, horizon)
    data = ForecastDataModule(Windows(values, lookback, horizon), one_window, batch)
    windows = len(data.training)
    batches = [
        WindowBatch(gathered.past.to(device), gathered.future.to(device))
        for gathered in data.training.iter_batches(batch)
    ]
    for name in names:
        spec = build_backbone_spec(name)
        config = ModelConfig(spec, ModuleSpec.from_class(RevIN), lookback, horizon)
        model = config.build(channels)
        plain = copy.deepcopy(model).to(device)
        train_plain(plain, batches)  # loading and tuning of kernels is not timed
        plain_speed = windows / measure_seconds(partial(train_plain, plain, batches), device)
        for precision, compiled in modes:
            run = partial(train_package, copy.deepcopy(model), data, precision, compiled)
            run()
            speed = windows / measure_seconds(run, device)
            label = f"{name} {precision}{' compiled' if compiled else ''}"
            yield _build_row(label, speed, plain_speed, speed / plain_speed)


def train_plain(model: nn.Module, batches: list[WindowBatch]) -> None:
    """Train an epoch over batches that are on the device."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for past, future, _ in batches:
        optimizer.zero_grad()
        (model(past) - future).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def train_package(
    model: nn.Module, data: ForecastDataModule, precision: Precision, compiled: bool
) -> None:
    """Train an epoch in the package's loop, on the device that Lightning selects."""
    settings = TrainingSettings(
        max_epochs=1, batch_size=data.batch_size, precision=precision, compile=compiled
    )
    with TemporaryDirectory() as folder:
        train(model, data, settings, Path(folder))


def time_layer(device: torch.device, shape: tuple[int, int, int], rounds: int) -> Row:
    """Compare the bandwidth of the layer with that of a copy of the same array."""
    past, target = torch.randn(shape, device=device), torch.empty(shape, device=device)
    layer = RevIN(shape[2]).to(device)

    def apply_both_ways() -> Tensor:
        z, stats = layer.normalize(past)
        return layer.denormalize(z, stats)

    with torch.no_grad():
        ours = _measure_bandwidth(apply_both_ways, 4 * past.nbytes, device, rounds)
        copied = _measure_bandwidth(lambda: target.copy_(past), 2 * past.nbytes, device, rounds)
    row = _build_row(f"RevIN, {shape[0]} windows", None, None, None)
    return row | {"GB/s": ours / 1e9, "copy GB/s": copied / 1e9, "share of copy": ours / copied}


def measure_seconds(run: Callable[[], object], device: torch.device) -> float:
    """Return the time of a call, until the device has finished its work."""
    _synchronize(device)
    start = time.perf_counter()
    run()
    _synchronize(device)
    return time.perf_counter() - start


def _measure_bandwidth(
    run: Callable[[], object], n_bytes: int, device: torch.device, rounds: int
) -> float:
    run()
    return n_bytes / min(measure_seconds(run, device) for _ in range(rounds))


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _build_row(
    name: str, speed: float | None, plain_speed: float | None, ratio: float | None
) -> Row:
    row: Row = {"what": name, "package windows/s": speed, "plain windows/s": plain_speed}
    return row | {"ratio": ratio, "GB/s": None, "copy GB/s": None, "share of copy": None}


if __name__ == "__main__":
    main()
