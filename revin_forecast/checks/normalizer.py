import copy
import inspect
import pickle
import threading
from collections.abc import Callable

import torch

from revin_forecast.checks.equivariance import EQUIVARIANCE_CHECKS
from revin_forecast.checks.run import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    expect,
    expect_close,
    expect_refusal,
    perturb,
    run_checks,
    windows,
)
from revin_forecast.normalizers.base import Kind, Normalizer

Make = Callable[..., Normalizer]
"""A class, or any call of (channels) that builds a normalizer; `targets` where it takes them."""


def check_normalizer(make: Make, title: str | None = None) -> None:
    """Hold a normalizer to the package's contract; prints a line for each promise.

    Args:
        make: the class, or a call that builds one for a number of channels, for instance
            `functools.partial(RevIN, statistic="last")`.
        title: the name to print; None: the class's.

    Raises:
        CheckError: on the first promise that doesn't hold, with what was measured.
    """
    normalizer = make(CHANNELS)
    claims = normalizer.equivariant_to
    checks: dict[str, Callable[[], str | None]] = {
        promise: lambda check=check: check(make) for promise, check in NORMALIZER_CHECKS.items()
    }
    for claim, (promise, check) in EQUIVARIANCE_CHECKS.items():
        checks[promise] = (
            (lambda check=check: check(make)) if claim in claims else lambda: "not claimed"
        )
    run_checks(title or type(normalizer).__name__, checks)


def build(make: Make, seed: int = 0) -> Normalizer:
    """Build for CHANNELS channels, away from initialization."""
    normalizer = make(CHANNELS)
    perturb(normalizer, seed)
    return normalizer


def check_round_trip(make: Make) -> None:
    """Denormalize undoes normalize at any look-back, in float32 and float64."""
    for dtype, tolerance in ((torch.float32, 2e-4), (torch.float64, 1e-11)):
        normalizer = build(make).to(dtype)
        for lookback in (1, 2, 7, LOOKBACK):
            past = windows(level=-30.0)[:, :lookback].to(dtype)
            z, stats = normalizer.normalize(past)
            expect(z.dtype == dtype, f"z of {dtype} came back as {z.dtype}")
            back = normalizer.denormalize(z, stats)
            expect_close(back, past, tolerance, f"round trip at look-back {lookback} in {dtype}")


def check_values_not_state(make: Make) -> None:
    """A second call changes nothing of the first: statistics are values."""
    normalizer = build(make)
    one, two = windows(10.0).float(), windows(1000.0, 50.0).float()
    z, stats = normalizer.normalize(one)
    before = normalizer.denormalize(z, stats)
    kept = set(vars(normalizer))
    other, others = normalizer.normalize(two)
    normalizer.denormalize(other, others)
    expect_close(normalizer.denormalize(z, stats), before, 0.0, "a forecast after another call")
    expect(set(vars(normalizer)) == kept, "a call leaves attributes on the module")


def check_copies(make: Make) -> None:
    """Deepcopy, pickle and state_dict work after use and give the same result."""
    normalizer = build(make)
    past = windows().float().requires_grad_()
    z, stats = normalizer.normalize(past)
    wanted = normalizer.denormalize(z, stats)
    fresh = build(make, seed=1)
    fresh.load_state_dict(normalizer.state_dict())
    twins: dict[str, Normalizer] = {
        "deepcopy": copy.deepcopy(normalizer),
        "pickle": pickle.loads(pickle.dumps(normalizer)),
        "state_dict": fresh,
    }
    for name, twin in twins.items():
        again = twin.denormalize(*twin.normalize(past))
        expect_close(again, wanted, 0.0, f"result after {name}")


def check_precision(make: Make) -> None:
    """At level 1e6 with deviation 1, float32 z is right to 1e-5 against float64."""
    normalizer = build(make)
    past = windows(level=1e6, deviation=1.0).float()
    z, _ = normalizer.normalize(past)
    exact, _ = copy.deepcopy(normalizer).double().normalize(past.double())
    size = max(1.0, exact.abs().max().item())
    expect_close(z, exact, 1e-5 * size, "z at level 1e6 in float32")


def check_half_precision(make: Make) -> None:
    """Half-precision windows keep float32 statistics; forecasts differ by < 0.05 deviations."""
    normalizer = build(make)
    deviation = 8.0
    for dtype in (torch.bfloat16, torch.float16):
        past = windows(level=1000.0, deviation=deviation).to(dtype)
        wanted = normalizer.denormalize(*normalizer.normalize(past.float()))
        z, stats = normalizer.normalize(past)
        expect(z.dtype == dtype, f"z of {dtype} came back as {z.dtype}")
        for part in stats:
            expect(part.dtype == torch.float32, f"a statistic of {dtype} is held in {part.dtype}")
        # The unit is z's own size, since a class without scale maps nothing down to 1.
        scale = 0.05 * deviation * max(1.0, z.abs().max().item() / 8)
        expect_close(normalizer.denormalize(z, stats), wanted, scale, f"forecast in {dtype}")


def check_missing(make: Make) -> None:
    """NaN and infinities count as unobserved and touch nothing but their own channel."""
    normalizer = build(make)
    past = windows().float()
    clean, _ = normalizer.normalize(past)
    for value in (torch.nan, torch.inf, -torch.inf):
        broken = past.clone()
        broken[2, 5, 1] = value
        observed = torch.ones_like(past, dtype=torch.bool)
        observed[2, 5, 1] = False
        z, stats = normalizer.normalize(broken)
        expect(z.isfinite().all(), f"one {value} gives a z that is not finite")
        declared, _ = normalizer.normalize(past, observed)
        expect_close(z, declared, 0.0, f"{value} against the same value declared unobserved")
        others = torch.ones_like(past, dtype=torch.bool)
        others[2, :, 1] = False
        expect_close(z[others], clean[others], 1e-6, f"other channels beside one {value}")
        forecast = normalizer.denormalize(z[:, :HORIZON], stats)
        expect(forecast.isfinite().all(), f"one {value} gives a forecast that is not finite")


def check_observed_subset(make: Make) -> None:
    """What stands in unobserved places does not matter."""
    normalizer = build(make)
    past = windows().float()
    generator = torch.Generator().manual_seed(1)
    observed = torch.rand(past.shape, generator=generator) < 0.6
    z, _ = normalizer.normalize(past, observed)
    other, _ = normalizer.normalize(torch.where(observed, past, 1e9), observed)
    expect_close(other, z, 0.0, "z with 1e9 in the unobserved places")


def check_empty_and_constant(make: Make) -> None:
    """Constant windows and windows with one observed value or none give finite forecasts."""
    normalizer = build(make)
    for level in (0.0, 0.1, -273.15, 123456.7):
        past = torch.full((4, LOOKBACK, CHANNELS), level)
        z, stats = normalizer.normalize(past)
        expect(z.isfinite().all(), f"a window constant at {level} gives a z that is not finite")
        back = normalizer.denormalize(z, stats)
        expect_close(back, past, 1e-4 + 1e-6 * abs(level), f"a window constant at {level}")
    for count in (0, 1):
        observed = torch.zeros((8, LOOKBACK, CHANNELS), dtype=torch.bool)
        observed[:, 3 : 3 + count] = True
        z, stats = normalizer.normalize(windows().float(), observed)
        forecast = normalizer.denormalize(z, stats)
        finite = z.isfinite().all() and forecast.isfinite().all()
        expect(finite, f"windows with {count} observed values give numbers that are not finite")


def check_channels(make: Make) -> None:
    """Wrong numbers of channels, axes or windows are refused with a message."""
    normalizer = make(CHANNELS)
    past = windows().float()
    z, stats = normalizer.normalize(past)
    expect_refusal(lambda: normalizer.normalize(past[..., :1]), "1 channel instead of 3")
    expect_refusal(lambda: normalizer.normalize(past[0]), "a 2-D window")
    expect_refusal(lambda: normalizer.normalize(past.long()), "an integer window")
    expect_refusal(lambda: normalizer.denormalize(z[..., :1], stats), "a forecast of 1 channel")
    expect_refusal(lambda: normalizer.denormalize(z[:1], stats), "a forecast of 1 window of 8")


def check_targets(make: Make) -> str | None:
    """Declared targets get back their own channels' statistics and parameters."""
    if not _takes_targets(make):
        return "takes no targets"
    chosen = [CHANNELS - 1, 0]
    full, part = build(make), make(CHANNELS, targets=chosen)
    part.load_state_dict(full.state_dict())
    past = windows().float()
    z, stats = full.normalize(past)
    same, part_stats = part.normalize(past)
    expect_close(same, z, 0.0, "z with declared targets")
    wanted = full.denormalize(z, stats)[..., chosen]
    expect_close(part.denormalize(z[..., chosen], part_stats), wanted, 0.0, "declared targets")
    expect_refusal(lambda: part.denormalize(z, part_stats), "3 channels for 2 targets")
    return None


def check_independent_windows(make: Make) -> None:
    """A window's result does not depend on the others in the batch."""
    normalizer = build(make)
    past = windows().float()
    together, stats = normalizer.normalize(past)
    forecast = normalizer.denormalize(together.square(), stats)
    for number, one in enumerate(past.split(1)):
        z, own = normalizer.normalize(one)
        expect_close(z[0], together[number], 1e-5, "z of one window alone and in a batch")
        back = normalizer.denormalize(z.square(), own)
        expect_close(back[0], forecast[number], 1e-3, "a forecast alone and in a batch")


def check_levels(make: Make) -> None:
    """A trailing axis of levels or samples is mapped back level by level."""
    normalizer = build(make)
    z, stats = normalizer.normalize(windows().float())
    levels = torch.stack([z - 1, z, z + 1], dim=-1)
    kinds: tuple[Kind, ...] = ("location", "sample")
    for kind in kinds:
        together = normalizer.denormalize(levels, stats, kind=kind)
        apart = [normalizer.denormalize(level, stats, kind=kind) for level in levels.unbind(-1)]
        expect_close(together, torch.stack(apart, dim=-1), 0.0, f"levels mapped as {kind}")
    ordered = normalizer.denormalize(levels, stats, "quantile").diff(dim=-1)
    expect((ordered >= 0).all(), "quantile levels come back in descending order")


def check_kinds(make: Make) -> None:
    """A spread is scaled but gets no level; a variance is scaled twice."""
    normalizer = build(make)
    past = windows(level=50.0).float()
    z, stats = normalizer.normalize(past)
    one = torch.ones_like(z)
    spread = normalizer.denormalize(one, stats, "scale")
    step = normalizer.denormalize(z + 1, stats) - normalizer.denormalize(z, stats)
    expect_close(spread, step.abs(), 1e-3, "a spread of 1 against a step of 1")
    variance = normalizer.denormalize(one, stats, "variance")
    expect_close(variance, spread.square(), 1e-3 * spread.max().item() ** 2, "a variance of 1")


def check_small_parameters(make: Make) -> None:
    """Parameters at or near zero neither amplify a forecast nor break the round trip."""
    past = windows().float()
    for value in (0.0, 1e-8, -1e-10, 1e-4):
        normalizer = make(CHANNELS)
        with torch.no_grad():
            for parameter in normalizer.parameters():
                parameter.fill_(value)
        z, stats = normalizer.normalize(past)
        back = normalizer.denormalize(z, stats)
        expect_close(back, past, 1e-3, f"round trip with every parameter at {value}")
        spread = (normalizer.denormalize(z + 1e-3, stats) - back).abs().max().item()
        expect(spread <= 10, f"a step of 1e-3 becomes {spread:.3g} with parameters at {value}")


def check_gradients(make: Make) -> None:
    """Gradients reach every parameter and the window, once and twice, and are finite."""
    normalizer = build(make)
    past = windows().float()
    past[0] = 5.0  # a constant window must not poison the gradient
    past[1, 3, 0] = torch.nan
    past.requires_grad_()
    leaves = [past, *normalizer.parameters()]
    z, stats = normalizer.normalize(past)
    loss = normalizer.denormalize(z.square(), stats).square().mean()
    first = torch.autograd.grad(loss, leaves, create_graph=True)
    for gradient in first:
        expect(gradient.isfinite().all(), "a gradient is not finite")
        expect(gradient.abs().sum() > 0, "a gradient is zero everywhere")
    total = torch.stack([gradient.square().sum() for gradient in first]).sum()
    for gradient in torch.autograd.grad(total, leaves):
        expect(gradient.isfinite().all(), "a second gradient is not finite")


def check_threads(make: Make, calls: int = 300) -> None:
    """Two threads share one module without touching each other's results."""
    normalizer = build(make)
    wrong: list[float] = []

    def serve(level: float) -> None:
        past = windows(level).float()
        wanted = normalizer.denormalize(*normalizer.normalize(past))
        for _ in range(calls):
            got = normalizer.denormalize(*normalizer.normalize(past))
            if not torch.equal(got, wanted):
                wrong.append((got - wanted).abs().max().item())

    threads = [threading.Thread(target=serve, args=(level,)) for level in (10.0, 1e5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not wrong, f"{len(wrong)} of {2 * calls} calls from two threads are corrupted")


NORMALIZER_CHECKS: dict[str, Callable[[Make], str | None]] = {
    "denormalize undoes normalize": check_round_trip,
    "statistics are values, not state": check_values_not_state,
    "deepcopy, pickle and state_dict after use": check_copies,
    "float32 is right at level 1e6": check_precision,
    "half precision keeps its level": check_half_precision,
    "NaN and infinities are contained": check_missing,
    "unobserved values do not matter": check_observed_subset,
    "constant and empty windows stay finite": check_empty_and_constant,
    "wrong shapes are refused": check_channels,
    "targets are mapped by their own channel": check_targets,
    "windows are independent": check_independent_windows,
    "levels and samples on a trailing axis": check_levels,
    "spreads and variances get no level": check_kinds,
    "parameters near zero are safe": check_small_parameters,
    "gradients are finite, twice": check_gradients,
    "threads do not interfere": check_threads,
}


def _takes_targets(make: Make) -> bool:
    return "targets" in inspect.signature(make).parameters
