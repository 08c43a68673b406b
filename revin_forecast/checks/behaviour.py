"""Promises about behaviour: values and not state, shapes, threads."""

import copy
import inspect
import pickle
import threading

import torch

from revin_forecast.checks.runner import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    NormalizerFactory,
    as_forecast,
    build_normalizer,
    construct_normalizer,
    expect,
    expect_close,
    expect_refusal,
    sample_windows,
)
from revin_forecast.normalizers.base import Normalizer


def check_round_trip(make: NormalizerFactory) -> str | None:
    """Denormalize undoes normalize at any look-back, in float32 and float64."""
    if not construct_normalizer(make).is_invertible:
        return "the horizon has statistics of its own"
    for dtype, tolerance in ((torch.float32, 2e-4), (torch.float64, 1e-11)):
        for lookback in (1, 2, 7, LOOKBACK):
            normalizer = build_normalizer(make, lookback=lookback).to(dtype)
            past = sample_windows(level=-30.0)[:, :lookback].to(dtype)
            z, stats = normalizer.normalize(past)
            expect(z.dtype == dtype, f"z of {dtype} came back as {z.dtype}")
            back = normalizer.denormalize(z, stats)
            expect_close(back, past, tolerance, f"round trip at look-back {lookback} in {dtype}")
    return None


def check_normalize_future(make: NormalizerFactory) -> str | None:
    """Renormalize and denormalize undo each other on the horizon."""
    if type(construct_normalizer(make)).normalize_future is Normalizer.normalize_future:
        return "not defined"
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-11)):
        for lookback in (1, 2, 7, LOOKBACK):
            normalizer = build_normalizer(make, lookback=lookback).to(dtype)
            _, stats = normalizer.normalize(sample_windows(level=-30.0)[:, :lookback].to(dtype))
            future = sample_windows(level=-28.0, seed=2)[:, :HORIZON].to(dtype)
            z = normalizer.normalize_future(future, stats)
            back = normalizer.denormalize(z, stats)
            # Rounding is that of the largest number on the way: the level or the shift of z.
            step = (normalizer.denormalize(z + 1, stats) - back).abs().max()
            size = max(1.0, (step * z.abs().max()).item() / 30)
            promise = f"truth at look-back {lookback} in {dtype} there and back"
            expect_close(back, future, tolerance * size, promise)
    return None


def check_stateless(make: NormalizerFactory) -> None:
    """A second call changes nothing of the first: statistics are values."""
    normalizer = build_normalizer(make)
    one, two = sample_windows(10.0).float(), sample_windows(1000.0, 50.0).float()
    z, stats = normalizer.normalize(one)
    before = normalizer.denormalize(as_forecast(z), stats)
    kept = set(vars(normalizer))
    other, others = normalizer.normalize(two)
    normalizer.denormalize(as_forecast(other), others)
    again = normalizer.denormalize(as_forecast(z), stats)
    expect_close(again, before, 0.0, "a forecast after another call")
    expect(set(vars(normalizer)) == kept, "a call leaves attributes on the module")


def check_copy_and_pickle(make: NormalizerFactory) -> None:
    """Deepcopy, pickle and state_dict work after use and give the same result."""
    normalizer = build_normalizer(make)
    past = sample_windows().float().requires_grad_()
    z, stats = normalizer.normalize(past)
    wanted = normalizer.denormalize(as_forecast(z), stats)
    fresh = build_normalizer(make, seed=1)
    fresh.load_state_dict(normalizer.state_dict())
    twins: dict[str, Normalizer] = {
        "deepcopy": copy.deepcopy(normalizer),
        "pickle": pickle.loads(pickle.dumps(normalizer)),
        "state_dict": fresh,
    }
    for name, twin in twins.items():
        z, stats = twin.normalize(past)
        again = twin.denormalize(as_forecast(z), stats)
        expect_close(again, wanted, 0.0, f"result after {name}")


def check_wrong_shapes_refused(make: NormalizerFactory) -> None:
    """Wrong numbers of channels, axes or windows are refused with a message."""
    normalizer = construct_normalizer(make)
    past = sample_windows().float()
    z, stats = normalizer.normalize(past)
    z = as_forecast(z)
    expect_refusal(lambda: normalizer.normalize(past[..., :1]), "1 channel instead of 3")
    expect_refusal(lambda: normalizer.normalize(past[0]), "a 2-D window")
    expect_refusal(lambda: normalizer.normalize(past.long()), "an integer window")
    narrow = torch.ones_like(past[..., :1], dtype=torch.bool)
    expect_refusal(lambda: normalizer.normalize(past, narrow), "observed of 1 channel")
    expect_refusal(lambda: normalizer.denormalize(z[..., :1], stats), "a forecast of 1 channel")
    expect_refusal(lambda: normalizer.denormalize(z[:1], stats), "a forecast of 1 window of 8")


def check_targets(make: NormalizerFactory) -> str | None:
    """Declared targets get back their own channels' statistics and parameters."""
    if "targets" not in inspect.signature(make).parameters:
        return "takes no targets"
    chosen = [CHANNELS - 1, 0]
    full, part = build_normalizer(make), construct_normalizer(make, targets=chosen)
    part.load_state_dict(full.state_dict())
    past = sample_windows().float()
    z, stats = full.normalize(past)
    same, part_stats = part.normalize(past)
    expect_close(same, z, 0.0, "z with declared targets")
    wanted = full.denormalize(as_forecast(z), stats)[..., chosen]
    few = as_forecast(z)[..., chosen]
    expect_close(part.denormalize(few, part_stats), wanted, 1e-5, "declared targets")
    expect_refusal(lambda: part.denormalize(as_forecast(z), part_stats), "3 channels, 2 targets")
    return None


def check_windows_independent(make: NormalizerFactory) -> None:
    """A window's result does not depend on the others in the batch."""
    normalizer = build_normalizer(make)
    past = sample_windows().float()
    together, stats = normalizer.normalize(past)
    forecast = normalizer.denormalize(as_forecast(together), stats)
    size = max(1.0, forecast.abs().max().item() / 30)
    for number, one in enumerate(past.split(1)):
        z, own = normalizer.normalize(one)
        unit = max(1.0, together.abs().max().item())
        expect_close(z[0], together[number], 1e-5 * unit, "z of one window alone and in a batch")
        back = normalizer.denormalize(as_forecast(z), own)
        expect_close(back[0], forecast[number], 1e-3 * size, "a forecast alone and in a batch")


def check_thread_safety(make: NormalizerFactory, calls: int = 300) -> None:
    """Two threads share one module without touching each other's results."""
    normalizer = build_normalizer(make)
    wrong: list[float] = []

    def both_ways(past: torch.Tensor) -> torch.Tensor:
        z, stats = normalizer.normalize(past)
        return normalizer.denormalize(as_forecast(z), stats)

    def serve(level: float) -> None:
        past = sample_windows(level).float()
        wanted = both_ways(past)
        for _ in range(calls):
            got = both_ways(past)
            if not torch.equal(got, wanted):
                wrong.append((got - wanted).abs().max().item())

    threads = [threading.Thread(target=serve, args=(level,)) for level in (10.0, 1e5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not wrong, f"{len(wrong)} of {2 * calls} calls from two threads are corrupted")
