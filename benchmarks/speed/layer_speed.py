"""How fast the layer is: RevIN beside the original formula, a plain copy and torch's own layers."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.evidence import EvidencePage, Options, measurement
from revin_forecast.normalizers import RevIN

Shape = tuple[int, int, int]
Row = dict[str, object]
SHAPES = [(256, 336, 7), (256, 336, 321), (32, 720, 862)]
LEVEL, DEVIATION = 1e3, 2.0
TEXT = """
# Speed of the layer

Normalize and denormalize of one batch (windows, steps, channels) in float32, the forecast as long
as the window, the fastest of several turns. `original` is the authors' formula written plainly in
torch, with its additive eps; columns without a unit are ratios to it, measured in turns in one run.
`backward` is the forward pass and the gradient of the affine weights, `to data` that of the data,
too. `copy` is one copy of the batch, read and written, the floor of any single pass, and `copies` a
forward pass in units of it. `instance_norm` and `layer_norm` are torch's, one direction only. Ours
centres twice, sees gaps and keeps its statistics as values; `compiled` is ours through
torch.compile.

`error` is the largest difference of z from float64 on the same float32 input, in deviations, at
level 1,000 with deviation 2; `at 1e6` the same at level 1,000,000 with deviation 1. Repeat with

    python -m benchmarks.speed.layer_speed
"""


class Original(nn.Module):
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


def both_ways(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    def call(past: Tensor) -> Tensor:
        z, stats = layer.normalize(past)  # type: ignore[operator]
        return layer.denormalize(z, stats)  # type: ignore[operator]

    return call


def forward(call: Callable[[Tensor], Tensor], past: Tensor) -> Callable[[], object]:
    def run() -> object:
        with torch.no_grad():
            return call(past)

    return run


def backward(call: Callable[[Tensor], Tensor], past: Tensor, layer: nn.Module, to_data: bool):
    past = past.clone().requires_grad_(to_data)
    leaves = [*layer.parameters(), *([past] if to_data else [])]
    gradient = torch.randn_like(past)

    def run() -> object:
        return torch.autograd.grad(call(past), leaves, gradient)

    return run


def fastest(
    calls: dict[str, Callable[[], object]], device: str, turns: int, repeats: int
) -> dict[str, float]:
    """Time calls in turns, so that a busy moment of the machine meets them all."""
    best = dict.fromkeys(calls, float("inf"))
    for turn in range(turns + 1):
        for name, call in calls.items():
            for _ in range(repeats):  # a small batch is timed with its memory at hand
                start = time.perf_counter()
                call()
                if device == "cuda":
                    torch.cuda.synchronize()
                if turn > 0:  # the first one warms up and compiles
                    best[name] = min(best[name], time.perf_counter() - start)
    return best


def precision(call: Callable[[Tensor], Tensor], device: str, level: float, deviation: float):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn((64, 336, 7), generator=generator)
    past = (noise * deviation + level).to(device)
    wide = past.double()
    exact = (wide - wide.mean(1, keepdim=True)) / wide.std(1, keepdim=True, correction=0)
    return (call(past).double() - exact).abs().max().item()


def measure(shape: Shape, threads: int, device: str, turns: int) -> list[Row]:
    torch.set_num_threads(threads)
    torch.compiler.reset()
    generator = torch.Generator().manual_seed(0)
    past = (torch.randn(shape, generator=generator) * DEVIATION + LEVEL).to(device)
    target = torch.empty_like(past)
    original, ours = Original(shape[2]).to(device), RevIN(shape[2]).to(device)
    compiled = torch.compile(both_ways(ours), fullgraph=True)
    layers: dict[str, tuple[Callable[[Tensor], Tensor], nn.Module]] = {
        "original": (both_ways(original), original),
        "RevIN": (both_ways(ours), ours),
        "RevIN compiled": (compiled, ours),
    }
    instance = nn.InstanceNorm1d(shape[2], affine=True).to(device)
    layer_norm = nn.LayerNorm(shape[1]).to(device)
    others = {
        "instance_norm": (lambda values: instance(values.mT).mT, instance),
        "layer_norm": (lambda values: layer_norm(values.mT).mT, layer_norm),
    }
    everything = layers | others
    times = {
        "forward": {name: forward(call, past) for name, (call, _) in everything.items()},
        "backward": {
            name: backward(call, past, layer, False) for name, (call, layer) in everything.items()
        },
        "to data": {
            name: backward(call, past, layer, True) for name, (call, layer) in everything.items()
        },
    }
    times["forward"]["copy"] = lambda: target.copy_(past)
    repeats = min(20, max(1, 2**24 // past.numel()))
    taken = {kind: fastest(calls, device, turns, repeats) for kind, calls in times.items()}
    one_way = {
        "original": lambda values: original.normalize(values)[0],
        "RevIN": lambda values: ours.normalize(values)[0],
        "RevIN compiled": torch.compile(lambda values: ours.normalize(values)[0], fullgraph=True),
        "instance_norm": lambda values: functional.instance_norm(values.mT, eps=0.0).mT,
    }
    rows = []
    for name in ["original", "RevIN", "RevIN compiled", *others, "copy"]:
        row: dict[str, object] = {"shape": str(shape), "threads": threads, "layer": name}
        for kind, values in taken.items():
            row[f"{kind} ms"] = values[name] * 1e3 if name in values else None
            row[kind] = values[name] / values["original"] if name in values else None
        row["copies"] = taken["forward"][name] / taken["forward"]["copy"]
        if name in one_way and shape[2] == 7:
            row["error"] = precision(one_way[name], device, LEVEL, DEVIATION)
            row["at 1e6"] = precision(one_way[name], device, 1e6, 1.0)
        else:
            row["error"] = row["at 1e6"] = None
        rows.append(row)
    return rows


@measurement(
    "layer_speed",
    quick="a small shape, few turns",
    options={
        "--device": {"choices": ("cpu", "cuda"), "default": "cpu"},
        "--threads": {"type": int, "nargs": "+", "default": [1, 2]},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    shapes = [(8, 48, 7)] if options.quick else SHAPES
    threads = [1] if options.quick or options.device == "cuda" else options.threads
    turns = 2 if options.quick else 5
    if options.device == "cuda":
        page.name = "layer_speed_cuda"
    page.text = TEXT
    page.environment["threads"] = max(threads)
    for count in threads:
        for shape in shapes:
            for row in measure(shape, count, options.device, turns):
                page.add(row)


if __name__ == "__main__":
    main()
