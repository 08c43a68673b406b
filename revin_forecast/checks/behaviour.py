"""Behaviour checks of a normalizer: round trip, state, shapes, batches and threads."""

import copy
import inspect
import pickle
import threading

import torch

from revin_forecast.checks.interleaving import count_operations, list_strides, run_in_turns
from revin_forecast.checks.module_state import find_changes, format_names, snapshot
from revin_forecast.checks.runner import expect, expect_close, expect_refusal
from revin_forecast.checks.samples import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    NormalizerFactory,
    as_forecast,
    build_normalizer,
    construct_normalizer,
    sample_windows,
)
from revin_forecast.normalizers.base import Normalizer

LEVELS = (10.0, 1e5)
"""Levels of the windows of two threads."""


def check_round_trip(make: NormalizerFactory) -> str | None:
    """`denormalize` inverts `normalize` at any look-back, in float32 and float64."""
    if not construct_normalizer(make).is_invertible:
        return "the horizon has separate statistics"
    for dtype, tolerance in ((torch.float32, 2e-4), (torch.float64, 1e-11)):
        # Windows of 1 and 2 steps are the edge cases of variances and differences.
        for lookback in (1, 2, 7, LOOKBACK):
            normalizer = build_normalizer(make, lookback=lookback).to(dtype)
            past = sample_windows(level=-30.0)[:, :lookback].to(dtype)
            z, stats = normalizer.normalize(past)
            expect(z.dtype == dtype, f"z of {dtype} came back as {z.dtype}")
            back = normalizer.denormalize(z, stats)
            expect_close(back, past, tolerance, f"round trip at look-back {lookback} in {dtype}")
    return None


def check_normalize_future(make: NormalizerFactory) -> str | None:
    """`normalize_future` and `denormalize` are inverse on the horizon."""
    if type(construct_normalizer(make)).normalize_future is Normalizer.normalize_future:
        return "not defined"
    # Logarithms need positive values, and a normalizer that has them is not invertible.
    level = -30.0 if construct_normalizer(make).is_invertible else 30.0
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-11)):
        for lookback in (1, 2, 7, LOOKBACK):
            normalizer = build_normalizer(make, lookback=lookback).to(dtype)
            _, stats = normalizer.normalize(sample_windows(level=level)[:, :lookback].to(dtype))
            future = sample_windows(level=level + 2, seed=2)[:, :HORIZON].to(dtype)
            z = normalizer.normalize_future(future, stats)
            back = normalizer.denormalize(z, stats)
            # The rounding error is that of the largest intermediate value: the level or z's shift.
            step = (normalizer.denormalize(z + 1, stats) - back).abs().max()
            size = max(1.0, (step * z.abs().max()).item() / 30)
            promise = f"truth at look-back {lookback} in {dtype} there and back"
            expect_close(back, future, tolerance * size, promise)
    return None


def check_stateless(make: NormalizerFactory) -> None:
    """A second call does not affect the results of the first."""
    normalizer = build_normalizer(make)
    first, second = sample_windows(10.0).float(), sample_windows(1000.0, 50.0).float()
    z, stats = normalizer.normalize(first)
    before = normalizer.denormalize(as_forecast(z), stats)
    second_z, second_stats = normalizer.normalize(second)
    normalizer.denormalize(as_forecast(second_z), second_stats)
    after = normalizer.denormalize(as_forecast(z), stats)
    expect_close(after, before, 0.0, "a forecast after another call", "leak")


def check_module_unchanged(make: NormalizerFactory) -> None:
    """A call changes no parameter, buffer or attribute of the module, nor its arguments.

    Submodules and attributes of the class are included, in training and in evaluation mode.
    """
    for is_training in (True, False):
        # The snapshot precedes the first call, which could leave something for good.
        normalizer = build_normalizer(make).train(is_training)
        before = snapshot(normalizer)
        past = sample_windows().float()
        z, stats = normalizer.normalize(past)
        expect_close(past, sample_windows().float(), 0.0, "the window after a call")
        forecast = as_forecast(z).detach().clone()
        normalizer.denormalize(forecast, stats)
        expect_close(forecast, as_forecast(z), 0.0, "the normalized forecast after a call")
        changes = find_changes(before, snapshot(normalizer))
        mode = "training" if is_training else "evaluation"
        expect(not changes, f"a call in {mode} mode leaves or changes {format_names(changes)}")


def check_modes(make: NormalizerFactory) -> None:
    """Training mode and evaluation mode give the same z and the same forecast."""
    results: list[tuple[torch.Tensor, torch.Tensor]] = []
    for is_training in (True, False):
        normalizer = build_normalizer(make).train(is_training)
        z, stats = normalizer.normalize(sample_windows().float())
        results.append((z, normalizer.denormalize(as_forecast(z), stats)))
    for name, trained, evaluated in zip(("z", "a forecast"), *results, strict=True):
        bound = 1e-6 * max(1.0, evaluated.abs().max().item())
        expect_close(trained, evaluated, bound, f"{name} in training and in evaluation mode")


def check_copy_and_pickle(make: NormalizerFactory) -> None:
    """deepcopy, pickle and state_dict work after a call and give the same result."""
    normalizer = build_normalizer(make)
    # The gradient puts non-leaf tensors on the module if it stores any, and those can't be copied.
    past = sample_windows().float().requires_grad_()
    z, stats = normalizer.normalize(past)
    expected = normalizer.denormalize(as_forecast(z), stats)
    fresh = build_normalizer(make, seed=1)
    fresh.load_state_dict(normalizer.state_dict())
    copies: dict[str, Normalizer] = {
        "deepcopy": copy.deepcopy(normalizer),
        "pickle": pickle.loads(pickle.dumps(normalizer)),
        "state_dict": fresh,
    }
    for name, duplicate in copies.items():
        z, stats = duplicate.normalize(past)
        forecast = duplicate.denormalize(as_forecast(z), stats)
        expect_close(forecast, expected, 0.0, f"result after {name}")


def check_wrong_shapes_refused(make: NormalizerFactory) -> None:
    """Wrong numbers of channels, axes or windows raise an error with a message."""
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
    """Declared targets are denormalized with the statistics and parameters of their channels."""
    if "targets" not in inspect.signature(make).parameters:
        return "takes no targets"
    targets = [CHANNELS - 1, 0]  # in another order than the channels
    full, partial = build_normalizer(make), construct_normalizer(make, targets=targets)
    partial.load_state_dict(full.state_dict())
    past = sample_windows().float()
    z, stats = full.normalize(past)
    partial_z, partial_stats = partial.normalize(past)
    expect_close(partial_z, z, 0.0, "z with declared targets")
    expected = full.denormalize(as_forecast(z), stats)[..., targets]
    forecast = partial.denormalize(as_forecast(z)[..., targets], partial_stats)
    expect_close(forecast, expected, 1e-5, "declared targets")
    expect_refusal(
        lambda: partial.denormalize(as_forecast(z), partial_stats), "3 channels, 2 targets"
    )
    return None


def check_windows_independent(make: NormalizerFactory) -> None:
    """A window's result does not depend on the others in the batch."""
    normalizer = build_normalizer(make)
    past = sample_windows().float()
    batched_z, stats = normalizer.normalize(past)
    batched = normalizer.denormalize(as_forecast(batched_z), stats)
    size = max(1.0, batched.abs().max().item() / 30)
    unit = max(1.0, batched_z.abs().max().item())
    for number, window in enumerate(past.split(1)):
        z, window_stats = normalizer.normalize(window)
        expect_close(
            z[0], batched_z[number], 1e-5 * unit, "z of one window alone and in a batch", "leak"
        )
        forecast = normalizer.denormalize(as_forecast(z), window_stats)
        expect_close(
            forecast[0], batched[number], 1e-3 * size, "a forecast alone and in a batch", "leak"
        )


def check_thread_safety(make: NormalizerFactory, calls: int = 100) -> None:
    """Two threads share one module without affecting each other's results.

    First they take turns after each operation, then they run freely.
    """
    normalizer = build_normalizer(make)
    differences: list[float] = []

    def round_trip(past: torch.Tensor) -> torch.Tensor:
        z, stats = normalizer.normalize(past)
        # Not linear: a wrong statistic in both directions would cancel.
        return normalizer.denormalize(as_forecast(z).tanh(), stats)

    # Levels far apart, so that a mixed-up statistic shows.
    first, second = (sample_windows(level).float() for level in LEVELS)
    expected, operations = count_operations(lambda: round_trip(first))
    for stride in list_strides(operations):
        results = run_in_turns(lambda: round_trip(first), lambda: round_trip(second), stride)
        promise = "a forecast while another thread runs"
        expect_close(results[0], expected.detach(), 0.0, promise, "leak")

    def repeat_round_trips(level: float) -> None:
        past = sample_windows(level).float()
        expected = round_trip(past)
        for _ in range(calls):
            forecast = round_trip(past)
            if not torch.equal(forecast, expected):
                differences.append((forecast - expected).abs().max().item())

    threads = [threading.Thread(target=repeat_round_trips, args=(level,)) for level in LEVELS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count = len(differences)
    expect(count == 0, f"{count} of {2 * calls} calls from two threads are corrupted", "leak")
