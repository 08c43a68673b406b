"""The number of threads follows the job, is kept by a resumed run and is restored afterwards."""

import json

import pytest
import torch
from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.training.lightning_modules import ForecastingModule, clip_gradients
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train
from revin_forecast.utils import threads
from revin_forecast.utils.threads import choose_thread_count, count_flops, torch_threads
from tests.training.test_train import build_model_and_data, have_same_weights, settings


@pytest.fixture
def two_threads():
    with torch_threads(2):
        yield


def record_threads(monkeypatch):
    """Return a set that collects the number of threads at each batch's loss."""
    counts, original = set(), ForecastingModule.batch_loss

    def batch_loss(self, *args, **kwargs):
        counts.add(torch.get_num_threads())
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ForecastingModule, "batch_loss", batch_loss)
    return counts


def test_threads_grow_with_the_flops():
    counts = [
        choose_thread_count(flops, max_threads=8) for flops in (0, 10**6, 10**9, 2 * 10**9, 10**15)
    ]
    assert counts[0] == counts[1] == 1
    assert 1 < counts[2] < counts[3] < counts[4] == 8
    assert choose_thread_count(10**15, max_threads=1) == 1


def test_counting_flops_draws_no_random_numbers():
    linear, rows = nn.Linear(20, 30), torch.randn(5, 20)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    assert count_flops(lambda: nn.functional.dropout(linear(rows))) == 2 * 5 * 20 * 30
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("flops_per_thread", "expected"), [(1, 2), (10**12, 1)])
def test_training_chooses_the_threads_by_the_job(
    flops_per_thread, expected, two_threads, monkeypatch, tmp_path
):
    monkeypatch.setattr(threads, "FLOPS_PER_THREAD", flops_per_thread)
    counts = record_threads(monkeypatch)
    model, data = build_model_and_data()
    train(model, data, settings(max_epochs=1), tmp_path)
    assert counts == {expected}
    assert torch.get_num_threads() == 2
    assert json.loads((tmp_path / "run.json").read_text())["threads"] == expected
    with torch_threads(1):  # resumed with another number of threads
        train(model, data, settings(max_epochs=2), tmp_path, resume=True)
        assert torch.get_num_threads() == 1
    assert counts == {expected}


def test_requested_threads_are_used_and_recorded(monkeypatch, tmp_path):
    counts = record_threads(monkeypatch)
    model, data = build_model_and_data()
    train(model, data, settings(max_epochs=1, threads=2), tmp_path)
    assert counts == {2}
    with pytest.raises(InputError, match="threads 2 instead of 1"):
        train(model, data, settings(max_epochs=2, threads=1), tmp_path, resume=True)
    with pytest.raises(InputError, match="training needs threads >= 1 but got 0"):
        TrainingSettings(threads=0)


def test_a_record_without_newer_options_uses_their_defaults(tmp_path):
    model, data = build_model_and_data()
    train(model, data, settings(max_epochs=1), tmp_path)
    record = tmp_path / "run.json"
    content = json.loads(record.read_text())
    for name in ("threads", "precision"):
        del content["options"][name]
    del content["threads"]
    record.write_text(json.dumps(content))
    assert train(model, data, settings(max_epochs=2), tmp_path, resume=True).epochs == 2


def test_bfloat16_reaches_nearly_the_same_loss(monkeypatch):
    single, data = build_model_and_data()
    half, _ = build_model_and_data()
    result = train(single, data, settings(max_epochs=2))
    other = train(half, data, settings(max_epochs=2, precision="bf16-mixed"))
    assert not have_same_weights(single, half)
    assert other.validation_loss == pytest.approx(result.validation_loss, rel=0.05)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old GPU")
    with pytest.raises(InputError, match="Old GPU has no bfloat16.*Leave the precision out"):
        train(half, data, settings(max_epochs=2, precision="bf16-mixed"))


@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_gradients_are_clipped_as_by_torch(max_norm):
    ours, theirs = (nn.ParameterList(torch.ones(n) for n in (3, 5)) for _ in range(2))
    for one, other in zip(ours, theirs, strict=True):
        one.grad = torch.randn_like(one)
        other.grad = one.grad.clone()
    clip_gradients([{"params": [part]} for part in ours], max_norm)
    nn.utils.clip_grad_norm_(theirs, max_norm)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))
