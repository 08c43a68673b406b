"""The block passes give what the plain formulas give, with the same gradients."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from revin_forecast.normalizers import EMA, Blend, LastValue, RevIN
from revin_forecast.normalizers.kernels import blocked as blocks
from revin_forecast.normalizers.kernels.blocked import (
    affine_in_blocks,
    all_finite_and_observed,
    moments_in_blocks,
)
from revin_forecast.normalizers.kernels.dispatch import apply_affine, can_use_blocked_kernels

SHAPES = [(5, 24, 3), (4, 37, 7), (3, 1, 1), (2, 30, 70), (6, 97, 2), (0, 8, 3)]


def tensor(*shape, seed=0, level=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) * 2 + level


@pytest.fixture(params=[2**21, 2**10], ids=["one block", "many blocks"])
def _block_size(request, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("_block_size")
@pytest.mark.parametrize("shape", SHAPES)
def test_moments(shape):
    past = tensor(*shape, level=50.0)
    mean, variance = moments_in_blocks(past, past[:, -1:])
    centred = past - past[:, -1:]
    wanted = centred.mean(1, keepdim=True)
    torch.testing.assert_close(mean, wanted)
    torch.testing.assert_close(variance, (centred - wanted).square().mean(1, keepdim=True))


@pytest.mark.usefixtures("_block_size")
@pytest.mark.parametrize("shape", SHAPES)
def test_map(shape):
    values = tensor(*shape)
    parts = [tensor(shape[0], 1, shape[2], seed=seed) for seed in range(1, 5)]
    wanted = (values - parts[0]) * parts[1] + parts[2] + parts[3]
    torch.testing.assert_close(affine_in_blocks(values, *parts, torch.float64), wanted)
    bare = affine_in_blocks(values, None, parts[1], None, None, torch.float64)
    torch.testing.assert_close(bare, values * parts[1])
    single = affine_in_blocks(values.float(), *(part.float() for part in parts), torch.bfloat16)
    assert single.dtype == torch.bfloat16
    torch.testing.assert_close(single.double(), wanted, rtol=0.01, atol=0.05)


def test_memory_in_any_order():
    channel_first = tensor(4, 3, 24).mT
    view = tensor(9, 40, 3)[::2, 5:29]
    spread = tensor(1, 24, 3).expand(4, 24, 3)
    for past in (channel_first, view, spread):
        mean, variance = moments_in_blocks(past, past[:, -1:])
        torch.testing.assert_close(mean + past[:, -1:], past.mean(1, keepdim=True))
        torch.testing.assert_close(variance, past.var(1, keepdim=True, correction=0))
        layer = RevIN(3).double()
        z, stats = layer.normalize(past)
        torch.testing.assert_close(layer.denormalize(z, stats), past)


@pytest.mark.usefixtures("_block_size")
@pytest.mark.parametrize(
    "present", [(True, True, True), (False, False, False), (True, False, True)]
)
def test_gradients_of_the_map(present):
    values = tensor(4, 12, 3).requires_grad_()
    factor = tensor(4, 1, 3, seed=1).requires_grad_()
    parts = [
        tensor(4, 1, 3, seed=2 + place).requires_grad_() if there else None
        for place, there in enumerate(present)
    ]

    def call(values, factor, *parts):
        minus, small, large = parts
        return apply_affine(values, minus, factor, small, large, torch.float64)

    inputs = (values, factor, *parts)
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


@pytest.mark.parametrize("kind", [RevIN, LastValue, EMA, Blend])
def test_the_path_without_gaps_equals_the_path_for_gaps(kind):
    past = tensor(6, 24, 3, level=20.0)
    gapped = torch.cat([past, torch.full_like(past[:1], torch.nan)])
    layer = kind(3).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(tensor(3, seed=5) * 0.3)
    found = []
    for windows in (past, gapped):
        windows = windows.clone().requires_grad_()
        z, stats = layer.normalize(windows)
        forecast = layer.denormalize(z.tanh(), stats)
        loss = z[:6].square().sum() + forecast[:6].sin().sum()
        gradients = torch.autograd.grad(loss, [windows, *layer.parameters()])
        found.append([z[:6], forecast[:6], gradients[0][:6], *gradients[1:]])
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


def test_what_counts_as_complete():
    past = tensor(2, 5, 3).float()
    assert all_finite_and_observed(past, None)
    assert all_finite_and_observed(past, torch.ones_like(past, dtype=torch.bool))
    assert not all_finite_and_observed(past, past > 0)
    for value in (torch.nan, torch.inf, -torch.inf):
        past[1, 2, 0] = value
        assert not all_finite_and_observed(past, None)
    # A sum that overflows takes the path for gaps, with the right result.
    large = torch.full((1, 4, 3), 3e38)
    assert not all_finite_and_observed(large, None)
    z, stats = RevIN(3).normalize(large)
    assert torch.equal(RevIN(3).denormalize(z, stats), large)


def test_blocks_are_for_plain_tensors_in_eager_mode():
    past = tensor(2, 5, 3)
    assert can_use_blocked_kernels(past)
    assert not can_use_blocked_kernels(past.to("meta"))
    seen = []
    torch.vmap(lambda one: seen.append(can_use_blocked_kernels(one)) or one)(past)
    assert seen == [False]


@pytest.mark.parametrize("precision", ["medium", "highest"])
def test_fast_matrix_products_cost_no_digits(precision):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        past = (tensor(8, 96, 64) + 1e6).float()
        z, _ = RevIN(64).normalize(past)
    finally:
        torch.set_float32_matmul_precision(before)
    exact, _ = RevIN(64).double().normalize(past.double())
    assert (z - exact).abs().max() < 1e-5


def test_memory_kept_for_the_next_call_serves_any_mode():
    past = tensor(4, 24, 3).float()
    with ThreadPoolExecutor(1) as fresh:  # whose memory is first made in inference mode

        def both():
            with torch.inference_mode():
                first = RevIN(3).normalize(past)[0]
            return first, RevIN(3).normalize(past)[0]

        inferred, trained = fresh.submit(both).result()
    assert torch.equal(inferred, trained)
    trained.sum().backward()


@pytest.mark.parametrize("kept", [0, 2**23], ids=["fresh memory", "kept memory"])
def test_threads_do_not_write_into_each_others_memory(kept, monkeypatch):
    monkeypatch.setattr(blocks, "SCRATCH_BYTES", kept)
    batches = [tensor(64, 96, 5, seed=seed, level=100.0 * seed).float() for seed in range(8)]
    layer = RevIN(5)
    wanted = [layer.normalize(past)[0] for past in batches]
    with ThreadPoolExecutor(4) as workers:
        found = list(workers.map(lambda past: layer.normalize(past)[0], batches * 20))
    for place, z in enumerate(found):
        assert torch.equal(z, wanted[place % 8])


def test_results_are_not_the_kept_memory():
    layer = RevIN(3)
    first, _ = layer.normalize(tensor(4, 24, 3).float())
    before = first.clone()
    layer.normalize(tensor(4, 24, 3, seed=1).float())
    assert torch.equal(first, before)


def most_memory(call) -> int:
    """Return the most bytes that stood allocated at once during a call."""
    call()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        call()
    kineto = found.profiler.kineto_results  # type: ignore[union-attr]
    events = [event for event in kineto.events() if event.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return max(np.cumsum([event.nbytes() for event in events]))


def test_temporaries(monkeypatch):
    monkeypatch.setattr(blocks, "SCRATCH_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2**17)
    past = tensor(32, 336, 64).float()
    gapped = past.clone()
    gapped[3, 4, 5] = torch.nan
    layer = RevIN(64)
    with torch.no_grad():
        z, stats = layer.normalize(past)
        # The result and blocks; with gaps two temporaries beside it, and masks of a byte a value.
        assert most_memory(lambda: layer.normalize(past)) < 1.2 * past.nbytes
        assert most_memory(lambda: layer.denormalize(z, stats)) < 1.2 * past.nbytes
        assert most_memory(lambda: layer.normalize(gapped)) < 3.6 * past.nbytes
