"""The blocked passes agree with the plain formulas, gradients included."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from revin_forecast.normalizers import EMA, Blend, LastValue, RevIN
from revin_forecast.normalizers.kernels import blocked
from revin_forecast.normalizers.kernels.blocked import (
    affine_in_blocks,
    all_finite_and_observed,
    moments_in_blocks,
)
from revin_forecast.normalizers.kernels.dispatch import apply_affine, can_branch_on_data

SHAPES = [(5, 24, 3), (4, 37, 7), (3, 1, 1), (2, 30, 70), (6, 97, 2), (0, 8, 3)]


def sample_tensor(*shape, seed=0, level=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64) * 2 + level


@pytest.fixture(params=[2**21, 2**10], ids=["one block", "many blocks"])
def _block_size(request, monkeypatch):
    monkeypatch.setattr(blocked, "BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("_block_size")
@pytest.mark.parametrize("shape", SHAPES)
def test_moments(shape):
    past = sample_tensor(*shape, level=50.0)
    mean, variance = moments_in_blocks(past, past[:, -1:])
    centred = past - past[:, -1:]
    expected = centred.mean(1, keepdim=True)
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(variance, (centred - expected).square().mean(1, keepdim=True))


@pytest.mark.usefixtures("_block_size")
@pytest.mark.parametrize("shape", SHAPES)
def test_affine_map(shape):
    values = sample_tensor(*shape)
    terms = [sample_tensor(shape[0], 1, shape[2], seed=seed) for seed in range(1, 5)]
    expected = (values - terms[0]) * terms[1] + terms[2] + terms[3]
    torch.testing.assert_close(affine_in_blocks(values, *terms, torch.float64), expected)
    only_factor = affine_in_blocks(values, None, terms[1], None, None, torch.float64)
    torch.testing.assert_close(only_factor, values * terms[1])
    single = affine_in_blocks(values.float(), *(term.float() for term in terms), torch.bfloat16)
    assert single.dtype == torch.bfloat16
    torch.testing.assert_close(single.double(), expected, rtol=0.01, atol=0.05)


def test_any_memory_layout():
    channel_first = sample_tensor(4, 3, 24).mT
    view = sample_tensor(9, 40, 3)[::2, 5:29]
    expanded = sample_tensor(1, 24, 3).expand(4, 24, 3)
    for past in (channel_first, view, expanded):
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
def test_gradients_of_the_affine_map(present):
    values = sample_tensor(4, 12, 3).requires_grad_()
    factor = sample_tensor(4, 1, 3, seed=1).requires_grad_()
    terms = [
        sample_tensor(4, 1, 3, seed=2 + index).requires_grad_() if is_present else None
        for index, is_present in enumerate(present)
    ]

    def call(values, factor, *terms):
        anchor, small, large = terms
        return apply_affine(values, anchor, factor, small, large, torch.float64)

    inputs = (values, factor, *terms)
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)


@pytest.mark.parametrize("kind", [RevIN, LastValue, EMA, Blend])
def test_the_paths_with_and_without_gaps_agree(kind):
    past = sample_tensor(6, 24, 3, level=20.0)
    gapped = torch.cat([past, torch.full_like(past[:1], torch.nan)])
    layer = kind(3).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(sample_tensor(3, seed=5) * 0.3)
    results = []
    for windows in (past, gapped):
        windows = windows.clone().requires_grad_()
        z, stats = layer.normalize(windows)
        forecast = layer.denormalize(z.tanh(), stats)
        loss = z[:6].square().sum() + forecast[:6].sin().sum()
        gradients = torch.autograd.grad(loss, [windows, *layer.parameters()])
        results.append([z[:6], forecast[:6], gradients[0][:6], *gradients[1:]])
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-10, atol=1e-10)


def test_completeness():
    past = sample_tensor(2, 5, 3).float()
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
    past = sample_tensor(2, 5, 3)
    assert can_branch_on_data(past)
    assert not can_branch_on_data(past.to("meta"))
    results = []
    torch.vmap(lambda window: results.append(can_branch_on_data(window)) or window)(past)
    assert results == [False]


@pytest.mark.parametrize("precision", ["medium", "highest"])
def test_fast_matrix_products_cost_no_digits(precision):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        past = (sample_tensor(8, 96, 64) + 1e6).float()
        z, _ = RevIN(64).normalize(past)
    finally:
        torch.set_float32_matmul_precision(before)
    exact, _ = RevIN(64).double().normalize(past.double())
    assert (z - exact).abs().max() < 1e-5


def test_the_scratch_buffer_serves_inference_and_training():
    past = sample_tensor(4, 24, 3).float()
    # A fresh thread, whose buffer is first allocated in inference mode.
    with ThreadPoolExecutor(1) as executor:

        def normalize_twice():
            with torch.inference_mode():
                first = RevIN(3).normalize(past)[0]
            return first, RevIN(3).normalize(past)[0]

        inferred, trained = executor.submit(normalize_twice).result()
    assert torch.equal(inferred, trained)
    trained.sum().backward()


@pytest.mark.parametrize("scratch_bytes", [0, 2**23], ids=["fresh memory", "scratch buffer"])
def test_threads_do_not_share_memory(scratch_bytes, monkeypatch):
    monkeypatch.setattr(blocked, "SCRATCH_BYTES", scratch_bytes)
    batches = [sample_tensor(64, 96, 5, seed=seed, level=100.0 * seed).float() for seed in range(8)]
    layer = RevIN(5)
    expected = [layer.normalize(past)[0] for past in batches]
    with ThreadPoolExecutor(4) as workers:
        results = list(workers.map(lambda past: layer.normalize(past)[0], batches * 20))
    for index, z in enumerate(results):
        assert torch.equal(z, expected[index % 8])


def test_results_do_not_alias_the_scratch_buffer():
    layer = RevIN(3)
    first, _ = layer.normalize(sample_tensor(4, 24, 3).float())
    before = first.clone()
    layer.normalize(sample_tensor(4, 24, 3, seed=1).float())
    assert torch.equal(first, before)


def measure_peak_bytes(call) -> int:
    """Return the peak number of bytes allocated during a call."""
    call()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    kineto = profiler.profiler.kineto_results  # type: ignore[union-attr]
    events = [event for event in kineto.events() if event.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return max(np.cumsum([event.nbytes() for event in events]))


def test_temporary_memory(monkeypatch):
    monkeypatch.setattr(blocked, "SCRATCH_BYTES", 0)
    monkeypatch.setattr(blocked, "BLOCK_BYTES", 2**17)
    past = sample_tensor(32, 336, 64).float()
    gapped = past.clone()
    gapped[3, 4, 5] = torch.nan
    layer = RevIN(64)
    with torch.no_grad():
        z, stats = layer.normalize(past)
        # The result and blocks; with gaps also two temporaries, and masks of one byte per value.
        assert measure_peak_bytes(lambda: layer.normalize(past)) < 1.2 * past.nbytes
        assert measure_peak_bytes(lambda: layer.denormalize(z, stats)) < 1.2 * past.nbytes
        assert measure_peak_bytes(lambda: layer.normalize(gapped)) < 3.6 * past.nbytes


@pytest.mark.parametrize("kind", [RevIN, LastValue, EMA, Blend])
@pytest.mark.parametrize("windows", [4, 1000])
def test_statistics_do_not_follow_later_changes_of_the_window(kind, windows):
    past = sample_tensor(windows, 48, 3, level=20.0)
    layer = kind(3).double()
    z, stats = layer.normalize(past)
    expected = layer.denormalize(z, stats)
    past.add_(1000)
    assert torch.equal(layer.denormalize(z, stats), expected)
