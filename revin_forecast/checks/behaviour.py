"""Promises about behaviour: values and not state, shapes, kinds, threads."""

import copy
import inspect
import pickle
import threading

import torch

from revin_forecast.checks.run import (
    CHANNELS,
    LOOKBACK,
    Make,
    build,
    expect,
    expect_close,
    expect_refusal,
    windows,
)
from revin_forecast.normalizers.base import Kind, Normalizer


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


def check_channels(make: Make) -> None:
    """Wrong numbers of channels, axes or windows are refused with a message."""
    normalizer = make(CHANNELS)
    past = windows().float()
    z, stats = normalizer.normalize(past)
    expect_refusal(lambda: normalizer.normalize(past[..., :1]), "1 channel instead of 3")
    expect_refusal(lambda: normalizer.normalize(past[0]), "a 2-D window")
    expect_refusal(lambda: normalizer.normalize(past.long()), "an integer window")
    narrow = torch.ones_like(past[..., :1], dtype=torch.bool)
    expect_refusal(lambda: normalizer.normalize(past, narrow), "observed of 1 channel")
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


def _takes_targets(make: Make) -> bool:
    return "targets" in inspect.signature(make).parameters
