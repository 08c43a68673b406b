"""Speed and precision of RevIN, compared with the original formula, a copy and torch's layers."""

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.normalizers import RevIN

Shape = tuple[int, int, int]
Map = Callable[[Tensor], Tensor]
SHAPES = [
    (1, 96, 1),
    (1, 336, 7),
    (32, 96, 7),
    (64, 96, 7),
    (32, 336, 7),
    (256, 336, 7),
    (32, 336, 321),
    (256, 336, 321),
    (32, 720, 862),
]
LEVEL, DEVIATION = 1e3, 2.0
TEXT = """
# Speed of the layer

Normalize and denormalize of one batch (windows, steps, channels) in float32, with a forecast as
long as the window; the fastest of several rounds. `original` is the authors' formula written
plainly in torch, with its additive eps. Columns without a unit are ratios to it, measured in
alternation in one run. `backward` is the forward pass and the gradient of the affine weights, `to
data` also that of the data. `copy` is one copy of the batch, read and written, which no single pass
can beat, and `copies` is a forward pass in units of it. `instance_norm` and `layer_norm` are
torch's, in one direction only. Ours centres twice, accepts gaps and returns its statistics as
values. `compiled` is a layer under torch.compile, which fuses both directions into one loop as no
network between them would allow.

`error` is the largest difference of z from float64 on the same float32 input, in standard
deviations, at level 1,000 with deviation 2; `at 1e6` is the same at level 1,000,000 with deviation
1. Repeat with

    python -m benchmarks.speed.layer_speed
"""


@measurement(
    "layer_speed",
    quick="a small shape, few rounds, and compilation without C++",
    options={
        "--device": {"choices": ("cpu", "cuda"), "default": "cpu"},
        "--threads": {"type": int, "nargs": "+", "default": [1, 2]},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Compare the layers for each number of threads and shape."""
    shapes = [(8, 48, 7)] if options.quick else SHAPES
    threads = [1] if options.quick or options.device == "cuda" else options.threads
    rounds = 2 if options.quick else 5
    backend = "aot_eager" if options.quick else "inductor"
    if options.device == "cuda":
        page.name = "layer_speed_cuda"
    page.text = TEXT
    page.environment["threads"] = max(threads)
    for count in threads:
        for shape in shapes:
            for row in compare_layers(shape, count, options.device, rounds, backend):
                page.add(row)


class OriginalRevIN(nn.Module):
    """The formula of the paper, as its authors' layer computes it."""

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.affine_weight = nn.Parameter(torch.ones(channels))
        self.affine_bias = nn.Parameter(torch.zeros(channels))

    def normalize(self, past: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Map to the common scale."""
        mean = torch.mean(past, dim=1, keepdim=True).detach()
        deviation = torch.sqrt(
            torch.var(past, dim=1, keepdim=True, unbiased=False) + self.eps
        ).detach()
        z = past - mean
        z = z / deviation
        return z * self.affine_weight + self.affine_bias, (mean, deviation)

    def denormalize(self, future: Tensor, stats: tuple[Tensor, Tensor]) -> Tensor:
        """Map back."""
        mean, deviation = stats
        future = future - self.affine_bias
        future = future / (self.affine_weight + self.eps * self.eps)
        return future * deviation + mean


def make_round_trip(layer: nn.Module) -> Map:
    """Return the function that normalizes a window and maps it back."""

    def round_trip(past: Tensor) -> Tensor:
        z, stats = layer.normalize(past)  # type: ignore[operator]
        return layer.denormalize(z, stats)  # type: ignore[operator]

    return round_trip


def make_forward(call: Map, past: Tensor) -> Callable[[], object]:
    """Return a forward pass without gradients."""

    def run() -> object:
        with torch.no_grad():
            return call(past)

    return run


def make_backward(call: Map, past: Tensor, layer: nn.Module, to_data: bool) -> Callable[[], object]:
    """Return a forward and backward pass, to the parameters and optionally to the data."""
    past = past.clone().requires_grad_(to_data)
    leaves = [*layer.parameters(), *([past] if to_data else [])]
    gradient = torch.randn_like(past)

    def run() -> object:
        return torch.autograd.grad(call(past), leaves, gradient)

    return run


def measure_fastest(
    calls: dict[str, Callable[[], object]], device: str, rounds: int, repeats: int
) -> dict[str, float]:
    """Return the least seconds of each call.

    The calls alternate, so that a busy moment of the machine affects all of them.
    """
    fastest = dict.fromkeys(calls, float("inf"))
    for number in range(rounds + 1):
        for name, call in calls.items():
            for _ in range(repeats):  # a small batch is timed with its memory in the cache
                start = time.perf_counter()
                call()
                if device == "cuda":
                    torch.cuda.synchronize()
                if number > 0:  # the first round warms up and compiles
                    fastest[name] = min(fastest[name], time.perf_counter() - start)
    return fastest


def measure_error(normalize: Map, device: str, level: float, deviation: float) -> float:
    """Return the largest difference of z from float64, in standard deviations."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn((64, 336, 7), generator=generator)
    past = (noise * deviation + level).to(device)
    wide = past.double()
    exact = (wide - wide.mean(1, keepdim=True)) / wide.std(1, keepdim=True, correction=0)
    return (normalize(past).double() - exact).abs().max().item()


def compare_layers(
    shape: Shape, threads: int, device: str, rounds: int, backend: str
) -> Iterator[Row]:
    """Yield a row for each layer at one shape and number of threads."""
    torch.set_num_threads(threads)
    torch.compiler.reset()
    generator = torch.Generator().manual_seed(0)
    past = (torch.randn(shape, generator=generator) * DEVIATION + LEVEL).to(device)
    target = torch.empty_like(past)
    original, ours = OriginalRevIN(shape[2]).to(device), RevIN(shape[2]).to(device)
    both_compiled = {
        f"{name} compiled": torch.compile(make_round_trip(layer), fullgraph=True, backend=backend)
        for name, layer in (("original", original), ("RevIN", ours))
    }
    instance = nn.InstanceNorm1d(shape[2], affine=True).to(device)
    layer_norm = nn.LayerNorm(shape[1]).to(device)
    others: dict[str, tuple[Map, nn.Module]] = {
        "instance_norm": (lambda values: instance(values.mT).mT, instance),
        "layer_norm": (lambda values: layer_norm(values.mT).mT, layer_norm),
    }
    layers: dict[str, tuple[Map, nn.Module]] = {
        "original": (make_round_trip(original), original),
        "RevIN": (make_round_trip(ours), ours),
        "original compiled": (both_compiled["original compiled"], original),
        "RevIN compiled": (both_compiled["RevIN compiled"], ours),
        **others,
    }
    calls = {
        "forward": {name: make_forward(call, past) for name, (call, _) in layers.items()},
        "backward": {
            name: make_backward(call, past, layer, False) for name, (call, layer) in layers.items()
        },
        "to data": {
            name: make_backward(call, past, layer, True) for name, (call, layer) in layers.items()
        },
    }
    calls["forward"]["copy"] = lambda: target.copy_(past)
    repeats = min(500, max(1, 2**24 // past.numel()))
    seconds = {
        kind: measure_fastest(by_name, device, rounds, repeats) for kind, by_name in calls.items()
    }
    normalizations = {
        "original": lambda values: original.normalize(values)[0],
        "RevIN": lambda values: ours.normalize(values)[0],
        "original compiled": torch.compile(
            lambda values: original.normalize(values)[0], fullgraph=True, backend=backend
        ),
        "RevIN compiled": torch.compile(
            lambda values: ours.normalize(values)[0], fullgraph=True, backend=backend
        ),
        "instance_norm": lambda values: functional.instance_norm(values.mT, eps=0.0).mT,
    }
    for name in [*layers, "copy"]:
        row: Row = {"shape": str(shape), "threads": threads, "layer": name}
        for kind, by_name in seconds.items():
            row[f"{kind} ms"] = by_name[name] * 1e3 if name in by_name else None
            row[kind] = by_name[name] / by_name["original"] if name in by_name else None
        row["copies"] = seconds["forward"][name] / seconds["forward"]["copy"]
        row["error"] = row["at 1e6"] = None
        # The error has its own windows, so it is measured once for each number of threads.
        if name in normalizations and shape in ((256, 336, 7), (8, 48, 7)):
            row["error"] = measure_error(normalizations[name], device, LEVEL, DEVIATION)
            row["at 1e6"] = measure_error(normalizations[name], device, 1e6, 1.0)
        yield row


if __name__ == "__main__":
    main()
